"""cancel, cancelUpTo: an account's owner or session key takes orders back."""

import pytest

from clearing.spec.perp_orders import FILLED_MAX, REACH, Slot
from tests.unit.match_settler.scene import ONE


def cancel(scene, *nonces, by=None):
    sender = by or scene.maker.owner
    return scene.settler.send("cancel", scene.maker.account, nonces, sender=sender)


def cancel_up_to(scene, nonce, by=None):
    sender = by or scene.maker.owner
    return scene.settler.send("cancelUpTo", scene.maker.account, nonce, sender=sender)


def told(receipt):
    return [(log.event, log.args) for log in receipt.logs]


def test_cancel__open_orders__fills_their_slots(scene):
    account = scene.maker.account
    scene.rig.settle(scene.match({"size": ONE // 2}, {"nonce": 3}, sizes=[ONE // 2]))

    cancel(scene, 3, 9, REACH)

    assert scene.rig.slot(account, 3) == Slot(3, FILLED_MAX)
    assert scene.rig.slot(account, 9) == Slot(9, FILLED_MAX)
    assert scene.rig.slot(account, REACH) == Slot(REACH, FILLED_MAX)
    match = scene.match({"nonce": 1}, {"nonce": 3}, sizes=[1])
    assert scene.skip_of(match) == ("Overfilled", account, 3, FILLED_MAX, ONE)


def test_cancel__open_orders__emits_order_cancelled(scene):
    account = scene.maker.account

    assert told(cancel(scene, 3, 9)) == [("OrderCancelled", (account, n)) for n in (3, 9)]


def test_cancel__dead_orders__passes_over_them(scene):
    cancel_up_to(scene, 5)
    cancel(scene, 6, 70)

    receipt = cancel(scene, 4, 6, 70, 6 + 64 * 3)

    assert told(receipt) == [("OrderCancelled", (scene.maker.account, 198))]


def test_cancel__by_a_session_key__works(scene):
    engine, key = scene.rig.perp.engine, scene.third.owner
    scene.refused(lambda: cancel(scene, 1, by=key), "NotTrader", scene.maker.account, key)
    engine.send("setSession", scene.maker.account, key, scene.now + 60, sender=scene.maker.owner)

    assert len(told(cancel(scene, 1, by=key))) == 1


@pytest.mark.parametrize(
    "act", [lambda s, by: cancel(s, 1, by=by), lambda s, by: cancel_up_to(s, 1, by=by)]
)
def test_cancel__by_anybody_else__is_refused(scene, act):
    roles = scene.rig.perp.roles
    for caller in (scene.taker.owner, scene.rig.bringer.address, roles.timelock):
        scene.refused(lambda who=caller: act(scene, who), "NotTrader", scene.maker.account, caller)
    act(scene, scene.maker.owner)


def test_cancel__too_far_ahead__is_refused(scene):
    """It would take its slot from every order to come."""
    account = scene.maker.account

    scene.refused(lambda: cancel(scene, REACH + 1), "NonceOutOfReach", account, REACH + 1, 0)
    cancel(scene, REACH)


def test_cancel_up_to__within_reach__kills_what_is_below(scene):
    cancel_up_to(scene, 10)

    assert scene.settler.read("minNonceOf", scene.maker.account) == 10
    assert scene.skip_of(scene.match(nonce=9)) == ("NonceTooLow", scene.maker.account, 9, 10)
    scene.fills(scene.match(nonce=10))


def test_cancel_up_to__within_reach__emits_nonces_cancelled(scene):
    assert told(cancel_up_to(scene, 10)) == [("NoncesCancelled", (scene.maker.account, 10))]


def test_cancel_up_to__not_forward_or_too_far__is_refused(scene):
    account = scene.maker.account
    cancel_up_to(scene, 10)
    for nonce in (0, 10, 10 + REACH + 1):
        scene.refused(lambda n=nonce: cancel_up_to(scene, n), "NonceOutOfReach", account, nonce, 10)
    cancel_up_to(scene, 10 + REACH)
