"""MarketBounds and addMarket: what no governance can configure."""

from functools import partial

import pytest

from clearing.spec.perp_types import MOST_LISTED
from tests.harness.perp import ETH, FEEDS, LIMIT, RISK, TRADE
from tests.unit.perp_engine.scene import (
    assert_only_fails_for,
    rates_with,
    refusal_of,
    set_market,
    told,
    with_changed,
)

LEAST = {"penalty": 1, "premCap": 1, "maxRate": 1}
WHOLE = {"im": 1_000_000, "imMax": 1_000_000}

EDGES = [
    ("im", 10_000, 9_999, LEAST | {"max_conf": 1, "minFee": 0}),
    ("im", 1_000_000, 1_000_001, LEAST | {"imMax": 1_000_000}),
    ("kappa", 5_000, 4_999, LEAST),
    ("kappa", 9_000, 9_001, LEAST),
    ("kappa", 6_000, 6_001, LEAST | {"slope": 1}),
    ("slope", 1_000_000, 1_000_001, {}),
    ("imMax", 100_000, 99_999, {}),
    ("imMax", 1_000_000, 1_000_001, {}),
    ("penalty", 1, 0, {}),
    ("penalty", 40_000, 40_001, {"premCap": 1}),  # ⅔ of 6 %
    ("penalty", 131_071, 131_072, WHOLE | {"premCap": 1}),  # 17 bits
    ("impactNotional", 1, 0, {}),
    ("takerFee", 10_000, 10_001, {}),
    ("makerFee", 10_000, 10_001, {}),
    ("takerFee", 1, 0, {"makerFee": 0}),
    ("vaultSpread", 10_000, 10_001, {}),
    ("premCap", 1, 0, {}),
    ("premCap", 25_000, 25_001, {}),  # 6 % - 2.5 % - 1 %
    ("premCap", 37_735, 37_736, {"penalty": 1, "max_conf": 1}),  # 4 % / 1.06
    ("premCap", 131_071, 131_072, WHOLE),  # 17 bits
    ("minNotional", 1, 0, {"minFee": 0}),
    ("minNotional", 1_000_000, 1_000_001, {}),
    ("skewScale", 1, 0, {}),
    ("skewScale", 2**36 - 1, 2**36, {}),
    ("coefficientInverse", 1, 0, {}),
    ("coefficientInverse", 1_000, 1_001, {}),
    ("maxRate", 1, 0, {}),
    ("maxRate", 10_000, 10_001, {}),  # a quarter of 4 %
    ("interval", 900, 899, {}),
    ("interval", 28_800, 28_801, {}),
    ("band", 1, 0, {}),
    ("band", 50_000, 50_001, {}),
    ("vaultShare", 1_000_000, 1_000_001, {}),
]
UNBOUNDED = {"minFee", "openCap", "maxOi"}


@pytest.fixture
def bounds(rig):
    return rig.chain.deploy("MarketBounds", sender=rig.roles.deployer)


@pytest.mark.parametrize(("field", "edge", "beyond", "others"), EDGES)
def test_require_all__each_bound__holds_to_the_unit(bounds, field, edge, beyond, others):
    others = dict(others)
    max_conf = others.pop("max_conf", 100)

    bounds.read("requireAll", *with_changed(**others | {field: edge}), max_conf)

    call = partial(bounds.read, "requireAll", *with_changed(**others | {field: beyond}), max_conf)
    assert refusal_of(call) == ("BadParameter", (field,))


def test_require_all__the_table__has_every_field():
    assert {field for field, *_ in EDGES} | UNBOUNDED == {*RISK, *TRADE, *LIMIT}


def test_require_all__a_confidence_as_wide_as_margin__leaves_no_premium(bounds):
    """6 % - 4 % - 2 % = 0: no cap is small enough."""
    changed = with_changed(penalty=40_000, premCap=1)

    bounds.read("requireAll", *changed, 199)

    assert refusal_of(partial(bounds.read, "requireAll", *changed, 200)) == (
        "BadParameter",
        ("premCap",),
    )


# ADD


def adding(rig, market=2, feed=FEEDS[ETH], **changed):
    terms = with_changed(**changed)
    return partial(rig.admin.send, "addMarket", market, feed, *terms, sender=rig.roles.timelock)


def test_add_market__the_next__is_there(rig):
    receipt = adding(rig)()

    assert told(receipt, rig.admin) == (("MarketAdded", (2, FEEDS[ETH], *with_changed())),)
    assert rig.engine.read("feedOf", 2) == FEEDS[ETH]
    assert rig.engine.read("parameters")[5] == 3


def test_add_market__one_that_exists__is_refused(rig):
    assert_only_fails_for(
        rig,
        lambda market: adding(rig, market),
        broken=1,
        fixed=2,
        error=("MarketExists", (1,)),
    )


def test_add_market__a_gap__is_refused(rig):
    assert_only_fails_for(
        rig,
        lambda market: adding(rig, market),
        broken=3,
        fixed=2,
        error=("BadParameter", ("market",)),
    )


def test_add_market__the_25th__is_refused(rig):
    def arrange(market):
        for before in range(2, market):
            adding(rig, before)()
        return adding(rig, market)

    assert_only_fails_for(
        rig, arrange, broken=MOST_LISTED, fixed=MOST_LISTED - 1, error=("BadParameter", ("market",))
    )


def test_add_market__a_feed_that_the_oracle_lacks__is_refused(rig):
    other = b"OP/USD".ljust(16, b"\0")
    assert_only_fails_for(
        rig,
        lambda feed: adding(rig, 2, feed),
        broken=other,
        fixed=FEEDS[ETH],
        error=("UnknownFeed", (other,)),
    )


def test_add_market__parameters_out_of_bounds__are_refused(rig):
    """The confidence is the feed's own, 1 %."""
    assert_only_fails_for(
        rig,
        lambda cap: adding(rig, premCap=cap),
        broken=25_001,
        fixed=25_000,
        error=("BadParameter", ("premCap",)),
    )


# SET


def setting(rig, market=ETH, **changed):
    return partial(set_market, rig, market, **changed)


def im_of(rig, account):
    return rig.engine.read("healthOf", account, 2)[2]


def test_set_market__anything__emits_market_changed(rig):
    receipt = setting(rig, takerFee=600)()

    assert told(receipt, rig.admin) == (("MarketChanged", (ETH, *with_changed(takerFee=600))),)


def test_set_market__out_of_bounds__is_refused(rig):
    assert_only_fails_for(
        rig,
        lambda rate: setting(rig, maxRate=rate),
        broken=10_001,
        fixed=10_000,
        error=("BadParameter", ("maxRate",)),
    )


def test_set_market__one_that_nobody_added__is_refused(rig):
    assert_only_fails_for(
        rig,
        lambda market: setting(rig, market),
        broken=2,
        fixed=1,
        error=("UnknownMarket", (2,)),
    )


RATES = {
    "im": 105_000,
    "kappa": 5_500,
    "takerFee": 600,
    "makerFee": 100,
    "vaultSpread": 200,
    "maxRate": 9_000,
    "interval": 7_200,
}


def rates(rig, market=ETH, **changed):
    by = rig.roles.timelock
    return partial(rig.admin.send, "setRates", market, rates_with(**changed), sender=by)


@pytest.mark.parametrize("name", RATES)
def test_set_rates__each__is_as_set_market_with_the_others_as_they_were(rig, name):
    """The other terms are not the rig's, so that a term that was forgotten shows."""
    kept = {"penalty": 10_000, "minNotional": 20, "skewScale": 200_000, "band": 40_000}
    kept |= {"impactNotional": 90_000, "premCap": 20_000, "coefficientInverse": 12}
    kept |= {"minFee": 30, "openCap": 7, "vaultShare": 900_000, "maxOi": 77, "imMax": 110_000}
    setting(rig, **kept)()
    rig.wait(86_400)
    change = {name: RATES[name]}
    with rig.chain.isolated():
        setting(rig, **kept, **change)()
        want = rig.everything()

    receipt = rates(rig, **change)()

    expected = ("MarketChanged", (ETH, *with_changed(**kept, **change)))
    assert told(receipt, rig.admin) == (expected,)
    assert rig.everything() == want


def test_set_rates__out_of_bounds__is_refused(rig):
    assert_only_fails_for(
        rig,
        lambda rate: rates(rig, maxRate=rate),
        broken=10_001,
        fixed=10_000,
        error=("BadParameter", ("maxRate",)),
    )


def test_set_rates__one_that_nobody_added__is_refused(rig):
    assert_only_fails_for(
        rig, lambda market: rates(rig, market), broken=2, fixed=1, error=("UnknownMarket", (2,))
    )


def test_set_rates__more_margin_than_the_most__is_refused(rig):
    """The greatest margin is for a proposal that asks for more."""
    assert_only_fails_for(
        rig,
        lambda im: rates(rig, im=im),
        broken=100_001,
        fixed=100_000,
        error=("BadParameter", ("imMax",)),
    )


def test_set_market__more_margin__comes_into_force_over_a_day(rig, trader):
    """10 ETH at a mid of 3,000: 10 % -> 15 % after half a day -> 20 %."""
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * 10**8)
    before = rig.everything()

    setting(rig, im=200_000, imMax=200_000)()

    assert im_of(rig, account) == 3_000 * 10**18, "nobody becomes liquidatable in this block"
    rig.wait(43_200)
    rig.set_price(ETH, 3_000 * 10**8)
    assert im_of(rig, account) == 4_500 * 10**18
    rig.wait(43_200)
    rig.set_price(ETH, 3_000 * 10**8)
    assert im_of(rig, account) == 6_000 * 10**18
    assert rig.everything()[0] == before[0]


def test_set_market__again_half_way__goes_on_from_what_is_in_force(rig, trader):
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * 10**8)
    setting(rig, im=200_000, imMax=200_000)()
    rig.wait(43_200)
    rig.set_price(ETH, 3_000 * 10**8)

    setting(rig, im=250_000, imMax=250_000)()

    assert im_of(rig, account) == 4_500 * 10**18
    rig.wait(43_200)
    rig.set_price(ETH, 3_000 * 10**8)
    assert im_of(rig, account) == 6_000 * 10**18


def test_set_market__less_margin__is_in_force_at_once(rig, trader):
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * 10**8)
    least = {"im": 50_000, "penalty": 1_000, "premCap": 10_000, "maxRate": 1_000, "minFee": 10}

    setting(rig, **least)()

    assert im_of(rig, account) == 1_500 * 10**18


@pytest.mark.parametrize(
    ("field", "now", "later"),
    [("premCap", 25_000, 25_001), ("maxRate", 10_000, 10_001), ("penalty", 40_000, 40_001)],
)
def test_set_market__what_margin_bounds__is_bounded_by_the_margin_in_force(rig, field, now, later):
    """Raised together with the margin, it would be a day ahead of it."""
    others = {"im": 200_000, "imMax": 200_000} | ({"premCap": 1} if field == "penalty" else {})
    assert_only_fails_for(
        rig,
        lambda value: setting(rig, **others | {field: value}),
        broken=later,
        fixed=now,
        error=("BadParameter", (field,)),
    )
    setting(rig, **others | {field: now})()
    rig.wait(86_400)

    setting(rig, **others | {field: later})()
