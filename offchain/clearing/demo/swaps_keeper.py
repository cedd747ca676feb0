"""The keeper of the second act: the job that `clearing keeper run` runs, turn by turn."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog
from eth_account import Account

from clearing.chain.offer import transaction_of, unsigned_size
from clearing.chain.sender import Receipt
from clearing.demo.stage import secret_of
from clearing.demo.swaps_stage import POLL_S, SwapsStage
from clearing.keeper.contracts import Swaps
from clearing.keeper.endpoints import Endpoints
from clearing.keeper.jobs.job import Desk
from clearing.keeper.jobs.liquidation import LiquidationJob, LiquidationPolicy
from clearing.keeper.lane import Lane
from clearing.keeper.meters import Meters
from clearing.keeper.plan import PlanPolicy
from clearing.keeper.replica import Replica
from clearing.keeper.store import Store

__all__ = ["Watch", "keeping_watch"]

NAME: Final = "Keeper"


class Watch:
    """A keeper who looks when told to."""

    def __init__(self, swaps: SwapsStage, store: Store) -> None:
        node, chain_id = swaps.stage.anvil.node, swaps.stage.contracts.chain_id
        endpoints = Endpoints([node], chain_id, clock_s=lambda: float(swaps.now))
        key = Account.from_key(secret_of(f"swaps {NAME}"))
        self._lane = Lane(endpoints, key, store, clock_s=lambda: float(swaps.now))
        self._store = store
        self._told = store.next_nonce(self._lane.sender)
        contracts = Swaps.behind(endpoints, swaps["PerpLens"].address)
        desk = Desk(
            "liquidation",
            endpoints,
            self._lane,
            store,
            Meters("liquidation"),
            structlog.wrap_logger(structlog.ReturnLogger()),
            clock_s=lambda: float(swaps.now),
        )
        policy = LiquidationPolicy(
            liquidator=swaps.traders[NAME].account,
            plan=PlanPolicy(inventory_ppm=0),
            ether_market=0,
            absorb=False,
        )
        replica = Replica(endpoints, contracts.engine, 0, contracts.decimals, store)
        self._job = LiquidationJob(desk, contracts, replica, policy)

    def look(self) -> list[Receipt]:
        """Take over from whoever is below maintenance margin; return what was mined.

        Raises ChainError, KeeperError.
        """
        self._job.turn()
        while self._lane.open_offers:
            time.sleep(POLL_S)
            self._job.turn()
        offers = self._store.offers(self._lane.sender, ("mined", "final"), self._told)
        self._told = max((offer.nonce + 1 for offer in offers), default=self._told)
        receipts = []
        for offer in offers:
            outcome = self._lane.outcome_of(offer)
            if outcome is not None and outcome.is_good:
                receipts.append(
                    Receipt(
                        what="RiskManager.liquidateBatch",
                        hash=offer.hashes[-1],
                        block_number=offer.block or 0,
                        gas_used=outcome.gas_used,
                        unsigned_size=unsigned_size(transaction_of(offer.raw)),
                        created=None,
                        logs=outcome.logs,
                    )
                )
        return receipts


@contextmanager
def keeping_watch(swaps: SwapsStage) -> Iterator[Watch]:
    """Yield the keeper; his folder is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
        yield Watch(swaps, store)
