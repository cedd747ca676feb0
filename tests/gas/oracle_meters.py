"""What the price oracle costs: a poke, a price, an average.

The sources are the mocks, which read as many slots as the real ones: an aggregator without its
proxy, Pyth without its proxy, and a sequencer feed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from clearing.chain.contract import Contract
from clearing.spec.oracle_types import Action, FeedParams, FeedSources
from tests.gas.meter import meter
from tests.gas.rig import BLOCK_S, START, Scene
from tests.harness.puppet import words

__all__: list[str] = []

FEED: Final = b"ETH/USD".ljust(16, b"\0")
NAME: Final = "ETH / USD"
PYTH_ID: Final = bytes.fromhex("ff61491a931112ddf1bd8147cd1b641375f79f5825126d665480874634fd0ace")
DECIMALS: Final = 8
CHAINLINK: Final = 3_012_34567891
PYTH: Final = 3_013_76543219
CONF: Final = 1_53217845
SPACING_S: Final = 30
"""Between two observations."""
RING: Final = 128
FRESH_FOR: Final = 32
"""Pokes between two answers while the ring is filled."""
WINDOW_S: Final = 900
LONG_UP_S: Final = 30 * 86_400


@dataclass
class Market:
    """An oracle with one feed; Chainlink and Pyth answer, and agree."""

    scene: Scene
    oracle: Contract
    pyth: Contract
    aggregator: Contract
    primary_e8: int = CHAINLINK
    guard_e8: int = PYTH
    delivery_s: int = BLOCK_S
    """Age of Pyth's price when it is delivered."""

    @classmethod
    def new(cls, scene: Scene) -> Market:
        """Deploy all of it and add the feed."""
        roles = scene.rig.roles
        pyth = scene.create("MockPyth", 1, 0)
        aggregator = scene.create("MockAggregator", DECIMALS, NAME)
        sequencer = scene.create("MockSequencerFeed", START - LONG_UP_S)
        oracle = scene.create("PriceOracle", pyth.address, roles["timelock"], roles["guardian"])
        market = cls(scene, oracle, pyth, aggregator)
        market.hear()
        sources = FeedSources(aggregator.address, DECIMALS, PYTH_ID, sequencer.address)
        added = (FEED, sources, FeedParams(), NAME)
        scene.send(oracle, "addFeed", *added, sender=roles["timelock"])
        return market

    def hear(self) -> None:
        """Let both sources answer anew."""
        keeper = self.scene.rig.roles["outsider"]
        self.scene.send(self.aggregator, "transmit", self.primary_e8, sender=keeper)
        head = words(32, 1, int.from_bytes(PYTH_ID, "big"))
        at = self.scene.now + BLOCK_S - self.delivery_s
        update = head + words(self.guard_e8, CONF, -DECIMALS, at, at - 1, self.guard_e8, CONF)
        self.scene.receipt(self.pyth, "updatePriceFeeds", [update], sender=keeper, value_wei=1)

    def poke(self) -> int:
        """Poke and return the gas."""
        return self.scene.send(self.oracle, "poke", FEED, sender=self.scene.rig.roles["outsider"])

    def poke_fresh(self) -> int:
        """Poke after both sources have answered, 30 s after the last observation or later."""
        self.scene.wait(SPACING_S)
        self.hear()
        return self.poke()

    def fill_ring(self) -> None:
        """Poke every 30 s until every slot of the ring is used; Chainlink never gets stale."""
        for index in range(RING):
            if index % FRESH_FOR == 0:
                self.hear()
            self.scene.wait(SPACING_S - BLOCK_S)
            self.poke()


@meter(
    "oracle.poke.first",
    "NORMAL with a sequencer feed, mocks without proxies; a slot of the ring is written for the "
    "first time",
)
def poke_first(scene: Scene) -> int:
    market = Market.new(scene)
    market.poke_fresh()
    return market.poke_fresh()


@meter("oracle.poke.again", "as oracle.poke.first; every slot of the ring was written before")
def poke_again(scene: Scene) -> int:
    market = Market.new(scene)
    market.fill_ring()
    return market.poke_fresh()


def read_twice(scene: Scene) -> tuple[int, int]:
    """Let a contract ask for a price twice in one transaction; return the gas of each call."""
    market = Market.new(scene)
    market.poke_fresh()
    market.hear()
    engine = scene.create("HostileAccount")
    question = market.oracle.transact("priceFor", FEED, Action.OPEN, True).data
    calls = [(market.oracle.address, 0, question)] * 2
    scene.send(engine, "execute", calls, sender=scene.rig.roles["outsider"])
    cold, warm = scene.calls_of(scene.sent[-1])
    return cold, warm


@meter(
    "oracle.read.cold",
    "inside a contract's call of priceFor to open in NORMAL: the gas that the call used, without "
    "the 2,600 to reach a cold address; nothing was touched before in the transaction",
)
def read_cold(scene: Scene) -> int:
    return read_twice(scene)[0]


@meter("oracle.read.warm", "as oracle.read.cold, the second time in the transaction")
def read_warm(scene: Scene) -> int:
    return read_twice(scene)[1]


@meter("oracle.twap", "900 seconds back in a ring of 128 observations, as a transaction")
def twap(scene: Scene) -> int:
    market = Market.new(scene)
    market.fill_ring()
    keeper = scene.rig.roles["outsider"]
    return scene.send(market.oracle, "twap", FEED, WINDOW_S, sender=keeper)
