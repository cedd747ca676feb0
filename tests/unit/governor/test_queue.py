"""queue: what has passed waits in the timelock, and longer if it is graver."""

from functools import partial

import pytest

from clearing.spec.governance import DEFAULT_TERMS, GRACE_S, Kind
from tests.harness.govern import assert_only_fails_for, told
from tests.harness.governance import AGAINST, SETUP, TIMELOCK_S

KINDS = {"parameter": Kind.PARAMETER, "risk": Kind.RISK_CONFIGURATION, "upgrade": Kind.UPGRADE}
SUCCEEDED_BIT = (1 << 4).to_bytes(32, "big")


@pytest.mark.parametrize("name", KINDS)
def test_queue__passed__may_run_after_delay_and_extra_delay(rig, name):
    """[GOV-07]."""
    proposed = getattr(rig, name)
    rig.make_succeeded(proposed)

    rig.end("queue", proposed)

    eta = rig.chain.now + TIMELOCK_S + DEFAULT_TERMS[KINDS[name]].extra_delay
    assert rig.governor.read("proposalEta", rig.id_of(proposed)) == eta, "GOV-07"
    assert rig.state(proposed) == "QUEUED"


def test_queue__passed__emits_the_calls_and_the_eta(rig):
    rig.make_succeeded(rig.risk)

    receipt = rig.end("queue", rig.risk)

    extra = DEFAULT_TERMS[Kind.RISK_CONFIGURATION].extra_delay
    queued = (rig.id_of(rig.risk), rig.chain.now + TIMELOCK_S + extra)
    names = [name for name, _ in told(receipt)]
    assert names == ["CallScheduled", "CallSalt", "ProposalQueued"]
    assert told(receipt)[-1] == ("ProposalQueued", queued)
    assert told(receipt)[0][1][2:5] == (rig.target.address, 0, rig.risk.actions[0].data)


@pytest.mark.parametrize("late", [1, GRACE_S])
def test_queue__after_14_days__is_refused(rig, late):
    """[GOV-07] What nobody queued for 14 days has expired."""
    rig.make_succeeded(rig.parameter)
    deadline = rig.governor.read("proposalDeadline", rig.id_of(rig.parameter))

    def arrange(wait):
        rig.chain.warp(deadline + GRACE_S + wait)
        return partial(rig.end, "queue", rig.parameter)

    assert_only_fails_for(
        rig,
        arrange,
        broken=late,
        fixed=0,
        error=("GovernorUnexpectedProposalState", (rig.id_of(rig.parameter), 6, SUCCEEDED_BIT)),
        proposals=(rig.parameter,),
    )


@pytest.mark.parametrize(("wait", "state"), [(0, 1), (SETUP.voting_period, 3)])
def test_queue__not_passed__is_refused(rig, wait, state):
    rig.make_active(rig.parameter)
    start = rig.chain.now

    def arrange(has_passed):
        rig.vote(rig.parameter, "whale", 1 if has_passed else AGAINST)
        rig.chain.warp(start + (SETUP.voting_period if has_passed else wait))
        return partial(rig.end, "queue", rig.parameter)

    assert_only_fails_for(
        rig,
        arrange,
        broken=False,
        fixed=True,
        error=(
            "GovernorUnexpectedProposalState",
            (rig.id_of(rig.parameter), state, SUCCEEDED_BIT),
        ),
        proposals=(rig.parameter,),
    )
