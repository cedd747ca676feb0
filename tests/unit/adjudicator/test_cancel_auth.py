"""cancelAuth: an account spends one of its own nonces."""

import pytest

from tests.unit.adjudicator.scene import refusal


@pytest.mark.parametrize("nonce", [0, 255, 256, 2**256 - 1])
def test_cancel_auth__fresh_nonce__is_spent_alone(scene, nonce):
    neighbours = {max(nonce - 1, 0), min(nonce + 1, 2**256 - 1), nonce ^ 256} - {nonce}

    changed = scene.changes_of(scene.act("cancelAuth", nonce, by=scene.low))

    def is_spent(account, each):
        return scene.adjudicator.call("isAuthSpent", account, each)

    assert changed == {}
    assert is_spent(scene.low, nonce)
    assert not is_spent(scene.high, nonce)
    assert not any(is_spent(scene.low, each) for each in neighbours)


def test_cancel_auth__fresh_nonce__emits_auth_spent(scene):
    events = scene.events_of(scene.act("cancelAuth", 300, by=scene.outsider))

    assert events == (scene.event("AuthSpent", account=scene.outsider, nonce=300),)


def test_cancel_auth__twice__is_refused(scene):
    scene.send(scene.act("cancelAuth", 3, by=scene.low))

    scene.assert_only_fails_for(
        lambda nonce: scene.act("cancelAuth", nonce, by=scene.low),
        broken=3,
        fixed=4,
        error=refusal("AuthAlreadySpent", account=scene.low, nonce=3),
    )
