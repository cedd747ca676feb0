"""setTerms: what a kind asks for, within bounds and in order, for proposals to come."""

from dataclasses import replace
from functools import partial

import pytest

from clearing.spec.governance import DEFAULT_TERMS, Kind
from clearing.spec.units import DAY_S
from tests.harness.govern import assert_only_fails_for, refusal_of, told
from tests.harness.governance import SETUP, Proposed, terms_row

RISK = DEFAULT_TERMS[Kind.RISK_CONFIGURATION]
UPGRADE = DEFAULT_TERMS[Kind.UPGRADE]
KINDS = [kind for kind in Kind if kind is not Kind.NONE]


def setting(rig, kind, terms):
    """Everything but the execution of a proposal that sets terms; return that."""
    proposed = Proposed((rig.action(rig.types, "setTerms", kind, terms_row(terms)),))
    rig.chain.warp(rig.make_queued(proposed))
    return partial(rig.end, "execute", proposed)


def word(text):
    return text.encode().ljust(32, b"\0")


@pytest.mark.parametrize("kind", KINDS)
def test_terms_of__deployed__are_as_designed(rig, kind):
    assert rig.types.read("termsOf", kind) == terms_row(DEFAULT_TERMS[kind])


def test_set_terms__by_proposal__holds_for_new_proposals_alone(rig):
    """[GOV-04] An older proposal keeps what it was made with."""
    rig.propose(rig.risk, "rival")
    old = rig.governor.read("termsOf", rig.id_of(rig.risk))

    setting(rig, Kind.RISK_CONFIGURATION, replace(RISK, quorum_bps=700))()

    assert rig.types.read("termsOf", Kind.RISK_CONFIGURATION) == (700, 6_000, DAY_S)
    assert rig.governor.read("termsOf", rig.id_of(rig.risk)) == old, "GOV-04"
    assert old[3] == RISK.quorum_bps


def test_set_terms__by_proposal__emits_old_and_new(rig):
    terms = replace(RISK, approval_bps=6_500)

    receipt = setting(rig, Kind.RISK_CONFIGURATION, terms)()

    changed = (Kind.RISK_CONFIGURATION, terms_row(RISK), terms_row(terms))
    assert told(receipt)[0] == ("KindTermsChanged", changed)


@pytest.mark.parametrize("who", ["outsider", "guardian", "deployer"])
def test_set_terms__without_a_proposal__is_refused(rig, who):
    """[GOV-10]."""
    caller = getattr(rig, who)

    refusal = refusal_of(
        partial(rig.types.send, "setTerms", Kind.UPGRADE, terms_row(UPGRADE), sender=caller)
    )

    assert refusal == ("NotTimelock", (caller,)), "GOV-10"
    setting(rig, Kind.UPGRADE, UPGRADE)()


@pytest.mark.parametrize(
    ("kind", "field", "what", "fixed", "broken", "low", "high"),
    [
        (Kind.PARAMETER, "quorum_bps", "quorumBps", 200, 199, 200, 3_000),
        (Kind.UPGRADE, "quorum_bps", "quorumBps", 3_000, 3_001, 200, 3_000),
        (Kind.PARAMETER, "approval_bps", "approvalBps", 5_000, 4_999, 5_000, 9_000),
        (Kind.UPGRADE, "approval_bps", "approvalBps", 9_000, 9_001, 5_000, 9_000),
        (Kind.UPGRADE, "extra_delay", "extraDelay", 14 * DAY_S, 14 * DAY_S + 1, 0, 14 * DAY_S),
    ],
)
def test_set_terms__past_a_bound__is_refused(rig, kind, field, what, fixed, broken, low, high):
    """[GOV-13]."""
    assert_only_fails_for(
        rig,
        lambda value: setting(rig, kind, replace(DEFAULT_TERMS[kind], **{field: value})),
        broken=broken,
        fixed=fixed,
        error=("OutOfBounds", (word(what), broken, low, high)),
    )


@pytest.mark.parametrize(
    ("field", "by", "neighbour"),
    [
        ("quorum_bps", -1, Kind.MARKET_ADDITION),
        ("quorum_bps", 1, Kind.UPGRADE),
        ("approval_bps", 1, Kind.UPGRADE),
        ("extra_delay", 1, Kind.UPGRADE),
    ],
)
def test_set_terms__out_of_order__is_refused(rig, field, by, neighbour):
    """[GOV-05] The highest kind of a proposal asks for the most."""
    edge = getattr(DEFAULT_TERMS[neighbour], field)

    assert_only_fails_for(
        rig,
        lambda value: setting(rig, Kind.RISK_CONFIGURATION, replace(RISK, **{field: value})),
        broken=edge + by,
        fixed=edge,
        error=("TermsOutOfOrder", (Kind.RISK_CONFIGURATION, neighbour)),
    )


def test_set_terms__of_none__is_refused(rig):
    assert_only_fails_for(
        rig,
        lambda kind: setting(rig, kind, UPGRADE),
        broken=Kind.NONE,
        fixed=Kind.UPGRADE,
        error=("NoKind", ()),
    )


def test_set_terms__raised_during_a_vote__dooms_nothing(rig):
    """[GOV-04] A quorum of 30 % set while votes are cast is for the next."""
    raised = replace(UPGRADE, quorum_bps=3_000)
    change = Proposed((rig.action(rig.types, "setTerms", Kind.UPGRADE, terms_row(raised)),))
    eta = rig.make_queued(change)
    rig.make_active(rig.upgrade, "rival")
    rig.vote(rig.upgrade, "holder")
    rig.chain.warp(eta)
    rig.end("execute", change)
    rig.wait(SETUP.voting_period)

    assert rig.types.read("termsOf", Kind.UPGRADE)[0] == 3_000
    assert rig.state(rig.upgrade) == "SUCCEEDED", "GOV-04: 10 % took part, 8 % were asked"
