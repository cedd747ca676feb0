"""Governance attacks that have worked elsewhere, and the powers of those who might abuse theirs.

Beanstalk, April 2022: votes borrowed for one transaction. Tornado Cash, May 2023: other code at the
address of an approved proposal, and a text that said something else than the code did. Compound,
July 2024: a whale that votes when nobody can answer any more.
"""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from clearing.spec.governance import (
    FORWARDERS,
    GRACE_S,
    PAUSE_MAX_S,
    PAUSE_TOTAL_S,
    Action,
    Kind,
)
from clearing.spec.units import DAY_S, Address
from tests.harness.actors import key_of
from tests.harness.errors import Refused
from tests.harness.govern import refusal_of
from tests.harness.governance import (
    AGAINST,
    HOLDINGS,
    SETUP,
    SUPPLY,
    GovernanceRig,
    Proposed,
    deploy_governance,
)
from tests.harness.pauses import OPENINGS, TRADING, PauseRig, obeying

HARMLESS = b"\x5b\x00"
EVIL = b"\x5f\x5f\x55\x00"
"""Writes to its storage."""
CALL = b"\1\2\3\4"
YEAR_S = 365 * DAY_S
REFUSALS = (
    "pause: too soon",
    "pause: not running",
    "pause: no live upgrade",
    "pause: no later end",
)


def verdict_of(act: Callable[[], object]) -> str:
    """Return the name of the refusal, or nothing."""
    try:
        act()
    except Refused as refused:
        return refused.name
    return ""


@pytest.fixture
def gov() -> GovernanceRig:
    return deploy_governance()


@pytest.fixture
def pauses() -> PauseRig:
    return obeying()


# CODE AND TEXT


@pytest.mark.parametrize("at", ["vote", "queue", "execute"])
def test_tornado__other_code_at_an_approved_target__never_runs(gov: GovernanceRig, at: str) -> None:
    """[GOV-09] The code is replaced outright, which is more than any redeployment can do."""
    target = key_of("proposal contract").address
    gov.chain.set_code(target, HARMLESS)
    proposed = Proposed((Action(target, 0, CALL),), "# Same logic as last time")
    swap = partial(gov.chain.set_code, target, EVIL)

    gov.make_active(proposed)
    if at == "vote":
        swap()
    gov.vote(proposed, "whale")
    gov.wait(SETUP.voting_period)
    if at == "queue":
        swap()
    gov.end("queue", proposed)
    gov.chain.warp(gov.governor.read("proposalEta", gov.id_of(proposed)))
    if at == "execute":
        swap()

    assert refusal_of(partial(gov.end, "execute", proposed))[0] == "CodeChanged", "GOV-09"
    gov.chain.set_code(target, HARMLESS)
    gov.end("execute", proposed)


def test_mislabelled__text_says_parameter__code_says_upgrade(gov: GovernanceRig) -> None:
    """[GOV-05] A vote that would carry a change of a fee does not carry the timelock's roles."""
    role = gov.timelock.read("PROPOSER_ROLE")
    theft = gov.action(gov.timelock, "grantRole", role, gov.voter("proposer"))
    proposed = Proposed((*gov.parameter.actions, theft), "# PARAMETER: lower a fee by 1 bp")
    gov.yellow.send("transfer", gov.outsider, SUPPLY // 20, sender=gov.voter("holder"))

    gov.make_active(proposed)
    gov.vote(proposed, "holder")

    kept = gov.governor.read("termsOf", gov.id_of(proposed))
    assert kept[0] == Kind.UPGRADE, "GOV-05"
    assert kept[3:6] == (800, 6_667, 5 * DAY_S)
    gov.wait(SETUP.voting_period)
    assert gov.state(proposed) == "DEFEATED", "5 % is enough for a parameter, not for this"


@pytest.mark.parametrize("selector", sorted(FORWARDERS))
def test_mislabelled__call_inside_a_call__is_an_upgrade(
    gov: GovernanceRig, selector: bytes
) -> None:
    """[GOV-05] And nobody can ever list it as less."""
    hidden = selector + gov.parameter.actions[0].data
    proposed = Proposed((Action(gov.target.address, 0, hidden),))
    gov.propose(proposed)
    assert gov.governor.read("termsOf", gov.id_of(proposed))[0] == Kind.UPGRADE, "GOV-05"

    listing = gov.action(gov.types, "setKind", gov.target.address, selector, Kind.PARAMETER)
    gov.chain.warp(gov.make_queued(Proposed((listing,)), "rival"))
    refusal = refusal_of(partial(gov.end, "execute", Proposed((listing,))))
    assert refusal == ("AlwaysUpgrade", (gov.target.address, selector)), "GOV-05"


# VOTES


def borrow(gov: GovernanceRig) -> Address:
    """An outsider borrows a third of the supply and delegates it to itself."""
    raw = HOLDINGS["whale"]
    gov.yellow.send("transfer", gov.outsider, raw, sender=gov.voter("whale"))
    gov.yellow.send("delegate", gov.outsider, sender=gov.outsider)
    return gov.outsider


def test_flash_votes__borrowed_after_the_snapshot__count_nothing(gov: GovernanceRig) -> None:
    """[GOV-03] Beanstalk: what was not held before voting began votes on nothing."""
    gov.make_active(gov.upgrade)
    thief = borrow(gov)

    vote = partial(gov.governor.send, "castVote", gov.id_of(gov.upgrade), 1, sender=thief)

    for wait in (0, 1, DAY_S):
        gov.wait(wait)
        assert refusal_of(vote) == ("GovernorAlreadyCastVote", (thief,)), "GOV-03: no weight"
    gov.vote(gov.upgrade, "whale")
    votes = gov.governor.read("proposalVotes", gov.id_of(gov.upgrade))
    assert votes == (0, HOLDINGS["whale"], 0), "GOV-03: the lender had them at the snapshot"


def test_flash_votes__borrowed_for_one_block__cannot_even_propose(gov: GovernanceRig) -> None:
    """[GOV-03]."""
    thief = borrow(gov)
    arguments = (*gov.upgrade.lists, gov.upgrade.description)

    refusal = refusal_of(partial(gov.governor.send, "propose", *arguments, sender=thief))

    assert refusal == ("GovernorInsufficientProposerVotes", (thief, 0, SETUP.threshold))
    gov.wait(1)
    gov.governor.send("propose", *arguments, sender=thief)


def test_flash_votes__at_the_snapshot__cost_days_of_holding(gov: GovernanceRig) -> None:
    """[GOV-02] The same tokens vote once, wherever they go."""
    gov.propose(gov.upgrade)
    gov.wait(SETUP.voting_delay)
    thief = borrow(gov)
    gov.wait(1)

    gov.governor.send("castVote", gov.id_of(gov.upgrade), 1, sender=thief)
    gov.yellow.send("transfer", gov.voter("whale"), HOLDINGS["whale"], sender=thief)

    refusal = refusal_of(partial(gov.vote, gov.upgrade, "whale"))
    assert refusal[0] == "GovernorAlreadyCastVote", "GOV-02: nothing left at the snapshot"
    votes = gov.governor.read("proposalVotes", gov.id_of(gov.upgrade))
    assert votes == (0, HOLDINGS["whale"], 0), "GOV-02"


def test_late_swing__whale_in_the_last_second__can_be_answered(gov: GovernanceRig) -> None:
    """[GOV-08]."""
    gov.make_active(gov.parameter)
    gov.chain.warp(gov.governor.read("proposalDeadline", gov.id_of(gov.parameter)))
    gov.vote(gov.parameter, "holder")
    gov.wait(SETUP.late_extension)

    gov.vote(gov.parameter, "whale", AGAINST)
    gov.wait(1)

    assert gov.state(gov.parameter) == "DEFEATED", "GOV-08"


# CHANGES OF THE RULES


def test_quorum_lowered_after_a_defeat__the_defeat_stands(gov: GovernanceRig) -> None:
    """[GOV-04] Nor does a longer period, another floor or another kind revive it."""
    lost = Proposed((gov.action(gov.target, "transferFrom", gov.outsider, gov.outsider, 0),))
    gov.yellow.send("transfer", gov.outsider, SUPPLY * 6 // 100, sender=gov.voter("holder"))
    gov.yellow.send("delegate", gov.outsider, sender=gov.outsider)
    gov.make_active(lost, "rival")
    gov.governor.send("castVote", gov.id_of(lost), 1, sender=gov.outsider)
    gov.wait(SETUP.voting_period)
    assert gov.state(lost) == "DEFEATED"

    selector = lost.actions[0].data[:4]
    gov.pass_proposal(
        Proposed(
            (
                gov.action(gov.types, "setTerms", Kind.UPGRADE, (500, 6_000, DAY_S)),
                gov.action(gov.types, "setKind", gov.target.address, selector, Kind.PARAMETER),
                gov.action(gov.governor, "updateQuorumNumerator", 200),
                gov.action(gov.governor, "setVotingPeriod", 14 * DAY_S),
            )
        )
    )

    assert gov.state(lost) == "DEFEATED", "GOV-04"
    assert refusal_of(partial(gov.end, "queue", lost))[0] == "GovernorUnexpectedProposalState"
    again = Proposed(lost.actions, "# again")
    gov.propose(again, "rival")
    assert gov.governor.read("termsOf", gov.id_of(again))[:4] == (Kind.PARAMETER, False, False, 400)


@pytest.mark.parametrize("late", [1, YEAR_S, 5 * YEAR_S])
def test_stale_queue__executed_years_later__is_refused(gov: GovernanceRig, late: int) -> None:
    """[GOV-07] What was right once is not executed when it has become wrong."""
    eta = gov.make_queued(gov.parameter)
    gov.chain.warp(eta + GRACE_S + late)

    refusal = refusal_of(partial(gov.end, "execute", gov.parameter))

    assert refusal[0] == "GovernorUnexpectedProposalState", "GOV-07"
    assert gov.state(gov.parameter) == "EXPIRED"
    gov.end("cancelExpired", gov.parameter)
    assert refusal_of(partial(gov.end, "execute", gov.parameter)) == refusal


# PEOPLE


def test_guardian__cancels_all_it_can__is_replaced_and_ends(gov: GovernanceRig) -> None:
    """[GOV-11]."""
    change = Proposed((gov.action(gov.governor, "setGuardian", bytes(20), 0),), "# Enough")
    for text in ("# one", "# two"):
        proposed = Proposed(gov.parameter.actions, text)
        gov.make_active(proposed)
        gov.end("cancel", proposed, gov.guardian)

    eta = gov.make_queued(change)
    refusal = refusal_of(partial(gov.end, "cancel", change, gov.guardian))
    assert refusal == ("GovernorUnableToCancel", (gov.id_of(change), gov.guardian)), "GOV-11"
    gov.chain.warp(eta)
    gov.end("execute", change)

    gov.propose(gov.parameter)
    refusal = refusal_of(partial(gov.end, "cancel", gov.parameter, gov.guardian))
    assert refusal == ("GovernorUnableToCancel", (gov.id_of(gov.parameter), gov.guardian))


def test_guardian__after_its_expiry__can_do_nothing(gov: GovernanceRig) -> None:
    """[GOV-11] Without any vote."""
    gov.chain.warp(gov.governor.read("guardianExpiry"))
    gov.propose(gov.parameter)

    refusal = refusal_of(partial(gov.end, "cancel", gov.parameter, gov.guardian))

    assert refusal == ("GovernorUnableToCancel", (gov.id_of(gov.parameter), gov.guardian))
    assert gov.governor.read("proposalGuardian") == bytes(20), "GOV-11"


def test_spam__one_proposer__has_one_proposal(gov: GovernanceRig) -> None:
    """[GOV-12] 100 texts of the same thing: one gets on the list."""
    verdicts = []
    for text in range(100):
        proposed = Proposed(gov.parameter.actions, f"# {text}")
        verdicts.append(verdict_of(partial(gov.propose, proposed)))
        gov.wait(60)

    assert verdicts == [""] + 99 * ["ProposerBusy"], "GOV-12"


def test_spam__tokens_passed_on__make_the_first_cancellable(gov: GovernanceRig) -> None:
    """[GOV-12] The same stake in two hands keeps one proposal alive, not two."""
    gov.propose(gov.parameter)
    raw = HOLDINGS["proposer"]
    gov.yellow.send("transfer", gov.voter("small"), raw, sender=gov.voter("proposer"))
    gov.wait(1)
    gov.propose(gov.market, "small")

    gov.end("cancel", gov.parameter)

    assert gov.state(gov.parameter) == "CANCELED", "GOV-12"
    assert gov.state(gov.market) == "PENDING"


def test_front_run__copied_from_the_mempool__the_author_keeps_the_id(gov: GovernanceRig) -> None:
    text = f"# Title\n#proposer=0x{gov.voter('proposer').hex()}"
    proposed = Proposed(gov.parameter.actions, text)

    refusal = refusal_of(partial(gov.propose, proposed, "rival"))

    assert refusal == ("GovernorRestrictedProposer", (gov.voter("rival"),))
    gov.propose(proposed)


# PAUSES


def hours(days: int) -> Iterator[int]:
    yield from range(days * 24)


def test_pauses__armed_at_every_hour__rest_seven_days_of_ten(pauses: PauseRig) -> None:
    """[GOV-15] A stolen wallet: three days in ten, and never longer."""
    paused_hours = 0
    for _ in hours(60):
        verdict = verdict_of(partial(pauses.pause, OPENINGS, PAUSE_MAX_S))
        assert verdict in {"", "pause: too soon"}
        paused_hours += pauses.gov.chain.now < pauses.window(OPENINGS)[1]
        pauses.gov.wait(3_600)

    assert paused_hours * 3_600 == 6 * PAUSE_MAX_S, "GOV-15"


def test_pauses__wallet_and_a_proposer_collude__19_days_and_a_rest(pauses: PauseRig) -> None:
    """[GOV-16] Proposals that nobody will carry, one after the other, only to stay paused."""
    gov = pauses.gov
    texts = iter(range(10**6))

    def fresh() -> Proposed:
        proposed = Proposed((Action(pauses.engine.address, 0, CALL),), f"# {next(texts)}")
        gov.propose(proposed)
        return proposed

    current = fresh()
    pauses.pause(TRADING, PAUSE_MAX_S)
    paused_hours = 0
    for _ in hours(26):
        if gov.state(current) == "DEFEATED":
            current = fresh()
        for act in (
            partial(pauses.extend, TRADING, current),
            partial(pauses.pause, TRADING, PAUSE_MAX_S),
        ):
            assert verdict_of(act) in {"", *REFUSALS}
        paused_hours += gov.chain.now < pauses.window(TRADING)[1]
        gov.wait(3_600)

    assert paused_hours * 3_600 == PAUSE_TOTAL_S, "GOV-16"


def test_pauses__the_wallet__has_no_other_power(pauses: PauseRig) -> None:
    """[GOV-14] It cannot hold on to a pause, nor end one, nor pause with another's hand."""
    pauses.pause(TRADING, PAUSE_MAX_S)
    for act in (
        partial(pauses.pause, TRADING, 1),
        partial(pauses.extend, TRADING, pauses.gov.parameter),
    ):
        assert refusal_of(act)[0].startswith("pause: ")
    pauses.gov.wait(PAUSE_MAX_S)

    assert pauses.gov.chain.now == pauses.window(TRADING)[1], "GOV-14"
