"""Watch the vault and the backstop, and let what they lack be shared: for no fee.

While the vault is below zero, trades against it may have to wait (PERP-49, docs/adr/0013). What it
lacks is shared at once if it is more than a dollar and than the transaction costs; else the day's
purse pays, and the pauses in between double: one that hovers at zero does not drain the wallet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from clearing.chain.errors import ChainError
from clearing.keeper.backoff import Backoff
from clearing.keeper.book import Book
from clearing.keeper.contracts import Swaps
from clearing.keeper.costs import ENVELOPE_BYTES, GasModel, Prices, usd_of
from clearing.keeper.endpoints import Head
from clearing.keeper.errors import KeeperError
from clearing.keeper.exact import Terms, health_at, is_below_zero
from clearing.keeper.jobs.job import Desk, subject_of
from clearing.keeper.lane import Wish
from clearing.keeper.purse import DayPurse
from clearing.spec.perp_ledger import HealthView
from clearing.spec.perp_types import BACKSTOP, VAULT
from clearing.spec.perp_vault import DUST
from clearing.spec.units import WAD

__all__ = ["REFUSED_S", "Carriers"]

REFUSED_S: Final = (0.5, 20.0)
"""The first and the longest pause after a refusal."""
SMALL_S: Final = (5.0, 600.0)
"""The first and the longest pause after the purse has paid."""
GAUGES: Final = {VAULT: "vault_equity_usd", BACKSTOP: "backstop_equity_usd"}


class Carriers:
    """The two accounts that carry others' losses."""

    def __init__(self, desk: Desk, swaps: Swaps, gas: GasModel, purse: DayPurse) -> None:
        self._desk = desk
        self._swaps = swaps
        self._gas = gas
        self._purse = purse
        self._below: frozenset[int] = frozenset()
        self._failed = ""
        self._refused = Backoff(*REFUSED_S)
        self._small = Backoff(*SMALL_S)

    # LOOK

    def look(self, book: Book, terms: Mapping[int, Terms]) -> set[int]:
        """Say what they are worth; return those whose loss can be shared."""
        now_s, gauges = self._desk.clock_s(), self._desk.meters.gauges
        views = {
            who: health_at(book.cash[who], book.positions(who), terms) for who in (VAULT, BACKSTOP)
        }
        below = {who for who, view in views.items() if view.equity < -DUST}
        for who, view in views.items():
            gauges[GAUGES[who]] = view.equity / WAD
            self._tell(who, view, is_below=who in below)
            if who not in below:
                self._refused.forget(who)
                self._small.forgive(who, now_s)
        self._below = frozenset(below)
        gauges["protocol_below_zero"] = float(len(below))
        return {who for who, view in views.items() if is_below_zero(view)}

    def _tell(self, who: int, view: HealthView, *, is_below: bool) -> None:
        """Say once that one is below zero, and once that it is back."""
        if is_below == (who in self._below):
            return
        say = self._desk.log.error if is_below else self._desk.log.info
        event = "carrier_below_zero" if is_below else "carrier_is_back"
        say(event, account=who, equity_usd=view.equity / WAD, priced=view.is_priced)

    # SHARE

    def absorb(
        self, ready: Iterable[int], markets: int, prices: Callable[[], Prices], head: Head
    ) -> None:
        """Share what they lack, the backstop's first; a node that fails here ends no turn."""
        try:
            self._absorb(ready, markets, prices, head)
        except ChainError as error:
            self._desk.meters.counts["carriers_failed"] += 1
            if str(error) != self._failed:
                self._desk.log.warning("carriers_failed", problem=str(error))
            self._failed = str(error)
        else:
            self._failed = ""

    def _absorb(
        self, ready: Iterable[int], markets: int, prices: Callable[[], Prices], head: Head
    ) -> None:
        now_s, limit = self._desk.clock_s(), self._gas.absorption(markets)
        whom = sorted((who for who in ready if not self._refused.holds(who, now_s)), reverse=True)
        if not whom:
            return
        views = zip(whom, self._swaps.healths(whom), strict=True)
        lacks = {who: -view.equity for who, view in views if is_below_zero(view)}
        cost_wad = usd_of(limit, ENVELOPE_BYTES, prices(), self._gas)
        small = {who for who, wad in lacks.items() if wad <= max(WAD, cost_wad)}
        left = self._unpaid(small, cost_wad, now_s)
        wishes = {who: self._wish(who, limit, head) for who in lacks if who not in left}
        refused = self._desk.send(list(wishes.values()), head)
        sent = self._desk.lane.open_works()
        for who, wish in wishes.items():
            if wish in refused:
                self._refused.again(who, now_s)
            elif wish.work in sent and who in small:
                self._purse.spend(cost_wad)
                self._small.again(who, now_s)

    def _unpaid(self, small: Collection[int], cost_wad: int, now_s: float) -> set[int]:
        """Return those for whom the purse does not pay now: a cost is what the limit would cost."""
        left_wad, unpaid = self._purse.left_wad, set()
        for who in sorted(small, reverse=True):
            if self._small.holds(who, now_s) or left_wad < cost_wad:
                unpaid.add(who)
                continue
            left_wad -= cost_wad
        self._desk.meters.gauges["carriers_unpaid"] = float(len(unpaid))
        return unpaid

    def _wish(self, who: int, limit: int, head: Head) -> Wish:
        if self._swaps.resolution is None:
            raise KeeperError("the engine names no resolution module", "set absorb = false")
        call = self._swaps.resolution.transact("absorbProtocol", who)
        return Wish(f"absorb_protocol:{who}:{head.number}", call, limit, (subject_of(who),))
