"""settle: what a group books, what it writes down, which batches are refused."""

from dataclasses import replace

from clearing.channel.keccak import keccak256
from clearing.channel.perp_batch import Match
from clearing.spec.perp_orders import FILLED_MAX, Flag, Slot
from tests.harness.match import Trader, abi_group
from tests.unit.match_settler.scene import MID, ONE

PICO_3000 = 3_000 * 10**12
NONCES_SLOT = 3
"""Of the mapping from accounts to what is kept of their orders; its first word is the head."""


def events_of(receipt, emitter):
    return [(log.event, log.args) for log in receipt.of(emitter)]


def test_settle__one_taker_one_maker__books_both_sides_at_the_makers_price(scene):
    """10 units at 3,001: quote 30,010 USD, fees of 500 ppm = 15.005 and 200 ppm = 6.002."""
    price = 3_001 * 10**18
    match = scene.of(
        scene.order(scene.taker, 10 * ONE, 3_010 * 10**18),
        (scene.order(scene.maker, -10 * ONE, price), 10 * ONE),
    )

    receipt = scene.rig.settle(match)

    taker, maker = scene.taker.account, scene.maker.account
    quote, fees = 30_010 * 10**12, (15_005 * 10**9, 6_002 * 10**9)
    assert [
        args[:5] for event, args in events_of(receipt, scene.rig.perp.engine) if event == "Booked"
    ] == [
        (0, taker, 10 * ONE, -quote, fees[0]),
        (0, maker, -10 * ONE, quote, fees[1]),
    ]
    assert scene.rig.size(scene.taker) == 10 * ONE
    assert scene.rig.size(scene.maker) == -10 * ONE


def test_settle__partial_fills__add_up_in_the_ring(scene):
    maker = scene.order(scene.maker, -3 * ONE, nonce=7)
    for step, lots in enumerate((ONE, 2 * ONE)):
        scene.rig.settle(scene.of(scene.order(scene.taker, lots, nonce=step), (maker, lots)))
        assert scene.rig.slot(maker.account, 7) == Slot(7, ONE * (1, 3)[step])


def test_settle__one_group__emits_order_filled_then_batch_settled(scene):
    receipt = scene.rig.settle(scene.match(nonce=3))

    slot = 3 | ONE << 40
    assert events_of(receipt, scene.settler) == [
        ("OrderFilled", (scene.maker.account, slot, -ONE, PICO_3000)),
        ("OrderFilled", (scene.taker.account, slot, ONE, PICO_3000)),
        ("BatchSettled", (1, 1, 0)),
    ]


def test_settle__several_orders_of_one_maker__are_one_leg(scene):
    first, second = (scene.order(scene.maker, -ONE, MID - i * 10**18, nonce=i) for i in (0, 1))
    match = scene.of(scene.order(scene.taker, 2 * ONE), (first, ONE), (second, ONE))

    receipt = scene.rig.settle(match)

    quote = (3_000 + 2_999) * 10**12
    booked = [a for e, a in events_of(receipt, scene.rig.perp.engine) if e == "Booked"]
    assert [args[1:4] for args in booked] == [
        (scene.taker.account, 2 * ONE, -quote),
        (scene.maker.account, -2 * ONE, quote),
    ]
    assert [scene.rig.filled(order) for order in (first, second)] == [ONE, ONE]


def test_settle__fees_that_do_not_divide__are_rounded_up_for_each_fill(scene):
    """Quote 10^-8 · 3,000.0001 USD = 30,000,001 pico: no whole ppm."""
    price = MID + 10**14
    fill = scene.order(scene.maker, -(10**6 + 1), price)
    match = scene.of(scene.order(scene.taker, 10**6 + 1, price), (fill, 10**6 + 1))

    receipt = scene.rig.settle(match)

    quote = (10**6 + 1) * (price // 10**14)
    booked = [
        args for event, args in events_of(receipt, scene.rig.perp.engine) if event == "Booked"
    ]
    assert [args[4] for args in booked] == [-(-quote * rate // 10**6) for rate in (500, 200)]
    assert quote * 500 % 10**6 != 0


def test_settle__two_prices__sample_their_mean_by_quote(scene):
    """1 @ 3,003 and 2 @ 2,997: samples +1e-3 and -1e-3, by quotes 3,003 and 5,994."""
    high = scene.order(scene.maker, -ONE, 3_003 * 10**18)
    low = scene.order(scene.third, -2 * ONE, 2_997 * 10**18)
    match = scene.of(scene.order(scene.taker, 3 * ONE, 3_010 * 10**18), (high, ONE), (low, 2 * ONE))

    receipt = scene.rig.settle(match)

    expected = -(10**9 * (5_994 - 3_003) // (5_994 + 3_003))  # truncated towards zero
    sampled = [
        args
        for event, args in events_of(receipt, scene.rig.perp.engine)
        if event == "PremiumSampled"
    ]
    assert [args[:2] for args in sampled] == [(0, expected)]


def test_settle__fills_below_min_notional__say_nothing_of_the_premium(scene):
    """MinNotional is 10 USD; the accounts keep more than that of a position."""
    scene.rig.settle(scene.match(nonce=0))
    tiny = ONE // 1_000
    match = scene.of(
        scene.order(scene.taker, tiny, nonce=1), (scene.order(scene.maker, -tiny, nonce=1), tiny)
    )

    receipt = scene.rig.settle(match)

    assert scene.rig.skipped(receipt) == ()
    assert "PremiumSampled" not in [log.event for log in receipt.logs]


def test_settle__frozen_feed__reduces_but_does_not_sample(scene):
    """Both sources are too old: the funding price is the last one, signed reductions go on."""
    scene.rig.settle(scene.match())
    scene.rig.perp.wait(86_400)
    back = scene.of(
        scene.order(scene.taker, -ONE, nonce=1), (scene.order(scene.maker, ONE, nonce=1), ONE)
    )

    receipt = scene.rig.settle(back)

    assert scene.rig.skipped(receipt) == ()
    assert scene.rig.size(scene.taker) == 0
    assert "PremiumSampled" not in [log.event for log in receipt.logs]


def test_settle__ioc_taker__is_closed_by_its_group(scene):
    ioc = scene.order(scene.taker, 3 * ONE, flags=Flag.IOC)

    scene.rig.settle(scene.of(ioc, (scene.order(scene.maker, -ONE), ONE)))

    assert scene.rig.filled(ioc) == FILLED_MAX
    again = scene.of(ioc, (scene.order(scene.maker, -ONE, nonce=1), ONE))
    assert scene.skip_of(again) == ("Overfilled", ioc.account, 0, FILLED_MAX, 3 * ONE)


def test_settle__a_bad_group_among_good_ones__is_skipped_alone(scene):
    """[PERP-40] The good ones before and behind it are settled."""
    good = [scene.match(nonce=nonce) for nonce in (0, 1)]
    bad = scene.match({"expiry": scene.now - 1}, nonce=2)

    receipt = scene.rig.settle(good[0], bad, good[1])

    ((index, reason),) = scene.rig.skipped(receipt)
    assert (index, reason.name) == (1, "OrderExpired")
    assert events_of(receipt, scene.settler)[-1] == ("BatchSettled", (1, 3, 1))
    assert scene.rig.size(scene.taker) == 2 * ONE


def test_settle__two_markets__each_at_its_own_terms(scene):
    eth = scene.match(nonce=0)
    price = 50_000 * 10**18
    btc = scene.match({"limit_price": price}, {"limit_price": price}, nonce=1, market=1)

    receipt = scene.rig.settle(eth, btc, scene.match(nonce=2))

    assert scene.rig.skipped(receipt) == ()
    assert [scene.rig.size(scene.taker, market) for market in (0, 1)] == [2 * ONE, ONE]


def test_settle__65_byte_signature__is_as_good_as_64(scene):
    match = scene.match()
    orders = (match.taker, match.makers[0])
    taker, maker = ((each.order, each.signature.expanded()) for each in orders)

    receipt = scene.rig.settle_groups([(taker, [(maker, ONE)])])

    assert scene.rig.skipped(receipt) == ()
    assert scene.rig.size(scene.taker) == ONE


def head_of(scene, trader):
    """The least nonce and the owner that are kept of an account."""
    key = trader.account.to_bytes(32, "big") + NONCES_SLOT.to_bytes(32, "big")
    word = scene.chain.storage_of(scene.settler.address, int.from_bytes(keccak256(key), "big"))
    return word >> 160, (word % 2**160).to_bytes(20, "big")


def test_settle__first_fill_of_an_account__keeps_its_owner(scene):
    """Asked of the engine once: he never changes. What else stands in the word stays."""
    maker = scene.maker
    scene.settler.send("cancelUpTo", maker.account, 5, sender=maker.owner)
    assert head_of(scene, maker) == (5, bytes(20))

    scene.rig.settle(scene.match(nonce=5))
    assert head_of(scene, maker) == (5, maker.owner)
    scene.settler.send("cancelUpTo", maker.account, 7, sender=maker.owner)

    assert head_of(scene, maker) == (7, maker.owner)
    assert head_of(scene, scene.taker) == (0, scene.taker.owner)
    assert scene.skip_of(scene.match(nonce=6)) == ("NonceTooLow", maker.account, 6, 7)
    scene.fills(scene.match(nonce=7))


def test_settle__skipped_group__keeps_no_owner(scene):
    """[PERP-40] Nothing that it wrote is left."""
    bad = scene.match({"expiry": scene.now - 1})

    scene.rig.settle(bad)

    assert head_of(scene, scene.maker) == (0, bytes(20))


def test_settle__by_a_kept_owner__nobody_else_may_sign(scene):
    scene.rig.settle(scene.match())
    forged = scene.changed(scene.match(nonce=1), size=-2 * ONE)

    assert scene.skip_of(forged) == ("InvalidSignature", scene.maker.account, 1)
    scene.fills(scene.match(nonce=1))


def test_settle__by_a_session_key_of_a_kept_owner__is_filled(scene):
    scene.rig.settle(scene.match())
    delegate = Trader(scene.taker.account, scene.third.key)
    match = scene.match(nonce=1)
    delegated = replace(match, taker=scene.rig.signed(delegate, match.taker.order, ONE))
    assert scene.skip_of(delegated) == ("InvalidSignature", scene.taker.account, 1)

    session = (scene.taker.account, scene.third.owner, scene.now + 60)
    scene.rig.perp.engine.send("setSession", *session, sender=scene.taker.owner)

    scene.fills(delegated)


def test_settle__any_batch__is_the_last_one_from_now_on(scene):
    """Whatever became of its groups."""
    for number, match in enumerate((scene.match(), scene.match()), start=1):
        scene.chain.warp(scene.now + 100)
        receipt = scene.rig.settle(match)

        assert len(scene.rig.skipped(receipt)) == number - 1
        assert scene.settler.read("lastBatch") == number
        assert scene.settler.read("lastBatchAt") == scene.now


def test_settle__refused_batch__is_not_the_last_one(scene):
    before = scene.settler.read("lastBatchAt")
    scene.chain.warp(scene.now + 100)

    scene.refused(scene.rig.settle, "EmptyBatch")

    assert scene.settler.read("lastBatchAt") == before
    scene.rig.settle(scene.match())
    assert scene.settler.read("lastBatchAt") == scene.now


def test_settle__not_by_the_settler__is_refused(scene):
    group = abi_group(scene.match())
    for caller in (scene.rig.perp.roles.timelock, scene.taker.owner):
        act = lambda who=caller: scene.rig.settle_groups([group], sender=who)  # noqa: E731
        scene.refused(act, "NotSettler", caller)
    scene.fills(scene.match())


def test_settle__batch_out_of_order__is_refused(scene):
    group = abi_group(scene.match())

    def settle(number):
        return scene.settler.send("settle", number, [group], sender=scene.rig.bringer.address)

    for number in (0, 2, 2**48 - 1):
        scene.refused(lambda n=number: settle(n), "BatchOutOfOrder", number, 1)
    settle(1)
    scene.refused(lambda: settle(1), "BatchOutOfOrder", 1, 2)


def test_settle__no_group__is_refused(scene):
    scene.refused(scene.rig.settle, "EmptyBatch")
    scene.fills(scene.match())


def test_settle__101_fills__is_refused(scene):
    makers = [(scene.order(scene.maker, -ONE // 10, nonce=i), ONE // 10) for i in range(51)]
    groups = [
        scene.of(scene.order(scene.taker, ONE * 10, nonce=n), *makers[:count])
        for n, count in enumerate((50, 51))
    ]

    scene.refused(lambda: scene.rig.settle(*groups), "TooManyFills", 101)
    shorter = Match(groups[1].taker, groups[1].makers[:50])
    with scene.chain.isolated():
        scene.rig.settle(groups[0], shorter)


def test_settle__engine_without_the_module__is_refused(scene):
    timelock = scene.rig.perp.roles.timelock
    scene.fills(scene.match())
    scene.rig.perp.engine.send("setModule", 2, bytes(20), sender=timelock)

    scene.refused(lambda: scene.rig.settle(scene.match()), "NotModule", scene.settler.address, 0)
