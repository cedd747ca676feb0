"""Feeds, limits and answers to draw: each regime as often as any other, edges more than chance."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from clearing.spec.oracle_feed import NOT_LATCHED, Feed, Latch
from clearing.spec.oracle_ring import EMPTY_RING, Ring, restarted
from clearing.spec.oracle_types import (
    BPS,
    ChainlinkAnswer,
    FeedParams,
    Grade,
    PriceState,
    PythAnswer,
    SequencerAnswer,
    SourceAnswers,
    TripReason,
)
from clearing.spec.units import DAY_S, WAD
from tests.harness.prices import E8, NOW, SOURCES, UP, ring_at

__all__ = ["Scene", "any_answers", "calm_scenes", "limits", "prices_e8", "pyths", "scenes"]

HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class Scene:
    """A feed and what its sources answer at NOW, around a price in 1e-8 USD."""

    feed: Feed
    answers: SourceAnswers
    price: int


def _between(least: int, greatest: int) -> st.SearchStrategy[int]:
    """Integers, both ends as often as all between."""
    return st.sampled_from((least, greatest)) | st.integers(least, greatest)


@st.composite
def drawn_limits(draw: st.DrawFn) -> FeedParams:
    """Draw limits within their bounds in code; sanity bounds stay out of the way."""
    step = draw(_between(1, 499))
    soft = draw(_between(step, 499))
    stale = draw(_between(1, HOUR_S))
    conf = draw(_between(1, 500))
    base = draw(_between(step + soft, 2_500))
    window = draw(_between(60, HOUR_S))
    grace = draw(_between(0, 12 * HOUR_S))
    return FeedParams(
        cl_max_stale=draw(_between(60, 25 * HOUR_S)),
        cl_deviation=step,
        soft_dev=soft,
        hard_dev=draw(_between(soft + 1, 1_000)),
        reset_dev=draw(_between(1, soft)),
        py_max_stale=stale,
        py_open_stale=draw(_between(0, min(stale, 255))),
        py_max_ahead=draw(_between(0, 60)),
        max_conf=conf,
        max_conf_open=draw(_between(1, conf)),
        jump_base=base,
        jump_slope=draw(_between(0, 100)),
        jump_cap=draw(_between(base, 5_000)),
        twap_window=window,
        twap_max_gap=draw(_between(30, window)),
        twap_dev=draw(_between(1, 2_000)),
        twap_min_obs=draw(_between(2, window // 30)),
        seq_grace_open=grace,
        seq_grace_liquidate=draw(_between(0, min(HOUR_S, grace))),
        cooldown=draw(_between(60, 12 * HOUR_S)),
    )


limits = st.just(FeedParams()) | drawn_limits()
prices_e8 = st.sampled_from((1, 97, E8, 3_000 * E8, 10**17)) | st.integers(1, 10**17)


@st.composite
def moved(draw: st.DrawFn, price: int, params: FeedParams) -> int:
    """Return a price at or around one of the limits from another one, or anywhere."""
    edges = (params.reset_dev, params.soft_dev, params.hard_dev, params.jump_base, params.twap_dev)
    bps = draw(st.sampled_from((0, *edges)) | st.integers(0, 20_000))
    off = price * bps // BPS + draw(st.sampled_from((0, -1, 1)))
    return max(1, price + off if draw(st.booleans()) else price - off)


@st.composite
def chainlinks(draw: st.DrawFn, price: int, params: FeedParams, grade: Grade) -> ChainlinkAnswer:
    """Draw an answer of a grade."""
    stale = params.cl_max_stale
    age = draw(st.sampled_from((0, 1, stale)) | st.integers(0, stale))
    good = ChainlinkAnswer(8, 7, price, NOW - age)
    if grade is Grade.OK:
        return good
    if grade is Grade.STALE:
        return replace(good, updated_at=NOW - stale - 1)
    broken = ({"decimals": 18}, {"updated_at": NOW + 1}, {"answer": 0}, {"round_id": 0})
    return replace(good, **draw(st.sampled_from(broken)))


@st.composite
def pyths(
    draw: st.DrawFn, price: int, params: FeedParams, grade: Grade | None = None
) -> PythAnswer:
    """Draw a price of a grade, any grade if none is given."""
    stale, ahead = params.py_max_stale, params.py_max_ahead
    ages = st.sampled_from((-ahead, 0, params.py_open_stale, stale)) | st.integers(-ahead, stale)
    confs = st.sampled_from((0, params.max_conf_open, params.max_conf))
    conf_bps = draw(confs | st.integers(0, params.max_conf))
    good = PythAnswer(price, price * conf_bps // BPS, -8, NOW - draw(ages))
    match draw(st.sampled_from(Grade)) if grade is None else grade:
        case Grade.OK:
            return good
        case Grade.UNCERTAIN:
            return replace(good, conf=price * draw(_between(501, 20_000)) // BPS + 1)
        case Grade.AHEAD:
            return replace(good, publish_time=NOW + ahead + 1)
        case Grade.STALE:
            return replace(good, publish_time=NOW - stale - 1)
        case _:
            broken = ({"expo": 1}, {"price": -price}, {"publish_time": 0})
            return replace(good, **draw(st.sampled_from(broken)))


def sequencers(params: FeedParams) -> st.SearchStrategy[SequencerAnswer | None]:
    """No answer, nonsense, down, back up around each grace, or up for long."""
    graces = (0, params.seq_grace_liquidate, params.seq_grace_open, params.twap_window)
    flips = st.sampled_from(graces).flatmap(lambda s: st.sampled_from((s, s + 1)))
    return st.one_of(
        st.just(UP),
        st.none(),
        st.just(SequencerAnswer(2, NOW)),
        flips.map(lambda age: SequencerAnswer(1, NOW - age)),
        flips.map(lambda age: SequencerAnswer(0, NOW - age)),
    )


@st.composite
def latches(draw: st.DrawFn, price_wad: int) -> Latch:
    """Draw no latch half of the time."""
    reason = draw(st.sampled_from((TripReason.NONE,) * 3 + tuple(TripReason)[1:]))
    if reason is TripReason.NONE:
        return NOT_LATCHED
    tripped = NOW - draw(_between(1, 10_000))
    pokes, rounds = draw(_between(0, 5)), draw(_between(0, 5))
    fresh = Latch(reason, tripped, pokes, (NOW - 1) % 2**24 if pokes else 0)
    if draw(st.booleans()):
        return fresh  # no round was seen
    since = tripped - draw(_between(0, 1_000))
    return replace(fresh, rounds=rounds, since=since, last_at=tripped, last_price=price_wad)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Draw a feed that was poked before and what its sources answer now, for each state alike.

    What is aimed at a state may miss it, by the limits' edges and by what else is drawn.
    """
    params, price = draw(limits), draw(prices_e8)
    aim = draw(st.sampled_from(PriceState))
    first, second = draw(grades(aim))
    apart_bps = draw(aparts(aim, params))
    other = price + price * apart_bps // BPS
    answers = SourceAnswers(
        draw(chainlinks(price, params, first)),
        draw(pyths(other, params, second)),
        draw(sequencers(params)),
    )
    if draw(st.integers(0, 7)) == 7:
        answers = replace(answers, chainlink=None)
    wad = price * WAD // E8
    near = wad if aim is not PriceState.TRIPPED else draw(moved(wad, params))
    latched = st.just(NOT_LATCHED) if aim is not PriceState.TRIPPED else latches(wad)
    feed = Feed(
        SOURCES,
        params,
        latch=draw(latched),
        ring=draw(rings(wad, params)),
        last_good=near,
        last_good_at=NOW - draw(_between(0, 10_000)),
        paused_until=draw(st.sampled_from((0, 0, NOW, NOW + 1))),
        paused_since=NOW - draw(st.sampled_from((0, 1, 18, 19))) * DAY_S,
    )
    return Scene(feed, answers, price)


def grades(aim: PriceState) -> st.SearchStrategy[tuple[Grade, Grade]]:
    """Pairs of grades that can give a state."""
    doubtful = st.sampled_from((Grade.BROKEN, Grade.STALE, Grade.AHEAD, Grade.UNCERTAIN))
    match aim:
        case PriceState.NORMAL | PriceState.DIVERGED:
            return st.just((Grade.OK, Grade.OK))
        case PriceState.PRIMARY_ONLY:
            return st.tuples(st.just(Grade.OK), doubtful)
        case PriceState.SECONDARY_ONLY:
            return st.tuples(st.sampled_from((Grade.STALE, Grade.BROKEN)), st.just(Grade.OK))
        case PriceState.TWAP_ONLY:
            return st.just((Grade.STALE, Grade.STALE))
        case PriceState.TRIPPED:
            return st.tuples(st.just(Grade.OK), st.sampled_from((Grade.OK,) * 5 + tuple(Grade)))
        case PriceState.FROZEN:
            return st.tuples(st.sampled_from((Grade.STALE, Grade.BROKEN)), doubtful)


def aparts(aim: PriceState, params: FeedParams) -> st.SearchStrategy[int]:
    """Basis points between the sources; the edges of softDev and hardDev often."""
    soft, hard = params.soft_dev, params.hard_dev
    if aim is PriceState.DIVERGED:
        return _between(soft + 1, hard)
    if aim is PriceState.TRIPPED:
        return st.sampled_from((0, soft, hard + 1)) | st.integers(0, 5_000)
    return st.sampled_from((0, params.reset_dev, soft)) | st.integers(0, soft)


@st.composite
def rings(draw: st.DrawFn, wad: int, params: FeedParams) -> Ring:
    """Draw a ring around a price that is fit three times of four, if the limits let it be."""
    if draw(st.integers(0, 7)) == 7:
        return EMPTY_RING
    near = draw(st.just(wad) | moved(wad, params))
    age, step = draw(st.sampled_from((29, 0, 30, 60))), draw(st.sampled_from((30, 60)))
    gap_ago = draw(st.sampled_from((5_000, 5_000, 5_000, params.twap_window, 1)))
    return restarted(ring_at(near, NOW - age, span_s=4_000, step_s=step), NOW - gap_ago)


@st.composite
def calm_scenes(draw: st.DrawFn) -> Scene:
    """Draw a scene in which Chainlink is OK, nothing is latched and no gate is up."""
    scene = draw(scenes())
    params = scene.feed.params
    near = scene.price + scene.price * draw(st.just(0) | st.integers(0, params.jump_base)) // BPS
    age = draw(st.integers(0, params.cl_max_stale))
    return replace(
        scene,
        feed=replace(
            scene.feed, latch=NOT_LATCHED, paused_until=0, last_good=scene.price * WAD // E8
        ),
        answers=replace(
            scene.answers, chainlink=ChainlinkAnswer(8, 7, near, NOW - age), sequencer=UP
        ),
    )


UINTS = st.sampled_from((0, 1, NOW, 2**40, 2**63, 2**64 - 1, 2**255, 2**256 - 1))
INTS = st.sampled_from((-(2**255), -(2**63), -1, 0, 1, E8, 2**63 - 1, 2**255 - 1))

any_answers = st.builds(
    SourceAnswers,
    st.none()
    | st.builds(ChainlinkAnswer, st.sampled_from((0, 8, 18, 19, 255)), UINTS, INTS, UINTS),
    st.none() | st.builds(PythAnswer, INTS, UINTS, st.integers(-(2**31), 2**31 - 1), UINTS),
    st.none() | st.builds(SequencerAnswer, INTS, UINTS),
)
"""Whatever words can say."""
