"""pause: 72 hours at most, then a week of rest, and nothing else."""

from functools import partial

import pytest

from clearing.chain.artifacts import abi_of
from clearing.spec.governance import PAUSE_GAP_S, PAUSE_MAX_S
from clearing.spec.units import DAY_S
from tests.harness.errors import Refused
from tests.harness.govern import refusal_of, told
from tests.harness.pauses import OPENINGS, TRADING, feed_scope
from tests.harness.perp import FEEDS

FEED = feed_scope(FEEDS[0])
SCOPES = (OPENINGS, TRADING, FEED)
MASK = 1 | 16


def assert_only_fails_for(rig, arrange, *, broken, fixed, text, scope):
    with rig.gov.chain.isolated():
        arrange(fixed)()
    with rig.gov.chain.isolated():
        call = arrange(broken)
        before = rig.window(scope)

        refusal = refusal_of(call)

        assert refusal == (text, ())
        assert rig.window(scope) == before


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("duration", [1, PAUSE_MAX_S])
def test_pause__at_most_72_hours__is_noted(rig, scope, duration):
    """[GOV-14]."""
    now = rig.gov.chain.now

    rig.pause(scope, duration)

    assert rig.window(scope) == (now, now + duration), "GOV-14"
    assert rig.guardian.read("can_pause_at", scope) == now + duration + PAUSE_GAP_S


@pytest.mark.parametrize("scope", SCOPES)
def test_pause__any__emits_scope_and_end(rig, scope):
    receipt = rig.pause(scope, 100)

    assert told(receipt) == (("Paused", (scope, rig.gov.chain.now + 100)),)


def test_pause__openings__stop_at_the_adjudicator(real):
    real.pause(OPENINGS, 1_000)

    assert real.adjudicator.read("openingsPausedUntil") == real.gov.chain.now + 1_000


def test_pause__trading__stops_openings_and_settlements_at_the_engine(real):
    receipt = real.pause(TRADING, 1_000)

    end = real.gov.chain.now + 1_000
    assert told(receipt) == (("Paused", (TRADING, end)), ("GuardianPaused", (MASK, end)))


def test_pause__a_feed__stops_that_feed_at_the_oracle(real):
    receipt = real.pause(FEED, 1_000)

    end = real.gov.chain.now + 1_000
    assert told(receipt) == (("Paused", (FEED, end)), ("FeedPaused", (FEEDS[0], end)))


def test_pause__unknown_feed__is_refused_by_the_oracle(real):
    unknown = feed_scope(b"no such feed")

    refusal = refusal_of(partial(real.pause, unknown, 1_000))

    assert refusal == ("UnknownFeed", (unknown[:16],))
    assert real.window(unknown) == (0, 0)
    real.pause(FEED, 1_000)


@pytest.mark.parametrize("scope", SCOPES)
def test_pause__by_anybody_else__is_refused(rig, scope):
    strangers = (rig.gov.outsider, rig.gov.deployer, rig.gov.guardian)
    for stranger in strangers:
        assert_only_fails_for(
            rig,
            lambda who: partial(rig.guardian.send, "pause", scope, 100, sender=who),
            broken=stranger,
            fixed=rig.wallet,
            text="pause: not the owner",
            scope=scope,
        )


@pytest.mark.parametrize(("broken", "fixed"), [(0, 1), (PAUSE_MAX_S + 1, PAUSE_MAX_S)])
def test_pause__bad_duration__is_refused(rig, broken, fixed):
    """[GOV-14]."""
    assert_only_fails_for(
        rig,
        lambda duration: partial(rig.pause, TRADING, duration),
        broken=broken,
        fixed=fixed,
        text="pause: bad duration",
        scope=TRADING,
    )


@pytest.mark.parametrize("scope", [bytes(32), (3).to_bytes(32, "big"), b"\1" * 32])
def test_pause__no_scope__is_refused(rig, scope):
    assert_only_fails_for(
        rig,
        lambda scope: partial(rig.pause, scope, 100),
        broken=scope,
        fixed=FEED,
        text="pause: bad scope",
        scope=scope,
    )


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("wait", [0, 99, 100, 100 + PAUSE_GAP_S - 1])
def test_pause__within_a_week_of_the_last_end__is_refused(rig, scope, wait):
    """[GOV-15] While it lasts, too."""
    start = rig.gov.chain.now
    rig.pause(scope, 100)

    def arrange(wait):
        rig.gov.chain.warp(start + wait)
        return partial(rig.pause, scope, 100)

    assert_only_fails_for(
        rig,
        arrange,
        broken=wait,
        fixed=100 + PAUSE_GAP_S,
        text="pause: too soon",
        scope=scope,
    )


def test_pause__another_scope__does_not_wait(rig):
    rig.pause(FEED, 100)
    rig.pause(feed_scope(FEEDS[1]), 100)
    rig.pause(TRADING, 100)
    rig.pause(OPENINGS, 100)

    assert {rig.window(scope)[0] for scope in SCOPES} == {rig.gov.chain.now}


@pytest.mark.parametrize("scope", SCOPES)
def test_pause__nobody_does_anything__has_lapsed_everywhere(real, scope):
    """[GOV-14] Nothing needs to be sent for a pause to end."""
    real.pause(scope, PAUSE_MAX_S)
    real.gov.wait(PAUSE_MAX_S)

    assert real.gov.chain.now >= real.window(scope)[1], "GOV-14"
    real.gov.wait(PAUSE_GAP_S)
    real.pause(scope, PAUSE_MAX_S)


def test_pause__lifted_by_the_timelock__cannot_be_armed_again(real):
    """[GOV-15] The timelock's word stands for a week."""
    real.pause(TRADING, PAUSE_MAX_S)
    real.gov.wait(DAY_S)
    real.engine.send("liftGuardianPause", sender=real.timelock)
    real.gov.wait(PAUSE_GAP_S)

    refusal = refusal_of(partial(real.pause, TRADING, 100))

    assert refusal == ("pause: too soon", ()), "GOV-15"


def test_surface__all_functions__two_that_act():
    """No unpause, no configuration, no call of anything else: there is no function for it."""
    acting = {
        entry["name"]
        for entry in abi_of("PauseGuardian")
        if entry["type"] == "function" and entry["stateMutability"] not in {"view", "pure"}
    }

    assert acting == {"pause", "extend"}


def test_views__deployed__name_the_fixed_parts(rig):
    assert rig.guardian.read("owner") == rig.wallet
    assert rig.guardian.read("governor") == rig.gov.governor.address
    assert rig.guardian.read("adjudicator") == rig.adjudicator.address
    assert rig.guardian.read("engine") == rig.engine.address
    assert rig.guardian.read("oracle") == rig.oracle.address
    assert rig.guardian.read("can_pause_at", TRADING) == 0


@pytest.mark.parametrize("zero", range(5))
def test_constructor__zero_address__is_refused(rig, zero):
    roles = [bytes([i + 1]) * 20 for i in range(5)]
    rig.gov.chain.deploy("PauseGuardian", *roles, sender=rig.gov.deployer)
    roles[zero] = bytes(20)

    with pytest.raises(Refused) as refused:
        rig.gov.chain.deploy("PauseGuardian", *roles, sender=rig.gov.deployer)

    assert refused.value.name == "pause: zero address"
