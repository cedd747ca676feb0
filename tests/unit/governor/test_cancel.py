"""cancel, cancelExpired: who may stop a proposal, and until when."""

from functools import partial

import pytest

from clearing.spec.governance import GRACE_S
from clearing.spec.units import WAD
from tests.harness.govern import assert_only_fails_for, refusal_of, told
from tests.harness.governance import GUARDIAN_TERM_S, SETUP, Proposed

MAKES = ("propose", "make_active", "make_succeeded", "make_queued")


def cancelling(rig, proposed, by):
    return partial(rig.end, "cancel", proposed, by)


def unable(rig, proposed, by):
    return "GovernorUnableToCancel", (rig.id_of(proposed), by)


def become_poor(rig):
    rig.yellow.send("transfer", rig.outsider, WAD, sender=rig.voter("proposer"))
    rig.wait(1)


@pytest.mark.parametrize("make", MAKES)
def test_cancel__by_the_guardian__works_while_it_lives(rig, make):
    getattr(rig, make)(rig.parameter)

    rig.end("cancel", rig.parameter, rig.guardian)

    assert rig.state(rig.parameter) == "CANCELED"


def test_cancel__by_the_guardian__emits_once(rig):
    rig.make_succeeded(rig.parameter)

    receipt = rig.end("cancel", rig.parameter, rig.guardian)

    assert told(receipt) == (("ProposalCanceled", (rig.id_of(rig.parameter),)),)


def test_cancel__queued__is_gone_from_the_timelock_too(rig):
    rig.make_queued(rig.parameter)

    receipt = rig.end("cancel", rig.parameter, rig.guardian)

    assert [name for name, _ in told(receipt)] == ["ProposalCanceled", "Cancelled"]
    operation = told(receipt)[1][1][0]
    assert not rig.timelock.read("isOperation", operation)


@pytest.mark.parametrize("make", MAKES)
def test_cancel__by_a_stranger__is_refused(rig, make):
    getattr(rig, make)(rig.parameter)

    assert_only_fails_for(
        rig,
        lambda who: cancelling(rig, rig.parameter, who),
        broken=rig.outsider,
        fixed=rig.guardian,
        error=unable(rig, rig.parameter, rig.outsider),
        proposals=(rig.parameter,),
    )


@pytest.mark.parametrize("make", ["make_active", "make_succeeded", "make_queued"])
def test_cancel__by_the_proposer_once_votes_count__is_refused(rig, make):
    """Also without a guardian, when OpenZeppelin's would let it."""
    proposer = rig.voter("proposer")
    with rig.chain.isolated():
        rig.propose(rig.parameter)
        rig.end("cancel", rig.parameter, proposer)
        assert rig.state(rig.parameter) == "CANCELED"

    for wait in (0, GUARDIAN_TERM_S):
        with rig.chain.isolated():
            rig.wait(wait)
            getattr(rig, make)(rig.parameter)
            refusal = refusal_of(cancelling(rig, rig.parameter, proposer))
            assert refusal == unable(rig, rig.parameter, proposer)


@pytest.mark.parametrize("make", ["propose", "make_active"])
def test_cancel__proposer_fell_under_the_threshold__anyone_may(rig, make):
    getattr(rig, make)(rig.parameter)
    refusal = refusal_of(cancelling(rig, rig.parameter, rig.outsider))
    assert refusal == unable(rig, rig.parameter, rig.outsider)

    become_poor(rig)
    rig.end("cancel", rig.parameter)

    assert rig.state(rig.parameter) == "CANCELED"


@pytest.mark.parametrize("make", ["make_succeeded", "make_queued"])
def test_cancel__proposer_poor_after_the_vote__is_refused(rig, make):
    """What voters have decided does not hang on its author."""
    getattr(rig, make)(rig.parameter)
    become_poor(rig)

    refusal = refusal_of(cancelling(rig, rig.parameter, rig.outsider))

    assert refusal == unable(rig, rig.parameter, rig.outsider)


def test_cancel__guardian_after_its_expiry__is_refused(rig):
    """[GOV-11]."""
    expiry = rig.governor.read("guardianExpiry")
    rig.chain.warp(expiry - 1_000)
    rig.propose(rig.parameter)

    def arrange(now):
        rig.chain.warp(now)
        return cancelling(rig, rig.parameter, rig.guardian)

    assert_only_fails_for(
        rig,
        arrange,
        broken=expiry,
        fixed=expiry - 1,
        error=unable(rig, rig.parameter, rig.guardian),
        proposals=(rig.parameter,),
    )


@pytest.mark.parametrize("make", MAKES)
def test_cancel__guardian_of_a_change_of_itself__is_refused(rig, make):
    """[GOV-11] Voters can always replace it."""
    change = rig.action(rig.governor, "setGuardian", bytes(20), 0)
    alone, mixed = Proposed((change,)), Proposed((change, *rig.parameter.actions))

    def arrange(proposed):
        getattr(rig, make)(proposed)
        return cancelling(rig, proposed, rig.guardian)

    assert_only_fails_for(
        rig,
        arrange,
        broken=alone,
        fixed=mixed,
        error=unable(rig, alone, rig.guardian),
        proposals=(alone,),
    )


def test_cancel__guardian_of_its_change_by_a_poor_proposer__may_as_anyone(rig):
    proposed = Proposed((rig.action(rig.governor, "setGuardian", bytes(20), 0),))
    rig.propose(proposed)
    become_poor(rig)

    rig.end("cancel", proposed, rig.guardian)

    assert rig.state(proposed) == "CANCELED"


@pytest.mark.parametrize("end", ["CANCELED", "DEFEATED", "EXPIRED", "EXECUTED"])
def test_cancel__ended__is_refused(rig, end):
    """[GOV-01] Ends absorb, a defeat as well."""
    if end == "CANCELED":
        rig.propose(rig.parameter)
        rig.end("cancel", rig.parameter, rig.guardian)
    elif end == "DEFEATED":
        rig.make_active(rig.parameter)
        rig.wait(SETUP.voting_period)
    elif end == "EXPIRED":
        rig.chain.warp(rig.make_queued(rig.parameter) + GRACE_S + 1)
    else:
        rig.pass_proposal(rig.parameter)

    refusal = refusal_of(cancelling(rig, rig.parameter, rig.guardian))

    assert refusal == unable(rig, rig.parameter, rig.guardian), "GOV-01"
    assert rig.state(rig.parameter) == end, "GOV-01"


def expire(rig):
    rig.chain.warp(rig.make_queued(rig.parameter) + GRACE_S + 1)


def test_cancel_expired__queued_and_expired__leaves_the_timelock_and_stays_expired(rig):
    """[GOV-01]."""
    expire(rig)
    salt = int.from_bytes(rig.governor.address, "big") << 96
    salted = (salt ^ int.from_bytes(rig.parameter.hashed[3], "big")).to_bytes(32, "big")
    operation = rig.timelock.read("hashOperationBatch", *rig.parameter.lists, bytes(32), salted)
    assert rig.timelock.read("isOperationPending", operation)

    rig.end("cancelExpired", rig.parameter)

    assert not rig.timelock.read("isOperation", operation)
    assert rig.state(rig.parameter) == "EXPIRED", "GOV-01"
    assert rig.governor.read("termsOf", rig.id_of(rig.parameter))[2]


def test_cancel_expired__queued_and_expired__emits_both(rig):
    expire(rig)

    receipt = rig.end("cancelExpired", rig.parameter)

    names = [name for name, _ in told(receipt)]
    assert names == ["ExpiredCancelled", "Cancelled"]
    assert told(receipt)[0][1] == (rig.id_of(rig.parameter),)


def test_cancel_expired__not_expired__is_refused(rig):
    eta = rig.make_queued(rig.parameter)

    def arrange(now):
        rig.chain.warp(now)
        return partial(rig.end, "cancelExpired", rig.parameter)

    assert_only_fails_for(
        rig,
        arrange,
        broken=eta + GRACE_S,
        fixed=eta + GRACE_S + 1,
        error=("NothingToCancel", (rig.id_of(rig.parameter),)),
        proposals=(rig.parameter,),
    )


def test_cancel_expired__never_queued__is_refused(rig):
    rig.make_succeeded(rig.parameter)
    rig.wait(GRACE_S)
    assert rig.state(rig.parameter) == "EXPIRED"

    refusal = refusal_of(partial(rig.end, "cancelExpired", rig.parameter))

    assert refusal == ("NothingToCancel", (rig.id_of(rig.parameter),))


def test_cancel_expired__twice__is_refused_by_the_timelock(rig):
    expire(rig)
    rig.end("cancelExpired", rig.parameter)

    name, _ = refusal_of(partial(rig.end, "cancelExpired", rig.parameter))

    assert name == "TimelockUnexpectedOperationState"
