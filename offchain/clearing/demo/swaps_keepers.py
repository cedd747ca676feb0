"""The keepers of the second act: all four jobs, each with a key of its own, one store for all."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog
from eth_account import Account

from clearing.chain.anvil import Anvil
from clearing.chain.sender import Receipt
from clearing.channel.perp_batch import Match
from clearing.demo.stage import secret_of, sender_of
from clearing.demo.swaps_keeper import Keeper
from clearing.keeper.contracts import Swaps
from clearing.keeper.endpoints import Endpoints
from clearing.keeper.groups import group_text
from clearing.keeper.jobs.funding import FundingJob, FundingPolicy
from clearing.keeper.jobs.job import Desk, Job
from clearing.keeper.jobs.liquidation import LiquidationJob, LiquidationPolicy
from clearing.keeper.jobs.oracle import OracleJob
from clearing.keeper.jobs.settlement import SettlementJob, SettlementPolicy
from clearing.keeper.lane import Lane, LanePolicy
from clearing.keeper.meters import Meters
from clearing.keeper.oracle_plan import OraclePolicy
from clearing.keeper.plan import PlanPolicy
from clearing.keeper.replica import Replica
from clearing.keeper.store import Store
from clearing.keeper.updates import Signed
from clearing.spec.units import Address

__all__ = ["Keepers", "keepers_at_work"]

PYTH_MAX_AGE_S: Final = 3
"""Every price that is said is brought, however little it has moved."""
NOTHING: Final = Signed((), {})


class Keepers:
    """Who pokes, ticks, settles and liquidates, each when told to look."""

    def __init__(
        self, anvil: Anvil, chain_id: int, lens: Address, store: Store, groups: Path
    ) -> None:
        self._anvil = anvil
        self._store = store
        self._groups = groups
        self._endpoints = Endpoints([anvil.node], chain_id, clock_s=self._now_s)
        self._swaps = swaps = Swaps.behind(self._endpoints, lens)
        self._service = _Service()
        prices = OraclePolicy(pyth_max_age_s=PYTH_MAX_AGE_S)
        self._oracle = self._keeper(
            "oracle", lambda desk: OracleJob(desk, swaps, prices, self._service)
        )
        self._funding = self._keeper(
            "funding", lambda desk: FundingJob(desk, swaps, FundingPolicy())
        )
        self._settlement = self._keeper(
            "settler", lambda desk: SettlementJob(desk, swaps, SettlementPolicy(groups))
        )
        self._liquidation: Keeper | None = None

    def poke(self, signed: Signed) -> list[Receipt]:
        """Bring what Pyth signed, and let the oracle look."""
        self._service.signed = signed
        return self._oracle.look()

    def tick(self) -> list[Receipt]:
        """Tick funding where the hour is over, in no time: what trades pay stays as it is."""
        self._anvil.node.request("anvil_setBlockTimestampInterval", [0])
        ticked = self._funding.look()
        self._anvil.node.request("anvil_setBlockTimestampInterval", [1])
        return ticked

    def settle(self, matches: Sequence[Match]) -> list[Receipt]:
        """Settle groups, which come as files; orders' nonces rise, so names do."""
        for match in matches:
            path = self._groups / f"{match.taker.order.nonce:06}.json"
            path.write_text(group_text(match), "utf-8")
        return self._settlement.look()

    def liquidate(self, liquidator: int) -> list[Receipt]:
        """Take over or absorb whoever is below maintenance margin, always for one account."""
        if self._liquidation is None:
            self._liquidation = self._keeper(
                "swaps Keeper", lambda desk: self._liquidation_job(desk, liquidator)
            )
        return self._liquidation.look()

    def _liquidation_job(self, desk: Desk, liquidator: int) -> LiquidationJob:
        swaps = self._swaps
        plan = PlanPolicy(inventory_ppm=0)
        policy = LiquidationPolicy(liquidator=liquidator, plan=plan, ether_market=0)
        replica = Replica(self._endpoints, swaps.engine, 0, swaps.decimals, self._store)
        return LiquidationJob(desk, swaps, replica, policy)

    def _keeper(self, label: str, job_at: Callable[[Desk], Job]) -> Keeper:
        """Return a keeper whose key has a label; nobody waits, for the chain never goes back."""
        sender_of(self._anvil, label)  # has ether from here on
        key = Account.from_key(secret_of(label))
        waits = LanePolicy(ttl_s=0)
        lane = Lane(self._endpoints, key, self._store, waits, clock_s=self._now_s)
        log = structlog.wrap_logger(structlog.ReturnLogger())
        desk = Desk(
            label, self._endpoints, lane, self._store, Meters(label), log, clock_s=self._now_s
        )
        return Keeper(desk, job_at(desk))

    def _now_s(self) -> float:
        return float(self._anvil.now)


class _Service:
    """A price service that has what it was last given."""

    signed = NOTHING

    def latest(self, _ids: Sequence[bytes]) -> Signed:
        return self.signed


@contextmanager
def keepers_at_work(anvil: Anvil, chain_id: int, lens: Address) -> Iterator[Keepers]:
    """Yield them; their folder is gone afterwards. Raises ChainError."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Store(folder) as store:
            yield Keepers(anvil, chain_id, lens, store, folder / "groups")
