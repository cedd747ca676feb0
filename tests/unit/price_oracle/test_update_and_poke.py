"""updateAndPoke: deliver Pyth's prices, poke, give the rest of the ether back."""

import pytest

from clearing.spec.oracle_types import PriceState
from tests.unit.adjudicator.scene import refusal
from tests.unit.price_oracle.scene import FEED, NOW, OTHER, event, update, usd

MAX_FEE_WEI = 10**16


def deliver(scene, *entries, feeds=(FEED,), wei=None):
    """Return the call with exactly the fee, one wei a price, unless said otherwise."""
    act = scene.act("updateAndPoke", list(entries), list(feeds))
    return act.paying(len(entries) if wei is None else wei)


@pytest.fixture
def later(scene):
    """100 s later: Pyth is stale."""
    scene.wait(100)
    return scene


def test_update_and_poke__a_price__is_delivered_and_accepted(later):
    """[ORA-17]."""
    act = deliver(later, update(NOW + 100, 3_005))

    assert later.changes_of(act) == {
        "wei of Pyth": 2,
        "last_good": usd(3_005),
        "last_good_at": NOW + 100,
        "head": 1,
        "count": 2,
        "ring[1]": (NOW + 100, usd(3_005), 100 * usd(3_003)),
    }


def test_update_and_poke__a_price__emits_poked(later):
    assert later.events_of(deliver(later, update(NOW + 100, 3_005))) == (
        event(
            "Poked",
            feed=FEED,
            state=PriceState.NORMAL,
            gates=0,
            mid=usd(3_005),
            recorded=True,
        ),
    )


def test_update_and_poke__nothing__only_pokes_nothing(later):
    before = later.picture()

    assert later.events_of(deliver(later, feeds=())) == ()
    assert later.picture() == before


@pytest.mark.parametrize("rest", [0, 1, 10**18])
def test_update_and_poke__more_than_the_fee__gives_the_rest_back(later, rest):
    """[ORA-17]."""
    payer = later.roles.outsider
    before = later.chain.balance_of(payer)

    later.send(deliver(later, update(NOW + 100, 3_005), wei=1 + rest))

    assert later.chain.balance_of(payer) == before - 1
    assert later.chain.balance_of(later.oracle.address) == 0


@pytest.mark.parametrize("wei", [0, 1])
def test_update_and_poke__less_than_the_fee__is_refused(later, wei):
    entries = [update(NOW + 100, 3_005)] * 2

    later.assert_only_fails_for(
        lambda paid: deliver(later, *entries, wei=paid),
        broken=wei,
        fixed=2,
        error=refusal("FeeNotPaid", paid=wei, fee=2),
    )


def test_update_and_poke__fee_too_high__is_refused(later):
    """Whatever the caller has sent."""
    entry = update(NOW + 100, 3_005)

    def at_fee(fee):
        later.pyth.send("setFees", fee, 0, sender=later.roles.deployer)
        return deliver(later, entry, wei=10**18)

    later.assert_only_fails_for(
        at_fee,
        broken=MAX_FEE_WEI + 1,
        fixed=MAX_FEE_WEI,
        error=refusal("FeeTooHigh", fee=MAX_FEE_WEI + 1, max=MAX_FEE_WEI),
    )


def test_update_and_poke__nine_updates__are_refused(later):
    entries = [update(NOW + 100, 3_005)] * 9

    later.assert_only_fails_for(
        lambda count: deliver(later, *entries[:count]),
        broken=9,
        fixed=8,
        error=refusal("TooManyUpdates", count=9, max=8),
    )


def test_update_and_poke__seventeen_feeds__are_refused(later):
    later.assert_only_fails_for(
        lambda count: deliver(later, feeds=[FEED] * count),
        broken=17,
        fixed=16,
        error=refusal("TooManyUpdates", count=17, max=16),
    )


def test_update_and_poke__of_no_feed__is_refused(later):
    later.assert_only_fails_for(
        lambda feed: deliver(later, update(NOW + 100, 3_005), feeds=[feed]),
        broken=OTHER,
        fixed=FEED,
        error=refusal("UnknownFeed", feed=OTHER),
    )


def test_update_and_poke__payer_that_takes_no_ether__is_refused(later):
    """It sends exactly the fee instead."""
    payer = later.deploy("HostileAccount")
    payer.send("setMode", 1, sender=later.roles.deployer)
    later.chain.set_balance(payer.address, 100)
    entry = update(NOW + 100, 3_005)

    later.assert_only_fails_for(
        lambda wei: deliver(later, entry, wei=wei).by_contract(payer),
        broken=11,
        fixed=1,
        error=refusal("RefundFailed", to=payer.address, amount=10),
    )
