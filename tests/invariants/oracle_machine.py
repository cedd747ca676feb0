"""Schedules of the oracle: feeds of any limits, sources that say anything, calls by anybody.

A schedule lists a feed, warms its ring, and then lets storms pass over it. Each storm starts from
the warm feed and is undone, so that every state is met as often as the others. After each step
contract and specification must have answered, told and stored the same.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Final

from clearing.spec.oracle import Listing
from clearing.spec.oracle_feed import Feed
from clearing.spec.oracle_params import bounds_of
from clearing.spec.oracle_ring import MAX_WINDOW_S
from clearing.spec.oracle_types import (
    Action,
    FeedParams,
    FeedSources,
    Grade,
    PriceState,
    Purpose,
    TripReason,
)
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import Address
from tests.harness.oracle import (
    DECIMALS,
    DESCRIPTION,
    PYTH_ID,
    PYTH_PRICE,
    ROUND,
    OracleRig,
    OracleTwin,
    saying,
    text,
)
from tests.harness.results import ACCEPTED
from tests.invariants.oracle_weather import (
    CLIMATES,
    Climate,
    Weather,
    WeatherReport,
    draw_params,
    draw_shape,
)

__all__ = ["OracleMachine"]

STORMS: Final = 24
STEPS_IN_STORM: Final = 8
LONG_STORM: Final = 60
NAME: Final = "A / USD"
OTHER_PYTH_ID: Final = b"\x2d" * 32
"""The puppet of Pyth answers the same, whatever it is asked for."""
ACTIONS: Final = tuple(Action)
PURPOSES: Final = tuple(Purpose)
FULL: Final = 128
"""Observations of a full ring."""
MONTH_S: Final = 30 * 86_400


class OracleMachine:
    """One schedule; `cases` counts looks at (sources, time, action), `seen` what they came to."""

    def __init__(self, rig: OracleRig, seed: str) -> None:
        self._rng = Random(seed)
        self.twin = OracleTwin(rig)
        self.cases = 0
        self.seen: Counter[tuple[str, str]] = Counter()
        self._rig = rig
        shape = draw_shape(self._rng)
        self._weather = Weather(self._rng, shape)
        self._climate = Climate.AGREED
        self._poke_share = 0.15
        self._params = draw_params(self._rng, shape.start)
        self._sources = FeedSources(
            rig.aggregators[0].address,
            shape.cl_decimals,
            PYTH_ID,
            rig.sequencers[0].address if self._rng.random() < 0.8 else ZERO_ADDRESS,
        )

    def play(self) -> None:
        """Play the whole schedule. Raises Divergence."""
        with self.twin.isolated():
            if not self._list():
                return
            self._warm()
            for _ in range(STORMS):
                self._climate = self._rng.choice(CLIMATES)
                self._poke_share = self._rng.choice((0.15, 0.5))
                with self.twin.isolated():
                    for _ in range(LONG_STORM if self._rng.random() < 0.02 else STEPS_IN_STORM):
                        self._step()
            self.twin.check_everything()

    # A WARM FEED

    def _list(self) -> bool:
        """List the feed, after it was refused while nothing is said; return whether it is there."""
        twin, roles = self.twin, self._rig.roles
        listing = Listing(self._sources, self._params, NAME)
        twin.say(self._sources.cl_feed, DESCRIPTION, text(NAME))
        for puppet in self._rig.aggregators:
            twin.say(puppet.address, DECIMALS, saying(self._sources.cl_decimals))
        if self._rng.random() < 0.5:
            self._hear(self._report_of_new(Climate.NOISE))
            twin.say(self._sources.cl_feed, DECIMALS, saying(self._sources.cl_decimals))
            self._count("addFeed", twin.add_feed(roles.timelock, listing))
        if self.twin.model.feeds:
            return True
        self._hear(self._report_of_new(None))
        verdict = twin.add_feed(roles.timelock, listing)
        self._count("addFeed", verdict)
        return verdict == ACCEPTED

    def _report_of_new(self, climate: Climate | None) -> WeatherReport:
        feed = Feed(self._sources, self._params)
        if climate is None:
            return self._weather.calm(feed, self.twin.now, both=True)
        return self._weather.draw_in(climate, feed, self.twin.now, 0)

    def _warm(self) -> None:
        """Poke until the ring is fit; one schedule in ten leaves it as it is."""
        rng, q = self._rng, self._params
        if rng.random() < 0.1:
            return
        longest = min(q.twap_max_gap, q.twap_window // max(2, q.twap_min_obs))
        spacing = rng.randint(30, max(30, longest))
        pokes = -(-q.twap_window // spacing) + 2 if rng.random() < 0.95 else FULL + 10
        for _ in range(pokes):
            self.twin.wait(spacing)
            self._weather.drift()
            both = rng.random() < 0.5
            self._hear(self._weather.calm(self.twin.feed, self.twin.now, both=both))
            self._count("poke", self.twin.poke())

    # STEPS

    def _step(self) -> None:
        rng, twin = self._rng, self.twin
        twin.wait(self._pause_between())
        if rng.random() < 0.1:
            self._climate = rng.choice(CLIMATES)
        elif twin.feed.latch.reason is not TripReason.NONE and rng.random() < 0.3:
            self._climate = rng.choice((Climate.AGREED, Climate.WALK, Climate.WALK))
            self._poke_share = 0.6
        if rng.random() < 0.9:
            known = twin.reading.twap
            self._hear(self._weather.draw_in(self._climate, twin.feed, twin.now, known))
        kind = rng.random()
        latched = twin.feed.latch.reason is not TripReason.NONE
        if kind < self._poke_share:
            self._count("poke", twin.poke())
        elif kind < self._poke_share + (0.15 if latched else 0.03):
            self._reset()
        elif kind < 0.93:
            self._look()
        else:
            self._govern()

    def _pause_between(self) -> int:
        rng, q = self._rng, self._params
        if self._poke_share > 0.5 and rng.random() < 0.7:
            return rng.choice((12, 100, 150, q.cooldown))
        if rng.random() < 0.9:
            return rng.choice((0, 1, 2, 12, 29, 30, 31))
        return rng.choice(
            (
                60,
                100,
                150,
                300,
                q.twap_max_gap,
                q.cooldown,
                q.twap_max_gap + 1,
                q.cooldown - 1,
                q.twap_window,
                rng.randint(0, 10_000),
            )
        )

    def _hear(self, report: WeatherReport) -> None:
        """Let the sources of the feed say what was drawn."""
        twin = self.twin
        known = twin.model.feeds.get(twin.feed_id)
        sources = self._sources if known is None else known.sources
        twin.say(sources.cl_feed, ROUND, report.latest)
        twin.say(sources.cl_feed, DECIMALS, report.decimals)
        twin.say(self._rig.pyth.address, PYTH_PRICE, report.pyth)
        if sources.sequencer != ZERO_ADDRESS:
            twin.say(sources.sequencer, ROUND, report.sequencer)

    def _look(self) -> None:
        """Compare a whole reading and what one action, one purpose or one summary gets of it."""
        rng, twin = self._rng, self.twin
        reading = twin.look()
        self.cases += 1
        is_long, peek = rng.random() < 0.5, rng.random() < 0.5
        self.seen["state", reading.state.name] += 1
        self.seen["trip", reading.trip.name] += 1
        self.seen["chainlink", reading.cl_grade.name] += 1
        self.seen["pyth", reading.py_grade.name] += 1
        for gate in reading.gates:
            self.seen["gate", str(gate.name)] += 1
        kind = rng.random()
        if kind < 0.7:
            action = rng.choice(ACTIONS)
            verdict = twin.ask_price(reading, action, is_long=is_long)
            agreed = ", agreed" if reading.agree and reading.state is PriceState.TRIPPED else ""
            self._count(f"{action.name} in {reading.state.name}{agreed}", verdict)
        elif kind < 0.85:
            purpose = rng.choice(PURPOSES)
            twin.ask_value(reading, purpose, is_long=is_long)
        elif kind < 0.88:
            twin.ask_quote(reading, peek=peek)
        elif kind < 0.9:
            twin.ask_allowed(reading, rng.choice(ACTIONS))
        elif kind < 0.95:
            twin.ask_summary(reading)
        else:
            window = rng.choice(
                (
                    0,
                    1,
                    29,
                    30,
                    self._params.twap_window,
                    MAX_WINDOW_S,
                    MAX_WINDOW_S + 1,
                    2**256 - 1,
                    rng.randint(1, MAX_WINDOW_S),
                )
            )
            self._count("twap", twin.ask_twap(window))

    # CALLS OF ROLES

    def _reset(self) -> None:
        roles = self._rig.roles
        sender = roles.timelock if self._rng.random() < 0.2 else roles.outsider
        reason, grade = self.twin.feed.latch.reason, self.twin.reading.py_grade
        name = "reset by the timelock" if sender == roles.timelock else "reset"
        rests = "" if grade is Grade.OK else " while Pyth rests"
        self._count(f"{name} of {reason.name}{rests}", self.twin.reset(sender))

    def _govern(self) -> None:
        rng, twin, roles = self._rng, self.twin, self._rig.roles
        strangers = (roles.outsider, roles.deployer)
        timelock = rng.choice((roles.timelock,) * 8 + (roles.guardian, *strangers))
        kind = rng.randrange(5)
        if kind == 0:
            guardian = rng.choice((roles.guardian,) * 8 + (roles.timelock, *strangers))
            length = rng.choice((0, 1, 100, 72 * 3_600, 72 * 3_600 + 1, MONTH_S, 2**39))
            if rng.random() < 0.3:
                twin.wait(
                    max(0, twin.feed.paused_until + 7 * 86_400 + rng.choice((-1, 0, 1)) - twin.now)
                )
            self._count("pause", twin.pause(guardian, twin.now + length - rng.choice((0, 0, 1))))
        elif kind == 1:
            self._count("liftPause", twin.lift_pause(timelock))
        elif kind == 2:
            self._count("setParams", twin.set_params(timelock, self._other_params()))
        else:
            self._replace(timelock)

    def _other_params(self) -> FeedParams:
        """Draw other limits; one time in three one of them is just in or out of its bounds."""
        rng = self._rng
        params = draw_params(rng, self._weather.shape.start)
        if rng.random() < 0.67:
            return params
        at = rng.randrange(len(bounds_of(params)))
        name = list(FeedParams.__dataclass_fields__)[at]
        _, _, least, greatest = bounds_of(params)[at]
        value = max(0, rng.choice((least, least - 1, greatest, greatest + 1)))
        return replace(params, **{name: min(value, CAPACITY_OF[name])})

    def _replace(self, sender: Address) -> None:
        """Let the other puppets take over, at a price that is near, far, or 1,000 times off."""
        rng, twin, feed = self._rng, self.twin, self.twin.feed
        at = 1 - [puppet.address for puppet in self._rig.aggregators].index(feed.sources.cl_feed)
        aggregator, sequencer = self._rig.aggregators[at], self._rig.sequencers[at]
        sources = replace(
            feed.sources,
            cl_feed=aggregator.address,
            sequencer=rng.choice((sequencer.address, sequencer.address, ZERO_ADDRESS)),
            cl_decimals=rng.choice((feed.sources.cl_decimals,) * 9 + (19,)),
            pyth_id=rng.choice((feed.sources.pyth_id,) * 3 + (PYTH_ID, OTHER_PYTH_ID)),
        )
        report = self._weather.draw_in(rng.choice(CLIMATES), feed, twin.now, twin.reading.twap)
        if rng.random() < 0.6:
            report = self._weather.calm(feed, twin.now, both=rng.random() < 0.5)
        move = rng.choice((0, 0, 0, rng.randint(-600, 600), 500, 501, 9_990_000, -9_990))
        twin.say(aggregator.address, ROUND, self._weather.moved(report.latest, move))
        decimals = rng.choice((feed.sources.cl_decimals,) * 9 + (feed.sources.cl_decimals + 1,))
        twin.say(aggregator.address, DECIMALS, saying(decimals))
        twin.say(aggregator.address, DESCRIPTION, text(rng.choice((NAME,) * 9 + ("B / USD",))))
        twin.say(sequencer.address, ROUND, report.sequencer)
        if rng.random() < 0.7:
            twin.say(self._rig.pyth.address, PYTH_PRICE, report.pyth)
        params = rng.choice((feed.params, feed.params, self._other_params()))
        latched = feed.latch.reason is not TripReason.NONE
        name = "replaceFeed of a latched feed" if latched else "replaceFeed"
        if sources.pyth_id != feed.sources.pyth_id:
            name += " with another Pyth id"
        self._count(name, twin.replace_feed(sender, Listing(sources, params, NAME)))

    def _count(self, what: str, verdict: str) -> None:
        self.cases += 1
        self.seen[what, verdict] += 1


CAPACITY_OF: Final = {
    name: 2**bits - 1
    for name, bits in zip(
        FeedParams.__dataclass_fields__,
        (24, 16, 16, 16, 16, 16, 8, 8, 16, 16, 16, 16, 16, 16, 16, 16, 8, 16, 16, 16, 64, 64),
        strict=True,
    )
}
"""The greatest value that a limit's type holds."""
