"""The oracle and its specification as `clearing fuzz` plays them, case by case.

A step is a case: one look at drawn sources at a drawn time for a drawn action, or one call that
changes the feed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from clearing.spec.oracle_types import Action, Gate, Grade, PriceState, TripReason
from tests.harness.oracle import ACCEPTED, Divergence, deploy_oracle
from tests.invariants.oracle_machine import OracleMachine
from tests.invariants.played import Fault, Played, Seen

__all__ = ["play", "unseen"]

BLOCKED: Final = "OracleActionBlocked"


def play(seed: str, steps: int) -> Played:
    """Play feed after feed until so many cases were compared; the last feed's are all played."""
    rig, cases, seen, at = deploy_oracle(), 0, Seen(), 0
    while cases < steps:
        machine = OracleMachine(rig, f"{seed}/{at}")
        try:
            machine.play()
        except Divergence as difference:
            cases += machine.cases
            return Played(cases, seen + machine.seen, Fault(f"feed {at}: {difference}", cases - 1))
        cases += machine.cases
        seen += machine.seen
        at += 1
    return Played(cases, seen)


def unseen(seen: Seen) -> list[str]:
    """Return what a long run should have met and did not."""
    wanted = [
        *(("state", state.name) for state in PriceState),
        *(("trip", reason.name) for reason in TripReason),
        *(("gate", str(gate.name)) for gate in Gate),
        *(("pyth", grade.name) for grade in Grade),
        *(("chainlink", grade.name) for grade in (Grade.BROKEN, Grade.STALE, Grade.OK)),
        ("reset of DEVIATION", ACCEPTED),
        ("reset of DEVIATION while Pyth rests", ACCEPTED),
        ("reset of JUMP", ACCEPTED),
        ("reset of JUMP while Pyth rests", ACCEPTED),
        ("reset of SANITY while Pyth rests", "ResetNotDue"),
        ("reset by the timelock of SANITY while Pyth rests", ACCEPTED),
        ("replaceFeed", ACCEPTED),
        ("replaceFeed with another Pyth id", ACCEPTED),
        ("replaceFeed with another Pyth id", "SelfTestFailed"),
        ("replaceFeed", "PriceMoved"),
        ("replaceFeed", "SelfTestFailed"),
        ("replaceFeed of a latched feed", ACCEPTED),
        ("setParams", ACCEPTED),
        ("setParams", "BadParameter"),
        ("pause", ACCEPTED),
        ("pause", "PauseTooSoon"),
        ("liftPause", ACCEPTED),
        ("twap", ACCEPTED),
        ("twap", "TwapUnavailable"),
    ]
    wanted += [
        (f"{action.name} in {state.name}", verdict)
        for action in Action
        for state, verdict in _verdicts(action)
    ]
    return [f"{what}: {result}" for what, result in wanted if not seen[what, result]]


def _verdicts(action: Action) -> Iterator[tuple[PriceState, str]]:
    """Give, for an action, a verdict that each state must bring about at some time."""
    never = {
        Action.OPEN: {PriceState.SECONDARY_ONLY, PriceState.TWAP_ONLY, PriceState.DIVERGED},
        Action.WITHDRAW: {PriceState.TWAP_ONLY, PriceState.DIVERGED},
        Action.LIQUIDATE: {PriceState.TWAP_ONLY, PriceState.DIVERGED},
        Action.TWAP_RECORD: {PriceState.TWAP_ONLY, PriceState.DIVERGED},
    }.get(action, set())
    stopped = {PriceState.FROZEN, PriceState.TRIPPED}
    always = action in {Action.FUNDING, Action.SIGNED_REDUCE}
    for state in PriceState:
        is_blocked = not always and (state in never or state in stopped)
        yield state, BLOCKED if is_blocked else ACCEPTED
