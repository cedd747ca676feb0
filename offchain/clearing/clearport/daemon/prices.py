"""Form our own view of the market: from the PriceOracle on the chain, or from a signed feed.

None is a view too: prices are stale or missing, and nothing that raises risk is signed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clearing.chain.contract import Contract
from clearing.chain.errors import ChainError
from clearing.chain.node import Node, as_int
from clearing.channel.risk_hash import DatedPrices
from clearing.clearport.daemon.feed import LARGEST_FILE, FeedDomain, SignedPrices, parse_signed
from clearing.clearport.errors import UnavailableError
from clearing.client.terms import Market
from clearing.spec.assets import AssetId, symbol_of
from clearing.spec.oracle_types import PriceState
from clearing.spec.risk import FactorTable, PriceSet
from clearing.spec.units import Address, Timestamp

__all__ = ["FeedSource", "OracleSource", "missing_assets"]

AHEAD_S: Final = 30
"""How far a feed's clock may run before ours."""
TIMEOUT_S: Final = 30.0
FEED_BYTES: Final = 16
FIRM: Final = frozenset({PriceState.NORMAL, PriceState.PRIMARY_ONLY, PriceState.SECONDARY_ONLY})
"""States of a feed in which its price is one that somebody reports now."""


@dataclass(frozen=True, slots=True)
class OracleSource:
    """The PriceOracle's middle prices, all at one block. `pegged_wad`: assets without a feed.

    An answer is stale `max_age_s` after its source was updated, by the chain's clock and by ours.
    """

    node: Node
    oracle: Address
    feeds: Mapping[AssetId, str]
    pegged_wad: Mapping[AssetId, int]
    factors: FactorTable
    max_age_s: int
    clock: Callable[[], float] = time.time

    async def market(self) -> Market | None:
        """Return the market, None if any feed has no firm price. Raises UnavailableError."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await asyncio.to_thread(self._read)
        except (ChainError, TimeoutError) as error:
            problem = str(error) or "the node does not answer in time"
            raise UnavailableError(problem, "check the node", field="prices.oracle") from error

    def _read(self) -> Market | None:
        head = self.node.request("eth_getBlockByNumber", ["latest", False])
        block, now = str(head["number"]), as_int(head["timestamp"])
        contract = Contract(self.node, "PriceOracle", self.oracle)
        prices = dict(self.pegged_wad)
        times = []
        for asset, feed in self.feeds.items():
            name = feed.encode().ljust(FEED_BYTES, b"\0")
            mid, _, _, at, state, gates = contract.call("getPrice", name, block=block)
            if not mid or gates or PriceState(state) not in FIRM:
                return None
            prices[asset] = mid
            times.append(at)
        if max(now, int(self.clock())) - min(times) > self.max_age_s:
            return None
        dated = DatedPrices(PriceSet.of(prices), Timestamp(min(times)), Timestamp(max(times)))
        return Market(dated, self.factors)


class FeedSource:
    """A file of signed prices; the newest that it has held counts, until it is stale."""

    def __init__(
        self,
        path: Path,
        domain: FeedDomain,
        signers: frozenset[Address],
        quorum: int,
        factors: FactorTable,
        max_age_s: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._domain = domain
        self._signers = signers
        self._quorum = quorum
        self._factors = factors
        self._max_age_s = max_age_s
        self._clock = clock
        self._text = b""
        self._market: Market | None = None

    async def market(self) -> Market | None:
        """Return the market, None if it is stale. Raises UnavailableError for a file of no use."""
        now = int(self._clock())
        try:
            text = self._read()
            if text != self._text:
                self._take(parse_signed(text), now)
                self._text = text
        except UnavailableError:
            if self._fresh(now) is None:
                raise
        return self._fresh(now)

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                return file.read(LARGEST_FILE + 1)
        except OSError as error:
            problem = f"cannot read {self._path} ({error.strerror})"
            raise UnavailableError(problem, "start the feed", field="prices.file") from error

    def _take(self, signed: SignedPrices, now: int) -> None:
        """Take prices that enough signers stand for and that are not older than what we have."""
        dated = signed.dated
        if dated.newest_at > now + AHEAD_S:
            problem = f"is from the future: {dated.newest_at}"
            raise UnavailableError(problem, "set the clocks", field="prices.file")
        known = signed.signers(self._domain) & self._signers
        if len(known) < self._quorum:
            problem = f"is signed by {len(known)} of the listed keys, {self._quorum} must"
            raise UnavailableError(problem, "check prices.signers", field="prices.file")
        if self._market is None or dated.newest_at >= self._market.dated.newest_at:
            self._market = Market(dated, self._factors)

    def _fresh(self, now: int) -> Market | None:
        market = self._market
        if market is None or now - market.dated.oldest_at > self._max_age_s:
            return None
        if market.dated.newest_at > now + AHEAD_S:
            return None  # the clock was set back: how old they are is not known
        return market


def missing_assets(market: Market, assets: frozenset[AssetId]) -> tuple[str, ...]:
    """Return the symbols of assets that have no price or no factor that they need."""
    known = {asset for asset, _ in market.prices.rows}
    return tuple(sorted(symbol_of(asset) for asset in assets - known))
