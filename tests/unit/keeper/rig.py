"""The swaps on an embedded chain with a crowd of small accounts, and keepers that work there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount

from clearing.chain.anvil import Anvil
from clearing.chain.contract import Call, Contract, as_address, as_text
from clearing.chain.deploy import Deployer
from clearing.chain.log_source import log_of
from clearing.chain.node import BatchNode, as_bytes
from clearing.chain.sender import Sender
from clearing.keeper.contracts import Swaps
from clearing.keeper.endpoints import Agreement, Endpoints
from clearing.keeper.exact import is_due
from clearing.keeper.jobs.job import Desk
from clearing.keeper.jobs.liquidation import LiquidationJob, LiquidationPolicy
from clearing.keeper.lane import Lane, LanePolicy
from clearing.keeper.meters import Meters
from clearing.keeper.plan import PlanPolicy
from clearing.keeper.replica import Replica, ReplicaPolicy
from clearing.keeper.store import Store
from clearing.spec.units import Address
from tests.harness.kept_log import KeptLog
from tests.harness.perp import ETH, FEEDS, LOT, PYTH_IDS, RAW
from tests.unit.perp_cli.stage import ETHER, HOUR, MAKER, START, UPDATE, Stage, staged

__all__ = ["KEEPER", "RIVAL", "SETTLER", "Keeper", "Rig", "rigged"]

KEEPER: LocalAccount = Account.from_key((101).to_bytes(32, "big"))
RIVAL: LocalAccount = Account.from_key((102).to_bytes(32, "big"))
SETTLER: LocalAccount = Account.from_key((103).to_bytes(32, "big"))
PATIENCE = 50
"""Blocks in which what was sent is mined."""
AT_ONCE = 50
"""Accounts that are made in one transaction."""
GAS = 16_000_000
CHAIN_ID = 31_337


@dataclass
class Keeper:
    """A liquidation job with its parts."""

    job: LiquidationJob
    desk: Desk
    lane: Lane
    replica: Replica
    store: Store
    endpoints: Endpoints
    log: KeptLog

    @property
    def meters(self) -> Meters:
        return self.desk.meters


@dataclass
class Rig:
    """`crowd` owns all small accounts; `liquidators` are the accounts of the keepers' keys."""

    stage: Stage
    crowd: Contract
    swaps: Swaps
    first_block: int
    liquidators: dict[str, int]
    folder: Path
    clock_s: float = 0.0
    began_at: int = 0
    stores: list[Store] = field(default_factory=list)

    @property
    def anvil(self) -> Anvil:
        return self.stage.anvil

    def execute(self, *batches: Sequence[tuple[Contract, str, tuple[Any, ...]]]) -> None:
        """Let the crowd make calls, each batch in one transaction."""
        calls = []
        for batch in batches:
            rows = [(at.address, 0, at.transact(name, *args).data) for at, name, args in batch]
            calls.append(self.crowd.transact("execute", rows))
        self.tell(*calls)

    def tell(self, *calls: Call) -> None:
        """Send calls from an account of the chain's own, in their order: few requests for many.

        Nothing is mined in between: Anvil may keep a transaction queued for ever if the one before
        is mined while it comes.
        """
        node = self.anvil.node
        mines = node.request("anvil_getAutomine", [])
        node.request("evm_setAutomine", [False])
        (mouth, *_) = node.request("eth_accounts", [])
        nonce = int(node.request("eth_getTransactionCount", [mouth, "latest"]), 16)
        sent = [
            (
                "eth_sendTransaction",
                [
                    {
                        "from": mouth,
                        "to": as_text(Address(call.to or b"")),
                        "data": "0x" + call.data.hex(),
                        "gas": hex(GAS),
                        "nonce": hex(nonce + i),
                    }
                ],
            )
            for i, call in enumerate(calls)
        ]
        asked = [("eth_getTransactionReceipt", [each]) for each in node.batch(sent)]
        receipts: list[Any] = [None]
        for _ in range(PATIENCE):
            if None not in receipts:
                break
            self.anvil.mine()
            receipts = node.batch(asked)
        node.request("evm_setAutomine", [mines])
        assert None not in receipts, "the chain has dropped a transaction"
        assert all(each["status"] == "0x1" for each in receipts)

    def people(
        self, count: int, *, lots: int = LOT // 10, dollars: int = 35, market: int = ETH
    ) -> range:
        """Make accounts with a position each; return their numbers."""
        stage = self.stage
        engine, vault, token = (
            stage[name] for name in ("DerivativesEngine", "VaultModule", "MockERC20")
        )
        *_, first, _ = engine.call("parameters")
        stage.send("MockERC20", "mint", self.crowd.address, count * dollars * RAW)
        self.execute([(token, "approve", (engine.address, 2**200))])
        limit = 10**30 if lots > 0 else 0
        batches = []
        for start in range(0, count, AT_ONCE):
            calls: list[tuple[Contract, str, tuple[Any, ...]]] = []
            for account in range(first + start, first + min(count, start + AT_ONCE)):
                calls += [
                    (engine, "createAccount", ()),
                    (engine, "deposit", (account, dollars * RAW)),
                    (vault, "trade", (account, market, lots, limit, 2**40)),
                ]
            batches.append(calls)
        self.execute(*batches)
        return range(first, first + count)

    def prices(self, eth: int, btc: int = 50_000, *, after: int = 2) -> None:
        """Let both markets say prices, USD, some seconds later."""
        stage, time = self.stage, self.anvil.now + after
        stage.at(time)
        calls = []
        for market, e8 in enumerate((eth * 10**8, btc * 10**8)):
            update = (PYTH_IDS[market], e8, e8 // 10_000, -8, time, time - 1, e8, 1)
            feed = [encode([UPDATE], [[update]])]
            calls += [
                stage[f"aggregator{market}"].transact("transmitAt", e8, time, time),
                stage["MockPyth"].transact("updatePriceFeeds", feed),
                stage["PriceOracle"].transact("poke", FEEDS[market]),
            ]
        self.tell(*calls)
        self.sync()

    def sync(self) -> None:
        """Let the keepers' clock show the chain's time."""
        self.clock_s = float(self.anvil.now)

    def mine(self, blocks: int = 1, seconds: int = 2) -> None:
        """Mine blocks some seconds apart."""
        self.anvil.node.request("anvil_mine", [hex(blocks), hex(seconds)])
        self.sync()

    def named_by(self, key: LocalAccount) -> list[int]:
        """Return all accounts that a key's mined transactions name, each as often as it is."""
        node, risk = self.anvil.node, self.stage["RiskManager"]
        batch = risk.interface.method("liquidateBatch")
        found: list[int] = []
        for number in range(self.began_at, int(node.request("eth_blockNumber", []), 16) + 1):
            block = node.request("eth_getBlockByNumber", [hex(number), True])
            for each in block["transactions"]:
                data = as_bytes(each["input"])
                is_batch = data[:4] == batch.selector
                if is_batch and as_address(each["from"]) == as_address(key.address):
                    found += batch.inputs.decode(data[4:])[0]
        return sorted(found)

    def events(self, contract: str, name: str) -> list[dict[str, Any]]:
        """Return the fields of a contract's events of one name since the test began."""
        at = self.stage[contract]
        wanted = {"fromBlock": hex(self.began_at + 1), "address": as_text(at.address)}
        logs = map(log_of, self.anvil.node.request("eth_getLogs", [wanted]))
        return [dict(it.fields) for it in at.happened(logs) if it.name == name]

    def spend_nonces(self, key: LocalAccount, count: int) -> None:
        """Let something else send from a keeper's account."""
        own = Sender(self.anvil.node, key)
        for _ in range(count):
            own.send(Call(as_address(MAKER.address), b"", "elsewhere"))

    def close(self) -> None:
        """Let go of all stores."""
        for store in self.stores:
            store.close()

    def due(self, accounts: Iterable[int]) -> list[int]:
        """Return those of the accounts that the chain says are below maintenance margin."""
        every = list(accounts)
        views = self.swaps.healths(every)
        return [who for who, it in zip(every, views, strict=True) if is_due(who, it.equity, it.mm)]

    def keeper(
        self,
        name: str = "keeper",
        *,
        nodes: Sequence[BatchNode] | None = None,
        key: LocalAccount = KEEPER,
        policy: Callable[[LiquidationPolicy], LiquidationPolicy] = lambda policy: policy,
        lane: LanePolicy | None = None,
        agreement: Agreement | None = None,
        live_blocks: int = 8,
    ) -> Keeper:
        """Start a keeper in a folder of that name; again with the same name is a restart."""
        desk = self.desk(name, "liquidation", nodes=nodes, key=key, lane=lane, agreement=agreement)
        endpoints, store = desk.endpoints, desk.store
        swaps = Swaps.behind(endpoints, self.stage["PerpLens"].address)
        replica = Replica(
            endpoints,
            swaps.engine,
            self.first_block,
            swaps.decimals,
            store,
            ReplicaPolicy(live_blocks=live_blocks, checkpoint_blocks=20),
            chance=Random(1),
        )
        wanted = LiquidationPolicy(
            liquidator=self.liquidators[key.address],
            plan=PlanPolicy(inventory_ppm=0),
            ether_market=ETH,
            carrier_jitter_s=0.0,
        )
        job = LiquidationJob(desk, swaps, replica, policy(wanted), chance=Random(2))
        assert isinstance(desk.log, KeptLog)
        return Keeper(job, desk, desk.lane, replica, store, endpoints, desk.log)

    def desk(
        self,
        name: str,
        job: str,
        *,
        nodes: Sequence[BatchNode] | None = None,
        key: LocalAccount = KEEPER,
        lane: LanePolicy | None = None,
        agreement: Agreement | None = None,
    ) -> Desk:
        """Return what a job works with; its store is in a folder of that name."""
        endpoints = Endpoints(nodes or [self.anvil.node], CHAIN_ID, agreement, clock_s=self.now_s)
        store = Store(self.folder / name)
        self.stores.append(store)
        own = Lane(endpoints, key, store, lane or LanePolicy(), clock_s=self.now_s)
        return Desk(job, endpoints, own, store, Meters(job), KeptLog(), clock_s=self.now_s)

    def now_s(self) -> float:
        return self.clock_s


@contextmanager
def rigged(folder: Path) -> Iterator[Rig]:
    """Deploy all of it: keepers have 1,000,000 USD each, insurance 10,000."""
    with staged() as stage:
        maker = Deployer(stage.anvil.node, stage.sender, CHAIN_ID)
        engine = stage["DerivativesEngine"].address

        def make(name: str, *args: object) -> Contract:
            made = Contract(stage.anvil.node, name, maker.create(name, name, *args))
            stage.contracts[name] = made
            return made

        fund = make("InsuranceFund", engine)
        resolution = make("ResolutionModule", engine, fund.address)
        settlement = make("SettlementModule", engine)
        settler = make("MatchSettler", engine, as_address(SETTLER.address))
        crowd = make("HostileAccount")
        modules = ((4, resolution), (5, fund), (7, settlement), (2, settler))
        for role, module in modules:
            stage.send("DerivativesEngine", "setModule", role, module.address)
        liquidators: dict[str, int] = {}
        for key in (KEEPER, RIVAL, SETTLER):
            stage.anvil.give_ether(key.address, 100 * ETHER)
            liquidators[key.address] = _account_of(stage, key, 1_000_000)
        stage.fund(2, 10_000)
        swaps = Swaps.behind(stage.anvil.node, stage["PerpLens"].address)
        stage.refresh(START + HOUR)
        rig = Rig(stage, crowd, swaps, 0, liquidators, folder)
        rig.sync()
        yield rig


def _account_of(stage: Stage, key: LocalAccount, dollars: int) -> int:
    *_, number, _ = stage["DerivativesEngine"].call("parameters")
    own = Sender(stage.anvil.node, key)
    own.send(stage["DerivativesEngine"].transact("createAccount"))
    stage.fund(number, dollars)
    return int(number)


def again(rig: Rig) -> Rig:
    """Return the rig with senders that know no nonces, after a snapshot was taken back."""
    return replace(rig, stage=rig.stage.again(), stores=[])
