"""closeCooperative: both agree, anyone sends it, and the money goes home in one transaction."""

from dataclasses import replace
from unittest.mock import ANY

import pytest

from clearing.channel.codec import hash_order
from clearing.spec.types import Side, Status
from tests.unit.adjudicator.papers import with_split
from tests.unit.adjudicator.scene import refusal

PUSH_GAS = 100_000
NEEDED_GAS = PUSH_GAS * 64 // 63 + 40_000
"""So much must be left at each push."""
ENDED = {
    "status": Status.IDLE,
    "epoch": 1,
    "enforced_version": 0,
    "slots low": -1,
    "slots high": -1,
}
SENT = {
    "wallet low 0": 1_200,
    "wallet high 0": 1_800,
    "vault 0": -3_000,
    "wallet low 1": 250,
    "wallet high 1": 50,
    "vault 1": -300,
}


def kept(state):
    """Return the state with nothing sent to the brokers' addresses."""
    for asset in range(len(state.splits)):
        state = with_split(state, asset, out_low=0, out_high=0)
    return state


def closed(scene, papers, *payouts, version=2):
    """Return the event, with (credited low, credited high, sent low, sent high) per asset."""
    return scene.event("Closed", id=papers.id, epoch=0, version=version, payouts=payouts)


def test_close_cooperative__all_sent__pays_the_wallets_and_ends(opened):
    assert opened.changes_of(opened.close(opened.closing())) == ENDED | SENT


def test_close_cooperative__all_sent__emits_closed_and_the_transfers(scene, opened):
    first, second = scene.tokens
    vault = scene.adjudicator.address

    events = scene.events_of(opened.close(opened.closing()))

    assert events == (
        closed(scene, opened, (0, 0, 1_200, 1_800), (0, 0, 250, 50)),
        scene.moved(first, vault, scene.low, 1_200),
        scene.moved(first, vault, scene.high, 1_800),
        scene.moved(second, vault, scene.low, 250),
        scene.moved(second, vault, scene.high, 50),
    )


def test_close_cooperative__all_kept__credits_the_ledgers(opened):
    assert opened.changes_of(opened.close(kept(opened.closing()))) == ENDED | {
        "ledger low 0": 1_200,
        "ledger high 0": 1_800,
        "ledger low 1": 250,
        "ledger high 1": 50,
    }


def test_close_cooperative__part_sent__emits_both_parts(scene, opened):
    state = with_split(kept(opened.closing()), 0, out_low=200, out_high=1_800)

    events = scene.events_of(opened.close(state))

    assert events == (
        closed(scene, opened, (1_000, 0, 200, 1_800), (250, 50, 0, 0)),
        scene.moved(scene.tokens[0], scene.adjudicator.address, scene.low, 200),
        scene.moved(scene.tokens[0], scene.adjudicator.address, scene.high, 1_800),
    )


def test_close_cooperative__deposit_that_it_has_not_seen__returns_to_the_ledger(scene, opened):
    """[ADJ-02] The payouts sum to what the channel holds."""
    scene.send(opened.deposit_collateral(1, 40, scene.high))

    changed = opened.changes_of(opened.close(opened.closing()))

    assert changed == ENDED | SENT | {"ledger high 1": 40}


@pytest.mark.parametrize("is_late", [False, True])
def test_close_cooperative__challenged__ends_even_past_the_deadline(scene, challenged, is_late):
    """[ADJ-15] Until somebody finalizes, what both want is what happens."""
    deadline = challenged.deadline
    state = replace(challenged.closing(6), valid_until=deadline + 1)

    act = challenged.close(state)
    changed = challenged.changes_of(act.at(deadline) if is_late else act)

    assert changed == ENDED | SENT | {"deadline": 0}


def test_close_cooperative__after_a_settlement__clears_its_flags(scene, opened, order):
    """[ADJ-06] Nothing of an epoch is left in the next."""
    scene.send(opened.settle(order))

    changed = opened.changes_of(opened.close(opened.closing(3)))

    assert changed == ENDED | SENT | {"order_version": 0, "order_flags": 0}


# TOKENS THAT FAIL


@pytest.mark.parametrize(
    ("mock", "spoil"),
    [
        ("BlocklistToken", ("setBlocked", "low", True)),
        ("FalseReturningToken", ("setFailing", True)),
        ("LyingToken", None),
        ("ReturnBombToken", ("setMode", 2)),
        ("ReturnBombToken", ("setMode", 3)),
        ("HungryToken", ("setAppetite", PUSH_GAS)),
    ],
    ids=["blocked", "answers false", "lies", "huge revert", "burns all gas", "needs too much gas"],
)
def test_close_cooperative__token_fails__credits_the_ledger_instead(scene, papers, mock, spoil):
    """[ADJ-01] What cannot be sent is owed; what the token did is undone."""
    token = scene.add_token(mock)
    channel = papers.over(token.address)
    scene.send(channel.open())
    if spoil is not None:
        function, *arguments = spoil
        given = [scene.low if each == "low" else each for each in arguments]
        scene.send(scene.call(token, function, *given, by=scene.low))
    state = with_split(channel.closing(), 0, out_high=0)

    events = scene.events_of(channel.close(state))

    assert events == (
        closed(scene, channel, (0, 1_800, 1_200, 0)),
        scene.event("PushFailed", broker=scene.low, token=token.address, amount=1_200),
    )
    assert scene.contracts.ledger(scene.low, token.address) == 1_200
    assert scene.contracts.wallet(scene.adjudicator.address, token.address) == 3_000


def test_close_cooperative__token_answers_a_lot__is_paid(scene, papers):
    """No more than a word of the answer is read."""
    token = scene.add_token("ReturnBombToken")
    channel = papers.over(token.address)
    scene.send(channel.open(), scene.call(token, "setMode", 1, by=scene.low))
    before = scene.contracts.wallet(scene.low, token.address)

    scene.send(channel.close(channel.closing()))

    assert scene.contracts.wallet(scene.low, token.address) == before + 1_200


def test_close_cooperative__one_broker_is_blocked__pays_the_other(scene, papers):
    token = scene.add_token("BlocklistToken")
    channel = papers.over(token.address)
    scene.send(channel.open(), scene.call(token, "setBlocked", scene.low, True, by=scene.low))

    events = scene.events_of(channel.close(channel.closing()))

    assert events == (
        closed(scene, channel, (0, 0, 1_200, 1_800)),
        scene.event("PushFailed", broker=scene.low, token=token.address, amount=1_200),
        scene.moved(token.address, scene.adjudicator.address, scene.high, 1_800),
    )


def test_close_cooperative__token_calls_back__meets_the_lock(scene, papers):
    token = scene.add_token("ReentrantToken")
    channel = papers.over(token.address)
    inner = scene.act("cancelAuth", 1, by=scene.low)
    scene.send(channel.open(), scene.call(token, "arm", inner.to, inner.data, by=scene.low))

    scene.send(channel.close(channel.closing()))

    locked = scene.adjudicator.interface.decode_error(token.call("answer"))
    assert locked == refusal("ReentrancyGuardReentrantCall")


def test_close_cooperative__too_little_gas_for_the_token__is_refused(scene, opened):
    """[ADJ-15] Else an outsider chooses the ledger over the wallet by starving the transfer."""
    act = opened.close(opened.closing())

    scene.assert_only_fails_for(
        lambda gas: replace(act, gas=gas),
        broken=250_000,
        fixed=450_000,
        error=refusal("InsufficientGas", have=ANY, want=NEEDED_GAS),
    )


# REFUSALS


@pytest.mark.parametrize("make", ["opening", "operate", "resizing"])
def test_close_cooperative__state_of_another_intent__is_refused(scene, opened, make):
    state = getattr(opened, make)(2)

    scene.assert_only_fails_for(
        opened.close,
        broken=state,
        fixed=opened.closing(),
        error=refusal("WrongIntent", intent=state.intent),
    )


def test_close_cooperative__at_its_valid_until__is_refused(scene, opened):
    scene.assert_only_fails_for(
        lambda second: opened.close(opened.closing()).at(second),
        broken=opened.soon,
        fixed=opened.soon - 1,
        error=refusal("StateExpired", valid_until=opened.soon),
    )


@pytest.mark.parametrize("version", [4, 5])
def test_close_cooperative__version_not_above_the_enforced__is_refused(scene, opened, version):
    """[ADJ-14] A later agreement beats an old farewell."""
    scene.send(opened.checkpoint(opened.operate(5)))

    scene.assert_only_fails_for(
        lambda each: opened.close(opened.closing(each)),
        broken=version,
        fixed=6,
        error=refusal("StaleVersion", have=version, want=6),
    )


def test_close_cooperative__legs_are_locked__is_refused(scene, half_funded, order):
    """[SET-06] No lock is orphaned by an end."""
    act = half_funded.close(half_funded.closing(3))

    scene.assert_only_fails_for(
        lambda before: [*before, act],
        broken=[],
        fixed=[half_funded.fund(order, Side.HIGH)],
        error=refusal("LockOutstanding", order=hash_order(order)),
    )


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("asset", [0, 1])
def test_close_cooperative__counts_on_more_than_was_put_in__is_refused(scene, opened, asset, side):
    """[ADJ-03] Else it would pay out of other channels."""
    role = side.name.lower()
    state = opened.closing()
    split = state.splits[asset]
    more = {f"net_{role}": getattr(split, f"net_{role}") + 1, role: getattr(split, role) + 1}

    scene.assert_only_fails_for(
        lambda before: [*before, opened.close(with_split(state, asset, **more))],
        broken=[],
        fixed=[opened.deposit_collateral(asset, 1, opened.definition.broker(side))],
        error=refusal("Unenforceable", asset=asset),
    )


def test_close_cooperative__ended_already__is_refused(scene, opened):
    """[ADJ-08] Accepted once."""
    act = opened.close(opened.closing())

    scene.assert_only_fails_for(
        lambda before: [*before, act],
        broken=[act],
        fixed=[],
        error=refusal("WrongStatus", status=Status.IDLE),
    )


def test_close_cooperative__of_the_epoch_before__is_refused(scene, opened):
    """[ADJ-18] A farewell of one life does not end the next."""
    scene.send(opened.close(opened.closing()))
    again = replace(opened, epoch=1)
    scene.send(again.open())

    scene.assert_only_fails_for(
        lambda papers: papers.close(papers.closing(9)),
        broken=opened,
        fixed=again,
        error=refusal("WrongEpoch", have=0, want=1),
    )
