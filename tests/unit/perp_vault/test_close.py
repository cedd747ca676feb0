"""close and tradeWithUpdate."""

from functools import partial

import pytest

from tests.harness.actors import key_of
from tests.harness.perp import BTC, ETH, LOT, PYTH_IDS, usd
from tests.harness.puppet import words
from tests.unit.perp_engine.scene import assert_only_fails_for, refusal_of, told
from tests.unit.perp_vault.prices import fee_of, quote_of

FAR = 2**64
TEN = 10 * LOT
ANY = 10**30
E8 = 10**8


def closing(rig, trader, *, market=ETH, limit=0, deadline=FAR):
    account, owner = trader
    return partial(rig.vault.send, "close", account, market, limit, deadline, sender=owner.address)


@pytest.mark.parametrize("size", [TEN, -3 * LOT, 12_345_678])
def test_close__a_position__is_gone_and_realised(rig, trader, size):
    account, owner = trader
    rig.trade(account, owner, ETH, size)
    back = quote_of(-size, size)

    receipt = closing(rig, trader, limit=0 if size > 0 else ANY)()

    assert receipt.output == back
    assert rig.size(account, ETH) == 0
    spent = quote_of(size) + back - fee_of(quote_of(size)) - fee_of(back)
    assert rig.cash(account) == usd(100_000) + spent * 10**6


def test_close__a_position__emits_traded(rig, trader):
    account, owner = trader
    rig.trade(account, owner, ETH, TEN)
    back = quote_of(-TEN, TEN)

    receipt = closing(rig, trader)()

    expected = ("Traded", (account, ETH, -TEN, back, fee_of(back)))
    assert told(receipt, rig.vault) == (expected,)


def test_close__a_market_that_it_is_not_in__is_refused(rig, trader):
    account, owner = trader
    rig.trade(account, owner, ETH, TEN)
    assert_only_fails_for(
        rig,
        lambda market: closing(rig, trader, market=market),
        broken=BTC,
        fixed=ETH,
        error=("NoPosition", (account, BTC)),
    )


def test_close__a_worse_price_than_the_limit__is_refused(rig, trader):
    account, owner = trader
    rig.trade(account, owner, ETH, TEN)
    back = quote_of(-TEN, TEN)
    limit = back * 10**5
    assert_only_fails_for(
        rig,
        lambda limit: closing(rig, trader, limit=limit),
        broken=limit + 1,
        fixed=limit,
        error=("PriceLimit", (back, back + 1)),
    )


def test_close__after_its_deadline__is_refused(rig, trader):
    account, owner = trader
    rig.trade(account, owner, ETH, TEN)
    now = rig.chain.now
    assert_only_fails_for(
        rig,
        lambda deadline: closing(rig, trader, deadline=deadline),
        broken=now - 1,
        fixed=now,
        error=("Expired", (now - 1,)),
    )


def test_close__by_a_stranger__is_refused(rig, trader):
    account, owner = trader
    rig.trade(account, owner, ETH, TEN)
    stranger = key_of("stranger")
    assert_only_fails_for(
        rig,
        lambda by: closing(rig, (account, by)),
        broken=stranger,
        fixed=owner,
        error=("NotTrader", (account, stranger.address)),
    )


# WITH AN UPDATE


@pytest.fixture
def later(rig, trader):
    """100 s later: Pyth is stale, and takes a wei for a price."""
    rig.wait(100)
    rig.pyth.send("setFees", 1, 0, sender=rig.roles.outsider)
    rig.chain.set_balance(trader[1].address, 10)
    return rig


def update(rig, e8):
    head = words(32, 1, int.from_bytes(PYTH_IDS[ETH], "big"))
    now, conf = rig.chain.now, e8 // 10_000
    return head + words(e8, conf, -8, now, now - 1, e8, conf)


def delivering(rig, trader, wei, *, deadline=FAR, size=TEN):
    account, owner = trader
    updates = [update(rig, 3_000 * E8)]
    arguments = (updates, account, ETH, size, ANY, deadline)
    return partial(rig.vault.send, "tradeWithUpdate", *arguments, sender=owner.address, value=wei)


def test_trade_with_update__the_fee__trades_at_the_price_delivered(later, trader):
    """Stale it would be 15 bps wide."""
    account, owner = trader

    receipt = delivering(later, trader, 1)()

    assert receipt.output == quote_of(TEN)
    assert later.size(account, ETH) == TEN
    assert later.chain.balance_of(owner.address) == 9
    assert later.chain.balance_of(later.pyth.address) == 1
    assert later.chain.balance_of(later.vault.address) == 0


def test_trade_with_update__less_than_the_fee__is_refused(later, trader):
    assert_only_fails_for(
        later,
        lambda wei: delivering(later, trader, wei),
        broken=0,
        fixed=1,
        error=("FeeNotPaid", (0, 1)),
    )


def test_trade_with_update__more_than_the_fee__is_refused(later, trader):
    """Nothing is sent back, so nothing may be left over."""
    assert_only_fails_for(
        later,
        lambda wei: delivering(later, trader, wei),
        broken=2,
        fixed=1,
        error=("RefundFailed", (later.vault.address, 1)),
    )


def test_trade_with_update__a_trade_that_is_refused__keeps_the_fee_with_the_payer(later, trader):
    account, owner = trader
    now = later.chain.now

    refusal = refusal_of(delivering(later, trader, 1, deadline=now - 1))

    assert refusal == ("Expired", (now - 1,))
    assert later.chain.balance_of(owner.address) == 10
    assert later.size(account, ETH) == 0


def test_trade_with_update__by_a_stranger__is_refused(later, trader):
    account, owner = trader
    stranger = key_of("stranger")
    later.chain.set_balance(stranger.address, 10)
    assert_only_fails_for(
        later,
        lambda by: delivering(later, (account, by), 1),
        broken=stranger,
        fixed=owner,
        error=("NotTrader", (account, stranger.address)),
    )
