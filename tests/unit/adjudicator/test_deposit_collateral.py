"""depositCollateral: a broker moves from its ledger into the channel; the peer's payout stays."""

import pytest

from clearing.spec.types import AssetAmounts, Outcome, Side, Status
from tests.unit.adjudicator.conftest import LEDGER
from tests.unit.adjudicator.scene import refusal


@pytest.mark.parametrize("asset", [0, 1])
@pytest.mark.parametrize("side", list(Side))
def test_deposit_collateral__from_the_ledger__raises_the_callers_net(scene, opened, side, asset):
    role = side.name.lower()
    act = opened.deposit_collateral(asset, 40, opened.definition.broker(side))

    assert opened.changes_of(act) == {f"net {role} {asset}": 40, f"ledger {role} {asset}": -40}


@pytest.mark.parametrize("side", list(Side))
def test_deposit_collateral__from_the_ledger__emits_collateral_deposited(scene, opened, side):
    events = scene.events_of(opened.deposit_collateral(1, 40, opened.definition.broker(side)))

    assert events == (
        scene.event("CollateralDeposited", id=opened.id, side=side, asset=1, amount=40),
    )


def test_deposit_collateral__state_has_not_seen_it__returns_to_the_depositor(scene, opened):
    """[ADJ-22] A unilateral deposit never changes the peer's payout."""
    state = opened.operate(5)
    scene.send(opened.challenge(state), opened.deposit_collateral(0, 40, scene.high))

    events = scene.events_of(opened.finalize(state).at(opened.deadline))

    assert events == (
        scene.event(
            "Finalized",
            id=opened.id,
            epoch=0,
            version=5,
            outcome=Outcome.SPLIT,
            credited=(AssetAmounts(1_200, 1_840), AssetAmounts(250, 50)),
        ),
    )


@pytest.mark.parametrize("status", ["papers", "ended"])
def test_deposit_collateral__not_live__is_refused(scene, request, status):
    channel = request.getfixturevalue(status)
    want = {"papers": Status.NEW, "ended": Status.IDLE}[status]

    scene.assert_only_fails_for(
        lambda before: [*before, channel.deposit_collateral(0, 1, scene.low)],
        broken=[],
        fixed=[channel.open()],
        error=refusal("WrongStatus", status=want),
    )


def test_deposit_collateral__at_the_deadline__is_refused(scene, challenged):
    """[ADJ-10] Once the end may come, what it pays is fixed."""
    deadline = challenged.deadline

    scene.assert_only_fails_for(
        lambda second: challenged.deposit_collateral(0, 1, scene.low).at(second),
        broken=deadline,
        fixed=deadline - 1,
        error=refusal("DeadlinePassed", deadline=deadline),
    )


@pytest.mark.parametrize("who", ["outsider", "signer"])
def test_deposit_collateral__by_no_broker_of_it__is_refused(scene, opened, who):
    """[ADJ-16] The key that signs states moves no ledger."""
    caller = {"outsider": scene.outsider, "signer": scene.low_signer.address}[who]

    scene.assert_only_fails_for(
        lambda sender: opened.deposit_collateral(0, 1, sender),
        broken=caller,
        fixed=scene.low,
        error=refusal("NotBroker", caller=caller),
    )


def test_deposit_collateral__token_that_the_channel_lacks__is_refused(scene, opened):
    other = scene.add_token("MockERC20").address
    scene.send(scene.act("deposit", other, 10, by=scene.low))

    scene.assert_only_fails_for(
        lambda token: scene.act("depositCollateral", opened.definition, token, 1, by=scene.low),
        broken=other,
        fixed=scene.tokens[0],
        error=refusal("UnknownAsset", token=other),
    )


def test_deposit_collateral__nothing__is_refused(scene, opened):
    scene.assert_only_fails_for(
        lambda amount: opened.deposit_collateral(0, amount, scene.low),
        broken=0,
        fixed=1,
        error=refusal("ZeroAmount"),
    )


@pytest.mark.parametrize("side", list(Side))
def test_deposit_collateral__net_above_the_cap__is_refused(scene, papers, side):
    token = scene.add_token("MockERC20", cap=50).address
    channel = papers.over(token, (10, 10))
    broker = channel.definition.broker(side)
    scene.send(channel.open(), scene.act("deposit", token, 100, by=broker))

    scene.assert_only_fails_for(
        lambda amount: channel.deposit_collateral(0, amount, broker),
        broken=41,
        fixed=40,
        error=refusal("CapExceeded", token=token, amount=51, cap=50),
    )


def test_deposit_collateral__most_that_the_type_holds__is_above_the_cap(scene, opened):
    """A net and an amount of 128 bits do not wrap around."""
    token = scene.tokens[0]
    cap = scene.adjudicator.call("capOf", token)
    most = 2**128 - 1

    scene.assert_only_fails_for(
        lambda amount: opened.deposit_collateral(0, amount, scene.low),
        broken=most,
        fixed=1,
        error=refusal("CapExceeded", token=token, amount=1_000 + most, cap=cap),
    )


def test_deposit_collateral__more_than_the_ledger__is_refused(scene, opened):
    """Wallets and allowances are for `open` and `deposit`."""
    left = LEDGER - 1_000

    scene.assert_only_fails_for(
        lambda amount: opened.deposit_collateral(0, amount, scene.low),
        broken=left + 1,
        fixed=left,
        error=refusal(
            "InsufficientBalance",
            broker=scene.low,
            token=scene.tokens[0],
            have=left,
            want=left + 1,
        ),
    )
