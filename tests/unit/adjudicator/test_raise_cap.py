"""raiseCap: the timelock lists tokens and raises their launch caps, never lowers them."""

import pytest

from tests.unit.adjudicator.scene import refusal

MAX_CAP = 2**127 - 1


@pytest.fixture
def token(scene):
    """A token that is not listed."""
    return scene.add_token("MockERC20", cap=0).address


def test_raise_cap__new_token__lists_it(scene, token):
    scene.send(scene.act("raiseCap", token, 5, by=scene.timelock))

    assert scene.adjudicator.call("capOf", token) == 5


def test_raise_cap__nothing_but_the_cap__changes(scene, token):
    before = scene.adjudicator.call("capOf", scene.tokens[0])

    changed = scene.changes_of(scene.act("raiseCap", token, 5, by=scene.timelock))

    assert changed == {}
    assert scene.adjudicator.call("capOf", scene.tokens[0]) == before


def test_raise_cap__listed_token__emits_old_and_new(scene, token):
    first = scene.events_of(scene.act("raiseCap", token, 5, by=scene.timelock))
    second = scene.events_of(scene.act("raiseCap", token, MAX_CAP, by=scene.timelock))

    assert first == (scene.event("CapRaised", token=token, old_cap=0, new_cap=5),)
    assert second == (scene.event("CapRaised", token=token, old_cap=5, new_cap=MAX_CAP),)


@pytest.mark.parametrize("who", ["deployer", "guardian", "low", "outsider"])
def test_raise_cap__by_anybody_else__is_refused(scene, token, who):
    caller = getattr(scene, who)

    scene.assert_only_fails_for(
        lambda sender: scene.act("raiseCap", token, 1, by=sender),
        broken=caller,
        fixed=scene.timelock,
        error=refusal("NotTimelock", caller=caller),
    )


def test_raise_cap__no_code_at_the_token__is_refused(scene, token):
    scene.assert_only_fails_for(
        lambda address: scene.act("raiseCap", address, 1, by=scene.timelock),
        broken=scene.outsider,
        fixed=token,
        error=refusal("NoCode", token=scene.outsider),
    )


@pytest.mark.parametrize("cap", [0, 4, 5])
def test_raise_cap__not_above_the_present__is_refused(scene, token, cap):
    scene.send(scene.act("raiseCap", token, 5, by=scene.timelock))

    scene.assert_only_fails_for(
        lambda new: scene.act("raiseCap", token, new, by=scene.timelock),
        broken=cap,
        fixed=6,
        error=refusal("CapNotRaised", token=token, have=5, want=cap),
    )


def test_raise_cap__zero_for_a_new_token__is_refused(scene, token):
    scene.assert_only_fails_for(
        lambda new: scene.act("raiseCap", token, new, by=scene.timelock),
        broken=0,
        fixed=1,
        error=refusal("CapNotRaised", token=token, have=0, want=0),
    )


def test_raise_cap__more_than_a_net_can_hold__is_refused(scene, token):
    scene.assert_only_fails_for(
        lambda new: scene.act("raiseCap", token, new, by=scene.timelock),
        broken=MAX_CAP + 1,
        fixed=MAX_CAP,
        error=refusal("CapTooHigh", token=token, cap=MAX_CAP + 1),
    )
