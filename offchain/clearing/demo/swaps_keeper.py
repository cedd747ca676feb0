"""A keeper of the second act: a job that `clearing keeper run` runs, turn by turn."""

from __future__ import annotations

import time
from typing import Final

from clearing.chain.offer import transaction_of, unsigned_size
from clearing.chain.sender import Receipt
from clearing.keeper.jobs.job import Desk, Job
from clearing.keeper.store import Offer

__all__ = ["Keeper"]

POLL_S: Final = 0.005


class Keeper:
    """Somebody who looks when told to."""

    def __init__(self, desk: Desk, job: Job) -> None:
        self._desk = desk
        self._job = job
        self._told = desk.store.next_nonce(desk.lane.sender)

    def look(self) -> list[Receipt]:
        """Do what is due, until nothing is under way; return what was mined and succeeded.

        Raises ChainError, KeeperError.
        """
        lane, store = self._desk.lane, self._desk.store
        self._job.turn()
        while lane.open_offers:
            time.sleep(POLL_S)
            self._job.turn()
        offers = store.offers(lane.sender, ("mined", "final"), self._told)
        self._told = max((offer.nonce + 1 for offer in offers), default=self._told)
        receipts = map(self._receipt, offers)
        return [receipt for receipt in receipts if receipt is not None]

    def _receipt(self, offer: Offer) -> Receipt | None:
        outcome = self._desk.lane.outcome_of(offer)
        if outcome is None or not outcome.is_good:
            return None
        return Receipt(
            what=offer.work,
            hash=offer.hashes[-1],
            block_number=offer.block or 0,
            gas_used=outcome.gas_used,
            unsigned_size=unsigned_size(transaction_of(offer.raw)),
            created=None,
            logs=outcome.logs,
        )
