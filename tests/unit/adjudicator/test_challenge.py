"""challenge: a party starts the clock, or raises what the clock runs for."""

from dataclasses import replace

import pytest

from clearing.channel.codec import hash_state
from clearing.spec.types import Side, Status
from clearing.spec.units import DAY_S
from tests.harness.actors import key_of
from tests.unit.adjudicator.papers import with_split
from tests.unit.adjudicator.scene import refusal


def states(papers):
    """Return a state of each kind that `challenge` takes, all of version 9 but the OPEN state."""
    return {
        "open": papers.opening(),
        "operate": papers.operate(9),
        "hash lock": papers.hash_locked(9),
        "resize": papers.resizing(9),
        "expired resize": replace(papers.resizing(9), valid_until=papers.now),
        "settle": papers.settling(papers.order(9)),
    }


@pytest.fixture(params=["by a party", "by intent"])
def challenge(request, opened):
    """Return a function: the call of each of the two overloads, for a state."""
    return {"by a party": opened.challenge, "by intent": opened.challenge_by_intent}[request.param]


@pytest.mark.parametrize(
    "kind", ["open", "operate", "hash lock", "resize", "expired resize", "settle"]
)
def test_challenge__open_channel__starts_the_clock(scene, opened, challenge, kind):
    state = states(opened)[kind]
    second = scene.now + 10

    changed = opened.changes_of(challenge(state).at(second))

    raised = {} if kind == "open" else {"enforced_version": 9}
    assert changed == raised | {
        "status": Status.CHALLENGED,
        "deadline": second + DAY_S,
        "digest": hash_state(state),
    }


def test_challenge__open_channel__emits_challenged(scene, opened, challenge):
    state = opened.operate(9)
    second = scene.now + 10

    events = scene.events_of(challenge(state).at(second))

    assert events == (
        scene.event(
            "Challenged",
            id=opened.id,
            epoch=0,
            version=9,
            digest=hash_state(state),
            deadline=second + DAY_S,
        ),
    )


def test_challenge__longest_duration__sets_the_deadline_by_it(scene, papers):
    week = replace(papers, definition=replace(papers.definition, challenge_duration=7 * DAY_S))
    scene.send(week.open())
    second = scene.now + 10

    scene.send(week.challenge(week.operate()).at(second))

    assert week.deadline == second + 7 * DAY_S


def test_challenge__enforced_version__is_taken_from_open(scene, opened, challenge):
    """[ADJ-05] What is enforced already may be what ends the channel."""
    state = opened.operate(5)
    scene.send(opened.checkpoint(state))
    second = scene.now + 10

    changed = opened.changes_of(challenge(state).at(second))

    assert changed == {
        "status": Status.CHALLENGED,
        "deadline": second + DAY_S,
        "digest": hash_state(state),
    }


def test_challenge__challenged_with_less__is_raised_and_keeps_the_deadline(challenged, challenge):
    """[ADJ-11] The deadline is constant until the move back to OPEN."""
    state = challenged.operate(6)

    changed = challenged.changes_of(challenge(state))

    assert changed == {"enforced_version": 6, "digest": hash_state(state)}


def test_challenge__challenged_with_less__emits_the_old_deadline(scene, challenged, challenge):
    state = challenged.operate(6)
    deadline = challenged.deadline

    events = scene.events_of(challenge(state).at(deadline - 1))

    assert events == (
        scene.event(
            "Challenged",
            id=challenged.id,
            epoch=0,
            version=6,
            digest=hash_state(state),
            deadline=deadline,
        ),
    )


def test_challenge__after_an_answer__starts_a_new_clock(scene, challenged):
    first = challenged.deadline
    scene.send(challenged.checkpoint(challenged.operate(6)))
    second = first - 1

    scene.send(challenged.challenge(challenged.operate(7)).at(second))

    assert challenged.deadline == second + DAY_S


# WHO


@pytest.mark.parametrize("who", ["low", "high", "low signer", "high signer"])
def test_challenge__by_each_party__is_taken_and_by_an_outsider_refused(scene, opened, who):
    """[ADJ-15] Outsiders start nothing."""
    party = {
        "low": scene.low,
        "high": scene.high,
        "low signer": scene.low_signer.address,
        "high signer": scene.high_signer.address,
    }[who]

    scene.assert_only_fails_for(
        lambda sender: opened.challenge(opened.operate()).by(sender),
        broken=scene.outsider,
        fixed=party,
        error=refusal("NotParty", caller=scene.outsider),
    )


@pytest.mark.parametrize("side", list(Side))
def test_challenge_by_intent__signed_by_neither_key__is_refused(scene, opened, side):
    """A watcher needs either key's consent; a broker that sends it needs it as well."""
    state = opened.operate()
    key = scene.high_signer if side else scene.low_signer
    broker = opened.definition.broker(side)

    scene.assert_only_fails_for(
        lambda signer: opened.challenge_by_intent(state, opened.intent(state, signer)).by(broker),
        broken=key_of("nobody in particular"),
        fixed=key,
        error=refusal("NotParty", caller=broker),
    )


@pytest.mark.parametrize("other", ["version", "content", "epoch", "channel"])
def test_challenge_by_intent__for_another_state__is_refused(scene, opened, other):
    """[ADJ-18] The consent is to exactly this state."""
    state = opened.operate()
    another = {
        "version": opened.operate(3),
        "content": replace(state, risk_hash=b"\x01" * 32),
        "epoch": replace(state, epoch=1),
        "channel": replace(state, channel_id=b"\x02" * 32),
    }[other]

    scene.assert_only_fails_for(
        lambda named: opened.challenge_by_intent(state, opened.intent(named, scene.low_signer)),
        broken=another,
        fixed=state,
        error=refusal("NotParty", caller=scene.outsider),
    )


def test_challenge_by_intent__with_the_signature_of_the_state__is_refused(scene, opened):
    """[ADJ-18] To sign a state is not to consent to a challenge with it."""
    state = opened.operate()

    scene.assert_only_fails_for(
        lambda consent: opened.challenge_by_intent(state, consent),
        broken=opened.signed(state)[0],
        fixed=opened.intent(state, scene.low_signer),
        error=refusal("NotParty", caller=scene.outsider),
    )


# WHAT


def test_challenge__close__is_refused(scene, opened, challenge):
    """A cooperative end has no place in a dispute."""
    close = opened.closing(9)

    scene.assert_only_fails_for(
        challenge,
        broken=close,
        fixed=opened.operate(9),
        error=refusal("WrongIntent", intent=close.intent),
    )


@pytest.mark.parametrize("version", [2, 3])
def test_challenge__opening_at_another_version__is_refused(scene, opened, challenge, version):
    """An opening that never ran counts for nothing, whatever version it claims."""
    scene.assert_only_fails_for(
        lambda each: challenge(opened.opening(each)),
        broken=version,
        fixed=1,
        error=refusal("StaleVersion", have=version, want=1),
    )


def test_challenge__opening_after_a_checkpoint__is_refused(scene, opened, challenge):
    scene.assert_only_fails_for(
        lambda before: [*before, challenge(opened.opening())],
        broken=[opened.checkpoint(opened.operate(5))],
        fixed=[],
        error=refusal("StaleVersion", have=1, want=5),
    )


def test_challenge__below_the_enforced_version__is_refused(scene, opened, challenge):
    """[ADJ-14] What is stale stays stale."""
    scene.send(opened.checkpoint(opened.operate(5)))

    scene.assert_only_fails_for(
        lambda version: challenge(opened.operate(version)),
        broken=4,
        fixed=5,
        error=refusal("StaleVersion", have=4, want=5),
    )


@pytest.mark.parametrize("version", [4, 5])
def test_challenge__not_above_a_challenge__is_refused(scene, challenged, challenge, version):
    """[ADJ-08] A challenge repeated is refused."""
    scene.assert_only_fails_for(
        lambda each: challenge(challenged.operate(each)),
        broken=version,
        fixed=6,
        error=refusal("StaleVersion", have=version, want=6),
    )


def test_challenge__at_the_deadline__is_refused(scene, challenged, challenge):
    """[ADJ-10] A response is valid before the deadline."""
    deadline = challenged.deadline

    scene.assert_only_fails_for(
        lambda second: challenge(challenged.operate(6)).at(second),
        broken=deadline,
        fixed=deadline - 1,
        error=refusal("DeadlinePassed", deadline=deadline),
    )


@pytest.mark.parametrize("asset", [0, 1])
def test_challenge__counts_on_more_than_was_put_in__is_refused(scene, opened, challenge, asset):
    """[ADJ-03] Else the end could not pay."""
    state = opened.operate(9)
    split = state.splits[asset]
    act = challenge(with_split(state, asset, net_high=split.net_high + 1, high=split.high + 1))

    scene.assert_only_fails_for(
        lambda before: [*before, act],
        broken=[],
        fixed=[opened.deposit_collateral(asset, 1, scene.high)],
        error=refusal("Unenforceable", asset=asset),
    )
