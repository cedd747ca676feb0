"""The oracle over the mocks of the real sources, where ether and gas are what matters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from clearing.spec.oracle_types import FeedParams, FeedSources, PriceState, TripReason
from clearing.spec.units import Address
from tests.harness.actors import Actors, actors
from tests.harness.contract import Contract
from tests.harness.errors import Halted, Refused
from tests.harness.oracle import FEED, PYTH_ID
from tests.harness.puppet import words
from tests.harness.revm import Revm

__all__ = ["AMPLE_GAS", "NAME", "PRICE_E8", "Market", "Mode", "market_with_a_feed"]

AMPLE_GAS: Final = 20_000_000
NAME: Final = "ETH / USD"
PRICE_E8: Final = 2_000 * 10**8
UP_S: Final = 10**6
POKES: Final = 20
EVERY_S: Final = 60


class Mode(IntEnum):
    """How a mock answers, as contracts/mocks/Misbehaving.sol has it."""

    HONEST = 0
    REJECT = 1
    REJECT_HUGE = 2
    BURN_GAS = 3
    ANSWER_HUGE = 4
    ANSWER_NOTHING = 5
    ANSWER_RAW = 6
    HUNGRY = 7


@dataclass(frozen=True, slots=True)
class Market:
    """One feed at 2,000 USD; `keeper` has ether."""

    chain: Revm
    roles: Actors
    oracle: Contract
    aggregator: Contract
    pyth: Contract
    sequencer: Contract
    keeper: Address

    @property
    def sources(self) -> tuple[Contract, Contract, Contract]:
        """Aggregator, Pyth, sequencer feed."""
        return self.aggregator, self.pyth, self.sequencer

    def transmit(self, price_e8: int = PRICE_E8) -> None:
        """Let Chainlink answer as of now."""
        self.aggregator.send("transmit", price_e8, sender=self.keeper)

    def update(self, price_e8: int = PRICE_E8, pyth_id: bytes = PYTH_ID) -> bytes:
        """Return update data with one price as of now."""
        at, conf = self.chain.now, price_e8 // 10_000
        head = words(32, 1, int.from_bytes(pyth_id, "big"))
        return head + words(price_e8, conf, -8, at, at - 1, price_e8, conf)

    def hear(self) -> None:
        """Let both answer as of now."""
        self.transmit()
        fee = self.pyth.read("getUpdateFee", [self.update()])
        self.pyth.send("updatePriceFeeds", [self.update()], sender=self.keeper, value=fee)

    def deliver(self, data: bytes) -> None:
        """Let anybody pay for an update and poke, as a keeper does, or an attacker."""
        fee = self.pyth.read("getUpdateFee", [data])
        self.oracle.send("updateAndPoke", [data], [FEED], sender=self.keeper, value=fee)

    def state(self) -> tuple[TripReason, PriceState]:
        """Return what is latched, and the state."""
        latch = self.oracle.read("memoOf", FEED)[3]
        return TripReason(latch), PriceState(self.oracle.read("getPrice", FEED)[4])

    def memo(self) -> object:
        """What the oracle stores of the feed."""
        return self.oracle.read("memoOf", FEED)

    def poke(self, gas: int = AMPLE_GAS) -> tuple[str, object]:
        """Poke with so much gas; return the refusal's name or the events, and what is stored."""
        try:
            receipt = self.oracle.send("poke", FEED, sender=self.keeper, gas=gas)
        except Refused as refusal:
            return refusal.name, self.memo()
        except Halted:
            return "halted", self.memo()
        return str(receipt.of(self.oracle)), self.memo()


def market_with_a_feed(update_fee: int = 3, transaction_fee: int = 5) -> Market:
    """Add a feed and poke it for 20 minutes. Fees of Pyth in wei."""
    chain, roles = Revm(), actors()
    keeper = roles.outsider
    chain.set_balance(keeper, 10**18)
    aggregator = chain.deploy("MockAggregator", 8, NAME, sender=keeper)
    pyth = chain.deploy("MockPyth", update_fee, transaction_fee, sender=keeper)
    sequencer = chain.deploy("MockSequencerFeed", chain.now - UP_S, sender=keeper)
    oracle = chain.deploy(
        "PriceOracle", pyth.address, roles.timelock, roles.guardian, sender=roles.deployer
    )
    market = Market(chain, roles, oracle, aggregator, pyth, sequencer, keeper)
    market.hear()
    sources = FeedSources(aggregator.address, 8, PYTH_ID, sequencer.address)
    oracle.send("addFeed", FEED, sources, FeedParams(), NAME, sender=roles.timelock)
    for _ in range(POKES):
        chain.warp(chain.now + EVERY_S)
        market.hear()
        oracle.send("poke", FEED, sender=keeper)
    chain.warp(chain.now + EVERY_S)
    market.hear()
    return market
