"""shareLoss, moveDebt, setStatus: what the resolution module, and nobody else, does to the ledger.

Two traders met at exactly 3,000 USD, so open interest is 10 ETH and no premium exists.
"""

from functools import partial

import pytest

from tests.harness.perp import BACKSTOP, BTC, ETH, LOT, usd
from tests.unit.perp_engine.scene import (
    AT_MID,
    MATCH_KIND,
    NO_SAMPLE,
    PICO,
    RESOLUTION_ROLE,
    WAD,
    deaf,
    in_lock,
    module,
    picture,
    refusal_of,
    told,
)

LIVE, WIND_DOWN, SETTLED = 1, 2, 3
DELTA = 3 * PICO
"""3 USD for each unit: 20 units, long and short, pay 60."""
QUOTE = 30_000 * PICO
SETTLER = 2


@pytest.fixture
def pair(rig):
    """`bull` is 10 ETH long at 3,000 USD and `bear` as much short, with 10,000 USD each."""
    bull, bear = (rig.trader(name, 10_000)[0] for name in ("bull", "bear"))
    legs = [(bull, 10 * LOT, -QUOTE, 0, 0, False), (bear, -10 * LOT, QUOTE, 0, 0, False)]
    in_lock(rig, rig.settler, ("book", (ETH, legs, NO_SAMPLE, MATCH_KIND)))
    return bull, bear


@pytest.fixture
def resolver(rig):
    """A module of the resolution role."""
    return module(rig, RESOLUTION_ROLE)


@pytest.fixture
def lost(rig):
    """An account that has nothing."""
    return rig.trader("lost")[0]


def sharing(rig, by, account, amount, backstop=0, delta=DELTA, market=ETH):
    """Return the call that shares a loss."""
    return partial(in_lock, rig, by, ("shareLoss", (market, delta, account, amount, backstop)))


def owing(rig, by, account, amount, market=ETH):
    """Return the call that moves a debt."""
    return partial(in_lock, rig, by, ("moveDebt", (market, account, amount)))


def going(rig, by, status, price=0, market=ETH):
    """Return the call that takes a market further."""
    return partial(in_lock, rig, by, ("setStatus", (market, status, price)))


def assert_refused(rig, call, error):
    """Refuse a call with an error, changing nothing."""
    before = picture(rig)
    assert refusal_of(call) == error
    assert picture(rig) == before


def equity(rig, account):
    """Return an account's equity at mid, wad."""
    return rig.engine.read("healthOf", account, AT_MID)[0]


def status_of(rig, market=ETH):
    """Return a market's status."""
    return rig.engine.read("peekContext", 0, market)[4] >> 213 & 15


# SHARE LOSS


def test_share_loss__every_position_owes_by_its_size__and_the_account_is_credited(
    rig, pair, resolver, lost
):
    sharing(rig, resolver, lost, usd(45), usd(15))()

    assert [equity(rig, account) for account in pair] == [usd(9_970), usd(9_970)]
    assert (rig.cash(lost), rig.cash(BACKSTOP)) == (usd(45), usd(15))
    assert [rig.cash(account) for account in pair] == [usd(10_000)] * 2


def test_share_loss__tells_what_it_charged_and_credited(rig, pair, resolver, lost):
    receipt = sharing(rig, resolver, lost, usd(45), usd(15))()

    assert told(receipt, rig.engine) == (("LossShared", (ETH, lost, DELTA, usd(45), usd(15))),)


@pytest.mark.parametrize(("amount", "backstop"), [(usd(60), 0), (0, usd(60)), (usd(60) - 1, 1)])
def test_share_loss__credit_of_all_that_is_charged__is_the_most(
    rig, pair, resolver, lost, amount, backstop
):
    with rig.chain.isolated():
        sharing(rig, resolver, lost, amount, backstop)()
        assert rig.cash(lost) + rig.cash(BACKSTOP) == usd(60)

    for one, more in ((amount + 1, backstop), (amount, backstop + 1)):
        call = sharing(rig, resolver, lost, one, more)
        assert_refused(rig, call, ("CreditTooHigh", (ETH, usd(60) + 1, usd(60))))


def test_share_loss__charge_that_rounds__covers_the_credit(rig, pair, resolver, lost):
    """1 pico for each of 20 units are 20 pico; what longs and shorts owe is rounded up."""
    sharing(rig, resolver, lost, 20 * 10**6, delta=1)()

    assert sum(equity(rig, account) for account in pair) <= usd(20_000) - 20 * 10**6


def test_share_loss__other_markets__owe_nothing(rig, pair, resolver, lost):
    call = sharing(rig, resolver, lost, 1, market=BTC)
    assert_refused(rig, call, ("CreditTooHigh", (BTC, 1, 0)))

    sharing(rig, resolver, lost, 0, market=BTC)()
    assert [equity(rig, account) for account in pair] == [usd(10_000)] * 2


@pytest.mark.parametrize("delta", [DELTA, 10 * DELTA])
def test_share_loss__later_positions__do_not_owe_it(rig, pair, resolver, lost, delta):
    sharing(rig, resolver, lost, 0, delta=delta)()
    late, other = (rig.trader(name, 10_000)[0] for name in ("late", "other"))
    legs = [(late, LOT, -QUOTE // 10, 0, 0, False), (other, -LOT, QUOTE // 10, 0, 0, False)]
    in_lock(rig, rig.settler, ("book", (ETH, legs, NO_SAMPLE, MATCH_KIND)))

    assert [equity(rig, account) for account in (late, other)] == [usd(10_000)] * 2
    assert [equity(rig, account) for account in pair] == [usd(10_000) - delta * 10**7] * 2


def test_share_loss__no_such_market_or_account__reverts(rig, pair, resolver, lost):
    sharing(rig, resolver, lost, 1)()

    call = sharing(rig, resolver, lost, 1, market=2)
    assert_refused(rig, call, ("UnknownMarket", (2,)))
    assert_refused(rig, sharing(rig, resolver, 99, 1), ("UnknownAccount", (99,)))


# MOVE DEBT


def test_move_debt__up_and_down__account_and_market_move_together(rig, resolver, lost):
    owing(rig, resolver, lost, usd(70))()
    assert (rig.cash(lost), rig.engine.read("debtOf", ETH)) == (usd(70), usd(70))

    owing(rig, resolver, lost, -usd(30))()

    assert (rig.cash(lost), rig.engine.read("debtOf", ETH)) == (usd(40), usd(40))
    assert rig.engine.read("debtOf", BTC) == 0


def test_move_debt__tells_change_and_level(rig, resolver, lost):
    owing(rig, resolver, lost, usd(70))()

    receipt = owing(rig, resolver, lost, -usd(30))()

    assert told(receipt, rig.engine) == (("DebtMoved", (ETH, lost, -usd(30), usd(40))),)


def test_move_debt__more_than_is_owed__reverts(rig, resolver, lost):
    owing(rig, resolver, lost, 70)()
    with rig.chain.isolated():
        owing(rig, resolver, lost, -70)()
        assert rig.engine.read("debtOf", ETH) == 0

    call = owing(rig, resolver, lost, -71)
    assert_refused(rig, call, ("SafeCastOverflowedIntToUint", (-1,)))


def test_move_debt__no_such_market_or_account__reverts(rig, resolver, lost):
    owing(rig, resolver, lost, 1)()

    assert_refused(rig, owing(rig, resolver, lost, 1, market=2), ("UnknownMarket", (2,)))
    assert_refused(rig, owing(rig, resolver, 99, 1), ("UnknownAccount", (99,)))


# SET STATUS


@pytest.mark.parametrize(
    "path", [[(WIND_DOWN, 0)], [(SETTLED, 1)], [(WIND_DOWN, 0), (SETTLED, usd(3_000))]]
)
def test_set_status__forwards__is_stored_and_told(rig, resolver, path):
    for status, price in path:
        receipt = going(rig, resolver, status, price)()

        assert told(receipt, rig.engine)[-1] == ("StatusChanged", (ETH, status, price))
        assert (status_of(rig), status_of(rig, BTC)) == (status, LIVE)


@pytest.mark.parametrize(
    ("reached", "refused"),
    [(LIVE, [1]), (WIND_DOWN, [1, 2]), (SETTLED, [1, 2, 3])],
)
def test_set_status__not_forwards__reverts(rig, resolver, reached, refused):
    if reached != LIVE:
        going(rig, resolver, reached, usd(1) if reached == SETTLED else 0)()

    for status in refused:
        price = usd(2) if status == SETTLED else 0
        call = going(rig, resolver, status, price)
        assert_refused(rig, call, ("MarketNotLive", (ETH, reached)))


@pytest.mark.parametrize(
    ("status", "price", "fixed"), [(SETTLED, 0, usd(1)), (WIND_DOWN, usd(1), 0)]
)
def test_set_status__price_without_an_end_or_an_end_without_one__reverts(
    rig, resolver, status, price, fixed
):
    with rig.chain.isolated():
        going(rig, resolver, status, fixed)()

    assert_refused(rig, going(rig, resolver, status, price), ("BadParameter", ("price",)))


def test_set_status__settled__positions_count_at_the_price_whatever_the_feed_does(
    rig, pair, resolver
):
    going(rig, resolver, SETTLED, usd(3_100))()
    deaf(rig, ETH)

    assert [equity(rig, account) for account in pair] == [usd(11_000), usd(9_000)]


def test_set_status__no_such_market__reverts(rig, resolver):
    assert_refused(rig, going(rig, resolver, WIND_DOWN, market=2), ("UnknownMarket", (2,)))


# WHO MAY


CALLS = {
    "shareLoss": (ETH, 0, BACKSTOP, 0, 0),
    "moveDebt": (ETH, BACKSTOP, 1),
    "setStatus": (ETH, WIND_DOWN, 0),
}


@pytest.mark.parametrize("name", list(CALLS))
def test_resolution__module_of_another_role__reverts(rig, resolver, name):
    with rig.chain.isolated():
        in_lock(rig, resolver, (name, CALLS[name]))

    call = partial(in_lock, rig, rig.settler, (name, CALLS[name]))
    error = ("NotModule", (rig.settler.address, SETTLER))
    assert_refused(rig, call, error)


@pytest.mark.parametrize("name", list(CALLS))
def test_resolution__without_the_lock__reverts(rig, resolver, name):
    data = rig.engine.call(name, len(CALLS[name])).method.encode(*CALLS[name])
    step = [(rig.engine.address, 0, data)]
    send = partial(resolver.send, "execute", step, sender=rig.roles.outsider)
    assert_refused(rig, send, ("NotLocked", ()))

    in_lock(rig, resolver, (name, CALLS[name]))


def test_resolution__cash_of_any_account__moves(rig, pair, resolver, lost):
    bull, _ = pair

    receipt = in_lock(rig, resolver, ("moveCash", (bull, lost, WAD)))

    assert (rig.cash(bull), rig.cash(lost)) == (usd(9_999), usd(1))
    assert told(receipt, rig.engine) == (("CashMoved", (bull, lost, WAD, RESOLUTION_ROLE)),)
