"""Settings of the governor and its timelock: by proposal alone, and within bounds."""

from dataclasses import replace
from functools import partial

import pytest

from clearing.spec.units import DAY_S, WAD
from tests.harness.govern import assert_only_fails_for, refusal_of, told
from tests.harness.governance import SETUP, SUPPLY, Proposed, deploy_governance
from tests.harness.revm import Revm

SETTINGS = {
    "setVotingDelay": ("votingDelay", "votingDelay", DAY_S, 7 * DAY_S),
    "setVotingPeriod": ("votingPeriod", "votingPeriod", 3 * DAY_S, 14 * DAY_S),
    "setLateQuorumVoteExtension": (
        "lateQuorumVoteExtension",
        "lateExtension",
        DAY_S,
        7 * DAY_S,
    ),
    "setProposalThreshold": ("proposalThreshold", "threshold", SUPPLY // 1_000, SUPPLY // 20),
    "updateQuorumNumerator": ("quorumNumerator", "quorumFloorBps", 200, 3_000),
}
EVENTS = {
    "setVotingDelay": "VotingDelaySet",
    "setVotingPeriod": "VotingPeriodSet",
    "setLateQuorumVoteExtension": "LateQuorumVoteExtensionSet",
    "setProposalThreshold": "ProposalThresholdSet",
    "updateQuorumNumerator": "QuorumNumeratorUpdated",
}
CASES = [
    (name, edge, past)
    for name, (_, _, low, high) in SETTINGS.items()
    for edge, past in ((low, low - 1), (high, high + 1))
]


def passing(rig, *actions):
    """Everything but the execution of a proposal; return that."""
    proposed = Proposed(actions)
    rig.chain.warp(rig.make_queued(proposed))
    return partial(rig.end, "execute", proposed)


def word(text):
    return text.encode().ljust(32, b"\0")


@pytest.mark.parametrize(("name", "edge", "past"), CASES)
def test_settings__past_a_bound__is_refused(rig, name, edge, past):
    """[GOV-13] The proposal passes, and still cannot set it."""
    view, what, low, high = SETTINGS[name]

    assert_only_fails_for(
        rig,
        lambda value: passing(rig, rig.action(rig.governor, name, value)),
        broken=past,
        fixed=edge,
        error=("OutOfBounds", (word(what), past, low, high)),
    )
    passing(rig, rig.action(rig.governor, name, edge))()
    assert rig.governor.read(view) == edge, "GOV-13"


@pytest.mark.parametrize("name", SETTINGS)
def test_settings__changed__emits_old_and_new(rig, name):
    view, _, low, _ = SETTINGS[name]
    old = rig.governor.read(view)

    receipt = passing(rig, rig.action(rig.governor, name, low))()

    assert told(receipt)[0] == (EVENTS[name], (old, low))


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("who", ["outsider", "guardian", "deployer"])
def test_settings__without_a_proposal__is_refused(rig, name, who):
    """[GOV-10]."""
    low, caller = SETTINGS[name][2], getattr(rig, who)

    refusal = refusal_of(partial(rig.governor.send, name, low, sender=caller))

    assert refusal == ("GovernorOnlyExecutor", (caller,)), "GOV-10"
    passing(rig, rig.action(rig.governor, name, low))()


def test_set_guardian__by_proposal__serves_until_its_expiry(rig):
    first, expiry = rig.governor.read("guardianExpiry"), rig.chain.now + 200 * DAY_S

    receipt = passing(rig, rig.action(rig.governor, "setGuardian", rig.outsider, expiry))()

    assert rig.governor.read("proposalGuardian") == rig.outsider
    assert told(receipt)[:2] == (
        ("ProposalGuardianSet", (rig.guardian, rig.outsider)),
        ("GuardianExpirySet", (rig.outsider, first, expiry)),
    )
    rig.chain.warp(expiry - 1)
    assert rig.governor.read("proposalGuardian") == rig.outsider
    rig.chain.warp(expiry)
    assert rig.governor.read("proposalGuardian") == bytes(20), "GOV-11"


@pytest.mark.parametrize("wrong", ["now", "later"])
def test_set_guardian__expiry_out_of_a_year__is_refused(rig, wrong):
    """[GOV-11]."""
    # 2 + 5 days of voting, a second each, 2 + 5 days of delay: the same in every run.
    with rig.chain.isolated():
        passing(rig, rig.action(rig.governor, "setGuardian", rig.outsider, 2**47))
        at = rig.chain.now
    low, high = at + 1, at + 365 * DAY_S
    broken, fixed = (at, at + 1) if wrong == "now" else (high + 1, high)

    assert_only_fails_for(
        rig,
        lambda expiry: passing(rig, rig.action(rig.governor, "setGuardian", rig.outsider, expiry)),
        broken=broken,
        fixed=fixed,
        error=("OutOfBounds", (word("guardianExpiry"), broken, low, high)),
    )


def test_set_guardian__nobody_with_an_expiry__is_refused(rig):
    assert_only_fails_for(
        rig,
        lambda expiry: passing(rig, rig.action(rig.governor, "setGuardian", bytes(20), expiry)),
        broken=1,
        fixed=0,
        error=("OutOfBounds", (word("guardianExpiry"), 1, 0, 0)),
    )


@pytest.mark.parametrize(
    ("name", "error"),
    [("setProposalGuardian", "GuardianNeedsExpiry"), ("updateTimelock", "TimelockIsFixed")],
)
def test_set_proposal_guardian_and_update_timelock__by_proposal__are_refused(rig, name, error):
    assert_only_fails_for(
        rig,
        lambda action: passing(rig, action),
        broken=rig.action(rig.governor, name, rig.outsider),
        fixed=rig.action(rig.governor, "setVotingPeriod", 7 * DAY_S),
        error=(error, ()),
    )


def test_relay__to_the_timelock__is_refused(rig):
    """[GOV-10] Else the governor could queue operations that no proposal shows."""
    data = rig.calldata(rig.target, "mint", rig.outsider, 7)

    assert_only_fails_for(
        rig,
        lambda target: passing(rig, rig.action(rig.governor, "relay", target, 0, data)),
        broken=rig.timelock.address,
        fixed=rig.target.address,
        error=("RelayToTimelock", ()),
    )


@pytest.mark.parametrize(("given", "is_"), [(0, DAY_S), (DAY_S, DAY_S), (2**40, 30 * DAY_S)])
def test_get_min_delay__whatever_was_set__is_within_a_day_and_30(rig, given, is_):
    """[GOV-13]."""
    passing(rig, rig.action(rig.timelock, "updateDelay", given))()

    assert rig.timelock.read("getMinDelay") == is_, "GOV-13"
    rig.make_succeeded(rig.parameter)
    rig.end("queue", rig.parameter)
    eta = rig.governor.read("proposalEta", rig.id_of(rig.parameter))
    assert eta == rig.chain.now + is_, "GOV-13"


@pytest.mark.parametrize("value", [WAD, SUPPLY])
def test_constructor__threshold_out_of_bounds__is_refused(rig, value):
    deploy_governance(Revm())

    refusal = refusal_of(lambda: deploy_governance(Revm(), replace(SETUP, threshold=value)))

    assert refusal == (
        "OutOfBounds",
        (word("threshold"), value, SUPPLY // 1_000, SUPPLY // 20),
    )


def test_deployment__done__nobody_but_the_governor_has_a_role(rig):
    """[GOV-10]."""
    everybody = (rig.deployer, rig.guardian, rig.outsider, bytes(20))
    for role in ("PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE", "DEFAULT_ADMIN_ROLE"):
        name = rig.timelock.read(role)
        assert not any(rig.timelock.read("hasRole", name, who) for who in everybody), "GOV-10"
    for role in ("PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE"):
        assert rig.timelock.read("hasRole", rig.timelock.read(role), rig.governor.address)
