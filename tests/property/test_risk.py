"""The risk of a channel, for any liabilities, prices, factors and moved margin."""

from fractions import Fraction

from hypothesis import assume, example, given
from hypothesis import strategies as st

from clearing.spec.liabilities import NO_LIABILITIES, Liabilities, Trade, book, debtor_of, deliver
from clearing.spec.risk import FactorTable, PriceSet, initial_margin_factors, risk_of
from clearing.spec.types import Side
from clearing.spec.units import DAY_S, WAD

ASSETS = [bytes([n]) * 32 for n in range(1, 9)]
SCALES = [1, 10**9, WAD, 10**24, 10**30]
COUNT = st.integers(1, 10**6)


def up_to_scale(numbers):
    """Draw numbers of every size, not only near the largest."""
    return st.builds(lambda n, scale: n * scale, numbers, st.sampled_from(SCALES))


QUANTITY = st.builds(lambda n, sign: n * sign, up_to_scale(COUNT), st.sampled_from([1, -1]))
FACTOR = st.integers(0, WAD) | st.sampled_from([0, WAD, 209 * 10**14])


@st.composite
def channels(draw):
    """Draw liabilities, the prices and factors they need, and margin moved either way."""
    assets = draw(st.lists(st.sampled_from(ASSETS), unique=True, max_size=5))
    owed = Liabilities.of({asset: draw(QUANTITY) for asset in assets})
    prices = PriceSet.of({asset: draw(up_to_scale(COUNT)) for asset in assets})
    factors = FactorTable.of({asset: draw(FACTOR) for asset in assets})
    moved_wad = draw(st.just(0) | st.builds(int.__mul__, QUANTITY, st.sampled_from([1, -1])))
    return owed, prices, factors, moved_wad


@st.composite
def ties(draw):
    """Draw a channel whose sides owe exactly the same: one asset each, same value."""
    low, high = draw(st.permutations(ASSETS).map(lambda assets: assets[:2]))
    quantity, price = draw(up_to_scale(COUNT)), draw(up_to_scale(COUNT))
    owed = Liabilities.of({low: quantity, high: -price})
    prices = PriceSet.of({low: price, high: quantity})
    return owed, prices, FactorTable.of({low: draw(FACTOR), high: draw(FACTOR)})


def exact_risk(owed, prices, factors, moved_wad):
    """Return what each side must cover, from the rule in exact fractions: WAD USD, unrounded."""
    value = {side: Fraction(0) for side in Side}
    up, down = dict(value), dict(value)
    for asset, quantity in owed.rows:
        side = debtor_of(quantity)
        worth = Fraction(abs(quantity) * prices.find(asset), WAD)
        factor = Fraction(factors.find(asset), WAD)
        value[side] += worth
        up[side] += worth * (1 + factor)
        down[side] += worth * (1 - factor)
    received = {Side.LOW: -moved_wad, Side.HIGH: moved_wad}
    excess = value[Side.LOW] - value[Side.HIGH] - moved_wad
    bears = {Side.LOW: excess >= 0, Side.HIGH: excess <= 0}
    return {
        side: up[side] + received[side] - down[side.other] if bears[side] else Fraction(0)
        for side in Side
    }


@given(channels())
def test_risk_of__any_channel__is_the_exact_rule_rounded_up_by_less_than_a_unit_per_row(channel):
    report = risk_of(*channel)
    exact = exact_risk(*channel)

    for side in Side:
        excess = report.of(side).required_wad - exact[side]
        assert 0 <= excess <= len(channel[0].rows), "RSK-01 rounds against the side that bears"


@given(channels())
def test_risk_of__any_channel__rows_add_up_to_the_totals(channel):
    report = risk_of(*channel)

    for side in Side:
        own = [row for row in report.assets if row.debtor is side]
        assert report.of(side).value_wad == sum(row.value_wad for row in own)
        assert report.of(side).up_wad == sum(row.up_wad for row in own)
        assert report.of(side).down_wad == sum(row.down_wad for row in own)


@given(channels())
def test_risk_of__sides_swapped__swaps_the_report(channel):
    owed, prices, factors, moved_wad = channel
    mirrored = Liabilities(tuple((asset, -quantity) for asset, quantity in owed.rows))

    report = risk_of(owed, prices, factors, moved_wad)
    swapped = risk_of(mirrored, prices, factors, -moved_wad)

    assert (swapped.low, swapped.high) == (report.high, report.low), "RSK-02 sides are alike"


@given(channels(), st.data())
def test_risk_of__factor_raised__lowers_no_requirement(channel, data):
    owed, prices, factors, moved_wad = channel
    assume(owed.rows)
    asset = data.draw(st.sampled_from([asset for asset, _ in owed.rows]))
    raised = FactorTable.of(dict(factors.rows) | {asset: factors.find(asset) + data.draw(FACTOR)})

    before = risk_of(owed, prices, factors, moved_wad)
    after = risk_of(owed, prices, raised, moved_wad)

    for side in Side:
        assert after.of(side).required_wad >= before.of(side).required_wad, "RSK-03 monotone"


@given(ties())
@example(
    (
        Liabilities.of({ASSETS[0]: 3, ASSETS[1]: -1}),
        PriceSet.of({ASSETS[0]: 1, ASSETS[1]: 3}),
        FactorTable.of({ASSETS[0]: 1, ASSETS[1]: 1}),
    )
)
def test_risk_of__tie__both_cover_and_a_unit_more_ends_it(tie):
    owed, prices, factors = tie
    report = risk_of(owed, prices, factors)
    exact = exact_risk(owed, prices, factors, 0)

    for side in Side:
        assert report.of(side).required_wad >= exact[side] >= 0, "RSK-04 both cover on a tie"
    low_paid_one = risk_of(owed, prices, factors, 1)
    assert low_paid_one.low.required_wad == 0, "RSK-04 only the side that owes more covers"
    assert low_paid_one.high.required_wad > 0, "RSK-04 only the side that owes more covers"


@given(channels())
def test_risk_of__difference_moved_in_full__leaves_the_factors_alone(channel):
    """After a margin call each side covers what the factors can move, and no more."""
    owed, prices, factors, _ = channel
    values = [(quantity * prices.find(asset), factors.find(asset)) for asset, quantity in owed.rows]
    assume(sum(value for value, _ in values) % WAD == 0)

    report = risk_of(owed, prices, factors, sum(value for value, _ in values) // WAD)

    swing = sum(Fraction(abs(value) * factor, WAD * WAD) for value, factor in values)
    for side in Side:
        assert 0 <= report.of(side).required_wad - swing <= len(values), "RSK-05 moved is deducted"


TRADE = st.builds(
    lambda seller, assets, base_wad, quote_wad: Trade(
        seller, assets[0], base_wad, assets[1], quote_wad
    ),
    st.sampled_from(list(Side)),
    st.permutations(ASSETS[:3]),
    COUNT,
    COUNT,
)


@given(st.lists(TRADE, max_size=12), st.randoms(use_true_random=False))
def test_book__any_order_of_trades__nets_to_the_same(trades, random):
    shuffled = list(trades)
    random.shuffle(shuffled)

    one, other = NO_LIABILITIES, NO_LIABILITIES
    for trade in trades:
        one = book(one, trade)
    for trade in shuffled:
        other = book(other, trade)

    assert one == other, "RSK-06 liabilities are the sum of the trades"


@given(st.lists(TRADE, max_size=12))
def test_deliver__everything_owed__leaves_nothing(trades):
    owed = NO_LIABILITIES
    for trade in trades:
        owed = book(owed, trade)

    for asset, quantity in owed.rows:
        owed = deliver(owed, debtor_of(quantity), asset, abs(quantity))

    assert owed == NO_LIABILITIES, "RSK-06 liabilities are the sum of the trades"


@given(FACTOR, st.integers(0, 400 * DAY_S), st.integers(0, 400 * DAY_S))
def test_initial_margin_factors__any_exposure__is_the_least_root_that_covers(factor, call, window):
    days = max(Fraction(1), Fraction(call + window, DAY_S))
    daily = FactorTable.of({ASSETS[0]: factor})

    stretched = initial_margin_factors(daily, call, window).find(ASSETS[0])

    assert stretched**2 >= factor**2 * days
    assert stretched == 0 or (stretched - 1) ** 2 < factor**2 * days


def test_exact_risk__seeds_example__is_the_figure_of_the_documents():
    """The oracle of this file, checked by itself."""
    low, high = ASSETS[:2]
    owed = Liabilities.of({low: 10 * WAD, high: -WAD})
    prices = PriceSet.of({low: 5_300 * WAD, high: 52_500 * WAD})
    factors = FactorTable.of({low: 0, high: 209 * 10**14})

    assert exact_risk(owed, prices, factors, 0)[Side.LOW] == 1_597_25 * WAD // 100
