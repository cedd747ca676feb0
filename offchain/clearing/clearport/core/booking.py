"""Propose the trades that both have recorded, as many at once as margin admits."""

from __future__ import annotations

from clearing.clearport.core.market import is_risk_lower
from clearing.clearport.core.messages import ReportedTrade
from clearing.clearport.core.notices import Kind
from clearing.clearport.core.reckoning import reckon
from clearing.clearport.core.trades import matched
from clearing.clearport.core.turn import Turn
from clearing.client import moves
from clearing.client.position import Position
from clearing.client.terms import Market

__all__ = ["Batch", "next_batch"]


class Batch:
    """Trades that are admitted together, and the position after them."""

    __slots__ = ("after", "refused", "trades")

    def __init__(self) -> None:
        self.trades: tuple[ReportedTrade, ...] = ()
        self.after: Position | None = None
        self.refused: dict[str, str] = {}

    def move(self, market: Market) -> moves.Book:
        """Return the move that books them."""
        return moves.Book(tuple(each.trade for each in self.trades), market)


def next_batch(turn: Turn, version: int) -> tuple[Batch, moves.Book] | None:
    """Return what to book next, None if there is nothing.

    Without fresh prices, only what lowers the risk at the last prices seen. A trade that is not
    admitted is told once and left until prices or collateral change.
    """
    link, line = turn.link, turn.line
    market = link.market if link.market is not None else link.last_market
    if market is None:
        return None
    found = matched(turn, turn.policy.batch)
    if not found:
        return None
    batch = Batch()
    _admit(turn, batch, found, market, version)
    if batch.refused:
        turn.learn(skipped=link.skipped | batch.refused.keys())
        for trade_id, why in batch.refused.items():
            turn.notify_once(Kind.TRADE_REFUSED, trade_id, trade_id=trade_id, why=why)
    if batch.after is None:
        return None
    if link.market is None and not is_risk_lower(line.position, batch.after, line.terms, market):
        return None
    return batch, batch.move(market)


def _admit(
    turn: Turn,
    batch: Batch,
    more: tuple[ReportedTrade, ...],
    market: Market,
    version: int,
) -> None:
    """Add trades to the batch: all of them, or what is left after halving away the others."""
    together = (*batch.trades, *more)
    move = moves.Book(tuple(each.trade for each in together), market)
    after = reckon(turn.line, move, version, turn.now)
    if isinstance(after, Position):
        batch.trades, batch.after = together, after
    elif len(more) == 1:
        batch.refused[more[0].trade_id] = after
    else:
        middle = len(more) >> 1
        _admit(turn, batch, more[:middle], market, version)
        _admit(turn, batch, more[middle:], market, version)
