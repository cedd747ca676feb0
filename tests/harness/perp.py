"""The perpetual swaps on one embedded chain: all contracts are real but the aggregators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from clearing.channel.signatures import LocalSigner
from clearing.spec.oracle_types import FeedId, FeedParams, FeedSources
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import WAD, Address
from tests.harness.actors import Actors, actors, key_of
from tests.harness.contract import Contract, Receipt
from tests.harness.oracle import DECIMALS, DESCRIPTION, ROUND, round_of, saying, text
from tests.harness.puppet import Puppet, words
from tests.harness.revm import Revm

__all__ = [
    "BACKSTOP",
    "BTC",
    "ETH",
    "FAR",
    "FEEDS",
    "FEES",
    "INSURANCE",
    "LIMIT",
    "LOT",
    "NAMES",
    "PRICES_E8",
    "RAW",
    "RISK",
    "TRADE",
    "VAULT",
    "PerpRig",
    "deploy_admin",
    "deploy_perp",
    "usd",
]

VAULT, BACKSTOP, INSURANCE, FEES = range(4)
ETH, BTC = 0, 1
LOT: Final = 10**8
"""Lots in one unit."""
RAW: Final = 10**6
"""Raw units of the collateral in one USD."""
FAR: Final = 2**64
NAMES: Final = ("ETH / USD", "BTC / USD")
FEEDS: Final[tuple[FeedId, ...]] = (b"ETH/USD".ljust(16, b"\0"), b"BTC/USD".ljust(16, b"\0"))
PYTH_IDS: Final = (b"\x1d" * 32, b"\x2d" * 32)
PRICES_E8: Final = (3_000 * 10**8, 50_000 * 10**8)
E8: Final = 8

RISK: Final[dict[str, int]] = {
    "im": 100_000,
    "kappa": 6_000,
    "slope": 0,
    "imMax": 100_000,
    "penalty": 25_000,
    "impactNotional": 100_000,
}
TRADE: Final[dict[str, int]] = {
    "takerFee": 500,
    "makerFee": 200,
    "vaultSpread": 100,
    "premCap": 25_000,
    "minNotional": 10,
    "skewScale": 100_000,
    "coefficientInverse": 24,
}
LIMIT: Final[dict[str, int]] = {
    "maxRate": 10_000,
    "interval": 3_600,
    "band": 50_000,
    "minFee": 25,
    "openCap": 10_000 * LOT,
    "vaultShare": 1_000_000,
    "maxOi": 1_000_000 * LOT,
}


def usd(dollars: int) -> int:
    """Return wad."""
    return dollars * WAD


@dataclass(frozen=True, slots=True)
class PerpRig:
    """Everything deployed; two markets, ETH (0) at 3,000 and BTC (1) at 50,000 USD.

    `settler` has the settler's role and makes whatever calls it is told to make.
    """

    chain: Revm
    roles: Actors
    oracle: Contract
    pyth: Contract
    aggregators: tuple[Puppet, Puppet]
    token: Contract
    engine: Contract
    vault: Contract
    risk: Contract
    settler: Contract
    admin: Contract

    # PRICES

    def set_price(self, market: int, e8: int, *, pyth: bool = True) -> None:
        """Let the sources of a market say a price now, in 1e-8 USD, and poke.

        Without Pyth the market is PRIMARY_ONLY as soon as Pyth's last price is 60 s old.
        """
        self.say(market, e8, pyth=pyth)
        self.oracle.send("poke", FEEDS[market], sender=self.roles.outsider)

    def say(self, market: int, e8: int, *, pyth: bool = True) -> None:
        """Let the sources of a market say a price now; nobody pokes."""
        now = self.chain.now
        self.aggregators[market].says(ROUND, round_of(e8, now).data)
        if pyth:
            self.pyth_says(market, e8)

    def pyth_says(self, market: int, e8: int) -> None:
        """Let Pyth alone say a price now."""
        now = self.chain.now
        conf = e8 // 10_000
        head = words(32, 1, int.from_bytes(PYTH_IDS[market], "big"))
        update = head + words(e8, conf, -E8, now, now - 1, e8, conf)
        self.pyth.send("updatePriceFeeds", [update], sender=self.roles.outsider)

    def calm(self, market: int) -> None:
        """Let the timelock take a latch off, if there is one."""
        if self.oracle.read("memoOf", FEEDS[market])[3]:
            self.oracle.send("reset", FEEDS[market], sender=self.roles.timelock)

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.chain.warp(self.chain.now + seconds)

    # ACCOUNTS

    def fund(self, account: int, dollars: int) -> None:
        """Deposit collateral that was made for it."""
        giver = self.roles.outsider
        self.token.send("mint", giver, dollars * RAW, sender=giver)
        self.token.send("approve", self.engine.address, dollars * RAW, sender=giver)
        self.engine.send("deposit", account, dollars * RAW, sender=giver)

    def trader(self, name: str, dollars: int = 0) -> tuple[int, LocalSigner]:
        """Make an account with collateral; return it and its owner."""
        owner = key_of(name)
        account = self.engine.send("createAccount", sender=owner.address).output
        if dollars:
            self.fund(account, dollars)
        return account, owner

    def trade(
        self, account: int, owner: LocalSigner, market: int, size: int, limit: int | None = None
    ) -> Receipt:
        """Trade against the vault; without a limit at any price."""
        bound = limit if limit is not None else (usd(10**9) if size > 0 else 0)
        return self.vault.send("trade", account, market, size, bound, FAR, sender=owner.address)

    def cash(self, account: int) -> int:
        """Return an account's cash, wad."""
        cash: int = self.engine.read("accountOf", account)[1]
        return cash

    def size(self, account: int, market: int) -> int:
        """Return an account's position, lots."""
        size: int = self.engine.read("sizeOf", account, market)
        return size

    def everything(self) -> Any:
        """Return all that is stored of accounts, positions and markets."""
        *_, accounts, markets = self.engine.read("parameters")
        return (
            tuple(self.engine.read("accountOf", i) for i in range(accounts)),
            tuple(
                self.engine.read("positionOf", i, m)
                for i in range(accounts)
                for m in range(markets)
            ),
            tuple(self.engine.read("peekContext", 0, m)[1:7] for m in range(markets)),
            self.token.read("balanceOf", self.engine.address),
        )


def deploy_admin(chain: Revm, engine: Contract, sender: Address) -> Contract:
    """Deploy the bounds of parameters and the module that keeps to them."""
    bounds = chain.deploy("MarketBounds", sender=sender)
    return chain.deploy("MarketAdmin", engine.address, bounds.address, sender=sender)


def deploy_perp(chain: Revm | None = None, *, vault_usd: int = 10_000_000) -> PerpRig:
    """Deploy oracle, engine, modules and two markets; the vault is funded and its value taken."""
    chain = chain or Revm()
    roles = actors()
    made = roles.deployer
    pyth = chain.deploy("MockPyth", 0, 0, sender=made)
    oracle = chain.deploy("PriceOracle", pyth.address, roles.timelock, roles.guardian, sender=made)
    token = chain.deploy("MockERC20", "USD Coin", "USDC", 6, sender=made)
    parties = (oracle.address, roles.timelock, roles.guardian)
    engine = chain.deploy("DerivativesEngine", token.address, *parties, sender=made)
    admin = deploy_admin(chain, engine, made)
    vault = chain.deploy("VaultModule", engine.address, sender=made)
    risk = chain.deploy("RiskManager", engine.address, sender=made)
    settler = chain.deploy("HostileAccount", sender=made)
    puppets = (Puppet(chain, Address(b"\x51" * 20)), Puppet(chain, Address(b"\x52" * 20)))
    rig = PerpRig(chain, roles, oracle, pyth, puppets, token, engine, vault, risk, settler, admin)

    for role, module in ((1, vault), (2, settler), (3, risk), (6, admin)):
        engine.send("setModule", role, module.address, sender=roles.timelock)
    for market, name in enumerate(NAMES):
        puppets[market].says(DECIMALS, saying(E8).data)
        puppets[market].says(DESCRIPTION, text(name).data)
        rig.say(market, PRICES_E8[market])
        listed = FeedSources(puppets[market].address, E8, PYTH_IDS[market], ZERO_ADDRESS)
        params = FeedParams()
        oracle.send("addFeed", FEEDS[market], listed, params, name, sender=roles.timelock)
        terms = (tuple(RISK.values()), tuple(TRADE.values()), tuple(LIMIT.values()))
        admin.send("addMarket", market, FEEDS[market], *terms, sender=roles.timelock)
    if vault_usd:
        rig.fund(VAULT, vault_usd)
        vault.send("takeNav", sender=roles.outsider)
    return rig
