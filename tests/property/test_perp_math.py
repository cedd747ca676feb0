"""Positions, margin, liquidation and the vault's price: each function of the contracts, exactly."""

from dataclasses import astuple, replace
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

import pytest
from hypothesis import assume, event, example, given
from hypothesis import strategies as st

from clearing.spec.oracle_types import Gate, PriceState, Quote
from clearing.spec.perp_funding import sample_of_skew
from clearing.spec.perp_ledger import Ledger, Look, Market
from clearing.spec.perp_liquidation import (
    amount,
    bankruptcy_price,
    liquidation_price,
    notional_to_close,
    penalty_of,
    target,
)
from clearing.spec.perp_liquidation import quote_of as takeover_quote
from clearing.spec.perp_margin import (
    Health,
    Holding,
    health_of,
    is_liquidatable,
    listed,
    owed_by,
    passes_reduce,
    rate_of,
    ratio,
    requirement,
    value_liquidate,
    value_open,
)
from clearing.spec.perp_trade import filled, quote_of, require_skew, skew_limit, skew_worth
from clearing.spec.perp_types import (
    VAULT,
    Funding,
    LimitParams,
    MarketStatus,
    Position,
    Premium,
    RiskNow,
    RiskParams,
    TradeParams,
)
from clearing.spec.perp_units import (
    LOTS,
    PICO,
    PICO_TO_WAD,
    PPM_TO_WAD,
    TICK,
    notional,
    owed,
    value,
)
from clearing.spec.perp_vault import Deal, price_deal, vault_worth
from clearing.spec.perp_vault import _require_limit as require_limit
from clearing.spec.units import PPM, WAD
from tests.harness.draw import unsigned_integers
from tests.property.perp_scenes import (
    Refusal,
    bands,
    between,
    cash,
    fundings,
    is_refused_or,
    lots,
    magnitudes,
    plain,
    positions,
    premiums,
    prices,
    risks_now,
    signed,
    sloped_now,
    trade_params,
    verdict,
    word_of_funding,
    word_of_position,
    word_of_trade,
)

SOL = plain("PlainPerp")
TRADER = 4
notionals = magnitudes(160, 1)
sums = st.builds(Health, cash, *[magnitudes(170)] * 4)


# UNITS


@given(lots, magnitudes(128))
@example(-1, 1)
@example(1, 10**8 - 1)
def test_units__any_size_and_price__round_for_the_protocol(size, price):
    worth, without_sign = SOL.read("value", size, price), SOL.read("notional", size, price)

    assert worth == value(size, price) == floor(Fraction(size * price, LOTS))
    assert without_sign == notional(size, price) == ceil(Fraction(abs(size) * price, LOTS))


@given(lots, signed(89))
@example(1, 1)
@example(-1, 1)
def test_owed__any_size_and_index__is_rounded_up(size, delta):
    assert SOL.read("owed", size, delta) == owed(size, delta) == ceil(Fraction(size * delta, 100))


@given(signed(256), magnitudes(255), signed(256))
def test_units__beyond_their_widths__are_refused_not_wrapped(size, price, delta):
    """[PERP-47] Exact, or refused."""
    assert is_refused_or(value(size, price), verdict(SOL.read, "value", size, price))
    assert is_refused_or(notional(size, price), verdict(SOL.read, "notional", size, price))
    assert is_refused_or(owed(size, delta), verdict(SOL.read, "owed", size, delta))


@given(lots, prices, magnitudes(40, 1))
def test_units__dearer__is_worth_no_less_to_a_long_and_no_more_to_a_short(size, price, more):
    before, after = (SOL.read("value", size, p) for p in (price, price + more))

    assert before <= after if size >= 0 else before >= after
    assert SOL.read("notional", size, price) <= SOL.read("notional", size, price + more)


# POSITION


@given(positions, fundings)
def test_owed_by__any_position__is_the_indices_difference(position, funding):
    words = word_of_position(position), word_of_funding(funding)

    assert SOL.read("owedBy", *words) == owed_by(position, funding)


@given(positions, fundings, signed(73), signed(97), st.booleans())
@example(Position(5, -7, 0), Funding(1, -1, 0, 0), -5, 8, False)
@example(Position(2**71 - 1, 0, 0), Funding(1, -1, 0, 0), 1, 0, False)
@example(Position(0, -(2**95), 0), Funding(1, -1, 0, 0), 1, -1, False)
def test_filled__any_trade__is_the_specifications(position, funding, d_lots, d_quote, closes):
    d_lots = -position.size if closes else d_lots
    words = word_of_position(position), word_of_funding(funding)

    expected = verdict(filled, position, funding, d_lots, d_quote)
    got = verdict(SOL.read, "filled", *words, d_lots, d_quote)

    if not isinstance(expected, Refusal):
        after, realised = expected
        event("closed" if after.size == 0 else "open")
        expected = word_of_position(after), realised
    assert got == expected


@given(positions, fundings, signed(70), signed(90), signed(70), signed(90))
def test_filled__in_two_parts__is_as_in_one(position, funding, d1, q1, d2, q2):
    """As long as it is not closed in between, when its quote becomes cash."""
    start = replace(position, size=position.size // 4, quote=position.quote // 4)
    assume(start.size + d1 != 0)
    word, f = word_of_position(start), word_of_funding(funding)

    middle, _ = SOL.read("filled", word, f, d1, q1)

    assert SOL.read("filled", middle, f, d2, q2) == SOL.read("filled", word, f, d1 + d2, q1 + q2)


# VALUE


@given(bands(), premiums, st.booleans())
@example((1, 2), -1, True)
@example((1, 2), 1, False)
def test_value_open__any_band_and_premium__is_adverse(band, pi, is_long):
    lo, hi = band
    got = SOL.read("valueOpen", lo, hi, pi, is_long)

    assert got == value_open(lo, hi, pi, is_long=is_long)
    marked = Fraction(PICO + pi, PICO)
    if is_long:
        assert got == floor(min(lo * marked, Fraction(lo)))
    else:
        assert got == ceil(max(hi * marked, Fraction(hi)))


@given(bands(), premiums, st.booleans())
@example((1, 2), 1, True)
@example((1, 2), -1, False)
def test_value_liquidate__any_band_and_premium__is_in_favour_and_no_worse_than_open(
    band, pi, is_long
):
    lo, hi = band
    got = SOL.read("valueLiquidate", lo, hi, pi, is_long)
    strict = SOL.read("valueOpen", lo, hi, pi, is_long)

    assert got == value_liquidate(lo, hi, pi, is_long=is_long)
    marked = Fraction(PICO + pi, PICO)
    if is_long:
        assert got == ceil(max(hi * marked, Fraction(hi)))
    else:
        assert got == floor(min(lo * marked, Fraction(lo)))
    assert got >= strict if is_long else got <= strict


# MARGIN


@given(notionals, risks_now)
@example(100_000 * WAD, RiskNow(100_000, 6_000, 0, 100_000, 25_000))
@example(1, RiskNow(10_000, 5_000, 0, 10_000, 1))
def test_requirement__any_notional__is_rounded_up(n, r):
    im, mm = SOL.read("requirement", n, r)

    assert (im, mm) == requirement(n, r)
    steeper = floor(Fraction(r.slope * n * PPM_TO_WAD, PPM * WAD))
    rate = min(r.im * PPM_TO_WAD + steeper, r.im_max * PPM_TO_WAD)
    assert rate == rate_of(n, r)
    assert im == ceil(Fraction(n * rate, WAD))
    assert mm == ceil(Fraction(im * r.kappa, 10_000)) <= im
    event("capped" if r.slope and rate == r.im_max * PPM_TO_WAD else "below the cap")


@given(notionals, magnitudes(160), risks_now)
def test_requirement__larger__needs_no_less_by_share_and_in_all(n, more, r):
    im, mm = SOL.read("requirement", n, r)
    im_after, mm_after = SOL.read("requirement", n + more, r)

    assert im_after >= im
    assert mm_after >= mm
    assert (im_after + 1) * n >= (im - 1) * (n + more), "the rate does not fall"


@given(notionals, risks_now)
def test_target__any_position__lies_between_maintenance_and_initial_margin(n, r):
    im, mm = requirement(n, r)

    got = SOL.read("target", n, mm, r)

    assert got == target(n, mm, r)
    assert mm <= got <= im + 1
    gap = Fraction(r.im * (10_000 - r.kappa), PPM * 10_000)
    assert got == mm + ceil(n * gap / 2)


ONE_PERCENT = RiskNow(10**4, 5_000, 0, 10**4, 1)


@given(sums, positions, fundings, prices, risks_now, st.booleans(), st.booleans())
@example(Health(0), Position(0, 7, 0), Funding(5, -5, 0, 0), 1, ONE_PERCENT, True, False)
@example(Health(0), Position(LOTS, 0, 0), Funding(0, 0, 0, 0), 1, ONE_PERCENT, True, True)
@example(Health(0), Position(-LOTS, 0, 0), Funding(0, 0, 0, 0), 1, ONE_PERCENT, True, True)
def test_add__any_position__is_the_specifications(
    before, position, funding, price, r, is_liquid, is_gainless
):
    one = health_of(before.equity, [Holding(position, funding, price, r, is_gainless)])
    added = [a + b for a, b in zip(astuple(before)[1:], astuple(one)[1:], strict=True)]

    words = word_of_position(position), word_of_funding(funding)
    got = SOL.read("add", (*astuple(before), 7, 5), *words, price, r, is_liquid, is_gainless)

    alone = one.mm  # of one position
    ends = (7 + target(one.notional, alone, r), 5 + (alone if is_liquid else 0))
    assert got == (one.equity, *added, *ends)


@given(positions, fundings, st.lists(st.tuples(prices, risks_now), min_size=2, max_size=3))
def test_add__in_turn__is_the_health_of_all(position, funding, markets):
    holdings = [Holding(position, funding, price, r) for price, r in markets]
    words = word_of_position(position), word_of_funding(funding)

    got = (0,) * 7
    for price, r in markets:
        got = SOL.read("add", got, *words, price, r, True, False)

    assert got[:5] == astuple(health_of(0, holdings))
    assert got[6] == got[3], "every market here may be liquidated in"


@given(cash, magnitudes(128), cash, magnitudes(128), st.booleans())
@example(0, 0, 0, 0, False)
@example(-1, 1, -1, 1, False)
@example(5, 10, 3, 6, False)
@example(5, 10, 3, 7, False)
def test_passes_reduce__any_accounts__is_the_specifications(e, mm, e_after, mm_after, scaled):
    if scaled:  # near equality
        e_after, mm_after = e // 2, mm // 2
    got = SOL.read("passesReduce", e, mm, e_after, mm_after)

    assert got == passes_reduce(e, mm, e_after, mm_after)
    if mm and mm_after and e_after >= 0:
        assert got == (Fraction(e_after, mm_after) >= Fraction(e, mm))


@given(signed(256), unsigned_integers(255), signed(256), unsigned_integers(255))
def test_passes_reduce__beyond_its_widths__is_refused_not_wrapped(e, mm, e_after, mm_after):
    """[PERP-47] Exact, or refused."""
    expected = passes_reduce(e, mm, e_after, mm_after)

    assert is_refused_or(expected, verdict(SOL.read, "passesReduce", e, mm, e_after, mm_after))


@given(cash, magnitudes(127), st.sampled_from((-1, 0, 1)))
def test_is_liquidatable__around_maintenance__is_strict(equity, mm, beside):
    for e in (equity, mm + beside):
        got = SOL.read("isLiquidatable", e, mm)
        assert got == is_liquidatable(Health(e, mm=mm)) == (mm > 0 and e < mm)


@given(cash, magnitudes(128))
@example(-1, 3)
def test_ratio__any_account__is_rounded_down(equity, n):
    got = SOL.read("ratio", equity, n)

    assert got == ratio(Health(equity, n))
    if n:
        assert got == floor(Fraction(equity * WAD, n))


# LIQUIDATION


class Scene(NamedTuple):
    """One position of an account; the account's sums include it, and other markets."""

    size: int
    price: int
    health: Health
    target: int
    least: int
    risk: RiskNow

    @property
    def notional(self) -> int:
        return notional(self.size, self.price)

    @property
    def mm(self) -> int:
        return requirement(self.notional, self.risk)[1]

    @property
    def rest(self) -> int:
        return self.health.equity - value(self.size, self.price) - (self.health.mm - self.mm)

    def target_(self) -> tuple[object, ...]:
        """Return what the contract's functions take."""
        equity, mm = self.health.equity, self.health.mm
        least, risk = self.least, self.risk
        return (self.size, self.price, equity, mm, self.target, least, risk)


sizes = st.builds(int.__mul__, magnitudes(60, 1), st.sampled_from((1, -1)))
worths = magnitudes(80, 10**8)
"""Prices, wad."""
_edges = st.sampled_from((0, 666_666, 666_667, 999_999))
_booleans = st.booleans()
_signs = st.sampled_from((1, -1))
_large = magnitudes(60, 10**10)
_dear = magnitudes(80, WAD)
_hopes = st.sampled_from((1, 1, 1, 1, 1, 1, 0, -1))


@st.composite
def scenes(draw: st.DrawFn, *, rules=risks_now, least_share: int = -(10**6)) -> Scene:
    """Draw an account that is liquidatable; its equity is a share of its maintenance, in ppm."""
    size, price, r = draw(sizes), draw(worths), draw(rules)
    n = notional(size, price)
    _, mm = requirement(n, r)
    elsewhere = between(draw, 0, 2 * n)
    other_mm, other_gap = elsewhere // 20, elsewhere // 50
    total = mm + other_mm
    share = draw(_edges) if draw(_booleans) else between(draw, least_share, PPM)
    equity = min(total * share // PPM, total - 1)
    least = between(draw, 1, 10**6) * WAD
    whole = target(n, mm, r) + other_mm + other_gap
    health = Health(equity, n + elsewhere, mm=total)
    return Scene(size, price, health, whole, least, r)


def takeover_of(scene: Scene) -> tuple[int, int, int, int]:
    """Return size, quote, price and penalty as the specification puts them together."""
    size, price, health, whole, least, r = scene
    part = amount(abs(size), price, whole, health, r, least)
    penalty = penalty_of(notional(part, price), scene.notional, scene.mm, health, r)
    taken = part if size > 0 else -part
    return taken, takeover_quote(taken, price), price, penalty


@given(scenes() | scenes(least_share=666_667))
def test_takeover__any_account__is_the_specifications(scene):
    got = SOL.read("takeover", scene.target_())

    event("part" if got[0] != scene.size else "all")
    assert got == takeover_of(scene)
    assert 0 <= got[3] <= max(0, scene.health.equity), "PERP-19"


@st.composite
def bankrupt(draw: st.DrawFn) -> Scene:
    """Draw an account of one position that is below zero by some of it."""
    scene = draw(scenes())
    equity = -between(draw, 1, scene.notional // 20 + 1)
    return scene._replace(health=Health(equity, scene.notional, mm=scene.mm))


@given(bankrupt() | scenes())
def test_takeover__of_all__leaves_a_debt_only_below_zero(scene):
    """[PERP-48] By fractions, of an account with this position alone."""
    size, quote, price, penalty = SOL.read("takeover", scene.target_())
    equity = scene.health.equity
    assume(size == scene.size and scene.health.mm == scene.mm)
    event("below zero" if equity < 0 else "none")

    assert price == scene.price
    # no fraction of a pico is missing
    assert 0 <= quote - Fraction(size * price, TICK) < 1
    left = equity - value(size, price) + quote * PICO_TO_WAD - penalty
    assert 0 <= left + penalty - equity <= PICO_TO_WAD
    if equity >= 0:
        assert left >= 0


@st.composite
def parted(draw: st.DrawFn) -> Scene:
    """Draw an account of one large position, of which nearly always a part is enough."""
    size = draw(_large) * draw(_signs)
    price, r = draw(_dear), draw(risks_now)
    n = notional(size, price)
    _, mm = requirement(n, r)
    equity = mm * between(draw, 666_667, 999_999) // PPM
    return Scene(size, price, Health(equity, n, mm=mm), target(n, mm, r), WAD, r)


@given(parted())
def test_takeover__a_part__reaches_the_target_and_a_lot_less_would_not(scene):
    """What is left needs less by the rate of the whole; the slope only makes it need less still."""
    size, _, price, penalty = SOL.read("takeover", scene.target_())
    assume(size != scene.size)
    event("slope" if scene.risk.slope else "no slope")
    missing = scene.target - scene.health.equity
    rate = Fraction(scene.target, scene.notional)
    gained = rate - Fraction(scene.risk.penalty, PPM)

    assert Fraction(abs(size) * price, LOTS) * gained >= missing, "PERP-17"
    assert penalty <= ceil(Fraction(notional(size, price) * scene.risk.penalty, PPM))
    # the rate is rounded down by less than a wei, so it may sell so much more
    most = missing / (gained - Fraction(1, WAD)) + 1
    assert Fraction((abs(size) - 1) * price, LOTS) < most


@given(scenes(), st.integers(0, 2**40))
def test_takeover__less_equity__takes_no_less(scene, less):
    poorer = scene._replace(health=replace(scene.health, equity=scene.health.equity - less))

    before, after = (abs(SOL.read("takeover", s.target_())[0]) for s in (scene, poorer))

    assert after >= before


@given(scenes())
def test_bankruptcy_price__any_account__is_rounded_for_it(scene):
    got = SOL.read("bankruptcyPrice", scene.target_())

    assert got == bankruptcy_price(scene.size, scene.price, scene.mm, scene.health)
    share = floor(Fraction(scene.health.equity * scene.mm, scene.health.mm))
    exact = scene.price - Fraction(share * LOTS, scene.size)
    assert got == max(0, ceil(exact) if scene.size > 0 else floor(exact))


@given(bankrupt() | scenes())
def test_bankruptcy_price__below_zero__is_beyond_the_value(scene):
    """[PERP-48] Strictly: no takeover at the LIQUIDATE value brings back what is missing."""
    beyond = (
        scene.size // abs(scene.size) * (SOL.read("bankruptcyPrice", scene.target_()) - scene.price)
    )

    assert beyond > 0 if scene.health.equity < 0 else beyond <= 0


def test_bankruptcy_price__a_lot__rounds_the_share_down_first():
    """Half a wei is the market's share of a loss; rounded down a whole one: LOTS wei of the price.

    With more lots the price's own rounding hides it.
    """
    r = RiskNow(im=100_000, kappa=5_000, slope=0, im_max=100_000, penalty=25_000)
    price = 3_000 * WAD
    _, mm = requirement(notional(1, price), r)
    health = Health(-1, 2 * notional(1, price), mm=2 * mm)
    scene = Scene(1, price, health, 2 * mm, 1, r)

    assert SOL.read("bankruptcyPrice", scene.target_()) == price + LOTS
    assert bankruptcy_price(1, price, mm, health) == price + LOTS


def price_of(scene: Scene) -> int:
    return SOL.read("liquidationPrice", scene.target_())


def spare_after(scene: Scene, price: int) -> Fraction:
    """Return equity less maintenance at a price, in exact fractions; from 0 on it is safe."""
    r, worth = scene.risk, Fraction(scene.size * price, LOTS)
    rate = min(
        Fraction(r.im, PPM) + r.slope * abs(worth) / (PPM * PPM * WAD), Fraction(r.im_max, PPM)
    )
    return scene.rest + worth - Fraction(r.kappa, 10_000) * rate * abs(worth)


@st.composite
def accounts(draw: st.DrawFn, rules=risks_now) -> Scene:
    """Draw an account of any health, with a price at which it is liquidated or without."""
    scene = draw(scenes(rules=rules))
    size, price = scene.size, scene.price
    rest = between(draw, 1, 2 * scene.notional) * (-1 if size > 0 else 1)
    rest *= draw(_hopes)
    equity = rest + value(size, price) + scene.health.mm - scene.mm
    return scene._replace(health=replace(scene.health, equity=equity))


@given(accounts())
def test_liquidation_price__any_account__is_the_specifications(scene):
    got = price_of(scene)

    event(f"{'slope' if scene.risk.slope else 'no slope'}, {'none' if got == 0 else 'a price'}")
    assert got == liquidation_price(scene.size, scene.rest, scene.risk)


@given(accounts())
def test_liquidation_price__without_a_slope__flips_within_a_wei(scene):
    scene = scene._replace(risk=replace(scene.risk, slope=0))
    got = price_of(scene)
    event("a price" if got else "none")
    if not got:
        return
    beyond = got - 1 if scene.size > 0 else got + 1

    assert spare_after(scene, got) >= 0 > spare_after(scene, beyond), "PERP-27"


@given(accounts(rules=sloped_now))
def test_liquidation_price__with_a_slope__flips_within_a_wei_as_margin_is_rounded(scene):
    """The exact one is near: all rounds by five wei at most, and margin takes 99 % of a gain."""
    r = scene.risk
    got = price_of(scene)
    event("a price" if got else "none")
    if not got:
        return
    one = 1 if scene.size > 0 else -1
    slack = ceil(Fraction(500 * LOTS, abs(scene.size))) + 1

    def is_safe(price: int) -> bool:
        _, mm = SOL.read("requirement", notional(scene.size, price), r)
        return scene.rest + SOL.read("value", scene.size, price) >= mm

    assert (is_safe(got), is_safe(got - one)) == (True, False), "PERP-27"
    if got > slack:
        assert spare_after(scene, got + one * slack) >= 0 > spare_after(scene, got - one * slack)


# WORKED NUMBERS

TEN_PERCENT = RiskNow(100_000, 6_000, 0, 100_000, 25_000)
"""Maintenance margin 6 %."""


@pytest.mark.parametrize(
    ("lots_", "expected"),
    [(10 * LOTS, 90_425531914893617022), (-10 * LOTS, 108_490566037735849056)],
)
def test_liquidation_price__ten_at_a_hundred_and_equity_150__is_the_worked_number(lots_, expected):
    health = Health(150 * WAD, 1_000 * WAD, mm=60 * WAD)
    scene = Scene(lots_, 100 * WAD, health, 80 * WAD, 10 * WAD, TEN_PERCENT)

    assert price_of(scene) == expected
    assert liquidation_price(lots_, scene.rest, TEN_PERCENT) == expected


def test_takeover__a_hundred_thousand_with_5900_left__is_the_worked_number():
    """R = 8 %, f = 2.5 %: x = 2,100 / 5.5 %, then up to whole lots of a price of 2,500."""
    n, equity = 100_000 * WAD, 5_900 * WAD
    health = Health(equity, n, mm=6_000 * WAD)
    whole = SOL.read("target", n, 6_000 * WAD, TEN_PERCENT)
    scene = Scene(40 * LOTS, 2_500 * WAD, health, whole, 10 * WAD, TEN_PERCENT)
    x = 38_181_818181818181818182

    assert whole == target(n, 6_000 * WAD, TEN_PERCENT) == 8_000 * WAD
    assert notional_to_close(whole - equity, n, 6_000 * WAD, TEN_PERCENT) == x
    size, *_ = SOL.read("takeover", scene.target_())
    assert size == ceil(Fraction(x, 2_500 * WAD) * LOTS) == 1_527_272_728
    # at a price of one wad a lot, nothing is rounded but the wei
    scene = scene._replace(size=10**13, price=WAD, least=1)
    assert SOL.read("takeover", scene.target_())[0] == ceil(Fraction(x, 10**10))


@pytest.mark.parametrize(("units", "price"), [(10, 98), (-10, 102)])
@pytest.mark.parametrize("equity", [0, -15])
def test_takeover__ten_with_nothing_left__goes_whole_at_the_value(units, price, equity):
    n = abs(units) * price * WAD
    health = Health(equity * WAD, n, mm=n * 6 // 100)
    scene = Scene(units * LOTS, price * WAD, health, n, 10 * WAD, TEN_PERCENT)

    got = SOL.read("takeover", scene.target_())

    assert got == (units * LOTS, units * price * PICO, price * WAD, 0)


# SHARES


@given(magnitudes(120), magnitudes(128), magnitudes(128))
@example(1, 0, 0)
def test_shares__any_vault__round_down(amount_, nav, supply):
    """The specification has no shares: the formula is that of the library's own page."""
    rate = Fraction(supply + 10**6, nav + 1)

    shares = SOL.read("minted", amount_, nav, supply)

    assert shares == floor(amount_ * rate)
    assert SOL.read("worth", amount_, nav, supply) == floor(amount_ / rate)
    assert SOL.read("worth", shares, nav, supply) <= amount_, "PERP-18"


@given(magnitudes(100), magnitudes(100), magnitudes(100))
def test_shares__in_and_out__takes_nothing_from_who_stays(amount_, nav, supply):
    shares = SOL.read("minted", amount_, nav, supply)
    back = SOL.read("worth", shares, nav + amount_, supply + shares)

    assert back <= amount_, "PERP-18"
    held = SOL.read("worth", supply, nav, supply)
    assert SOL.read("worth", supply, nav + amount_, supply + shares) >= held, "PERP-18"


@given(magnitudes(256), magnitudes(256), magnitudes(256))
def test_shares__beyond_their_widths__are_refused_not_wrapped(amount_, nav, supply):
    """[PERP-47] Exact, or refused."""
    rate = Fraction(supply + 10**6, nav + 1)

    for name, exact in (("minted", amount_ * rate), ("worth", amount_ / rate)):
        assert is_refused_or(floor(exact), verdict(SOL.read, name, amount_, nav, supply))


@given(magnitudes(112), magnitudes(64), magnitudes(128), magnitudes(128))
def test_shares__more__are_worth_no_less(amount_, more, nav, supply):
    for name in ("minted", "worth"):
        assert SOL.read(name, amount_, nav, supply) <= SOL.read(name, amount_ + more, nav, supply)


# VAULT


_nets = signed(70)
_terms = trade_params()
trades = st.builds(int.__mul__, magnitudes(70), st.sampled_from((1, -1)))


@given(trades, signed(70), bands(), trade_params())
@example(-1, 0, (1, 1), TradeParams(b"\1" * 16, 1, 0, 10_000, 1, 1, 1, 1))
def test_quote_of__any_trade__is_the_specifications(d, net, band, terms):
    got = SOL.read("quoteOf", d, net, *band, word_of_trade(terms))

    assert got == quote_of(d, net, *band, terms)
    assert SOL.read("maxNet", word_of_trade(terms)) == skew_limit(terms) == terms.skew_lots // 10


@given(signed(70), magnitudes(96), trade_params())
@example(-1, 1, TradeParams(bytes(15) + b"\x01", 0, 0, 0, 0, 0, 1, 1))
def test_skew_worth__any__is_the_specifications_and_what_closing_at_mid_pays_beyond_it(
    net, mid, terms
):
    """A round trip without a spread gives it back; quotes are whole pico, the worth a wad, up."""
    got = SOL.read("skewWorth", net, mid, word_of_trade(terms))

    assert got == skew_worth(net, mid, terms)
    paid = quote_of(-net, net, mid, mid, replace(terms, vault_spread=0)) * PICO_TO_WAD
    beyond = paid - value(net, mid) if net > 0 else value(-net, mid) - paid
    assert net == 0 or abs(beyond - got) <= PICO_TO_WAD + 1


@st.composite
def kept(draw: st.DrawFn) -> tuple[TradeParams, int, int]:
    """Draw terms, and a trade from one net size to another, within the limit or far beyond it."""
    terms = draw(_terms)
    most = draw(st.sampled_from((1, 3))) * skew_limit(terms)
    net = between(draw, -most, most)
    return terms, net, between(draw, -most, most) - net


def tilt_to(net: int, terms: TradeParams) -> Fraction:
    """Return the integral of k / S from 0 to a net size, where k stops at the limit."""
    limit = skew_limit(terms)
    slope = min(abs(net), limit)
    return Fraction(slope**2 + 2 * limit * (abs(net) - slope), 2 * terms.skew_lots)


@given(kept(), bands())
def test_quote_of__any_skew__is_the_exact_price_rounded_for_the_vault(trade, band):
    terms, net, d = trade
    lo, hi = band

    got = SOL.read("quoteOf", d, net, lo, hi, word_of_trade(terms))

    spread = Fraction(terms.vault_spread, PPM)
    price = ceil(hi * (1 + spread)) if d > 0 else floor(lo * (1 - spread))
    exact = abs(d + tilt_to(net + d, terms) - tilt_to(net, terms)) * price / TICK
    assert got == (ceil(exact) if d > 0 else floor(exact))


@given(kept(), bands())
def test_quote_of__there_and_back__never_gains(trade, band):
    terms, net, d = trade
    word = word_of_trade(terms)

    first = SOL.read("quoteOf", d, net, *band, word)
    second = SOL.read("quoteOf", -d, net + d, *band, word)

    paid, received = (first, second) if d > 0 else (second, first)
    assert received <= paid, "PERP-28"


_MARKET = Market(
    trade=TradeParams(b"", 0, 0, 0, 0, 0, 0, 0),
    risk=listed(RiskParams(100_000, 6_000, 0, 100_000, 25_000, 1), MarketStatus.LIVE, 0),
    limit=LimitParams(1, 900, 1, 0, 0, 0, 0),
    funding=Funding(0, 0, 0, 0),
    premium=Premium(0, 0, 0, 0, 0, 0, 0),
)


@given(kept(), bands(), st.integers(0, 2**64))
def test_quote_of__split_in_two__is_no_better_and_the_same_but_for_a_pico(trade, band, cut):
    terms, net, d = trade
    word = word_of_trade(terms)
    first = d * cut // 2**64

    whole = SOL.read("quoteOf", d, net, *band, word)
    one = SOL.read("quoteOf", first, net, *band, word)
    other = SOL.read("quoteOf", d - first, net + first, *band, word)

    assert 0 <= (one + other - whole) * (1 if d > 0 else -1) <= 1, "PERP-28"


@st.composite
def looks(draw: st.DrawFn) -> tuple[Look, int, int]:
    """Draw a market with a strict and a plain band, the vault's size and the trader's, lots."""
    open_lo, lo, hi, open_hi = sorted(draw(prices) for _ in range(4))
    state = PriceState.NORMAL
    quote = Quote(lo, lo, lo, hi, open_lo, open_hi, lo, hi, 0, False, state, Gate(0))
    market = replace(_MARKET, trade=draw(_terms))
    return Look(market, quote, 0, 0), draw(_nets), draw(_nets)


def context_of(look: Look, vault: int, held: int) -> tuple[object, ...]:
    """Return the contract's Context; what pricing does not read is empty."""
    trade = word_of_trade(look.market.trade)
    return (look.quote, 0, 0, 0, 0, trade, 0, 0, word_of_position(Position(vault, 0, 0)), held)


@given(looks(), positions, fundings, signed(127))
def test_vault_worth__any__is_the_specifications(scene, position, funding, cash):
    """PERP-49: its cash, its position at mid, less what it owes."""
    look, *_ = scene
    look = replace(look, market=replace(look.market, funding=funding))
    context = list(context_of(look, 0, 0))
    context[1], context[8] = word_of_funding(funding), word_of_position(position)

    assert SOL.read("vaultWorth", tuple(context), cash) == vault_worth(cash, position, look)


def as_told(deal: Deal) -> tuple[int, int, int, int, bool]:
    return deal.size, deal.quote, deal.fee, deal.net_after, deal.is_less


@given(looks(), trades, st.sampled_from((None, 0, 1, -1)))
def test_price_of__any_trade__is_the_specifications(scene, size, beyond):
    look, vault, held = scene
    if beyond is not None:  # closes, nearly closes, goes a lot beyond
        size = -held + beyond
    positions_ = {(VAULT, 0): Position(vault, 0, 0), (TRADER, 0): Position(held, 0, 0)}
    ledger = Ledger({}, {0: look.market}, positions_)

    expected = verdict(price_deal, ledger, TRADER, 0, look, size)
    got = verdict(SOL.read, "priceOf", context_of(look, vault, held), size)

    assert got == (expected if isinstance(expected, Refusal) else as_told(expected))


deals = st.builds(Deal, trades.filter(bool), signed(96), magnitudes(88), signed(70))


@given(looks(), deals, st.integers(-2, 2), st.booleans())
def test_require_skew__around_the_limit__is_the_specifications(scene, deal, beside, is_long):
    look, vault, held = scene
    edge = (skew_limit(look.market.trade) + beside) * (1 if is_long else -1)
    for each in (deal, replace(deal, size=edge - deal.net)):
        expected = verdict(require_skew, each.size, each.net, look.market.trade)
        got = verdict(SOL.read, "requireSkew", context_of(look, vault, held), as_told(each))
        event("refused" if expected else "allowed")
        assert got == expected


@given(trades.filter(bool), magnitudes(90), magnitudes(88), st.sampled_from((None, -1, 0, 1)))
def test_require_limit__around_the_limit__is_the_specifications(size, quote, limit, beside):
    if beside is not None:  # at the price, and a wei beside
        limit = max(0, quote * TICK // abs(size) + beside)
    deal = Deal(size, -quote if size > 0 else quote, 0, 0)

    expected = verdict(require_limit, deal, limit)
    got = verdict(SOL.read, "requireLimit", as_told(deal), limit)

    event("refused" if expected else "allowed")
    assert got == expected


@given(deals, magnitudes(32))
def test_legs_of__any_deal__sum_to_zero_but_for_the_fee(deal, account):
    trader, vault = SOL.read("legsOf", account, as_told(deal))

    assert trader == (account, deal.size, deal.quote, deal.fee, 0, True)
    assert vault == (VAULT, -deal.size, -deal.quote, 0, 0, False)


@given(looks(), deals)
def test_sample_of__any_deal__speaks_by_the_skew(scene, deal):
    look, vault, held = scene
    premium, worth = SOL.read("sampleOf", context_of(look, vault, held), as_told(deal))

    terms = look.market.trade
    cap = terms.prem_cap * 10**6
    assert max(-cap, min(cap, premium)) == sample_of_skew(deal.net_after, terms)
    assert worth == abs(deal.quote) * PICO_TO_WAD
