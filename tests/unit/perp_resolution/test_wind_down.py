"""windDown, settle, settleFrozen: a market is closed with notice, at a price that stood."""

import pytest

from clearing.spec.perp_types import MarketStatus
from tests.harness.actors import key_of
from tests.harness.perp import BTC, ETH, FEEDS, LOT, usd
from tests.harness.results import ACCEPTED
from tests.unit.perp_engine.scene import deaf, refusal_of, told
from tests.unit.perp_resolution.settle_scene import DAY, HOUR, settling

LIVE, WIND_DOWN, SETTLED = MarketStatus.LIVE, MarketStatus.WIND_DOWN, MarketStatus.SETTLED
WEEK = 7 * DAY
AT_MOST = 10**9
"""USD: a limit that no price reaches."""


@pytest.fixture
def twin():
    """Two markets, and the module that ends them. Undone after the test."""
    with settling() as it:
        yield it


@pytest.fixture
def winding(twin):
    """ETH is in wind-down, its day is over, and its price has stood for the last hour."""
    assert twin.wind_down() == ACCEPTED
    twin.rig.wait(DAY)
    twin.at(3_000)
    return twin


def status_of(twin, market=ETH):
    """Return a market's status as the engine stores it."""
    return twin.rig.engine.read("peekContext", 0, market)[4] >> 213 & 15


# WIND DOWN


def test_wind_down__timelock__market_is_closing_only_and_remembers_when(twin):
    twin.wind_down()

    assert (status_of(twin), status_of(twin, BTC)) == (WIND_DOWN, LIVE)
    assert twin.module.read("settlementOf", ETH)[0] == twin.now
    assert twin.module.read("settlementOf", BTC)[0] == 0


def test_wind_down__timelock__tells_until_when(twin):
    by = twin.rig.roles.timelock

    receipt = twin.module.send("windDown", ETH, sender=by)

    assert told(receipt, twin.module) == (("WindDownBegun", (ETH, twin.now + DAY)),)
    assert told(receipt, twin.rig.engine) == (("StatusChanged", (ETH, WIND_DOWN, 0)),)


@pytest.mark.parametrize("role", ["outsider", "guardian", "deployer"])
def test_wind_down__by_another__reverts(twin, role):
    assert twin.wind_down(getattr(twin.rig.roles, role)) == "NotTimelock"
    assert status_of(twin) == LIVE

    assert twin.wind_down() == ACCEPTED


def test_wind_down__twice__reverts(twin):
    assert twin.wind_down() == ACCEPTED

    assert twin.wind_down() == "WrongStatus"


def test_wind_down__put_there_by_resolution__anybody_starts_the_clock_once(twin):
    twin.put_status(WIND_DOWN)
    twin.rig.wait(2 * DAY)
    twin.at(3_000)
    assert twin.settle() == "WrongStatus"

    assert twin.wind_down(twin.rig.roles.outsider) == ACCEPTED

    assert twin.wind_down(twin.rig.roles.outsider) == "WrongStatus"
    assert twin.settle() == "TooSoon"
    twin.rig.wait(DAY)
    twin.at(3_000)
    assert twin.settle() == ACCEPTED


def test_wind_down__of_a_settled_market__reverts(winding):
    assert winding.settle() == ACCEPTED

    assert winding.wind_down() == "WrongStatus"


def test_wind_down__of_no_market__reverts(twin):
    rig = twin.rig

    refused = refusal_of(lambda: twin.module.send("windDown", 2, sender=rig.roles.timelock))

    assert refused == ("UnknownMarket", (2,))


def test_wind_down__trades__close_but_do_not_open(twin):
    owner = key_of("trader").address
    account = twin.trader("trader", 100_000)
    twin.trade(owner, account, ETH, 10 * LOT, usd(AT_MOST))
    twin.wind_down()

    assert twin.trade(owner, account, ETH, LOT, usd(AT_MOST)) == "MarketNotLive"
    assert twin.trade(owner, account, BTC, LOT // 10, usd(AT_MOST)) == ACCEPTED
    assert twin.trade(owner, account, ETH, -10 * LOT, 0) == ACCEPTED


def test_wind_down__account_under_maintenance__is_still_liquidated(twin):
    weak, other, keeper = (
        twin.trader(name, dollars) for name, dollars in (("w", 2_000), ("o", 9), ("k", 99_999))
    )
    twin.meet(weak, other, 6)
    twin.wind_down()

    by = key_of("k").address
    assert twin.liquidate(by, weak, ETH, keeper) == "NotLiquidatable"
    twin.rig.wait(1)
    twin.at(2_800)
    assert twin.liquidate(by, weak, ETH, keeper) == ACCEPTED


# SETTLE


def test_settle__a_day_after__price_is_the_hours_average(winding):
    winding.rig.wait(30)
    winding.at(3_010)
    winding.rig.wait(HOUR // 2)
    winding.at(3_030)
    winding.rig.wait(HOUR // 2)
    winding.at(3_030)

    assert winding.settle() == ACCEPTED

    # half an hour at 3,010 and half an hour at 3,030
    assert winding.module.read("settlementOf", ETH)[3] == usd(3_020)
    assert status_of(winding) == SETTLED
    assert winding.module.read("settlementOf", ETH)[1] == winding.now


def test_settle__tells_the_price(winding):
    receipt = winding.module.send("settle", ETH, sender=winding.rig.roles.outsider)

    assert told(receipt, winding.module) == (("Settled", (ETH, usd(3_000))),)
    engine = told(receipt, winding.rig.engine)
    assert engine[-1] == ("StatusChanged", (ETH, SETTLED, usd(3_000)))


@pytest.mark.parametrize(("seconds", "outcome"), [(DAY - 1, "TooSoon"), (DAY, ACCEPTED)])
def test_settle__notice__is_a_day(twin, seconds, outcome):
    twin.wind_down()
    twin.rig.wait(seconds)
    twin.at(3_000)

    assert twin.settle() == outcome


def test_settle__live_market__reverts(twin):
    twin.rig.wait(2 * DAY)
    twin.at(3_000)

    assert twin.settle() == "WrongStatus"
    assert status_of(twin) == LIVE


def test_settle__twice__reverts(winding):
    assert winding.settle() == ACCEPTED

    assert winding.settle() == "WrongStatus"


@pytest.mark.parametrize(
    ("e8", "outcome"),
    [
        (294_117_647_059, ACCEPTED),  # 3,000 / 1.02 = 2,941.176470588...
        (294_117_647_058, "PriceApart"),
        (306_122_448_979, ACCEPTED),  # 3,000 / 0.98 = 3,061.224489795...
        (306_122_448_980, "PriceApart"),
    ],
)
def test_settle__price_that_left_the_average__two_per_cent_of_it_at_most(winding, e8, outcome):
    winding.rig.wait(1)
    winding.rig.set_price(ETH, e8)

    assert winding.settle() == outcome


def test_settle__feed_that_cannot_say_a_fair_price__reverts(winding):
    deaf(winding.rig, ETH)
    assert winding.settle() == "FeedForbids"

    winding.at(3_000)
    assert winding.settle() == ACCEPTED


# FROZEN


def freeze(twin, seconds):
    """Let ETH's feed be without sources so long after its last good price, at 3,000."""
    twin.at(3_000)
    twin.rig.say(BTC, 50_000 * 10**8)
    deaf(twin.rig, ETH)
    twin.rig.wait(seconds - 100)


@pytest.mark.parametrize(("seconds", "outcome"), [(WEEK - 1, "NotFrozen"), (WEEK, ACCEPTED)])
def test_settle_frozen__no_source_for_a_week__settles_at_the_last_good_price(
    winding, seconds, outcome
):
    freeze(winding, seconds)

    assert winding.settle_frozen() == outcome

    wanted = (SETTLED, usd(3_000)) if outcome == ACCEPTED else (WIND_DOWN, 0)
    assert (status_of(winding), winding.module.read("settlementOf", ETH)[3]) == wanted


def test_settle_frozen__feed_that_speaks_again__reverts(winding):
    freeze(winding, WEEK)
    with winding.isolated():
        assert winding.settle_frozen() == ACCEPTED
    winding.rig.say(ETH, 3_000 * 10**8)

    assert winding.settle_frozen() == "NotFrozen"


def test_settle_frozen__by_another__reverts(winding):
    freeze(winding, WEEK)

    assert winding.settle_frozen(winding.rig.roles.outsider) == "NotTimelock"
    assert winding.settle_frozen() == ACCEPTED


def test_settle_frozen__without_notice__reverts(twin):
    freeze(twin, WEEK)
    assert twin.settle_frozen() == "WrongStatus"
    twin.wind_down()
    twin.rig.wait(DAY - 1)
    assert twin.settle_frozen() == "TooSoon"

    twin.rig.wait(1)
    assert twin.settle_frozen() == ACCEPTED


def test_settle_frozen__reads_the_feed_of_its_market(winding):
    freeze(winding, WEEK)

    assert winding.rig.oracle.read("memoOf", FEEDS[ETH])[0] == usd(3_000)
    assert winding.settle_frozen(market=BTC) == "WrongStatus"
