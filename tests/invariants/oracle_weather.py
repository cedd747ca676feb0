"""What sources may say, and when: every state of the oracle equally often, at and beside limits.

A climate says which state is aimed at; times, prices and confidences are then drawn at a limit, one
unit on either side of it, or anywhere. Whether the aim was met does not matter: the specification
says what came of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from random import Random
from typing import Final

from clearing.spec.oracle_feed import Feed
from clearing.spec.oracle_math import jump_bps
from clearing.spec.oracle_params import MAX_SANITY_E8
from clearing.spec.oracle_types import BPS, FeedParams
from tests.harness.oracle import Speech, price, round_of, saying
from tests.harness.puppet import Manner, words

__all__ = ["CLIMATES", "Climate", "Shape", "Weather", "WeatherReport", "draw_params", "draw_shape"]

WAD_DIGITS: Final = 18
SANITY_SCALE: Final = 10**10
INT64_MAX: Final = 2**63 - 1
UINT64_MAX: Final = 2**64 - 1
WORD_MAX: Final = 2**256 - 1
INT_MIN: Final = -(2**255)


class Climate(Enum):
    """What is aimed at."""

    AGREED = auto()
    PRIMARY = auto()
    SECONDARY = auto()
    BRIDGED = auto()
    DIVERGED = auto()
    APART = auto()
    JUMPED = auto()
    INSANE = auto()
    BLIND = auto()
    WALK = auto()
    NOISE = auto()


RARE: Final = (Climate.SECONDARY, Climate.BRIDGED)
CLIMATES: Final = (*Climate, *RARE * 3)
"""The rare ones want a fit ring as well, which is not always there."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a feed's sources write numbers, and where its price begins (WAD)."""

    cl_decimals: int
    expo: int
    start: int


@dataclass(frozen=True, slots=True)
class WeatherReport:
    """What each source says from now on."""

    latest: Speech
    decimals: Speech
    pyth: Speech
    sequencer: Speech


# FEEDS


def draw_shape(rng: Random) -> Shape:
    """Draw decimals, exponent and a price that both can write with some digits."""
    cl_decimals, expo = rng.choice(
        ((8, -8), (8, -8), (18, -18), (0, 0), (rng.randint(0, 18), -rng.randint(0, 18)))
    )
    coarse = max(WAD_DIGITS - cl_decimals, WAD_DIGITS + expo)
    greatest = min(INT64_MAX * 10 ** (WAD_DIGITS + expo), MAX_SANITY_E8 * SANITY_SCALE)
    least = max(10**coarse, SANITY_SCALE)
    digits = rng.randint(len(str(least)), max(len(str(least)), len(str(greatest)) - 2))
    start = rng.randint(10 ** (digits - 1), 10**digits)
    if rng.random() < 0.5:
        start -= start % max(1, 10 ** (digits - 3))
    return Shape(cl_decimals, expo, max(least, min(start, greatest)))


def draw_params(rng: Random, around: int) -> FeedParams:
    """Draw limits: the starting points, any within the bounds, or the ends of the bounds."""
    if rng.random() < 0.4:
        return FeedParams()

    def among(least: int, greatest: int) -> int:
        return rng.choice(
            (
                least,
                greatest,
                rng.randint(least, greatest),
                rng.randint(least, least + min(greatest - least, 100)),
            )
        )

    step, max_conf = among(1, 499), among(1, 500)
    soft = among(step, 499)
    base = among(step + soft, 2_500)
    window, py_max_stale, grace_open = among(60, 3_600), among(1, 3_600), among(0, 43_200)
    e8 = max(1, around // SANITY_SCALE)
    tight = (max(1, e8 // 2), min(MAX_SANITY_E8, e8 * 2 + 1))
    sanity_min, sanity_max = rng.choice(((1, MAX_SANITY_E8), tight))
    return FeedParams(
        cl_max_stale=among(60, 90_000),
        cl_deviation=step,
        soft_dev=soft,
        hard_dev=among(soft + 1, 1_000),
        reset_dev=among(1, soft),
        py_max_stale=py_max_stale,
        py_open_stale=among(0, min(255, py_max_stale)),
        py_max_ahead=among(0, 60),
        max_conf=max_conf,
        max_conf_open=among(1, max_conf),
        jump_base=base,
        jump_slope=among(0, 100),
        jump_cap=among(base, 5_000),
        twap_window=window,
        twap_max_gap=among(30, window),
        twap_dev=among(1, 2_000),
        twap_min_obs=among(2, max(2, window // 30)),  # floor: whole observations
        seq_grace_open=grace_open,
        seq_grace_liquidate=among(0, min(3_600, grace_open)),
        cooldown=among(60, 43_200),
        sanity_min_e8=sanity_min,
        sanity_max_e8=sanity_max,
    )


# SOURCES


class Weather:
    """Draws what the sources of one feed say."""

    def __init__(self, rng: Random, shape: Shape) -> None:
        self._rng = rng
        self.shape = shape
        self.truth = shape.start
        self._round = 0

    def calm(self, feed: Feed, now: int, *, both: bool) -> WeatherReport:
        """Return sources that work, and agree if both are to speak."""
        c = self._chainlink_unit(self.truth)
        pyth = self._pyth_price(self.truth, 0, now) if both else Speech(b"")
        return WeatherReport(
            self._latest(c, now), saying(feed.sources.cl_decimals), pyth, self._up(now, 10**6)
        )

    def moved(self, latest: Speech, share_bps: int) -> Speech:
        """Return a round whose answer is so much higher; a failed one as it is."""
        answer = int.from_bytes(latest.data[32:64], "big") * (BPS + share_bps) // BPS
        if latest.manner is not Manner.RETURN or len(latest.data) < 5 * 32 or answer >> 255:
            return latest
        return Speech(latest.data[:32] + words(answer) + latest.data[64:])

    def drift(self) -> None:
        """Let the true price move by up to one per mille."""
        self.truth = max(1, self.truth + self.truth * self._rng.randint(-10, 10) // BPS)

    def draw(self, feed: Feed, now: int, twap: int) -> WeatherReport:
        """Draw a climate, then what is said in it."""
        return self.draw_in(self._rng.choice(CLIMATES), feed, now, twap)

    def draw_in(self, climate: Climate, feed: Feed, now: int, twap: int) -> WeatherReport:
        """Draw what is said in a climate; `twap` is the average if there is one, else 0."""
        rng, params = self._rng, feed.params
        base = self._base(feed, twap, climate)
        decimals = saying(feed.sources.cl_decimals)
        if climate is Climate.NOISE:
            return WeatherReport(
                self._noise_round(now),
                self._noise_decimals(feed),
                self._noise_price(now),
                self._noise_sequencer(now),
            )
        round_at = now - self._age(params.cl_max_stale, ok=True)
        measured_at = now if climate is Climate.SECONDARY else round_at
        c, p = self._two_prices(climate, base, feed, measured_at, twap)
        latest = self._latest(self._chainlink_unit(c), round_at)
        pyth = self._pyth_ok(p, params, now, round_at)
        if climate is Climate.WALK:
            return self._walk(feed, now)
        if climate is Climate.PRIMARY:
            pyth = self._pyth_not_ok(p, params, now)
        elif climate is Climate.SECONDARY:
            latest, decimals = self._round_not_ok(c, feed, now)
        elif climate is Climate.BRIDGED:
            latest = self._latest(self._chainlink_unit(c), now - self._age(params.cl_max_stale))
            pyth = self._pyth_price(p, 0, now - self._age(params.py_max_stale))
        elif climate is Climate.BLIND:
            latest, decimals = self._round_not_ok(c, feed, now)
            pyth = self._pyth_not_ok(p, params, now)
        needs_ring = climate in RARE and rng.random() < 0.8
        sequencer = self._up(now, 10**6) if needs_ring else self._sequencer(params, now)
        return WeatherReport(latest, decimals, pyth, sequencer)

    def _walk(self, feed: Feed, now: int) -> WeatherReport:
        """Return a new Chainlink round about as far from the last as is calm, Pyth mostly out."""
        rng, latch = self._rng, feed.latch
        limit = jump_bps(feed.params, max(0, now - latch.last_at))
        c = self._apart(latch.last_price or self.truth, rng.choice((0, 0, 0, limit, limit + 1)))
        is_out = rng.random() < 0.8
        return WeatherReport(
            self._latest(self._chainlink_unit(c), now - rng.choice((0, 0, 0, 1, 12))),
            saying(feed.sources.cl_decimals),
            self._pyth_not_ok(c, feed.params, now)
            if is_out
            else self._pyth_ok(c, feed.params, now, now),
            self._up(now, 10**6),
        )

    # PRICES

    def _base(self, feed: Feed, twap: int, climate: Climate) -> int:
        """Return the price that others are measured by."""
        if climate is Climate.JUMPED and feed.last_good:
            return feed.last_good
        if climate is Climate.SECONDARY and twap:
            return twap
        return self._rng.choice([self.truth, self.truth, feed.last_good or self.truth])

    def _two_prices(
        self, climate: Climate, base: int, feed: Feed, at: int, twap: int
    ) -> tuple[int, int]:
        """Return what both say of the time `at`, from which a jump is measured."""
        rng, q = self._rng, feed.params
        jump = jump_bps(q, max(0, at - feed.last_good_at))
        match climate:
            case Climate.AGREED:
                other = self._apart(base, rng.choice((0, q.reset_dev, q.reset_dev, q.soft_dev)))
            case Climate.DIVERGED:
                other = self._apart(base, rng.choice((q.soft_dev + 1, q.hard_dev)))
            case Climate.APART:
                other = self._apart(base, rng.choice((q.hard_dev, q.hard_dev + 1, 2 * q.hard_dev)))
            case Climate.JUMPED:
                moved = self._apart(base, rng.choice((jump, jump + 1, 2 * jump, 10 * BPS)))
                near = self._apart(moved, rng.choice((0, q.reset_dev, q.soft_dev, q.hard_dev)))
                return (moved, near) if rng.random() < 0.7 else (near, base)
            case Climate.INSANE:
                return self._beside_sanity(q), self._beside_sanity(q)
            case Climate.SECONDARY:
                far = rng.choice((0, q.soft_dev, q.twap_dev, q.twap_dev + 1, jump))
                return base, self._apart(twap or base, far)
            case _:
                limits = (0, q.reset_dev, q.soft_dev, q.hard_dev, q.twap_dev, jump)
                base = self._apart(base, rng.choice(limits))
                other = self._apart(base, rng.choice(limits))
        return (base, other) if rng.random() < 0.5 else (other, base)

    def _apart(self, base: int, limit_bps: int) -> int:
        """Return a price that is the limit away, to the unit of a source, or beside or inside."""
        rng = self._rng
        if rng.random() < 0.3:
            limit_bps = rng.randint(0, limit_bps)
        unit = 10 ** (WAD_DIGITS - rng.choice((self.shape.cl_decimals, -self.shape.expo)))
        nudge = rng.choice((-1, 0, 0, 1)) * unit
        up = base * (BPS + limit_bps) // BPS
        down = -(-base * BPS // (BPS + limit_bps))
        return max(1, rng.choice((up, down)) + nudge)

    def _beside_sanity(self, params: FeedParams) -> int:
        least, greatest = params.sanity_min_e8 * SANITY_SCALE, params.sanity_max_e8 * SANITY_SCALE
        unit = 10 ** (WAD_DIGITS - self._rng.choice((self.shape.cl_decimals, -self.shape.expo)))
        return max(
            1,
            self._rng.choice(
                (
                    least - unit,
                    least - 1,
                    least,
                    greatest,
                    greatest + unit,
                    greatest + 1,
                    100 * greatest,
                )
            ),
        )

    # CHAINLINK

    def _chainlink_unit(self, wad: int) -> int:
        return wad // 10 ** (WAD_DIGITS - self.shape.cl_decimals)

    def _latest(self, answer: int, updated_at: int) -> Speech:
        self._round += 1
        return round_of(answer, updated_at, round_id=self._rng.choice((self._round, 2**64 + 1)))

    def _age(self, limit: int, *, ok: bool = False) -> int:
        """Return an age at the limit, beside it, or anywhere; mostly within it if `ok`."""
        rng = self._rng
        if ok:
            return rng.choice((0, 0, 1, limit, limit, rng.randint(0, limit), limit + 1))
        return rng.choice((limit, limit + 1, limit + 1, limit + rng.randint(1, 5_000), 2 * limit))

    def _round_not_ok(self, c: int, feed: Feed, now: int) -> tuple[Speech, Speech]:
        rng, answer = self._rng, self._chainlink_unit(c)
        decimals = saying(feed.sources.cl_decimals)
        stale = self._latest(answer, now - self._age(feed.params.cl_max_stale))
        if rng.random() < 0.4:
            return stale, decimals
        if rng.random() < 0.2:
            return self._latest(answer, now), self._noise_decimals(feed)
        return rng.choice((stale, self._noise_round(now))), decimals

    def _noise_round(self, now: int) -> Speech:
        rng, answer = self._rng, self._chainlink_unit(self.truth)
        good = (7, answer, now, now, 7)
        bad = (
            (0, answer, now, now, 7),
            (7, 0, now, now, 7),
            (7, -1, now, now, 7),
            (7, -answer, now, now, 7),
            (7, INT_MIN, now, now, 7),
            (7, 2**255 - 1, now, now, 7),
            (7, 10**30, now, now, 7),
            (7, 10**30 + 1, now, now, 7),
            (7, answer, now, 0, 7),
            (7, answer, now, now + 1, 7),
            (7, answer, now, WORD_MAX, 7),
            (WORD_MAX, answer, 0, now, 0),
        )
        return rng.choice((saying(*rng.choice(bad)), saying(*rng.choice(bad)), self._broken(good)))

    def _noise_decimals(self, feed: Feed) -> Speech:
        good = feed.sources.cl_decimals
        other = self._rng.choice((good + 1, abs(good - 1), 19, 256 + good, WORD_MAX, good))
        return self._rng.choice((saying(other), self._broken((good,))))

    # PYTH

    def _pyth_price(self, wad: int, conf: int, at: int) -> Speech:
        raw = min(INT64_MAX, wad // 10 ** (WAD_DIGITS + self.shape.expo))
        return price(raw, conf, self.shape.expo, max(0, at))

    def _pyth_ok(self, wad: int, params: FeedParams, now: int, round_at: int) -> Speech:
        """Return a price that is as old as allowed, or about as old as may still accuse a round."""
        rng = self._rng
        raw = min(INT64_MAX, wad // 10 ** (WAD_DIGITS + self.shape.expo))
        at = rng.choice(
            (
                now,
                now,
                now + 1,
                now + params.py_max_ahead,
                now - params.py_open_stale,
                now - params.py_open_stale - 1,
                now - params.py_max_stale,
                now - rng.randint(0, params.py_max_stale),
                round_at - params.py_max_ahead,
                round_at - params.py_max_ahead - 1,
            )
        )
        conf = self._conf(raw, rng.choice((0, 0, params.max_conf_open, params.max_conf)))
        return price(raw, conf, self.shape.expo, at)

    def _conf(self, raw: int, limit_bps: int) -> int:
        """Return a confidence at the limit or beside it; one in two well inside."""
        rng = self._rng
        edge = raw * limit_bps // BPS
        return max(0, min(UINT64_MAX, rng.choice((0, edge // 2, edge, edge + rng.choice((-1, 1))))))

    def _pyth_not_ok(self, wad: int, params: FeedParams, now: int) -> Speech:
        rng = self._rng
        raw = min(INT64_MAX, wad // 10 ** (WAD_DIGITS + self.shape.expo))
        kind = rng.randrange(4)
        if kind == 0:
            return price(raw, 0, self.shape.expo, max(0, now - self._age(params.py_max_stale)))
        if kind == 1:
            ahead = params.py_max_ahead + rng.choice((0, 1, 1, 100, 10**9))
            return price(raw, 0, self.shape.expo, now + ahead)
        if kind == 2:
            edge = raw * params.max_conf // BPS
            conf = rng.choice((edge, edge + 1, edge + 1, 2 * edge + 1, raw, 10 * raw, UINT64_MAX))
            return price(raw, min(UINT64_MAX, conf), self.shape.expo, now)
        return self._noise_price(now)

    def _noise_price(self, now: int) -> Speech:
        rng, expo = self._rng, self.shape.expo
        raw = max(1, min(INT64_MAX, self.truth // 10 ** (WAD_DIGITS + expo)))
        good = (raw, raw // 1_000, expo, now)
        bad = (
            (0, 0, expo, now),
            (-1, 0, expo, now),
            (-raw, 0, expo, now),
            (INT64_MAX, 0, expo, now),
            (INT64_MAX + 1, 0, expo, now),
            (-INT64_MAX - 1, 0, expo, now),
            (INT_MIN, 0, expo, now),
            (raw, UINT64_MAX, expo, now),
            (raw, UINT64_MAX + 1, expo, now),
            (raw, WORD_MAX, expo, now),
            (raw, 0, 1, now),
            (raw, 0, -19, now),
            (raw, 0, 0, now),
            (raw, 0, -18, now),
            (raw, 0, 2**31 - 1, now),
            (raw, 0, -(2**31), now),
            (raw, 0, 2**31, now),
            (raw, 0, INT_MIN, now),
            (raw, 0, expo + 2**32, now),
            (raw, 0, expo, 0),
            (raw, 0, expo, UINT64_MAX),
            (raw, 0, expo, UINT64_MAX + 1),
            (raw, 0, expo, WORD_MAX),
        )
        return rng.choice((saying(*rng.choice(bad)), saying(*rng.choice(bad)), self._broken(good)))

    # SEQUENCER

    def _up(self, now: int, since_s: int) -> Speech:
        return round_of(0, now, started_at=now - since_s)

    def _sequencer(self, params: FeedParams, now: int) -> Speech:
        rng = self._rng
        kind = rng.random()
        if kind < 0.5:
            return self._up(now, 10**6)
        if kind < 0.8:
            limit = rng.choice(
                (params.seq_grace_open, params.seq_grace_liquidate, params.twap_window)
            )
            return self._up(now, max(0, limit + rng.choice((-1, 0, 1))))
        if kind < 0.9:
            return round_of(1, now, started_at=now - rng.choice((0, 1, 100, 10_000)))
        return self._noise_sequencer(now)

    def _noise_sequencer(self, now: int) -> Speech:
        rng = self._rng
        bad = (
            (1, 2, now, now, 1),
            (1, -1, now, now, 1),
            (1, 0, 0, now, 1),
            (1, 1, 0, now, 1),
            (1, 0, now + 1, now, 1),
            (0, 0, now - 1, 0, 0),
            (1, 0, WORD_MAX, now, 1),
            (1, INT_MIN, now, now, 1),
            (1, WORD_MAX - 1, now, now, 1),
        )
        return rng.choice((saying(*rng.choice(bad)), self._broken((1, 0, now - 10**6, now, 1))))

    # ANYTHING

    def _broken(self, good: tuple[int, ...]) -> Speech:
        """Return a good answer that is cut, lengthened, reverted, or withheld for all the gas."""
        data = words(*good)
        return self._rng.choice(
            (
                Speech(data[:-1]),
                Speech(data[:-32]),
                Speech(b""),
                Speech(data + b"\xff"),
                Speech(data + bytes(5_000)),
                Speech(data, Manner.REVERT),
                Speech(b"", Manner.REVERT),
                Speech(b"", Manner.BURN),
            )
        )
