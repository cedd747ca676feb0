"""Watch the risk against the collateral behind it, and say when variation margin is to move.

A margin call is due when the side that bears the risk has used half of the share at which the
operator is alarmed, and the call would move at least a hundredth of its collateral to the other
side: without the second rule every tick of a price would be a version.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from clearing.clearport.core.channel import Policy
from clearing.clearport.core.forcing import force_by_policy, settle_by_policy
from clearing.clearport.core.messages import CallMarginWish
from clearing.clearport.core.notices import Kind
from clearing.clearport.core.reckoning import REFUSALS
from clearing.clearport.core.turn import Turn
from clearing.clearport.core.wishes import derived_id, request
from clearing.client.position import Position, risk_at
from clearing.client.terms import Market, Terms
from clearing.spec.liabilities import NO_LIABILITIES
from clearing.spec.types import ConditionKind, Side

__all__ = ["Use", "is_call_due", "take_market", "use_of"]

PERMILLE: Final = 1_000
CALL_PART: Final = 2
"""The call comes at this part of the share at which the operator is told."""
LEAST_CALL_PART: Final = 100
"""What a call moves at least, as a part of the payer's collateral."""


@dataclass(frozen=True, slots=True)
class Use:
    """What one side's collateral stands behind, WAD USD.

    `due_wad` is what a margin call would move from this side to the other, negative: to it.
    """

    side: Side
    required_wad: int
    collateral_wad: int
    due_wad: int

    def has_reached(self, permille: int) -> bool:
        """Say whether the risk has reached this share of the collateral."""
        return self.required_wad * PERMILLE >= self.collateral_wad * permille


def use_of(position: Position, terms: Terms, market: Market) -> tuple[Use, ...]:
    """Return the use of each side that bears a risk. Raises what `REFUSALS` lists."""
    report = risk_at(position, terms, market)
    collateral = terms.collateral_of(position.live.splits, market.prices)
    due_wad = report.low.value_wad - report.high.value_wad - report.settled_variation_wad
    return tuple(
        Use(
            side,
            report.of(side).required_wad,
            collateral.of(side),
            due_wad if side is Side.LOW else -due_wad,
        )
        for side in report.bearers
    )


def is_call_due(position: Position, terms: Terms, market: Market, policy: Policy) -> bool:
    """Say whether variation margin is to move now."""
    try:
        uses = use_of(position, terms, market)
    except REFUSALS:
        return False
    return any(_is_due(use, policy) for use in uses)


def take_market(turn: Turn, market: Market | None) -> None:
    """Take our new view of the market: warn, and call for margin where it is due."""
    turn.learn(
        market=market,
        last_market=turn.link.last_market if market is None else market,
        skipped=frozenset(),
        is_call_due=False,
    )
    position = turn.line.position
    if market is None:
        turn.notify_once(Kind.STALE_PRICES, "")
        return
    turn.forget(Kind.STALE_PRICES, "")
    if position.state is None or position.liabilities == NO_LIABILITIES:
        return
    try:
        uses = use_of(position, turn.line.terms, market)
    except REFUSALS:
        return
    theirs = [use for use in uses if use.side is not turn.line.side]
    is_news = _warn(turn, uses)
    if is_news and any(use.has_reached(turn.policy.call_share_permille) for use in theirs):
        settle_by_policy(turn)
    force_by_policy(turn, is_exhausted=any(use.has_reached(PERMILLE) for use in theirs))
    if any(_is_due(use, turn.policy) for use in uses):
        _call(turn)


def _is_due(use: Use, policy: Policy) -> bool:
    moves_enough = use.due_wad > 0 and use.due_wad * LEAST_CALL_PART >= use.collateral_wad
    return moves_enough and use.required_wad * PERMILLE * CALL_PART >= (
        use.collateral_wad * policy.call_share_permille
    )


def _warn(turn: Turn, uses: tuple[Use, ...]) -> bool:
    """Tell the operator when a share is reached, again only after it was left.

    Return whether there was something new to tell.
    """
    told = turn.link.told
    limits = (
        (Kind.MARGIN_HIGH, turn.policy.call_share_permille),
        (Kind.MARGIN_EXHAUSTED, PERMILLE),
    )
    for kind, permille in limits:
        reached = {use.side: use for use in uses if use.has_reached(permille)}
        for side in Side:
            use = reached.get(side)
            if use is None:
                turn.forget(kind, side.name)
            else:
                turn.notify_once(
                    kind,
                    side.name,
                    side=side.name.lower(),
                    risk_wad=use.required_wad,
                    collateral_wad=use.collateral_wad,
                )
    return not turn.link.told <= told


def _call(turn: Turn) -> None:
    """Low proposes the call when it may; high asks for it, once."""
    line = turn.line
    state = line.position.state
    if state is None or state.condition.kind != ConditionKind.NONE or line.alarm:
        return
    if line.side is Side.LOW:
        turn.learn(is_call_due=True)
    elif not any(isinstance(each.request.wish, CallMarginWish) for each in line.waits):
        request(turn, derived_id(turn, b"call"), CallMarginWish())
