"""The words of a market, and what moves them: each function of the contracts, exactly."""

from dataclasses import astuple, replace
from fractions import Fraction
from math import ceil, floor, trunc

import pytest
from hypothesis import assume, event, example, given
from hypothesis import strategies as st

from clearing.spec.perp_funding import (
    FundingTerms,
    capped,
    folded,
    index_of,
    premium,
    sample_of,
    sampled,
    shifted,
    ticked,
    weight_of,
)
from clearing.spec.perp_margin import in_force, listed, phased
from clearing.spec.perp_trade import cap_after
from clearing.spec.perp_types import (
    Funding,
    LimitParams,
    MarketStatus,
    OpenInterest,
    Pause,
    Position,
    Premium,
    RiskParams,
    TradeParams,
)
from clearing.spec.perp_units import PICO, PPM_TO_PICO, fit_int
from clearing.spec.units import DAY_S, WAD
from tests.harness.draw import signed_integers, unsigned_integers
from tests.property.perp_scenes import (
    MAX_PREMIUM,
    NOW,
    Refusal,
    around_signed,
    around_unsigned,
    between,
    fundings,
    interests,
    limit_params,
    lots,
    magnitudes,
    plain,
    positions,
    premium_words,
    premiums,
    prices,
    risk_params,
    risks,
    signed,
    trade_params,
    verdict,
    within,
    word_of_account,
    word_of_funding,
    word_of_limit,
    word_of_oi,
    word_of_position,
    word_of_premium,
    word_of_risk,
    word_of_trade,
)

SOL = plain("PlainPremium")
POSITIONS = plain("PlainPerp")


def packed(spec, pack):
    """Return a function that builds a value of the specification and packs it."""

    def build(*args):
        return pack(spec(*args))

    return build


# PACK AND UNPACK


@given(positions)
def test_position__packed__comes_back(position):
    word = POSITIONS.read("packPosition", *astuple(position))

    assert word == word_of_position(position)
    assert POSITIONS.read("unpackPosition", word) == astuple(position)


BEYOND_POSITION = ((0, 72), (1, 96), (2, 88))


@pytest.mark.parametrize(("field", "bits"), BEYOND_POSITION)
@given(position=positions, data=st.data())
def test_position__a_field_beyond_its_bits__is_refused(field, bits, position, data):
    values = list(astuple(position))
    values[field] = data.draw(around_signed(bits))

    expected = verdict(packed(Position, word_of_position), *values)

    event("refused" if isinstance(expected, Refusal) else "fits")
    assert verdict(POSITIONS.read, "packPosition", *values) == expected


@given(fundings)
def test_funding__packed__comes_back(funding):
    word = SOL.read("packFunding", *astuple(funding))

    assert word == word_of_funding(funding)
    assert SOL.read("unpackFunding", word) == astuple(funding)


BEYOND_FUNDING = ((0, around_signed(88)), (1, around_signed(88)), (2, around_unsigned(40)))


@pytest.mark.parametrize(("field", "edge"), [*BEYOND_FUNDING, (3, around_signed(40))])
@given(funding=fundings, data=st.data())
def test_funding__a_field_beyond_its_bits__is_refused(field, edge, funding, data):
    values = list(astuple(funding))
    values[field] = data.draw(edge)

    expected = verdict(packed(Funding, word_of_funding), *values)

    event("refused" if isinstance(expected, Refusal) else "fits")
    assert verdict(SOL.read, "packFunding", *values) == expected


premium_parts = st.builds(
    Premium,
    ema=signed_integers(40),
    ema_at=unsigned_integers(32),
    anchor_age=unsigned_integers(16),
    pending_at=unsigned_integers(32),
    mean=signed_integers(40),
    weight=unsigned_integers(32),
    integral=signed_integers(64),
)


@given(premium_parts)
def test_premium__packed__comes_back(parts):
    word = SOL.read("packPremium", parts)

    assert word == word_of_premium(parts)
    assert SOL.read("unpackPremium", word) == astuple(parts)


@given(risk_params(), st.sampled_from(MarketStatus))
def test_risk__packed__comes_back(params, status):
    word = SOL.read("packRisk", params, status)

    assert word == word_of_risk(listed(params, status, 0))
    assert SOL.read("unpackRisk", word) == astuple(params)
    rest = (params.penalty, Pause.NOTHING, status, params.impact_notional)
    assert SOL.read("restOfRisk", word) == rest


@given(trade_params())
def test_trade__packed__comes_back(terms):
    word = SOL.read("packTrade", terms.feed, terms)

    assert word == word_of_trade(terms)
    assert SOL.read("unpackTrade", word) == (terms.feed, astuple(terms)[1:])
    assert SOL.read("readTrade", word) == (terms.min_notional * WAD, terms.skew_lots, True)


def test_trade__nothing__is_no_market():
    assert SOL.read("readTrade", 0)[2] is False


@given(limit_params, interests)
def test_limit__packed__comes_back(limits, interest):
    word = SOL.read("packLimit", limits)
    oi = SOL.read("packOi", *astuple(interest), limits.max_oi, limits.vault_share)

    assert word == word_of_limit(limits)
    assert SOL.read("unpackLimit", word, oi) == astuple(limits)
    assert SOL.read("minFee", word) == limits.min_fee * WAD // 100


# OPEN INTEREST


@given(interests, limit_params)
def test_oi__packed__comes_back(interest, limits):
    word = SOL.read("packOi", *astuple(interest), limits.max_oi, limits.vault_share)

    assert word == word_of_oi(interest, limits)
    assert SOL.read("unpackOi", word) == (*astuple(interest), limits.max_oi, limits.vault_share)


@given(interests, limit_params, around_unsigned(72), around_unsigned(88))
@example(OpenInterest(1, 1), LimitParams(1, 900, 1, 0, 0, 0, 5), 0, 2**88 - 1)
@example(OpenInterest(1, 0), LimitParams(1, 900, 1, 0, 0, 0, 5), 2**72, 2**88 - 1)
def test_oi__moved__keeps_its_limits_or_is_refused(interest, limits, oi, fee):
    word = word_of_oi(interest, limits)

    expected = verdict(OpenInterest, oi, interest.fees + fee)

    refused = isinstance(expected, Refusal)
    event("refused" if refused else "fits")
    wanted = expected if refused else word_of_oi(expected, limits)
    assert verdict(SOL.read, "moved", word, oi, fee) == wanted


@given(interests, limit_params)
def test_oi__collected__has_no_fees_left(interest, limits):
    after = word_of_oi(replace(interest, fees=0), limits)

    assert SOL.read("collected", word_of_oi(interest, limits)) == after


@given(within(0, 2**32), magnitudes(72), magnitudes(72), st.integers(-2, 2) | st.integers(0, 2000))
@example(NOW, 5, 7, 599)
@example(NOW, 5, 7, 600)
@example(0, 0, 7, 600)
def test_open_cap__around_the_window__is_the_specifications(started, opened, more, later):
    for now in (started + later, started + 600 + later):
        if now < 0:
            continue
        after, seen = SOL.read("plusOpened", started | opened << 40, more, now)
        assert (after % 2**40, after >> 40) == cap_after(started, opened, more, now)
        assert seen == after >> 40


# RISK


@given(risks(), st.integers(0, 2 * DAY_S))
def test_in_force__any_time__is_the_specifications(risk, elapsed):
    now = risk.phase_start + elapsed
    got = SOL.read("inForce", word_of_risk(risk), now)

    assert got == astuple(in_force(risk, now))
    old, new = risk.old, risk.new
    share = Fraction(min(elapsed, DAY_S), DAY_S)
    exact = [
        floor(a + (b - a) * share) if b > a else b
        for a, b in zip(astuple(old), astuple(new), strict=True)
    ]
    assert got == (*exact[:3], max(exact[3], exact[0]), risk.penalty)


@given(risks(), st.integers(0, DAY_S), st.integers(0, DAY_S))
def test_in_force__later__is_no_less(risk, elapsed, more):
    first, second = (
        SOL.read("inForce", word_of_risk(risk), risk.phase_start + at)
        for at in (elapsed, elapsed + more)
    )

    assert all(a <= b for a, b in zip(first, second, strict=True))


@given(risks(), risk_params(), st.integers(0, 2 * DAY_S))
def test_phased__any_change__is_the_specifications(risk, params, elapsed):
    now = risk.phase_start + elapsed

    word = SOL.read("phased", word_of_risk(risk), params, now)

    assert word == word_of_risk(phased(risk, params, now))
    before, after = (SOL.read("inForce", w, now)[:4] for w in (word_of_risk(risk), word))
    assert all(a <= b for a, b in zip(after, before, strict=True)), "nothing grows at once"
    wanted = (params.im, params.kappa, params.slope, params.im_max, params.penalty)
    assert SOL.read("inForce", word, now + DAY_S) == wanted
    assert SOL.read("unpackRisk", word) == astuple(params)


@given(risks(), unsigned_integers(8), st.sampled_from(MarketStatus))
def test_risk__another_pause_or_status__changes_nothing_else(risk, mask, status):
    word = word_of_risk(risk)

    assert SOL.read("withPause", word, mask) == word_of_risk(replace(risk, pause=Pause(mask)))
    assert SOL.read("withStatus", word, status) == word_of_risk(replace(risk, status=status))


# PREMIUM


@given(premium_words(folded=True), st.sampled_from((0, 1, 299, 300, 301)) | st.integers(0, 700))
def test_premium__any_age__fades_towards_zero(word, age):
    now = max(NOW, word.ema_at) + age
    got = SOL.read("premium", word_of_premium(word), now)

    assert got == premium(word, now)
    assert got == trunc(Fraction(word.ema * max(0, 300 - (now - word.ema_at)), 300))
    assert abs(SOL.read("premium", word_of_premium(word), now + 1)) <= abs(got)


@given(premium_words(), st.integers(0, 700))
@example(Premium(0, 0, 0, NOW, MAX_PREMIUM, 10**6, 0), 1)
@example(Premium(-MAX_PREMIUM, NOW - 150, 0, NOW, MAX_PREMIUM, 10**6, -1), 1)
@example(Premium(MAX_PREMIUM, NOW - 149, 0, NOW, -MAX_PREMIUM, 999_999, 1), 1)
@example(Premium(MAX_PREMIUM, NOW - 1, 299, NOW, -MAX_PREMIUM, 1, 1), 1)
def test_folded__any_word__is_the_specifications(word, later):
    now = NOW + later
    got = SOL.read("folded", word_of_premium(word), now)

    after = folded(word, now)
    event("folds" if after != word else "waits")
    assert got == word_of_premium(after)
    assert SOL.read("folded", got, now) == got, "once"
    if after != word:
        base = premium(word, word.pending_at)
        low, high = sorted((base, word.mean))
        assert low <= after.ema <= high, "an average lies between"


@given(premium_words(), premiums, magnitudes(30), st.integers(0, 700))
@example(Premium(0, NOW, 0, NOW, 0, 4 * 10**9 - 1, 0), 5, 1, 0)
@example(Premium(0, NOW, 0, NOW, 7, 4 * 10**9 - 1, 0), 5, 2, 0)
@example(Premium(0, NOW, 0, NOW, 7, 3, 0), -5, 0, 1)
def test_sampled__any_sample__is_the_specifications(word, sample, weight, later):
    now = NOW + later
    word = folded(word, now)

    got = SOL.read("sampled", word_of_premium(word), sample, weight, now)

    after = sampled(word, sample, weight, now)
    event("dropped" if after == word else "joins")
    assert got == word_of_premium(after)
    if after != word:
        total = word.weight + weight
        assert after.mean == trunc(Fraction(word.mean * word.weight + sample * weight, total))


@given(prices, prices, within(1, 2**17 - 1), st.integers(-(10**6), 10**6) | st.none())
@example(3_030 * WAD, 3_000 * WAD, 25_000, None)
def test_sample_of__any_price__is_the_capped_distance_towards_zero(price, mid, cap, near):
    if near is not None:  # within the cap
        price = max(1, mid + mid * near // 10**7)
    raw = SOL.read("sampleOf", price, mid)

    assert raw == trunc(Fraction((price - mid) * PICO, mid))
    assert SOL.read("clamped", raw, cap) == sample_of(price, mid, cap)


@given(signed(200), within(0, 2**17 - 1), st.sampled_from((-1, 0, 1)))
def test_clamped__around_the_cap__is_the_specifications(sample, cap, beside):
    """[PERP-42] At the cap it counts whole, beyond it as the cap."""
    edge = cap * PPM_TO_PICO + beside
    for each in (sample, edge, -edge):
        assert SOL.read("clamped", each, cap) == capped(each, cap)


@given(magnitudes(141), magnitudes(141), trade_params(), risks())
@example(
    10**24,
    0,
    TradeParams(b"\1" * 16, 1, 0, 0, 1, 1, 1, 1),
    listed(RiskParams(100_000, 6_000, 0, 100_000, 1, 10**6), MarketStatus.LIVE, 0),
)
def test_weight_of__from_the_least_notional_on__is_the_specifications(more, oi, terms, risk):
    worth = terms.min_notional * WAD + more
    words = word_of_trade(terms), word_of_risk(risk)

    got = SOL.read("weightOf", worth, oi, *words)

    assert got == weight_of(worth, oi, terms, risk)
    fees = 3_600 * terms.coefficient_inverse
    fees *= terms.taker_fee + min(terms.maker_fee, terms.vault_spread)
    impact = max(risk.impact_notional * WAD, ceil(Fraction(oi * terms.prem_cap * 150, fees)))
    assert got == min(10**9, floor(Fraction(worth * 10**6, impact)))
    assert SOL.read("weightOf", worth, 2 * oi, *words) <= got


# FUNDING


@given(fundings, lots)
def test_index_of__any_size__is_its_sides(funding, size):
    assert SOL.read("indexOf", word_of_funding(funding), size) == index_of(funding, size)


@given(unsigned_integers(40))
def test_start__any_time__is_a_funding_of_nothing(now):
    assert SOL.read("startFunding", now) == word_of_funding(Funding(0, 0, now, 0))


@given(fundings, signed(89), signed(89))
@example(Funding(2**87 - 1, 0, 0, 0), 1, 0)
@example(Funding(0, -(2**87), 0, 0), 0, -1)
def test_shifted__any_amounts__moves_the_indices_or_is_refused(funding, long, short):
    assume(fits(funding.f_long + long) or fits(funding.f_short + short))
    expected = verdict(lambda: word_of_funding(shifted(funding, long, short)))

    assert verdict(SOL.read, "shifted", word_of_funding(funding), long, short) == expected


def fits(index):
    return not isinstance(verdict(fit_int, index, 88), Refusal)


terms_ = st.builds(
    FundingTerms,
    index=magnitudes(96, 1),
    live=st.sampled_from((True, True, True, False)),
    paused=st.sampled_from((False, False, False, True)),
    coefficient_inverse=within(1, 1_000),
    max_rate_ppm=within(1, 2**17 - 1),
    interval=within(900, 28_800),
)


_indices = signed(80)
_gathered = signed(62) | within(-(10**15), 10**15) | st.just(0)
_premium_ages = st.sampled_from((None, 300, 0, 0))
_booleans = st.booleans()


@st.composite
def ticks(draw, least=0, most=40, shortened=28_799):
    """Draw a funding, its folded premium, the terms, and a time so many intervals later.

    The premium may be newer than the first interval's end: intervals can have been shortened.
    """
    terms = draw(terms_)
    age = draw(_premium_ages)
    newest = between(draw, 0, shortened if draw(_booleans) and shortened else terms.interval - 1)
    ema_at = 0 if age is None else NOW - age + (0 if age else newest)
    ema, integral = (draw(premiums), draw(_gathered)) if ema_at else (0, 0)
    word = Premium(ema, ema_at, between(draw, 0, 300), ema_at, 0, 0, integral)
    funding = Funding(draw(_indices), draw(_indices), NOW, draw(premiums))
    intervals = between(draw, least, most if draw(_booleans) else min(most, least + 3))
    now = NOW + intervals * terms.interval + between(draw, 0, terms.interval - 1)
    return funding, word, terms, max(now, ema_at)


@st.composite
def shortened(draw):
    """Draw a tick of many short intervals, of which the premium began in a late one."""
    funding, word, terms, _ = draw(ticks())
    terms = replace(terms, live=True, paused=False, interval=between(draw, 900, 1_500))
    ema_at = NOW + between(draw, 2, 25) * terms.interval + between(draw, 0, 900)
    word = replace(word, ema_at=ema_at, pending_at=ema_at, ema=draw(premiums))
    return funding, word, terms, ema_at + between(draw, 0, 20 * terms.interval)


def tick_of(funding, word, terms, now):
    return SOL.read("ticked", word_of_funding(funding), word_of_premium(word), terms, now)


@given(ticks() | shortened())
def test_ticked__any_market__is_the_specifications(scene):
    terms = scene[2]

    expected = verdict(ticked, *scene)

    if not isinstance(expected, Refusal):
        after, rest, intervals = expected
        event(f"{min(intervals, 4)} intervals, live: {terms.live}, paused: {terms.paused}")
        expected = word_of_funding(after), word_of_premium(rest), intervals
    assert verdict(tick_of, *scene) == expected


@given(ticks(least=2, most=24, shortened=0), st.integers(0, 2**16))
def test_ticked__early_and_late__is_as_once(scene, drawn):
    """As long as no interval is beyond the cap."""
    funding, word, terms, now = scene
    once = tick_of(*scene)
    between = max(word.ema_at, NOW) + drawn % (now - max(word.ema_at, NOW))

    first, rest, early = tick_of(funding, word, terms, between)
    second, left, late = SOL.read("ticked", first, rest, terms, now)

    event(f"{min(early, 1)} then {min(late, 1)}")
    assert (second, left) == once[:2], "PERP-16"
    assert early + late == once[2]


@given(ticks(least=1))
def test_ticked__any_market__moves_both_sides_by_the_same(scene):
    funding, _, terms, _ = scene
    f_long, f_short, funded_at, rate = SOL.read("unpackFunding", tick_of(*scene)[0])

    charge = f_long - funding.f_long
    assert charge == f_short - funding.f_short, "PERP-15"
    assert funded_at > NOW
    assert (funded_at - NOW) % terms.interval == 0
    cap = terms.max_rate_ppm * PPM_TO_PICO
    if terms.paused:
        assert charge == rate == 0
    elif terms.live:
        assert abs(rate) <= cap, "PERP-42"
        assert abs(charge) <= Fraction(24 * cap * terms.index, WAD)


def test_ticked__a_mark_of_3030_over_3000_for_an_hour__is_the_worked_number():
    """1 % over an hour by 1/24: r = 0.000416…, ΔF = 1.249999999999, truncated twice."""
    mark, index = 3_030 * WAD, 3_000 * WAD
    pi = SOL.read("sampleOf", mark, index)
    assert pi == sample_of(mark, index, 25_000) == PICO // 100
    # 1 % for 3,600 s, all of it gathered
    gathered = Premium(0, NOW, 0, NOW, 0, 0, pi * 3_600 * 600)
    terms = FundingTerms(index, True, False, 24, 10_000, 3_600)
    start = Funding(0, 0, NOW, 0)

    after, _, _ = ticked(start, gathered, terms, NOW + 3_600)
    f_long, f_short, _, rate = SOL.read(
        "unpackFunding", tick_of(start, gathered, terms, NOW + 3_600)[0]
    )

    assert f_long == f_short == after.f_long == 1_249999999999
    assert rate == after.rate == 416666666
    # r itself, wad: charged on a price of one it is the charge in pico times a million
    exact = FundingTerms(10**30, True, False, 24, 10_000, 3_600)
    moved = SOL.read("unpackFunding", tick_of(start, gathered, exact, NOW + 3_600)[0])
    assert moved[0] == 416666666666666 * 10**6


# ACCOUNT


@given(signed_integers(128), unsigned_integers(128))
def test_account__packed__comes_back(cash, markets):
    word = word_of_account(cash, markets)

    assert SOL.read("withCash", word_of_account(0, markets), cash) == word
    assert SOL.read("unpackAccount", word) == (cash, markets)


@given(signed_integers(128), unsigned_integers(128), around_signed(128))
@example(2**127 - 1, 0, 1)
@example(-(2**127), 2**128 - 1, -1)
def test_account__cash_beyond_its_bits__is_refused(cash, markets, more):
    """[PERP-47] As is every other field of a word."""
    word = word_of_account(cash, markets)

    expected = verdict(lambda: word_of_account(fit_int(cash + more, 128), markets))

    assert verdict(SOL.read, "plusCash", word, more) == expected
    expected = verdict(lambda: word_of_account(fit_int(more, 128), markets))
    assert verdict(SOL.read, "withCash", word, more) == expected


@given(signed_integers(128), unsigned_integers(128), within(0, 127))
def test_account__a_market_more_or_less__changes_its_bit_alone(cash, markets, market):
    word, bit = word_of_account(cash, markets), 1 << market

    assert SOL.read("withMarket", word, market, True) == word_of_account(cash, markets | bit)
    assert SOL.read("withMarket", word, market, False) == word_of_account(cash, markets & ~bit)
