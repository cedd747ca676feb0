"""setSettler, the functions that are for the contract alone, and the views."""

from dataclasses import astuple

import pytest

from clearing.channel.codec import DERIVATIVES_NAME, domain_separator
from clearing.spec.perp_orders import REACH
from clearing.spec.units import Address
from tests.harness.actors import key_of
from tests.harness.contract import Log
from tests.harness.match import abi_group
from tests.harness.revm import CHAIN_ID
from tests.unit.match_settler.scene import ONE

TERMS = (0, 0, 0, 0, False)


def test_constructor__any_settler__emits_settler_changed(scene):
    chain, settler = scene.chain, key_of("first settler").address
    made = chain.deploy(
        "MatchSettler", scene.rig.perp.engine.address, settler, sender=scene.rig.perp.roles.deployer
    )

    (log,) = map(chain.log_of, chain.evm.result.logs)

    assert log == Log(made.address, "SettlerChanged", (Address(bytes(20)), settler))
    assert made.read("settler") == settler


def test_constructor__scene__holds_what_it_was_given(scene):
    assert scene.settler.read("settler") == scene.rig.bringer.address
    assert scene.settler.read("lastBatch") == 0
    assert scene.settler.read("ENGINE") == scene.rig.perp.engine.address


def test_last_batch_at__before_the_first_batch__is_when_it_was_made(scene):
    roles, engine = scene.rig.perp.roles, scene.rig.perp.engine
    scene.chain.warp(scene.now + 77)

    args = (engine.address, scene.rig.bringer.address)
    made = scene.chain.deploy("MatchSettler", *args, sender=roles.deployer)

    assert made.read("lastBatchAt") == scene.now
    assert scene.settler.read("lastBatchAt") < scene.now


def test_last_batch_at__settler_replaced__stays(scene):
    scene.rig.settle(scene.match())
    settled_at = scene.now
    scene.chain.warp(scene.now + 77)

    timelock = scene.rig.perp.roles.timelock
    scene.settler.send("setSettler", scene.rig.bringer.address, sender=timelock)

    assert scene.settler.read("lastBatchAt") == settled_at
    assert scene.settler.read("lastBatch") == 1


def test_set_settler__by_the_timelock__replaces_him(scene):
    timelock, new = scene.rig.perp.roles.timelock, key_of("next settler").address

    receipt = scene.settler.send("setSettler", new, sender=timelock)

    (log,) = receipt.logs
    assert (log.event, log.args) == ("SettlerChanged", (scene.rig.bringer.address, new))
    scene.refused(lambda: scene.rig.settle(scene.match()), "NotSettler", scene.rig.bringer.address)
    scene.rig.settle(scene.match(), sender=new)


def test_set_settler__by_anybody_else__is_refused(scene):
    roles = scene.rig.perp.roles
    for caller in (roles.guardian, scene.rig.bringer.address, roles.outsider):
        act = lambda who=caller: scene.settler.send("setSettler", who, sender=who)  # noqa: E731
        scene.refused(act, "NotTimelock", caller)
    scene.settler.send("setSettler", roles.outsider, sender=roles.timelock)


def test_set_settler__after_the_timelock_changed__follows_the_engine(scene):
    roles, engine = scene.rig.perp.roles, scene.rig.perp.engine
    engine.send("proposeTimelock", roles.outsider, sender=roles.timelock)
    engine.send("acceptTimelock", sender=roles.outsider)

    old = roles.timelock
    scene.refused(lambda: scene.settler.send("setSettler", old, sender=old), "NotTimelock", old)
    scene.settler.send("setSettler", old, sender=roles.outsider)


@pytest.mark.parametrize("who", ["bringer", "timelock", "taker"])
def test_apply__by_anybody_but_itself__is_refused(scene, who):
    callers = {
        "bringer": scene.rig.bringer.address,
        "timelock": scene.rig.perp.roles.timelock,
        "taker": scene.taker.owner,
    }
    caller, group = callers[who], abi_group(scene.match())
    calls = (("applyGroup", TERMS, group), ("applyPacked", TERMS, 0, 0, 0, b""))
    for call in calls:
        scene.refused(lambda c=call: scene.settler.send(*c, sender=caller), "OnlySelf", caller)
    scene.fills(scene.match())


def test_digest_of__any_order__is_what_is_signed(scene):
    order = scene.order(scene.taker, -ONE, nonce=2**40 - 1, flags=7, trigger_price=2**128 - 1)

    assert scene.settler.read("digestOf", order) == scene.rig.digest(order)
    assert scene.settler.read("digestOf", astuple(order)) == scene.rig.digest(order)


def test_domain_separator__here__is_of_chain_and_contract(scene):
    expected = domain_separator(CHAIN_ID, scene.settler.address, DERIVATIVES_NAME)

    assert scene.settler.read("domainSeparator") == expected
    name, version = scene.settler.read("eip712Domain")[1:3]
    assert (name, version) == (DERIVATIVES_NAME, "1")


def test_remaining_of__life_of_an_order__is_what_can_still_be_filled(scene):
    order = scene.order(scene.maker, -3 * ONE, nonce=8)

    def left(of=order):
        return scene.settler.read("remainingOf", of)

    assert left() == 3 * ONE
    scene.rig.settle(scene.of(scene.order(scene.taker, ONE), (order, ONE)))
    assert left() == 2 * ONE
    with scene.chain.isolated():
        scene.chain.warp(order.expiry)
        assert left() == 2 * ONE
        scene.chain.warp(order.expiry + 1)
        assert left() == 0
    with scene.chain.isolated():
        scene.settler.send("cancelUpTo", order.account, 9, sender=scene.maker.owner)
        assert left() == 0
    scene.settler.send("cancel", order.account, [8 + 64], sender=scene.maker.owner)
    assert left() == 0
    assert left(scene.order(scene.maker, ONE, nonce=8 + 64)) == 0
    assert left(scene.order(scene.maker, ONE, nonce=8 + 128)) == ONE
    assert left(scene.order(scene.maker, ONE, nonce=REACH)) == ONE
    assert left(scene.order(scene.maker, ONE, nonce=REACH + 1)) == 0


def test_slot_of__beyond_the_ring__is_refused(scene):
    account = scene.maker.account
    scene.settler.read("slotOf", account, 63)
    scene.refused(lambda: scene.settler.read("slotOf", account, 64), "Panic", 0x32)
