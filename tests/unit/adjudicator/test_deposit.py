"""deposit: a broker pays tokens into its ledger, exactly what arrives."""

import pytest

from tests.unit.adjudicator.conftest import LEDGER
from tests.unit.adjudicator.scene import RICHES, refusal


@pytest.mark.parametrize("asset", [0, 1])
def test_deposit__listed_token__moves_it_from_the_wallet_to_the_ledger(scene, asset):
    """One of the two tokens answers nothing to a transfer."""
    changed = scene.changes_of(scene.act("deposit", scene.tokens[asset], 5, by=scene.low))

    assert changed == {
        f"ledger low {asset}": 5,
        f"wallet low {asset}": -5,
        f"vault {asset}": 5,
    }


def test_deposit__listed_token__emits_deposited(scene):
    token = scene.tokens[0]

    events = scene.events_of(scene.act("deposit", token, 5, by=scene.high))

    assert events == (
        scene.event("Deposited", broker=scene.high, token=token, amount=5),
        scene.moved(token, scene.high, scene.adjudicator.address, 5),
    )


def test_deposit__more_than_the_launch_cap__is_taken(scene):
    """The cap bounds channels, not ledgers."""
    token = scene.tokens[0]
    amount = scene.adjudicator.call("capOf", token) + 1

    scene.send(scene.act("deposit", token, amount, by=scene.low))

    assert scene.contracts.ledger(scene.low, token) == LEDGER + amount


def test_deposit__nothing__is_refused(scene):
    scene.assert_only_fails_for(
        lambda amount: scene.act("deposit", scene.tokens[0], amount, by=scene.low),
        broken=0,
        fixed=1,
        error=refusal("ZeroAmount"),
    )


def test_deposit__token_that_is_not_listed__is_refused(scene):
    """Nobody but the timelock decides which tokens are called."""
    token = scene.add_token("MockERC20", cap=0).address
    listing = [scene.act("raiseCap", token, 1, by=scene.timelock)]

    scene.assert_only_fails_for(
        lambda before: [*before, scene.act("deposit", token, 1, by=scene.low)],
        broken=[],
        fixed=listing,
        error=refusal("TokenNotListed", token=token),
    )


def test_deposit__more_than_the_allowance__fails_as_the_token_does(scene):
    token = scene.add_token("MockERC20")
    vault = scene.adjudicator.address

    scene.assert_only_fails_for(
        lambda allowance: [
            scene.call(token, "approve", vault, allowance, by=scene.low),
            scene.act("deposit", token.address, 10, by=scene.low),
        ],
        broken=9,
        fixed=10,
        error=refusal("ERC20InsufficientAllowance", spender=vault, allowance=9, needed=10),
    )


def test_deposit__token_answers_false__is_refused(scene):
    token = scene.add_token("FalseReturningToken")

    scene.assert_only_fails_for(
        lambda is_failing: [
            scene.call(token, "setFailing", is_failing, by=scene.low),
            scene.act("deposit", token.address, 10, by=scene.low),
        ],
        broken=True,
        fixed=False,
        error=refusal("SafeERC20FailedOperation", token=token.address),
    )


def test_deposit__token_takes_a_fee__is_refused(scene):
    """[ADJ-01] The ledger never says more than has arrived."""
    token = scene.add_token("FeeOnTransferToken", 0)

    scene.assert_only_fails_for(
        lambda fee_bps: [
            scene.call(token, "setFeeBps", fee_bps, by=scene.low),
            scene.act("deposit", token.address, 10_000, by=scene.low),
        ],
        broken=1,
        fixed=0,
        error=refusal("InexactTransfer", token=token.address, got=9_999, want=10_000),
    )


def test_deposit__token_calls_back__meets_the_lock(scene):
    token = scene.add_token("ReentrantToken")
    inner = scene.act("cancelAuth", 1, by=scene.low)
    scene.send(scene.call(token, "arm", inner.to, inner.data, by=scene.low))

    scene.send(scene.act("deposit", token.address, 10, by=scene.low))

    assert token.call("calls") == 1
    assert not token.call("succeeded")
    locked = scene.adjudicator.interface.decode_error(token.call("answer"))
    assert locked == refusal("ReentrancyGuardReentrantCall")
    assert scene.contracts.wallet(scene.low, token.address) == RICHES - 10
