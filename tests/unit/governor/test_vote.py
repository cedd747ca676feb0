"""castVote and the end of voting: quorum, approval, and votes that come late."""

from functools import partial

import pytest

from clearing.spec.governance import DEFAULT_TERMS, Kind
from clearing.spec.units import DAY_S, WAD
from tests.harness.actors import key_of
from tests.harness.govern import assert_only_fails_for, refusal_of, told
from tests.harness.governance import ABSTAIN, AGAINST, FOR, HOLDINGS, SETUP, SUPPLY

QUORUM = {
    "parameter": SUPPLY * 400 // 10_000,
    "market": SUPPLY * 400 // 10_000,
    "risk": SUPPLY * 500 // 10_000,
    "upgrade": SUPPLY * 800 // 10_000,
}
HALF = HOLDINGS["holder"]


def fractional(against=0, in_favour=0, abstain=0):
    """The parameters of a vote that is split."""
    return b"".join(part.to_bytes(16, "big") for part in (against, in_favour, abstain))


def split(rig, proposed, **parts):
    """The whale casts exactly these votes."""
    arguments = (rig.id_of(proposed), 255, "", fractional(**parts))
    return rig.governor.send("castVoteWithReasonAndParams", *arguments, sender=rig.voter("whale"))


def test_cast_vote__for__counts_the_past_votes(rig):
    """[GOV-02] What counts is what the voter had at the snapshot."""
    rig.make_active(rig.parameter)

    receipt = rig.vote(rig.parameter, "holder")

    votes = rig.governor.read("proposalVotes", rig.id_of(rig.parameter))
    assert votes == (0, HOLDINGS["holder"], 0), "GOV-02"
    assert told(receipt)[0] == (
        "VoteCast",
        (rig.voter("holder"), rig.id_of(rig.parameter), FOR, HOLDINGS["holder"], ""),
    )


def test_cast_vote__early_quorum__emits_the_vote_alone(rig):
    rig.make_active(rig.parameter)

    receipt = rig.vote(rig.parameter, "holder")

    assert [name for name, _ in told(receipt)] == ["VoteCast"]


def test_cast_vote__twice__is_refused(rig):
    rig.make_active(rig.parameter)
    rig.vote(rig.parameter, "holder")

    assert_only_fails_for(
        rig,
        lambda who: partial(rig.vote, rig.parameter, who),
        broken="holder",
        fixed="whale",
        error=("GovernorAlreadyCastVote", (rig.voter("holder"),)),
        proposals=(rig.parameter,),
    )


@pytest.mark.parametrize("wait", [0, SETUP.voting_delay])
def test_cast_vote__pending__is_refused(rig, wait):
    rig.propose(rig.parameter)
    start = rig.chain.now

    def arrange(wait):
        rig.chain.warp(start + wait)
        return partial(rig.vote, rig.parameter, "holder")

    assert_only_fails_for(
        rig,
        arrange,
        broken=wait,
        fixed=SETUP.voting_delay + 1,
        error=(
            "GovernorUnexpectedProposalState",
            (rig.id_of(rig.parameter), 0, (1 << 1).to_bytes(32, "big")),
        ),
    )


@pytest.mark.parametrize("name", QUORUM)
@pytest.mark.parametrize("missing", [0, 1])
def test_state__one_vote_around_the_quorum__passes_from_there(rig, name, missing):
    """[GOV-06] Abstaining helps to reach it, voting against does not."""
    proposed = getattr(rig, name)
    rig.make_active(proposed)
    in_favour = QUORUM[name] // 2
    split(rig, proposed, in_favour=in_favour, abstain=QUORUM[name] - in_favour - missing)
    rig.vote(proposed, "small", AGAINST)
    rig.wait(SETUP.voting_period)

    assert rig.governor.read("quorumOf", rig.id_of(proposed)) == QUORUM[name]
    assert rig.state(proposed) == ("DEFEATED" if missing else "SUCCEEDED"), "GOV-06"


@pytest.mark.parametrize("name", QUORUM)
@pytest.mark.parametrize("more", [0, 1])
def test_state__exactly_the_approval__is_not_enough(rig, name, more):
    """[GOV-06] Strictly more than 50 %, 60 %, 66.67 % of those who decided."""
    proposed, bps = getattr(rig, name), DEFAULT_TERMS[Kind[_kind(name)]].approval_bps
    rig.make_active(proposed)
    decided = 2_000_000 * WAD
    in_favour = decided * bps // 10_000
    split(rig, proposed, in_favour=in_favour + more, against=decided - in_favour)
    rig.wait(SETUP.voting_period)

    assert rig.state(proposed) == ("SUCCEEDED" if more else "DEFEATED"), "GOV-06"


def _kind(name):
    return {"market": "MARKET_ADDITION", "risk": "RISK_CONFIGURATION"}.get(name, name.upper())


def test_state__only_abstentions__is_defeated(rig):
    rig.make_active(rig.parameter)
    rig.vote(rig.parameter, "whale", ABSTAIN)
    rig.wait(SETUP.voting_period)

    assert rig.state(rig.parameter) == "DEFEATED"


@pytest.mark.parametrize("before_end", [0, DAY_S, 2 * DAY_S - 1])
def test_cast_vote__late_quorum__gives_two_more_days(rig, before_end):
    """[GOV-08] Who was outvoted in the last block has two days to answer."""
    rig.make_active(rig.parameter)
    end = rig.governor.read("proposalDeadline", rig.id_of(rig.parameter))
    rig.chain.warp(end - before_end)

    receipt = rig.vote(rig.parameter, "whale")

    deadline = rig.chain.now + SETUP.late_extension
    assert rig.governor.read("proposalDeadline", rig.id_of(rig.parameter)) == deadline, "GOV-08"
    assert told(receipt)[1:] == (("ProposalExtended", (rig.id_of(rig.parameter), deadline)),)
    rig.chain.warp(deadline)
    assert rig.state(rig.parameter) == "ACTIVE"
    rig.wait(1)
    assert rig.state(rig.parameter) == "SUCCEEDED"


def test_cast_vote__quorum_two_days_before_the_end__changes_nothing(rig):
    rig.make_active(rig.parameter)
    end = rig.governor.read("proposalDeadline", rig.id_of(rig.parameter))
    rig.chain.warp(end - SETUP.late_extension)

    rig.vote(rig.parameter, "whale")

    assert rig.governor.read("proposalDeadline", rig.id_of(rig.parameter)) == end


def test_cast_vote__after_a_late_quorum__extends_no_more(rig):
    rig.make_active(rig.parameter)
    end = rig.governor.read("proposalDeadline", rig.id_of(rig.parameter))
    rig.chain.warp(end)
    rig.vote(rig.parameter, "whale")
    deadline = rig.governor.read("proposalDeadline", rig.id_of(rig.parameter))
    rig.chain.warp(deadline)

    rig.vote(rig.parameter, "holder", AGAINST)

    assert rig.governor.read("proposalDeadline", rig.id_of(rig.parameter)) == deadline


def test_cast_vote__tokens_got_after_the_snapshot__add_nothing(rig):
    """[GOV-03]."""
    rig.make_active(rig.parameter)
    rig.yellow.send("transfer", rig.voter("small"), HALF, sender=rig.voter("holder"))
    rig.yellow.send("delegate", rig.outsider, sender=key_of("sleeper").address)
    rig.wait(1)

    refusal = refusal_of(
        partial(rig.governor.send, "castVote", rig.id_of(rig.parameter), FOR, sender=rig.outsider)
    )
    rig.vote(rig.parameter, "small")
    rig.vote(rig.parameter, "holder")

    assert refusal == ("GovernorAlreadyCastVote", (rig.outsider,)), "GOV-03: no weight"
    votes = rig.governor.read("proposalVotes", rig.id_of(rig.parameter))
    assert votes == (0, HOLDINGS["small"] + HOLDINGS["holder"], 0), "GOV-03"
