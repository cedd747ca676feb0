"""withdraw: a broker pays from its ledger to whomever it wants."""

import pytest

from clearing.spec.types import ZERO_ADDRESS
from tests.unit.adjudicator.conftest import LEDGER
from tests.unit.adjudicator.scene import refusal


@pytest.mark.parametrize("asset", [0, 1])
def test_withdraw__part_of_the_ledger__goes_to_the_recipient(scene, asset):
    """One of the two tokens answers nothing to a transfer."""
    token = scene.tokens[asset]

    changed = scene.changes_of(scene.act("withdraw", token, 7, scene.recipient, by=scene.low))

    assert changed == {
        f"ledger low {asset}": -7,
        f"wallet recipient {asset}": 7,
        f"vault {asset}": -7,
    }


def test_withdraw__part_of_the_ledger__emits_withdrawn(scene):
    token = scene.tokens[0]

    events = scene.events_of(scene.act("withdraw", token, 7, scene.recipient, by=scene.high))

    assert events == (
        scene.event("Withdrawn", broker=scene.high, token=token, to=scene.recipient, amount=7),
        scene.moved(token, scene.adjudicator.address, scene.recipient, 7),
    )


def test_withdraw__while_openings_are_paused__works(scene):
    scene.send(scene.act("pauseOpenings", scene.now + 1_000, by=scene.guardian))

    scene.send(scene.act("withdraw", scene.tokens[0], LEDGER, scene.low, by=scene.low))

    assert scene.contracts.ledger(scene.low, scene.tokens[0]) == 0


def test_withdraw__nothing__is_refused(scene):
    scene.assert_only_fails_for(
        lambda amount: scene.act("withdraw", scene.tokens[0], amount, scene.low, by=scene.low),
        broken=0,
        fixed=1,
        error=refusal("ZeroAmount"),
    )


@pytest.mark.parametrize("to", ["nobody", "the vault"])
def test_withdraw__to_where_nobody_owns_it__is_refused(scene, to):
    bad = {"nobody": ZERO_ADDRESS, "the vault": scene.adjudicator.address}[to]

    scene.assert_only_fails_for(
        lambda recipient: scene.act("withdraw", scene.tokens[0], 1, recipient, by=scene.low),
        broken=bad,
        fixed=scene.recipient,
        error=refusal("BadRecipient", to=bad),
    )


def test_withdraw__more_than_the_ledger__is_refused(scene):
    """[ADJ-01] The other broker's tokens are in the vault, but not in this ledger."""
    token = scene.tokens[0]

    scene.assert_only_fails_for(
        lambda amount: scene.act("withdraw", token, amount, scene.low, by=scene.low),
        broken=LEDGER + 1,
        fixed=LEDGER,
        error=refusal(
            "InsufficientBalance", broker=scene.low, token=token, have=LEDGER, want=LEDGER + 1
        ),
    )


def test_withdraw__by_somebody_else__finds_an_empty_ledger(scene):
    """[ADJ-16] A call touches the caller's ledger alone."""
    token = scene.tokens[0]

    scene.assert_only_fails_for(
        lambda caller: scene.act("withdraw", token, 1, scene.outsider, by=caller),
        broken=scene.outsider,
        fixed=scene.low,
        error=refusal("InsufficientBalance", broker=scene.outsider, token=token, have=0, want=1),
    )


def test_withdraw__token_blocks_the_recipient__fails_as_the_token_does(scene):
    token = scene.add_token("BlocklistToken")
    scene.send(
        scene.act("deposit", token.address, 10, by=scene.low),
        scene.call(token, "setBlocked", scene.low, True, by=scene.low),
    )

    scene.assert_only_fails_for(
        lambda to: scene.act("withdraw", token.address, 10, to, by=scene.low),
        broken=scene.low,
        fixed=scene.recipient,
        error=refusal("Blocked", account=scene.low),
    )


def test_withdraw__token_answers_false__is_refused(scene):
    """Even if it has moved the amount: everything is undone."""
    honest, lying = scene.add_token("MockERC20"), scene.add_token("LyingToken")
    for token in (honest, lying):
        scene.send(scene.act("deposit", token.address, 10, by=scene.low))

    scene.assert_only_fails_for(
        lambda token: scene.act("withdraw", token.address, 10, scene.recipient, by=scene.low),
        broken=lying,
        fixed=honest,
        error=refusal("SafeERC20FailedOperation", token=lying.address),
    )


def test_withdraw__token_calls_back__meets_the_lock(scene):
    token = scene.add_token("ReentrantToken")
    again = scene.act("withdraw", token.address, 10, scene.low, by=scene.low)
    scene.send(
        scene.act("deposit", token.address, 20, by=scene.low),
        scene.call(token, "arm", again.to, again.data, by=scene.low),
    )

    scene.send(again)

    locked = scene.adjudicator.interface.decode_error(token.call("answer"))
    assert locked == refusal("ReentrancyGuardReentrantCall")
    assert scene.contracts.ledger(scene.low, token.address) == 10
