"""The perpetual swaps on an embedded chain behind a node, as the commands see them.

ETH at 3,000 and BTC at 50,000 USD, a vault of 10,000,000, a trader with 50,000 in his wallet. The
sender is deployer, timelock and guardian at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount

from clearing.chain.anvil import Anvil, run_anvil
from clearing.chain.contract import Contract, as_address
from clearing.chain.deploy import Deployer
from clearing.chain.deployment import Deployment, chain_key_of
from clearing.chain.sender import Receipt, Sender
from clearing.spec.oracle_types import FeedParams
from clearing.spec.perp_types import Role
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import Address
from tests.harness.perp import FEEDS, LIMIT, NAMES, PRICES_E8, PYTH_IDS, RAW, RISK, TRADE, VAULT

__all__ = ["ETHER", "HOUR", "MAKER", "START", "TRADER", "Stage", "staged"]

START = 2_000_000_000
HOUR = 3_600
ETHER = 10**18
E8 = 8
UPDATE = "(bytes32,int64,uint64,int32,uint64,uint64,int64,uint64)[]"
MAKER: LocalAccount = Account.from_key((7).to_bytes(32, "big"))
TRADER: LocalAccount = Account.from_key((8).to_bytes(32, "big"))
NAV = 10_000_000
WALLET = 50_000


@dataclass(frozen=True)
class Stage:
    """What stands on the chain; `made` records it."""

    anvil: Anvil
    sender: Sender
    trader: Sender
    contracts: dict[str, Contract]
    made: Deployment

    def __getitem__(self, role: str) -> Contract:
        return self.contracts[role]

    @property
    def url(self) -> str:
        """Where the node listens."""
        return self.anvil.node.url

    def send(self, role: str, method: str, *args: Any) -> Receipt:
        """Send as the maker of all."""
        return self.sender.send(self[role].transact(method, *args))

    def send_as_trader(self, role: str, method: str, *args: Any) -> Receipt:
        """Send as the trader."""
        return self.trader.send(self[role].transact(method, *args))

    def at(self, time: int) -> None:
        """Give the next block its time."""
        self.anvil.node.request("evm_setNextBlockTimestamp", [time])

    def reset_clock(self) -> None:
        """Let the next second begin at the latest block, however long ago that was mined."""
        latest = self.anvil.node.request("eth_getBlockByNumber", ["latest", False])
        self.anvil.node.request("evm_setTime", [int(latest["timestamp"], 16)])

    def say(self, market: int, price_e8: int, time: int) -> None:
        """Let both sources say a price as of a time."""
        update = (PYTH_IDS[market], price_e8, price_e8 // 10_000, -E8, time, time - 1, price_e8, 1)
        self.send(f"aggregator{market}", "transmitAt", price_e8, time, time)
        self.send("MockPyth", "updatePriceFeeds", [encode([UPDATE], [[update]])])

    def refresh(self, time: int, prices: tuple[int, int] = PRICES_E8) -> None:
        """Let both markets' sources say prices as of a time, from a block at it."""
        self.at(time)
        for market, price in enumerate(prices):
            self.say(market, price, time)
            self.send("PriceOracle", "poke", FEEDS[market])

    def account(self, dollars: int) -> int:
        """Make an account of the trader's with cash; return its number."""
        *_, accounts, _ = self["DerivativesEngine"].call("parameters")
        self.send_as_trader("DerivativesEngine", "createAccount")
        if dollars:
            self.fund(accounts, dollars)
        return int(accounts)

    def fund(self, account: int, dollars: int) -> None:
        """Deposit collateral that was made for it."""
        self.send("MockERC20", "mint", self.sender.address, dollars * RAW)
        self.send("MockERC20", "approve", self["DerivativesEngine"].address, dollars * RAW)
        self.send("DerivativesEngine", "deposit", account, dollars * RAW)

    def trade(self, account: int, market: int, size: int) -> Receipt:
        """Trade against the vault at any price."""
        limit = 10**30 if size > 0 else 0
        return self.send_as_trader("VaultModule", "trade", account, market, size, limit, 2**40)

    def move_cash(self, giver: int, taker: int, wad: int) -> None:
        """Move cash from one account to another past every gate, as the resolution module can."""
        node, engine = self.anvil.node, self["DerivativesEngine"]
        made = Deployer(node, self.sender, 31_337).create("module", "HostileAccount")
        self.send("DerivativesEngine", "setModule", Role.RESOLUTION, made)
        calls = (("enter",), ("moveCash", giver, taker, wad), ("exit",))
        inner = [engine.transact(*each) for each in calls]
        whole = [(each.to, 0, each.data) for each in inner]
        self.sender.send(Contract(node, "HostileAccount", made).transact("execute", whole))

    def again(self) -> Stage:
        """Return the stage with senders that know no nonces, after a snapshot was taken back."""
        node = self.anvil.node
        return replace(self, sender=Sender(node, MAKER), trader=Sender(node, TRADER))


@contextmanager
def staged() -> Iterator[Stage]:
    """Deploy everything on a chain of its own."""
    with run_anvil() as anvil:
        for each in (MAKER, TRADER):
            anvil.give_ether(each.address, 1_000 * ETHER)
        sender = Sender(anvil.node, MAKER)
        maker = Deployer(anvil.node, sender, 31_337)
        contracts: dict[str, Contract] = {}

        def make(role: str, *args: object, of: str | None = None) -> Address:
            name = of or role
            contracts[role] = Contract(anvil.node, name, maker.create(role, name, *args))
            return contracts[role].address

        me = as_address(MAKER.address)
        token = make("MockERC20", "USD Coin", "USDC", 6)
        aggregators = [
            make(f"aggregator{market}", E8, name, of="MockAggregator")
            for market, name in enumerate(NAMES)
        ]
        oracle = make("PriceOracle", make("MockPyth", 0, 0), me, me)
        engine = make("DerivativesEngine", token, oracle, me, me)
        make("VaultModule", engine)
        make("RiskManager", engine)
        make("PerpLens", engine)
        make("MarketAdmin", engine, make("MarketBounds"))
        made = Deployment("local", chain_key_of(anvil.node), dict(maker.made), {})
        stage = Stage(anvil, sender, Sender(anvil.node, TRADER), contracts, made)
        _configure(stage, aggregators)
        yield stage


def _configure(stage: Stage, aggregators: list[Address]) -> None:
    """Name the modules, list the markets, fund the vault and the trader's wallet."""
    for role, name in ((1, "VaultModule"), (3, "RiskManager"), (6, "MarketAdmin")):
        stage.send("DerivativesEngine", "setModule", role, stage[name].address)
    stage.at(START)
    terms = (tuple(RISK.values()), tuple(TRADE.values()), tuple(LIMIT.values()))
    limits = FeedParams()
    words = tuple(getattr(limits, name) for name in limits.__slots__)
    for market, feed in enumerate(FEEDS):
        stage.say(market, PRICES_E8[market], START)
        sources = (aggregators[market], E8, PYTH_IDS[market], ZERO_ADDRESS)
        stage.send("PriceOracle", "addFeed", feed, sources, words, NAMES[market])
        stage.send("MarketAdmin", "addMarket", market, feed, *terms)
    stage.fund(VAULT, NAV)
    stage.send("VaultModule", "takeNav")
    stage.send("MockERC20", "mint", as_address(TRADER.address), WALLET * RAW)
