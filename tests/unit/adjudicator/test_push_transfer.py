"""pushTransfer: only the contract itself, so that a failed payout undoes what the token did."""

import pytest

from tests.unit.adjudicator.scene import refusal


@pytest.fixture
def vault(scene):
    """The contract's address; transactions can be sent from it."""
    with scene.acting_as(scene.adjudicator.address):
        yield scene.adjudicator.address


@pytest.mark.parametrize("asset", [0, 1])
def test_push_transfer__by_the_contract__sends_from_the_vault(scene, vault, asset):
    """The ledgers are for the caller to keep: here the contract itself, in a cooperative close."""
    token = scene.tokens[asset]

    changed = scene.changes_of(scene.act("pushTransfer", token, scene.recipient, 7, by=vault))

    assert changed == {f"vault {asset}": -7, f"wallet recipient {asset}": 7}


def test_push_transfer__by_the_contract__emits_nothing_of_its_own(scene, vault):
    token = scene.tokens[0]

    events = scene.events_of(scene.act("pushTransfer", token, scene.recipient, 7, by=vault))

    assert events == (scene.moved(token, vault, scene.recipient, 7),)


@pytest.mark.parametrize("who", ["low", "timelock", "guardian", "deployer", "outsider"])
def test_push_transfer__by_anybody_else__is_refused(scene, vault, who):
    """[ADJ-16] Nothing leaves the vault but through a ledger."""
    caller = getattr(scene, who)

    scene.assert_only_fails_for(
        lambda sender: scene.act("pushTransfer", scene.tokens[0], scene.recipient, 1, by=sender),
        broken=caller,
        fixed=vault,
        error=refusal("NotSelf", caller=caller),
    )


def test_push_transfer__token_answers_false__is_refused(scene, vault):
    honest, lying = scene.add_token("MockERC20"), scene.add_token("LyingToken")
    for token in (honest, lying):
        scene.send(scene.act("deposit", token.address, 1, by=scene.low))

    scene.assert_only_fails_for(
        lambda token: scene.act("pushTransfer", token.address, scene.recipient, 1, by=vault),
        broken=lying,
        fixed=honest,
        error=refusal("SafeERC20FailedOperation", token=lying.address),
    )
