"""The perpetual swaps as an attacker finds them: a funded vault, signed orders, accounts of his."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from clearing.channel.perp_batch import Match
from clearing.spec.perp_types import Role
from clearing.spec.units import WAD, div_floor
from tests.harness.contract import Contract
from tests.harness.errors import Refused
from tests.harness.match import MatchRig, Trader, deploy_match
from tests.harness.perp import BTC, ETH, PRICES_E8, VAULT, PerpRig

__all__ = [
    "AT_MID",
    "BAND_PPM",
    "FOR_LIQUIDATE",
    "FOR_OPEN",
    "MID",
    "PI_AT",
    "TERMS",
    "Market",
    "dollars",
    "market_of",
    "price_of",
    "provide",
    "resolution_of",
    "walk",
]

FOR_OPEN, FOR_LIQUIDATE, AT_MID = range(3)
"""What a position is valued for."""
MID: Final = 3_000 * 10**18
"""Wad: the index of ETH."""
BAND_PPM: Final = 50_000
"""How far a signed price may be from the index."""
TERMS: Final = {
    "im": 50_000,
    "imMax": 50_000,
    "penalty": 12_500,
    "premCap": 7_500,
    "maxRate": 5_000,
    "coefficientInverse": 8,
    "minFee": 10,
}
"""Of deployments/params/optimism-sepolia.yaml, where they differ from the harness's."""
PI_AT: Final = 7
"""Place of the premium in a context."""
TICK: Final = 10**14
PPM: Final = 10**6
SPACING_S: Final = 60
FADED_S: Final = 300


def price_of(shift_ppm: int, mid: int = MID) -> int:
    """Return a price so far from the index, wad, on the tick and not farther."""
    exact = mid + div_floor(mid * shift_ppm, PPM)
    down = div_floor(exact, TICK) * TICK
    return down if shift_ppm >= 0 or down == exact else down + TICK


@dataclass(frozen=True, slots=True)
class Market:
    """Everything deployed, who has the vault's shares, and a counter of nonces."""

    match: MatchRig
    founder: Trader
    nonces: count[int] = field(default_factory=lambda: count(1))

    @property
    def rig(self) -> PerpRig:
        """The engine and its modules."""
        return self.match.perp

    def say(self, eth_e8: int = PRICES_E8[ETH]) -> None:
        """Let both sources say a price of ETH now, and BTC's again; no latch remains.

        Pyth keeps the first price of a second: let one pass before another is said.
        """
        for market, e8 in ((ETH, eth_e8), (BTC, PRICES_E8[BTC])):
            self.rig.set_price(market, e8)
            self.rig.calm(market)
            self.rig.set_price(market, e8)

    def fade(self, eth_e8: int = PRICES_E8[ETH]) -> None:
        """Let time pass until no premium is left."""
        self.rig.wait(FADED_S)
        self.say(eth_e8)

    def cross(self, buyer: Trader, seller: Trader, lots: int, price: int) -> tuple[Refused, ...]:
        """Let a buyer meet a seller at a price; return why not, if not."""
        nonce = next(self.nonces)
        bid = self.match.order(buyer, lots, price, nonce=nonce)
        ask = self.match.order(seller, -lots, price, nonce=nonce)
        met = Match(self.match.signed(buyer, bid), (self.match.signed(seller, ask),))
        return tuple(reason for _, reason in self.match.skipped(self.match.settle(met)))

    def pump(self, one: Trader, other: Trader, lots: int, *, shift_ppm: int, rounds: int) -> None:
        """Let two accounts trade with each other, there and back, to move the premium."""
        for _ in range(rounds):
            self.rig.wait(SPACING_S)
            self.say()
            for buyer, seller in ((one, other), (other, one)):
                assert self.cross(buyer, seller, lots, price_of(shift_ppm)) == ()
        self.rig.wait(1)
        self.say()

    def premium(self) -> int:
        """Return the premium of ETH now, pico."""
        pi: int = self.rig.engine.read("peekContext", VAULT, ETH)[PI_AT]
        return pi

    def equity(self, trader: Trader, purpose: int = AT_MID) -> int:
        """Return what an account is worth, wad."""
        equity: int = self.rig.engine.read("healthOf", trader.account, purpose)[0]
        return equity

    def wealth(self, traders: Iterable[Trader]) -> int:
        """Return what the owner of these accounts has, wad: nobody pays what is below zero."""
        return sum(max(0, self.equity(trader)) for trader in traders)


def provide(rig: PerpRig, trader: Trader, amount_wad: int) -> int:
    """Give cash to the vault; return the shares."""
    args = (trader.account, amount_wad, 0)
    shares: int = rig.vault.send("addLiquidity", *args, sender=trader.owner).output
    return shares


def dollars(rig: PerpRig, *accounts: int) -> int:
    """Return what accounts are worth at mid together, USD, down."""
    worth: int = sum(rig.engine.read("healthOf", each, AT_MID)[0] for each in accounts)
    return div_floor(worth, WAD)


def resolution_of(rig: PerpRig) -> Contract:
    """Return a resolution module with an insurance fund, named by the engine from now on."""
    deployer = rig.roles.deployer
    fund = rig.chain.deploy("InsuranceFund", rig.engine.address, sender=deployer)
    backing = (rig.engine.address, fund.address)
    made = rig.chain.deploy("ResolutionModule", *backing, sender=deployer)
    rig.engine.send("setModule", Role.RESOLUTION, made.address, sender=rig.roles.timelock)
    return made


def market_of(vault_usd: int = 10_000_000) -> Market:
    """Deploy; a founder has given the vault so much, which is its value taken."""
    match = deploy_match()
    founder = match.trader("founder", vault_usd)
    if vault_usd:
        provide(match.perp, founder, vault_usd * WAD)
    return Market(match, founder)


def walk(twin: Any, market: int, prices: Iterable[int]) -> None:
    """Let a price, USD, go there by steps that trip nothing; of a twin of the perpetual swaps."""
    for price in prices:
        for _ in range(2):
            twin.rig.wait(95)
            twin.at(price, market)
            twin.rig.calm(market)
