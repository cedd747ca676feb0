"""Record trades, tell them to the peer, and find those that both have recorded alike."""

from __future__ import annotations

from typing import Final

from clearing.clearport.core.messages import ReportedTrade, TradeReport
from clearing.clearport.core.notices import Kind
from clearing.clearport.core.turn import Turn
from clearing.spec.types import Side

__all__ = ["Finder", "hear_report", "matched", "record", "report_all", "without"]

REPORT: Final = 1_024
"""Trades in one message."""
MAX_REPORTED: Final = 65_536
"""Trades of the peer's that wait for ours; more than that are not kept."""


def record(turn: Turn, trades: tuple[ReportedTrade, ...]) -> None:
    """Record what our operator has traded; an id that is recorded already stays as it is."""
    have = {each.trade_id for each in turn.line.trades}
    fresh = []
    for each in trades:
        if each.trade_id not in have:
            have.add(each.trade_id)
            fresh.append(each)
    if not fresh:
        return
    turn.change(trades=(*turn.line.trades, *fresh))
    if turn.link.is_reported:
        _report(turn, tuple(fresh))


def report_all(turn: Turn) -> None:
    """Report everything unbooked, once on each stream.

    Low first learns what became of its last proposal: a trade that high has booked already would
    otherwise be reported after it is done with.
    """
    if turn.link.is_reported or not turn.is_greeted:
        return
    if turn.line.side is Side.LOW and turn.line.half is not None:
        return
    turn.learn(is_reported=True)
    _report(turn, turn.line.trades)


def hear_report(turn: Turn, report: TradeReport) -> None:
    """Keep what the peer has recorded; what it says last counts."""
    known = {each.trade_id: each for each in turn.line.reported}
    is_new = False
    for each in report.trades:
        if known.get(each.trade_id) == each:
            continue
        if each.trade_id not in known and len(known) >= MAX_REPORTED:
            turn.lied("report: too many trades")
            break
        known[each.trade_id] = each
        is_new = True
    if is_new:
        turn.change(reported=tuple(known.values()))
    skipped = turn.link.skipped
    if skipped:
        turn.learn(skipped=skipped.difference(each.trade_id for each in report.trades))


def matched(turn: Turn, limit: int) -> tuple[ReportedTrade, ...]:
    """Return the first trades, in our order, that the peer has recorded exactly alike."""
    line, skipped = turn.line, turn.link.skipped
    if not line.trades or not line.reported:
        return ()
    theirs = Finder(line.reported)
    found = []
    for place, each in enumerate(line.trades):
        their = theirs.find(each.trade_id, place)
        if their is None or each.trade_id in skipped:
            continue
        if their.trade != each.trade:
            turn.notify_once(Kind.TRADE_MISMATCH, each.trade_id, trade_id=each.trade_id)
            continue
        found.append(each)
        if len(found) == limit:
            break
    return tuple(found)


def without(
    trades: tuple[ReportedTrade, ...], trade_ids: tuple[str, ...]
) -> tuple[ReportedTrade, ...]:
    """Return the trades that are left; mostly it is the first ones that are booked."""
    count = len(trade_ids)
    if tuple([each.trade_id for each in trades[:count]]) == trade_ids:
        return trades[count:]
    done = frozenset(trade_ids)
    return tuple([each for each in trades if each.trade_id not in done])


class Finder:
    """Finds trades by id: where they stand, if both brokers record in the same order.

    Else by an index, which is made when it is first needed.
    """

    __slots__ = ("_by_id", "_trades")

    def __init__(self, trades: tuple[ReportedTrade, ...]) -> None:
        self._trades = trades
        self._by_id: dict[str, ReportedTrade] | None = None

    def find(self, trade_id: str, place: int) -> ReportedTrade | None:
        """Return the trade of an id, looked for at a place first; None if there is none."""
        if place < len(self._trades) and self._trades[place].trade_id == trade_id:
            return self._trades[place]
        if self._by_id is None:
            self._by_id = {each.trade_id: each for each in self._trades}
        return self._by_id.get(trade_id)


def _report(turn: Turn, trades: tuple[ReportedTrade, ...]) -> None:
    for start in range(0, len(trades), REPORT):
        turn.send(TradeReport(trades[start : start + REPORT]))
