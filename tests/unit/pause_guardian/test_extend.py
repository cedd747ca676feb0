"""extend: a running pause goes on while the upgrade that mends it is on its way."""

from functools import partial

import pytest

from clearing.spec.governance import (
    GRACE_S,
    PAUSE_GAP_S,
    PAUSE_MAX_S,
    PAUSE_TOTAL_S,
    Action,
)
from clearing.spec.units import DAY_S
from tests.harness.govern import refusal_of, told
from tests.harness.governance import SETUP, Proposed
from tests.harness.pauses import OPENINGS, TRADING, encoded, feed_scope
from tests.harness.perp import FEEDS
from tests.unit.pause_guardian.test_pause import assert_only_fails_for

FEED = feed_scope(FEEDS[0])
CALL = b"\1\2\3\4"


def mending(rig, target="engine"):
    """An UPGRADE whose second action is on a target."""
    address = getattr(rig, target).address
    return Proposed((*rig.gov.parameter.actions, Action(address, 0, CALL)))


def stop(rig, scope):
    """Pause a target as a bare account in the guardian's place would, without its rules."""
    rig.gov.chain.set_code(rig.guardian.address, b"")
    if scope == TRADING:
        target, method, what = rig.engine, "pauseAll", 17
    else:
        target, method, what = rig.oracle, "pause", FEEDS[0]
    target.send(method, what, 2**40 - 1, sender=rig.guardian.address)


@pytest.fixture
def paused(rig):
    """Trading and a feed are paused for a day; an upgrade of the engine is proposed."""
    rig.gov.propose(mending(rig))
    rig.pause(TRADING, DAY_S)
    rig.pause(FEED, DAY_S)
    return rig


@pytest.mark.parametrize("scope", [TRADING, FEED])
def test_extend__live_upgrade_of_the_engine__goes_on_for_72_hours(paused, scope):
    began, _ = paused.window(scope)
    paused.gov.wait(DAY_S - 1)

    paused.extend(scope, mending(paused), 1)

    assert paused.window(scope) == (began, paused.gov.chain.now + PAUSE_MAX_S), "GOV-14"


def test_extend__live_upgrade__emits_the_proposal(paused):
    receipt = paused.extend(TRADING, mending(paused), 1)

    until = paused.gov.chain.now + PAUSE_MAX_S
    proposal_id = paused.gov.id_of(mending(paused))
    assert told(receipt) == (("Extended", (TRADING, until, proposal_id)),)


def test_extend__again_and_again__ends_after_19_days(paused):
    """[GOV-16] Whatever the proposal does."""
    began, _ = paused.window(TRADING)
    proposed = mending(paused)
    paused.gov.wait(DAY_S - 1)
    deadline = None
    for _ in range(6):
        paused.extend(TRADING, proposed, 1)
        assert paused.window(TRADING)[1] - paused.gov.chain.now <= PAUSE_MAX_S, "GOV-14"
        paused.gov.wait(PAUSE_MAX_S - 1)
        if paused.gov.state(proposed) == "ACTIVE" and deadline is None:
            paused.gov.vote(proposed, "whale")
            deadline = paused.gov.chain.now
    assert paused.gov.state(proposed) == "SUCCEEDED"

    paused.extend(TRADING, proposed, 1)

    assert paused.window(TRADING) == (began, began + PAUSE_TOTAL_S), "GOV-16"
    text = ("pause: no later end", ())
    assert refusal_of(partial(paused.extend, TRADING, proposed, 1)) == text, "GOV-16"
    paused.gov.chain.warp(began + PAUSE_TOTAL_S)
    assert refusal_of(partial(paused.extend, TRADING, proposed, 1)) == ("pause: not running", ())
    paused.gov.wait(PAUSE_GAP_S - 1)
    assert refusal_of(partial(paused.pause, TRADING, 1)) == ("pause: too soon", ())
    paused.gov.wait(1)
    paused.pause(TRADING, 1)


@pytest.mark.parametrize("state", ["ACTIVE", "SUCCEEDED", "QUEUED", "EXECUTED", "EXPIRED"])
def test_extend__state_of_the_proposal__must_be_live(rig, state):
    proposed = mending(rig)
    rig.gov.make_active(proposed)
    if state != "ACTIVE":
        rig.gov.vote(proposed, "whale")
        rig.gov.wait(SETUP.voting_period)
    if state in {"QUEUED", "EXECUTED"}:
        rig.gov.end("queue", proposed)
    if state == "EXECUTED":
        rig.gov.chain.warp(rig.gov.governor.read("proposalEta", rig.gov.id_of(proposed)))
        rig.gov.end("execute", proposed)
    if state == "EXPIRED":
        rig.gov.wait(GRACE_S)
    assert rig.gov.state(proposed) == state
    rig.pause(TRADING, DAY_S)

    if state in {"EXECUTED", "EXPIRED"}:
        refusal = refusal_of(partial(rig.extend, TRADING, proposed, 1))
        assert refusal == ("pause: no live upgrade", ()), "GOV-16"
    else:
        rig.extend(TRADING, proposed, 1)


def test_extend__proposal_was_cancelled_or_never_made__is_refused(paused):
    """[GOV-16]."""
    other = Proposed(mending(paused).actions, "# never made")
    refused = ("pause: no live upgrade", ())
    assert refusal_of(partial(paused.extend, TRADING, other, 1)) == refused
    paused.extend(TRADING, mending(paused), 1)
    paused.gov.wait(9)
    paused.gov.end("cancel", mending(paused), paused.gov.guardian)

    assert refusal_of(partial(paused.extend, TRADING, mending(paused), 1)) == refused, "GOV-16"


def test_extend__proposal_is_no_upgrade__is_refused(rig):
    """[GOV-16] A change of a parameter of the engine's, say."""
    engine = rig.engine.address
    kinds = rig.gov.action(rig.gov.types, "setKind", engine, CALL, 1)
    listing = Proposed((kinds,))
    rig.gov.pass_proposal(listing, "rival")
    lesser = Proposed((Action(engine, 0, CALL),))
    rig.gov.propose(lesser, "rival")
    graver = Proposed((Action(engine, 0, CALL), *rig.gov.upgrade.actions), "# graver")
    rig.gov.propose(graver, "holder")
    rig.pause(TRADING, DAY_S)

    assert_only_fails_for(
        rig,
        lambda proposed: partial(rig.extend, TRADING, proposed, 0),
        broken=lesser,
        fixed=graver,
        text="pause: no live upgrade",
        scope=TRADING,
    )


@pytest.mark.parametrize("action", [0, 2, 2**255])
def test_extend__action_on_something_else__is_refused(paused, action):
    """[GOV-16] Another target, none, and far outside."""
    assert_only_fails_for(
        paused,
        lambda action: partial(paused.extend, TRADING, mending(paused), action),
        broken=action,
        fixed=1,
        text="pause: acts on something else",
        scope=TRADING,
    )


def test_extend__upgrade_of_the_oracle__is_for_feeds_alone(paused):
    proposed = mending(paused, "oracle")
    paused.gov.propose(proposed, "rival")

    refusal = refusal_of(partial(paused.extend, TRADING, proposed, 1))

    assert refusal == ("pause: acts on something else", ())
    paused.extend(FEED, proposed, 1)


def test_extend__openings__is_refused(paused):
    """[GOV-14] What cannot be upgraded is not mended by waiting."""
    paused.pause(OPENINGS, DAY_S)

    assert_only_fails_for(
        paused,
        lambda scope: partial(paused.extend, scope, mending(paused), 1),
        broken=OPENINGS,
        fixed=TRADING,
        text="pause: cannot be extended",
        scope=OPENINGS,
    )


@pytest.mark.parametrize("wait", [DAY_S, DAY_S + 1])
def test_extend__pause_is_over__is_refused(paused, wait):
    """[GOV-15]."""
    start = paused.gov.chain.now

    def arrange(wait):
        paused.gov.chain.warp(start + wait)
        return partial(paused.extend, TRADING, mending(paused), 1)

    assert_only_fails_for(
        paused,
        arrange,
        broken=wait,
        fixed=DAY_S - 1,
        text="pause: not running",
        scope=TRADING,
    )


def test_extend__never_paused__is_refused(rig):
    rig.gov.propose(mending(rig))

    refusal = refusal_of(partial(rig.extend, TRADING, mending(rig), 1))

    assert refusal == ("pause: not running", ())


def test_extend__in_the_same_second__is_refused(paused):
    paused.extend(TRADING, mending(paused), 1)

    refusal = refusal_of(partial(paused.extend, TRADING, mending(paused), 1))

    assert refusal == ("pause: no later end", ())


def test_extend__by_anybody_else__is_refused(paused):
    arguments = (TRADING, encoded(mending(paused)), 1)

    assert_only_fails_for(
        paused,
        lambda who: partial(paused.guardian.send, "extend", *arguments, sender=who),
        broken=paused.gov.outsider,
        fixed=paused.wallet,
        text="pause: not the owner",
        scope=TRADING,
    )


@pytest.mark.parametrize("scope", [TRADING, FEED])
def test_extend__the_real_target__goes_on_for_19_days_and_rests(real, scope):
    """[GOV-16] The targets bound a guardian that would not."""
    proposed = mending(real)
    real.gov.propose(proposed)
    real.pause(scope, PAUSE_MAX_S)
    began, _ = real.window(scope)
    for day in range(1, 17):
        real.gov.wait(DAY_S)
        if day == 3:
            real.gov.vote(proposed, "whale")
        real.extend(scope, proposed, 1)
    assert real.window(scope) == (began, began + PAUSE_TOTAL_S), "GOV-16"

    real.gov.chain.warp(began + PAUSE_TOTAL_S - 1)
    call = partial(stop, real, scope)
    not_before = began + PAUSE_TOTAL_S + PAUSE_GAP_S
    assert refusal_of(call) == ("PauseTooSoon", (not_before,)), "GOV-16"
    real.gov.chain.warp(not_before)
    call()


def test_extend__pause_was_lifted__stays_lifted(real):
    """The timelock has the last word."""
    real.gov.propose(mending(real))
    real.pause(TRADING, DAY_S)
    real.gov.wait(60)
    with real.gov.chain.isolated():
        real.extend(TRADING, mending(real), 1)
    real.engine.send("liftGuardianPause", sender=real.timelock)

    refusal = refusal_of(partial(real.extend, TRADING, mending(real), 1))

    assert refusal == ("PauseTooSoon", (real.gov.chain.now + PAUSE_GAP_S,))
