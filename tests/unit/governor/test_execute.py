"""execute: within its days, once, and only on the code that was voted on."""

from functools import partial

import pytest

from clearing.spec.governance import GRACE_S, Action
from clearing.spec.units import DAY_S
from tests.harness.actors import key_of
from tests.harness.govern import assert_only_fails_for, refusal_of, told
from tests.harness.governance import Proposed

ALLOWED = ((1 << 4) | (1 << 5)).to_bytes(32, "big")


@pytest.mark.parametrize("late", [0, 1, GRACE_S])
def test_execute__within_14_days_of_eta__does_it(rig, late):
    eta = rig.make_queued(rig.parameter)
    rig.chain.warp(eta + late)

    rig.end("execute", rig.parameter)

    assert rig.target.read("balanceOf", rig.outsider) == 7
    assert rig.state(rig.parameter) == "EXECUTED"


def test_execute__due__emits_what_was_done(rig):
    rig.chain.warp(rig.make_queued(rig.parameter))

    receipt = rig.end("execute", rig.parameter)

    names = [name for name, _ in told(receipt)]
    assert names == ["Transfer", "CallExecuted", "ProposalExecuted"]
    assert told(receipt)[-1] == ("ProposalExecuted", (rig.id_of(rig.parameter),))


@pytest.mark.parametrize("name", ["parameter", "risk", "upgrade"])
def test_execute__before_eta__is_refused(rig, name):
    """[GOV-07] The timelock would run a risk change a day earlier, an upgrade five days."""
    proposed = getattr(rig, name)
    if name == "risk":
        rig.target.send("mint", rig.timelock.address, 1, sender=rig.outsider)
    eta = rig.make_queued(proposed)

    def arrange(now):
        rig.chain.warp(now)
        return partial(rig.end, "execute", proposed)

    assert_only_fails_for(
        rig,
        arrange,
        broken=eta - 1,
        fixed=eta,
        error=("ProposalNotReady", (rig.id_of(proposed), eta)),
        proposals=(proposed,),
    )


@pytest.mark.parametrize("late", [1, 5 * 365 * DAY_S])
def test_execute__after_14_days__is_refused(rig, late):
    """[GOV-07]."""
    eta = rig.make_queued(rig.parameter)

    def arrange(wait):
        rig.chain.warp(eta + GRACE_S + wait)
        return partial(rig.end, "execute", rig.parameter)

    assert_only_fails_for(
        rig,
        arrange,
        broken=late,
        fixed=0,
        error=("GovernorUnexpectedProposalState", (rig.id_of(rig.parameter), 6, ALLOWED)),
        proposals=(rig.parameter,),
    )


def test_execute__twice__is_refused(rig):
    rig.pass_proposal(rig.parameter)

    refusal = refusal_of(partial(rig.end, "execute", rig.parameter))

    assert refusal == (
        "GovernorUnexpectedProposalState",
        (rig.id_of(rig.parameter), 7, ALLOWED),
    )
    assert rig.target.read("balanceOf", rig.outsider) == 7


def test_execute__not_queued__is_refused(rig):
    rig.make_succeeded(rig.parameter)

    name, _ = refusal_of(partial(rig.end, "execute", rig.parameter))

    assert name == "TimelockUnexpectedOperationState"
    rig.end("queue", rig.parameter)
    rig.wait(2 * DAY_S)
    rig.end("execute", rig.parameter)


def test_execute__never_proposed__is_refused(rig):
    refusal = refusal_of(partial(rig.end, "execute", rig.parameter))

    assert refusal == ("GovernorNonexistentProposal", (rig.id_of(rig.parameter),))


@pytest.mark.parametrize("code", [b"\x00", b"", bytes.fromhex("ef0100") + bytes(20)])
def test_execute__other_code_at_a_target__is_refused(rig, code):
    """[GOV-09] Other code, none, or a designator."""
    target = key_of("changing target").address
    rig.chain.set_code(target, b"\x5b\x00")
    proposed = Proposed((*rig.parameter.actions, Action(target, 0, b"\1\2\3\4")))
    rig.chain.warp(rig.make_queued(proposed))
    pinned = rig.governor.read("termsOf", rig.id_of(proposed))[6]

    rig.chain.set_code(target, code)
    refusal = refusal_of(partial(rig.end, "execute", proposed))

    if code == b"\x00":
        found = rig.types.read("pinOf", proposed.lists[0], proposed.lists[2])
        assert refusal == ("CodeChanged", (rig.id_of(proposed), pinned, found)), "GOV-09"
    else:
        assert refusal == ("TargetNotContract", (target,)), "GOV-09"
    assert rig.state(proposed) == "QUEUED"
    rig.chain.set_code(target, b"\x5b\x00")
    rig.end("execute", proposed)


def test_execute__on_the_timelock_itself__is_refused(rig):
    """[GOV-10] Nobody but the governor gives it orders, so expiry and extra delay hold."""
    role = rig.timelock.read("EXECUTOR_ROLE")
    grant = Proposed((rig.action(rig.timelock, "grantRole", role, rig.guardian),))
    rig.pass_proposal(grant, "rival")
    rig.chain.warp(rig.make_queued(rig.parameter))
    salt = int.from_bytes(rig.governor.address, "big") << 96
    salted = (salt ^ int.from_bytes(rig.parameter.hashed[3], "big")).to_bytes(32, "big")
    arguments = (*rig.parameter.lists, bytes(32), salted)

    refusal = refusal_of(
        partial(rig.timelock.send, "executeBatch", *arguments, sender=rig.outsider)
    )

    assert refusal == ("AccessControlUnauthorizedAccount", (rig.outsider, role)), "GOV-10"
    rig.timelock.send("executeBatch", *arguments, sender=rig.guardian)
    assert rig.target.read("balanceOf", rig.outsider) == 7
