"""Play schedules of the oracle until enough cases were compared, on one core or on several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from clearing.spec.oracle_types import Action, Gate, Grade, PriceState, TripReason
from tests.harness.oracle import ACCEPTED, Divergence, deploy_oracle
from tests.invariants.oracle_machine import OracleMachine

__all__ = ["Report", "run", "run_all", "unseen"]

BLOCKED: Final = "OracleActionBlocked"
IN_TURN: Final = 16
"""Parts of a job, so that a failure ends a long run early."""


@dataclass(slots=True)
class Report:
    """What was compared, and the first difference: the schedule's seed and what differed."""

    cases: int = 0
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    failure: tuple[str, str] | None = None

    def add(self, other: Report) -> None:
        """Take in another report."""
        self.cases += other.cases
        self.seen += other.seen
        self.failure = self.failure or other.failure


def run(seed: str, cases: int) -> Report:
    """Play schedules `seed/0`, `seed/1` … until so many cases were compared or one differed."""
    rig, report, at = deploy_oracle(), Report(), 0
    while report.cases < cases and report.failure is None:
        machine = OracleMachine(rig, f"{seed}/{at}")
        try:
            machine.play()
        except Divergence as difference:
            report.failure = (f"{seed}/{at}", str(difference))
        report.add(Report(machine.cases, machine.seen))
        at += 1
    return report


def run_all(seed: int, cases: int, jobs: int) -> Iterator[Report]:
    """Give the reports of all parts of all jobs, as they come in."""
    parts = [f"{seed}.{part}" for part in range(jobs * IN_TURN)]
    share = -(-cases // len(parts))
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(run, parts, [share] * len(parts))


def unseen(seen: Counter[tuple[str, str]]) -> Sequence[str]:
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
