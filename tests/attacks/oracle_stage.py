"""A feed at 2,000 USD with a fit ring, and sources that an attacker bends one by one.

Every call also goes to the specification, and `tests.harness.oracle` raises if they differ.
"""

from __future__ import annotations

from clearing.spec.oracle import Listing
from clearing.spec.oracle_types import Action, FeedParams, FeedSources
from clearing.spec.units import WAD
from tests.harness.oracle import (
    ANYBODY,
    DECIMALS,
    DESCRIPTION,
    PYTH_ID,
    PYTH_PRICE,
    ROUND,
    OracleTwin,
    Speech,
    deploy_oracle,
    price,
    round_of,
    saying,
    text,
)
from tests.harness.results import ACCEPTED

__all__ = ["NAME", "PARAMS", "PRICE", "UP_S", "Stage", "stage_of_a_warm_feed", "usd"]

PRICE = 2_000
"""USD."""
E8 = 10**8
PARAMS = FeedParams(sanity_min_e8=E8, sanity_max_e8=10**8 * E8)
"""The starting points; a price is one of 1 USD to 100,000,000 USD."""
UP_S = 10**6
POKES = 20
EVERY_S = 60
NAME = "ETH / USD"


class Stage(OracleTwin):
    """One feed; prices are given in USD, confidences in USD, ages in seconds."""

    def chainlink(self, dollars: float, *, age_s: int = 0, decimals: int = 8) -> None:
        """Let Chainlink answer."""
        raw = round(dollars * 10**4) * 10 ** (decimals - 4)
        at = self._sources.cl_feed
        self.say(at, ROUND, round_of(raw, self.now - age_s))
        self.say(at, DECIMALS, saying(decimals))

    def pyth(self, dollars: float, *, conf: float = 0.5, age_s: int = 0, expo: int = -8) -> None:
        """Let Pyth answer; a negative age is a lead."""
        raw, width = (round(amount * 10**4) * 10**4 for amount in (dollars, conf))
        self.say(self.rig.pyth.address, PYTH_PRICE, price(raw, width, expo, self.now - age_s))

    def silence_pyth(self) -> None:
        """Let Pyth be as it is when nobody pays: without an answer."""
        self.say(self.rig.pyth.address, PYTH_PRICE, Speech(b""))

    def sequencer(self, *, up: bool, since_s: int) -> None:
        """Let the sequencer feed answer."""
        answer = round_of(0 if up else 1, self.now, started_at=self.now - since_s)
        self.say(self._sources.sequencer, ROUND, answer)

    def priced(self, action: Action, *, is_long: bool = True) -> int | None:
        """Return the price of an action on the contract, None if it is blocked."""
        reading = self.look()
        if self.ask_price(reading, action, is_long=is_long) != ACCEPTED:
            return None
        asked = self.rig.oracle.call("priceFor", 3)
        got, _ = asked.send(self.feed_id, action, is_long, sender=ANYBODY).output
        return int(got)

    def allowed(self) -> set[Action]:
        """Return the actions that get a present price now."""
        reading = self.look()
        for action in Action:
            self.ask_allowed(reading, action)
        oracle = self.rig.oracle
        return {each for each in Action if oracle.read("isAllowed", self.feed_id, each)[0]}

    @property
    def listing(self) -> Listing:
        """What the timelock added."""
        return Listing(self._sources, PARAMS, NAME)

    @property
    def _sources(self) -> FeedSources:
        rig = self.rig
        return FeedSources(rig.aggregators[0].address, 8, PYTH_ID, rig.sequencers[0].address)


def usd(dollars: float) -> int:
    """Return a price in WAD; exact to a cent."""
    return round(dollars * 100) * WAD // 100


def stage_of_a_warm_feed() -> Stage:
    """Return a feed that was poked for 20 minutes; both sources are OK and agree."""
    stage = Stage(deploy_oracle())
    stage.say(stage.listing.sources.cl_feed, DESCRIPTION, text(NAME))
    stage.chainlink(PRICE)
    stage.pyth(PRICE)
    stage.sequencer(up=True, since_s=UP_S)
    assert stage.add_feed(stage.rig.roles.timelock, stage.listing) == ACCEPTED
    for _ in range(POKES):
        stage.wait(EVERY_S)
        stage.chainlink(PRICE)
        stage.pyth(PRICE)
        assert stage.poke() == ACCEPTED
    return stage
