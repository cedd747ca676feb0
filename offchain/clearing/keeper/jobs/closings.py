"""Close losers of markets that have ended, at their price, before anybody absorbs them.

Whom the keeper finds below maintenance margin pays there first what he can. Absorbed before, he
loses the penalties of positions that nobody trades any more (KI-105), and what he lost elsewhere is
laid to those who carry the ended market (KI-111). It earns nothing: the day's purse pays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from clearing.keeper.book import Book
from clearing.keeper.contracts import Swaps
from clearing.keeper.costs import ENVELOPE_BYTES, WORD_BYTES, GasModel, Prices, usd_of
from clearing.keeper.endpoints import Head
from clearing.keeper.exact import Terms, health_at
from clearing.keeper.jobs.job import Desk, subject_of
from clearing.keeper.lane import Wish
from clearing.keeper.purse import DayPurse

__all__ = ["Closings"]

MOST: Final = 50
"""Accounts in one transaction."""


class Closings:
    """Losers of SETTLED markets."""

    def __init__(self, desk: Desk, swaps: Swaps, gas: GasModel, purse: DayPurse) -> None:
        self._desk = desk
        self._swaps = swaps
        self._gas = gas
        self._purse = purse

    def close(
        self,
        accounts: Iterable[int],
        book: Book,
        terms: Mapping[int, Terms],
        prices: Callable[[], Prices],
        head: Head,
    ) -> set[int]:
        """Close those of the accounts who have lost there; return who is on his way out."""
        losers = _losers(accounts, book, terms)
        if self._swaps.settlement is None or not losers:
            return set()
        now, left_wad = prices(), self._purse.left_wad
        batches: dict[Wish, tuple[list[int], int]] = {}
        for market, whom in losers:
            limit = self._gas.limit(len(whom))
            size = ENVELOPE_BYTES + len(whom) * WORD_BYTES
            cost_wad = usd_of(limit, size, now, self._gas)
            if cost_wad > left_wad:
                self._desk.meters.counts["left_to_close"] += len(whom)
                continue
            left_wad -= cost_wad
            call = self._swaps.settlement.transact("closeAt", market, whom)
            work = f"close:{market}:{whom[0]}-{whom[-1]}:{head.number}"
            batches[Wish(work, call, limit, tuple(map(subject_of, whom)))] = (whom, cost_wad)
        self._desk.send(list(batches), head)
        works = self._desk.lane.open_works()
        sent = [batch for wish, batch in batches.items() if wish.work in works]
        self._purse.spend(sum(cost_wad for _, cost_wad in sent))
        leaving = {account for whom, _ in sent for account in whom}
        self._desk.meters.counts["closed_at"] += len(leaving)
        return leaving


def _losers(
    accounts: Iterable[int], book: Book, terms: Mapping[int, Terms]
) -> list[tuple[int, list[int]]]:
    """Return by ended market who has lost there, in batches.

    Not who has won: he may have to wait for a day, and can.
    """
    found: dict[int, list[int]] = {}
    for account in accounts:
        for market, held in book.positions(account).items():
            is_over = market in terms and terms[market].settled
            if is_over and health_at(0, {market: held}, terms).equity < 0:
                found.setdefault(market, []).append(account)
    return [
        (market, whom[start : start + MOST])
        for market, whom in found.items()
        for start in range(0, len(whom), MOST)
    ]
