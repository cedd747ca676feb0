"""How tests of the governance contracts judge a call: what it told, how it was refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.harness.contract import Receipt
from tests.harness.errors import Refused
from tests.harness.governance import GovernanceRig, Proposed

__all__ = ["assert_only_fails_for", "picture", "refusal_of", "told"]

Told = tuple[str, tuple[Any, ...]]
Call = Callable[[], object]


def told(receipt: Receipt) -> tuple[Told, ...]:
    """Return the events of a transaction, in order."""
    return tuple((log.event, log.args) for log in receipt.logs)


def refusal_of(call: Call) -> Told:
    """Return how a call is refused. Raises AssertionError if it is not."""
    try:
        call()
    except Refused as refused:
        return refused.name, refused.args_
    raise AssertionError("the call is accepted")


def picture(rig: GovernanceRig, *proposals: Proposed) -> Any:
    """Return what can be seen of the settings, of proposals, and of what they act on."""
    governor = rig.governor
    settings = [
        governor.read(name)
        for name in (
            "votingDelay",
            "votingPeriod",
            "lateQuorumVoteExtension",
            "proposalThreshold",
            "quorumNumerator",
            "proposalGuardian",
            "guardianExpiry",
            "timelock",
        )
    ]
    seen = [
        (
            governor.read("termsOf", rig.id_of(each)),
            governor.read("proposalSnapshot", rig.id_of(each)),
            governor.read("proposalEta", rig.id_of(each)),
            governor.read("proposalVotes", rig.id_of(each)),
            _state_if_any(rig, each),
        )
        for each in proposals
    ]
    effect = rig.target.read("balanceOf", rig.outsider)
    return settings, seen, effect, rig.timelock.read("getMinDelay")


def assert_only_fails_for(
    rig: GovernanceRig,
    arrange: Callable[[Any], Call],
    *,
    broken: object,
    fixed: object,
    error: Told,
    proposals: tuple[Proposed, ...] = (),
) -> None:
    """Succeed with `arrange(fixed)`; refuse `arrange(broken)` with the error, changing nothing.

    `arrange` sets the stage and returns the call that is judged. Nothing remains of either.
    """
    with rig.chain.isolated():
        arrange(fixed)()
    with rig.chain.isolated():
        call = arrange(broken)
        before = picture(rig, *proposals)

        refusal = refusal_of(call)

        assert refusal == error
        assert picture(rig, *proposals) == before


def _state_if_any(rig: GovernanceRig, proposed: Proposed) -> str | None:
    try:
        return rig.state(proposed)
    except Refused:
        return None
