"""A settled market: one price whatever the oracle says; nobody trades, leaves or pays funding."""

import pytest

from clearing.spec.perp_book import Leg, Sample
from clearing.spec.perp_types import MarketStatus
from tests.harness.actors import key_of
from tests.harness.perp import BTC, ETH, LOT, RAW, usd
from tests.harness.results import ACCEPTED
from tests.unit.perp_engine.scene import AT_MID, FOR_LIQUIDATE, FOR_OPEN, deaf, refusal_of
from tests.unit.perp_resolution.settle_scene import DAY, HOUR, settling

PURPOSES = (FOR_OPEN, FOR_LIQUIDATE, AT_MID)
TO = b"\x70" * 20
AT_MOST = usd(10**9)


@pytest.fixture
def twin():
    """`bull` is 10 ETH long at 3,000 USD with 10,000 USD, `bear` is short as much."""
    with settling() as it:
        it.bull, it.bear = it.trader("bull", 10_000), it.trader("bear", 10_000)
        it.meet(it.bull, it.bear, 10)
        yield it


def equities(twin, account):
    """Return an account's equity for each purpose, wad."""
    return [twin.rig.engine.read("healthOf", account, purpose)[0] for purpose in PURPOSES]


@pytest.mark.parametrize("later", [1_000, 2_999, 9_000])
def test_settle__oracle_says_another_price__positions_count_at_the_settled_one(twin, later):
    twin.end(3_100)
    twin.rig.wait(DAY)
    twin.at(later)

    # 10 ETH gained, or lost, 100 USD each; a gain is no margin at OPEN
    assert equities(twin, twin.bull) == [usd(10_000), usd(11_000), usd(11_000)]
    assert equities(twin, twin.bear) == [usd(9_000)] * 3


def test_settle__oracle_says_nothing__positions_count_at_the_settled_price(twin):
    twin.end(3_100)
    deaf(twin.rig, ETH)
    twin.rig.wait(30 * DAY)

    assert equities(twin, twin.bull) == [usd(10_000), usd(11_000), usd(11_000)]


def test_settle__before_it__positions_count_at_what_the_oracle_says(twin):
    twin.wind_down()
    twin.rig.wait(DAY)
    twin.at(3_050)

    assert equities(twin, twin.bull)[2] == usd(10_500)


def test_settle__vault_trades__are_refused_both_ways(twin):
    owner = key_of("bull").address
    with twin.isolated():
        assert twin.trade(owner, twin.bull, ETH, -LOT, 0) == ACCEPTED
        assert twin.trade(owner, twin.bull, ETH, LOT, AT_MOST) == ACCEPTED
    twin.end(3_000)

    assert twin.trade(owner, twin.bull, ETH, -LOT, 0) == "MarketNotLive"
    assert twin.trade(owner, twin.bull, ETH, LOT, AT_MOST) == "MarketNotLive"


def test_settle__signed_orders__are_refused_even_to_close(twin):
    legs = (
        Leg(twin.bull, -LOT, 3_000 * 10**12, judged=True),
        Leg(twin.bear, LOT, -3_000 * 10**12, judged=True),
    )
    with twin.isolated():
        assert twin.match(ETH, legs, Sample()) == ACCEPTED
    twin.end(3_000)

    assert twin.match(ETH, legs, Sample()) == "MarketNotLive"


def test_settle__account_under_maintenance__is_not_liquidated_there(twin):
    keeper, by = twin.trader("keeper", 100_000), key_of("keeper").address
    with twin.isolated():
        twin.rig.wait(1)
        twin.at(3_900)
        assert twin.liquidate(by, twin.bear, ETH, keeper) == ACCEPTED
    twin.end(3_900)
    assert twin.rig.risk.read("isLiquidatable", twin.bear)

    assert twin.liquidate(by, twin.bear, ETH, keeper) == "MarketNotLive"


def test_settle__participants__withdraw_nothing_until_they_are_closed(twin):
    owner = key_of("bull").address
    with twin.isolated():
        assert twin.withdraw(owner, twin.bull, RAW, TO) == ACCEPTED
        assert twin.transfer(owner, twin.bull, twin.bear, 1) == ACCEPTED
    twin.end(3_000)

    assert twin.withdraw(owner, twin.bull, RAW, TO) == "MarketNotLive"
    assert twin.transfer(owner, twin.bull, twin.bear, 1) == "MarketNotLive"

    twin.close_at([twin.bull])
    assert twin.withdraw(owner, twin.bull, 10_000 * RAW, TO) == ACCEPTED


def test_settle__those_who_are_not_in_it__withdraw_and_trade_elsewhere(twin):
    owner, account = key_of("other").address, twin.trader("other", 10_000)
    twin.end(3_000)
    twin.rig.say(BTC, 50_000 * 10**8)

    assert twin.trade(owner, account, BTC, LOT // 10, AT_MOST) == ACCEPTED
    assert twin.withdraw(owner, account, RAW, TO) == ACCEPTED


def test_settle__premium_and_days__charge_no_funding(twin):
    """A standing premium makes longs pay; from the settlement on nothing is owed."""
    sample = Sample(20_000 * 10**6, 10**6 * 10**18)
    legs = (Leg(twin.bull, LOT, -3_000 * 10**12), Leg(twin.bear, -LOT, 3_000 * 10**12))
    assert twin.match(ETH, legs, sample) == ACCEPTED
    before = equities(twin, twin.bull)[2]
    with twin.isolated():
        twin.rig.wait(HOUR)
        twin.at(3_000)
        assert equities(twin, twin.bull)[2] < before
    twin.end(3_000)
    settled = equities(twin, twin.bull)

    for _ in range(3):
        twin.rig.wait(HOUR)
        twin.at(3_000)
        assert twin.tick(ETH) == ACCEPTED
        assert equities(twin, twin.bull) == settled


def test_settle__status__never_goes_back(twin):
    with twin.isolated():
        twin.put_status(MarketStatus.WIND_DOWN)
    twin.end(3_000)

    for status in MarketStatus:
        with twin.isolated(), pytest.raises(AssertionError, match="MarketNotLive"):
            twin.put_status(status)


def test_settle__deposits__are_never_refused(twin):
    twin.end(3_000)

    assert twin.deposit(twin.rig.roles.outsider, twin.bear, RAW) == ACCEPTED


def test_settle__by_another_module__is_the_engines_to_refuse(twin):
    engine = twin.rig.engine

    refused = refusal_of(
        lambda: engine.send("setStatus", ETH, 3, usd(1), sender=twin.rig.roles.outsider)
    )

    assert refused == ("NotLocked", ())
