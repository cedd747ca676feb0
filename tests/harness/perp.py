"""The perpetual swaps on one embedded chain: real oracle, real engine, sources played by puppets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from clearing.channel.signatures import LocalSigner
from clearing.spec.oracle_types import FeedId, FeedParams, FeedSources
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import WAD, Address
from tests.harness.actors import key_of
from tests.harness.contract import Contract, Receipt
from tests.harness.oracle import (
    DECIMALS,
    DESCRIPTION,
    PYTH_PRICE,
    ROUND,
    OracleRig,
    deploy_oracle,
    price,
    round_of,
    saying,
    text,
)
from tests.harness.puppet import Manner
from tests.harness.revm import Revm

__all__ = [
    "BACKSTOP",
    "BTC",
    "ETH",
    "FEES",
    "INSURANCE",
    "LIMIT",
    "LOT",
    "RISK",
    "TRADE",
    "VAULT",
    "PerpRig",
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
    "minFee": 100,
    "openCap": 10_000 * LOT,
    "vaultShare": 1_000_000,
    "maxOi": 1_000_000 * LOT,
}


def usd(dollars: int) -> int:
    """Return wad."""
    return dollars * WAD


@dataclass(frozen=True, slots=True)
class PerpRig:
    """Everything deployed; two markets, ETH (0) at 3,000 and BTC (1) at 50,000 USD."""

    chain: Revm
    sources: OracleRig
    token: Contract
    engine: Contract
    vault: Contract
    risk: Contract

    # PRICES

    def set_price(self, market: int, e8: int) -> None:
        """Let both sources of a market say a price now, in 1e-8 USD, and poke."""
        self.sources.aggregators[market].says(ROUND, round_of(e8, self.chain.now).data)
        if market == ETH:
            said = price(e8, e8 // 10_000, -E8, self.chain.now)
            self.sources.pyth.says(PYTH_PRICE, said.data)
        self.poke(market)

    def silence_pyth(self) -> None:
        """Let Pyth fail: markets are PRIMARY_ONLY from now on."""
        self.sources.pyth.says(PYTH_PRICE, b"", Manner.REVERT)

    def poke(self, market: int) -> None:
        """Poke a market's feed."""
        self.sources.oracle.send("poke", FEEDS[market], sender=self.sources.roles.outsider)

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.chain.warp(self.chain.now + seconds)

    # ACCOUNTS

    def fund(self, account: int, dollars: int) -> None:
        """Deposit collateral that was made for it."""
        giver = self.sources.roles.outsider
        self.token.send("mint", giver, dollars * RAW, sender=giver)
        self.token.send("approve", self.engine.address, dollars * RAW, sender=giver)
        self.engine.send("deposit", account, dollars * RAW, sender=giver)

    def trader(self, name: str, dollars: int) -> tuple[int, LocalSigner]:
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
        args = (account, market, size, bound, FAR)
        return self.vault.send("trade", *args, sender=owner.address)

    def state_of(self, account: int) -> tuple[Any, ...]:
        """Return cash and positions of an account."""
        stored = self.engine.read("accountOf", account)
        positions = tuple(self.engine.read("positionOf", account, m) for m in (ETH, BTC))
        return stored, positions


def deploy_perp(chain: Revm | None = None, *, vault_usd: int = 10_000_000) -> PerpRig:
    """Deploy oracle, engine, modules and two markets; the vault is funded and its value taken."""
    chain = chain or Revm()
    sources = deploy_oracle(chain)
    roles = sources.roles
    for market, name in enumerate(NAMES):
        aggregator = sources.aggregators[market]
        aggregator.says(ROUND, round_of(PRICES_E8[market], chain.now).data)
        aggregator.says(DECIMALS, saying(E8).data)
        aggregator.says(DESCRIPTION, text(name).data)
        said = price(PRICES_E8[market], PRICES_E8[market] // 10_000, -E8, chain.now)
        sources.pyth.says(PYTH_PRICE, said.data)
        listed = FeedSources(aggregator.address, E8, PYTH_IDS[market], ZERO_ADDRESS)
        sources.oracle.send(
            "addFeed", FEEDS[market], listed, FeedParams(), name, sender=roles.timelock
        )

    token = chain.deploy("MockERC20", "USD Coin", "USDC", 6, sender=roles.deployer)
    engine = chain.deploy(
        "DerivativesEngine",
        token.address,
        sources.oracle.address,
        roles.timelock,
        roles.guardian,
        sender=roles.deployer,
    )
    vault = chain.deploy("VaultModule", engine.address, sender=roles.deployer)
    risk = chain.deploy("RiskManager", engine.address, sender=roles.deployer)
    for role, module in ((1, vault), (3, risk)):
        engine.send("setModule", role, module.address, sender=roles.timelock)
    for market in (ETH, BTC):
        terms = (tuple(RISK.values()), tuple(TRADE.values()), tuple(LIMIT.values()))
        engine.send("addMarket", market, FEEDS[market], *terms, sender=roles.timelock)

    rig = PerpRig(chain, sources, token, engine, vault, risk)
    rig.set_price(ETH, PRICES_E8[ETH])
    if vault_usd:
        rig.fund(VAULT, vault_usd)
        vault.send("takeNav", sender=roles.outsider)
    return rig
