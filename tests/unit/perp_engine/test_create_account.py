"""createAccount: an account that belongs to the caller."""

from tests.harness.actors import key_of
from tests.unit.perp_engine.scene import NOWHERE, told

OWNER = key_of("owner").address


def test_create_account__the_first__is_number_four_and_empty(rig):
    assert rig.engine.send("createAccount", sender=OWNER).output == 4
    assert rig.engine.read("accountOf", 4) == (OWNER, 0, 0)
    assert rig.engine.read("isTrader", 4, OWNER)


def test_create_account__twice_by_one__are_two_accounts(rig):
    made = [rig.engine.send("createAccount", sender=OWNER).output for _ in range(2)]

    assert made == [4, 5]
    assert rig.engine.read("parameters")[4] == 6


def test_create_account__anybody__emits_account_created(rig):
    receipt = rig.engine.send("createAccount", sender=OWNER)

    assert told(receipt) == (("AccountCreated", (4, OWNER)),)


def test_create_account__accounts_of_the_protocol__have_no_owner(rig):
    for account in range(4):
        assert rig.engine.read("accountOf", account)[0] == NOWHERE
        assert not rig.engine.read("isTrader", account, NOWHERE)
