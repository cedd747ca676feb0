"""Do what policy allows without a person when the collateral no longer covers the risk.

At the share at which the operators are told, the side that does not bear the risk asks for a
settlement. It ends the channel by force if the peer refuses margin calls on prices that both see,
or if the peer's collateral is used up by its own prices; never because two views of the market
differ, and never from a store that may be old.
"""

from __future__ import annotations

from clearing.clearport.core.chain import force
from clearing.clearport.core.margin_calls import is_refusing_for_long
from clearing.clearport.core.notices import Kind
from clearing.clearport.core.turn import Turn
from clearing.clearport.core.wishes import ask_to_settle
from clearing.spec.types import ConditionKind, Status

__all__ = ["force_by_policy", "settle_by_policy"]


def settle_by_policy(turn: Turn) -> None:
    """Ask the peer for a settlement; it is for the peer's operator to agree."""
    line = turn.line
    state = line.position.state
    if not turn.policy.auto_settle or state is None or line.alarm or line.is_forced:
        return
    if state.condition.kind == ConditionKind.NONE:
        ask_to_settle(turn)


def force_by_policy(turn: Turn, *, is_exhausted: bool) -> None:
    """End the channel by a challenge if it is time. `is_exhausted`: the peer's collateral is."""
    line, latest = turn.line, turn.link.latest
    if not turn.policy.auto_force or line.is_forced or line.is_recovering or line.alarm:
        return
    if latest is None or latest.status is not Status.OPEN or latest.epoch != line.position.epoch:
        return
    if is_exhausted:
        why = "the peer's collateral is used up"
    elif is_refusing_for_long(turn):
        why = "the peer refuses margin calls"
    else:
        return
    turn.notify(Kind.FORCED, why=why)
    force(turn)
