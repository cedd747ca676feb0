"""Read the whole book and the markets' terms from a chain, for replays."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Final

from clearing.keeper.build import endpoints_of, locate_lens
from clearing.keeper.config import Config
from clearing.keeper.contracts import Swaps, terms_by_market
from clearing.keeper.path import Recorded
from clearing.keeper.replica import Replica, ReplicaPolicy
from clearing.keeper.store import Store

__all__ = ["record"]

CENT_WAD: Final = 10**16


def record(config: Config) -> Recorded:
    """Return the book at the head, read anew: a keeper may run from the same configuration.

    Raises ConfigError, ChainError, KeeperError.
    """
    endpoints = endpoints_of(config)
    swaps = Swaps.behind(endpoints, locate_lens(config, endpoints))
    reading = ReplicaPolicy(range_blocks=config.chain.range_blocks)
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
        first = config.chain.first_block
        replica = Replica(endpoints, swaps.engine, first, swaps.decimals, store, reading)
        replica.catch_up(endpoints.head())
        replica.audit()
        tip = replica.tip
        markets = swaps.markets("latest" if tip is None else hex(tip.number))
    return Recorded(
        book=replica.book,
        names={each.market: each.name for each in markets},
        terms=terms_by_market(markets, replica.book.guardian_mask(int(time.time()))),
        absorb_fee={each.market: each.limit.min_fee * CENT_WAD for each in markets},
    )
