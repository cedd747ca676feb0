"""Why a group is skipped: for each rule the same group settles with one thing fixed."""

import pytest

from clearing.channel.perp_batch import Match
from clearing.spec.perp_orders import REACH, Flag
from tests.harness.match import Trader
from tests.unit.match_settler.scene import MID, ONE

USD = 10**18
BAND = 50_000


def test_group__of_no_makers__is_skipped(scene):
    match = scene.match()

    assert scene.skip_of(Match(match.taker, ())) == ("EmptyGroup",)
    scene.fills(match)


@pytest.mark.parametrize("side", ["taker", "maker"])
def test_group__signed_by_a_stranger__is_skipped(scene, side):
    match = scene.match()
    victim = getattr(scene, side)
    forger = Trader(victim.account, scene.third.key)
    order = scene.order(victim, ONE if side == "taker" else -ONE)
    forged = scene.rig.signed(forger, order)
    bad = Match(forged, match.makers) if side == "taker" else Match(match.taker, (forged,))

    assert scene.skip_of(bad) == ("InvalidSignature", victim.account, 0)
    scene.fills(match)


def test_group__signed_by_a_session_key__is_filled_until_it_ends(scene):
    match = scene.match()
    session = Trader(scene.taker.account, scene.third.key)
    signed = scene.rig.signed(session, match.taker.order, ONE)
    delegated, engine = Match(signed, match.makers), scene.rig.perp.engine
    assert scene.skip_of(delegated)[0] == "InvalidSignature"

    owner, key = scene.taker.owner, scene.third.owner
    engine.send("setSession", scene.taker.account, key, scene.now + 60, sender=owner)
    scene.fills(delegated)
    engine.send("revokeSession", scene.taker.account, key, sender=owner)

    assert scene.skip_of(delegated)[0] == "InvalidSignature"


def test_group__of_an_account_that_is_not__is_skipped(scene):
    unknown = Trader(999, scene.taker.key)
    order = scene.order(unknown, ONE)
    bad = Match(scene.rig.signed(unknown, order), scene.match().makers)

    assert scene.skip_of(bad) == ("UnknownAccount", 999)


@pytest.mark.parametrize("account", range(4))
def test_group__of_the_protocols_accounts__is_skipped(scene, account):
    """Nobody owns them; a signature that recovers to nobody is not their owner's."""
    order = scene.order(Trader(account, scene.taker.key), ONE)
    signed = scene.rig.signed(scene.taker, order)
    nobody = type(signed.signature)(bytes(32), bytes(32))
    for signature in (signed.signature, nobody):
        bad = Match(type(signed)(order, signature, ONE), scene.match().makers)
        assert scene.skip_of(bad) == ("InvalidSignature", account, 0)


def test_group__in_no_market__is_skipped(scene):
    assert scene.skip_of(scene.match(market=2)) == ("UnknownMarket", 2)
    scene.fills(scene.match(market=0))


@pytest.mark.parametrize("flags", [8, 64, 9])
def test_order__with_unknown_flags__is_skipped(scene, flags):
    assert scene.skip_of(scene.match({"flags": flags})) == ("UnknownFlags", flags)
    assert scene.skip_of(scene.match({}, {"flags": flags})) == ("UnknownFlags", flags)
    scene.fills(scene.match())


def test_order__after_its_expiry__is_skipped(scene):
    """[PERP-39] In its last second it still fills."""
    now = scene.now
    for match in (scene.match({"expiry": now - 1}), scene.match({}, {"expiry": now - 1})):
        assert scene.skip_of(match)[0::3] == ("OrderExpired", now - 1)
    scene.fills(scene.match(expiry=now))


@pytest.mark.parametrize(("side", "fee"), [("taker", 500), ("maker", 200)])
def test_order__below_the_fee__is_skipped(scene, side, fee):
    def match(most):
        change = {"max_fee_ppm": most}
        return scene.match(change) if side == "taker" else scene.match({}, change)

    account = getattr(scene, side).account
    assert scene.skip_of(match(fee - 1)) == ("OrderFeeTooHigh", account, fee, fee - 1)
    scene.fills(match(fee))


def test_order__whose_trigger_is_not_reached__is_skipped(scene):
    """A buy lives at an index of its trigger or above, a sale at it or below."""
    above, below = MID + 1, MID - 1
    taker, maker = scene.taker.account, scene.maker.account
    assert scene.skip_of(scene.match({"trigger_price": above})) == (
        "NotTriggered",
        taker,
        above,
        MID,
    )
    short = scene.match({}, {"trigger_price": below})
    assert scene.skip_of(short) == ("NotTriggered", maker, below, MID)
    scene.fills(scene.match({"trigger_price": MID}, {"trigger_price": MID}))


def test_taker__post_only__is_skipped(scene):
    match = scene.match({"flags": Flag.POST_ONLY})

    assert scene.skip_of(match) == ("PostOnlyTaker", scene.taker.account, 0)
    scene.fills(scene.match({}, {"flags": Flag.POST_ONLY}))


def test_maker__ioc__is_skipped(scene):
    match = scene.match({}, {"flags": Flag.IOC})

    assert scene.skip_of(match) == ("IocMaker", scene.maker.account, 0)
    scene.fills(scene.match({"flags": Flag.IOC}))


def test_maker__filled_by_nothing__is_skipped(scene):
    match = scene.match({}, {}, {"account": scene.third.account}, sizes=[ONE, 0])

    assert scene.skip_of(match) == ("ZeroFill", scene.third.account, 0)
    scene.fills(scene.match({}, {}, {"account": scene.third.account}, sizes=[ONE, ONE // 10]))


def test_maker__on_the_takers_side__is_skipped(scene):
    assert scene.skip_of(scene.match({"size": -ONE})) == ("SameSide", scene.maker.account, 0)
    scene.fills(scene.match({"size": ONE}))


def test_maker__of_another_market__is_skipped(scene):
    assert scene.skip_of(scene.match({}, {"market": 1})) == ("WrongMarket", 1, 0)
    scene.fills(scene.match())


def test_makers__out_of_order__are_skipped(scene):
    low, high = {}, {"account": scene.third.account}
    accounts = scene.maker.account, scene.third.account

    assert scene.skip_of(scene.match({}, high, low)) == ("MakersUnsorted", *accounts)
    scene.fills(scene.match({}, low, high))


def test_maker__of_the_takers_owner__is_skipped(scene):
    """Another account of the same owner."""
    key = scene.taker.key
    own = Trader(scene.rig.perp.engine.send("createAccount", sender=key.address).output, key)
    scene.rig.perp.fund(own.account, 1_000_000)
    bad = Match(scene.match().taker, (scene.rig.signed(own, scene.order(own, -ONE)),))

    assert scene.skip_of(bad) == ("SelfTrade", key.address)
    scene.fills(scene.match())


def test_price__off_the_tick__is_skipped(scene):
    off = MID - 1
    assert scene.skip_of(scene.match({}, {"limit_price": off})) == ("PriceOffTick", off)
    scene.fills(scene.match({}, {"limit_price": MID - 10**14}))


@pytest.mark.parametrize("side", [1, -1])
def test_price__beyond_the_takers_limit__is_skipped(scene, side):
    """[PERP-38] At the limit it fills, a tick beyond it does not."""
    limit = MID - side * 10**14
    bought, sold = {"size": side * ONE, "limit_price": limit}, {"size": -side * ONE}

    assert scene.skip_of(scene.match(bought, sold)) == ("PriceBeyondLimit", MID, limit)
    scene.fills(scene.match({**bought, "limit_price": MID}, sold))
    scene.fills(scene.match({**bought, "limit_price": MID + side * USD}, sold))


@pytest.mark.parametrize("side", [1, -1])
def test_price__outside_the_band__is_skipped(scene, side):
    """5 % of 3,000 are 150."""
    edge = MID + side * 150 * USD
    beyond = edge + side * 10**14
    far = MID + side * 1_000 * USD

    def match(price):
        return scene.match(
            {"size": side * ONE, "limit_price": far}, {"size": -side * ONE, "limit_price": price}
        )

    assert scene.skip_of(match(beyond)) == ("PriceOutsideBand", beyond, MID, BAND)
    scene.fills(match(edge))


def test_reduce_only__that_opens__is_skipped(scene):
    reduce = {"flags": Flag.REDUCE_ONLY}
    taker, maker = scene.taker.account, scene.maker.account
    assert scene.skip_of(scene.match(reduce)) == ("NotReducing", taker, 0, ONE)
    assert scene.skip_of(scene.match({}, reduce)) == ("NotReducing", maker, 0, -ONE)
    scene.fills(scene.match())


@pytest.mark.parametrize("side", [1, -1])
def test_reduce_only__down_to_zero__is_filled_and_not_beyond(scene, side):
    scene.rig.settle(scene.match({"size": side * ONE}, {"size": -side * ONE}))

    def back(lots):
        order = scene.order(scene.taker, -side * lots, nonce=1, flags=Flag.REDUCE_ONLY)
        return scene.of(order, (scene.order(scene.maker, side * lots, nonce=1), lots))

    scene.fills(back(ONE))
    scene.fills(back(ONE // 2))
    error = ("NotReducing", scene.taker.account, side * ONE, -side * (ONE + 1))
    assert scene.skip_of(back(ONE + 1)) == error


def test_reduce_only__twice_in_a_group__is_counted_together(scene):
    """Each sale fits the position of 1, both do not."""
    scene.rig.settle(scene.match({"size": -ONE}, {"size": ONE}))
    sell = [
        scene.order(scene.maker, -ONE * 6 // 10, nonce=n, flags=Flag.REDUCE_ONLY) for n in (1, 2)
    ]
    lots = ONE * 6 // 10

    def match(second):
        buy = scene.order(scene.taker, lots + second, nonce=1)
        return scene.of(buy, (sell[0], lots), (sell[1], second))

    left = ONE - lots
    error = ("NotReducing", scene.maker.account, left, -lots)
    assert scene.skip_of(match(lots)) == error
    scene.fills(match(left))


def test_nonce__below_the_least__is_skipped(scene):
    cancel = ("cancelUpTo", scene.maker.account, 5)
    scene.fills(scene.match(nonce=4))
    scene.settler.send(*cancel, sender=scene.maker.owner)

    assert scene.skip_of(scene.match(nonce=4)) == ("NonceTooLow", scene.maker.account, 4, 5)
    scene.fills(scene.match(nonce=5))


def test_nonce__too_far_ahead__is_skipped(scene):
    far = {"nonce": REACH + 1}

    assert scene.skip_of(scene.match({}, far)) == (
        "NonceTooHigh",
        scene.maker.account,
        REACH + 1,
        0,
    )
    scene.fills(scene.match({}, {"nonce": REACH}))


def test_nonce__whose_slot_a_later_one_took__is_skipped(scene):
    """[PERP-39] The ring remembers the later one alone."""
    scene.fills(scene.match({"nonce": 1}, {"nonce": 2}))
    scene.rig.settle(scene.match({"nonce": 0}, {"nonce": 66}))

    bad = scene.match({"nonce": 1}, {"nonce": 2})
    assert scene.skip_of(bad) == ("NonceReplaced", scene.maker.account, 2, 66)
    scene.fills(scene.match({"nonce": 1}, {"nonce": 130}))
    scene.fills(scene.match({"nonce": 1}, {"nonce": 3}))


def test_fill__beyond_the_size__is_skipped(scene):
    """[PERP-38] The last lot fits, one more does not."""
    big = scene.match({"size": 2 * ONE}, {}, sizes=[ONE + 1])
    assert scene.skip_of(big) == ("Overfilled", scene.maker.account, 0, 0, ONE)
    small = scene.match({"size": ONE - 1})
    assert scene.skip_of(small) == ("Overfilled", scene.taker.account, 0, 0, ONE - 1)
    scene.fills(scene.match({"size": 2 * ONE}))


def test_fill__the_same_order_twice_in_a_group__is_counted_together(scene):
    order = scene.order(scene.maker, -ONE)

    def match(second):
        return scene.of(scene.order(scene.taker, 2 * ONE), (order, ONE // 2), (order, second))

    scene.fills(match(ONE // 2))
    error = ("Overfilled", scene.maker.account, 0, ONE // 2, ONE)
    assert scene.skip_of(match(ONE // 2 + 1)) == error


def test_engine__refuses_a_leg__skips_the_group(scene):
    """200,000 units are 600 million USD; a million covers 10 million."""
    match = scene.match({"size": 20_000 * ONE}, {"size": -20_000 * ONE})

    assert scene.skip_of(match)[:2] == ("UnderInitialMargin", scene.taker.account)
    scene.fills(scene.match())


def test_engine__settlements_paused__skips_the_group(scene):
    timelock = scene.rig.perp.roles.timelock
    scene.fills(scene.match())
    scene.rig.perp.admin.send("setPause", 0, 16, sender=timelock)

    assert scene.skip_of(scene.match()) == ("Paused", 0, 16)
