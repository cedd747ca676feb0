"""propose, proposeWithMetadata: what a proposal does says what it is, and that is kept."""

from dataclasses import replace
from functools import partial

import pytest

from clearing.channel.keccak import keccak256
from clearing.spec.governance import DEFAULT_TERMS, MAX_OPERATIONS, Action, Kind
from clearing.spec.units import DAY_S
from tests.harness.actors import key_of
from tests.harness.govern import assert_only_fails_for, refusal_of, told
from tests.harness.governance import SETUP, Proposed, deploy_governance, setup_row
from tests.harness.revm import Revm

NO_DIGEST = bytes(32)
KINDS = {
    "parameter": Kind.PARAMETER,
    "market": Kind.MARKET_ADDITION,
    "risk": Kind.RISK_CONFIGURATION,
    "upgrade": Kind.UPGRADE,
}
DESIGNATOR = bytes.fromhex("ef0100")


def pin_of(rig, *actions):
    hashes = [rig.chain.evm.basic("0x" + a.target.hex()).code_hash for a in actions]
    return keccak256(b"".join(hashes))[:22]


@pytest.mark.parametrize("name", KINDS)
def test_propose__each_kind__copies_what_it_asks(rig, name):
    """[GOV-04] [GOV-05]."""
    proposed, kind = getattr(rig, name), KINDS[name]

    rig.propose(proposed)

    asked = DEFAULT_TERMS[kind]
    terms = (asked.quorum_bps, asked.approval_bps, asked.extra_delay)
    kept = rig.governor.read("termsOf", rig.id_of(proposed))
    assert kept[:3] == (kind, False, False), "GOV-05"
    assert kept[3:6] == terms, "GOV-04"
    assert rig.state(proposed) == "PENDING"
    assert rig.governor.read("lastProposalOf", rig.voter("proposer")) == rig.id_of(proposed)


@pytest.mark.parametrize("name", KINDS)
def test_propose__each_kind__emits_what_it_was_judged_to_be(rig, name):
    proposed, kind = getattr(rig, name), KINDS[name]
    proposal_id, snapshot = rig.id_of(proposed), rig.chain.now + SETUP.voting_delay

    receipt = rig.propose(proposed)

    asked = DEFAULT_TERMS[kind]
    targets, values, calldatas = map(tuple, proposed.lists)
    created = (
        proposal_id,
        rig.voter("proposer"),
        targets,
        values,
        ("",),
        calldatas,
        snapshot,
        snapshot + SETUP.voting_period,
        proposed.description,
    )
    typed = (proposal_id, kind, *(asked.quorum_bps, asked.approval_bps, asked.extra_delay))
    assert told(receipt) == (("ProposalCreated", created), ("ProposalTyped", (*typed, NO_DIGEST)))


def test_propose__several_actions__is_of_the_highest_kind(rig):
    proposed = Proposed((*rig.parameter.actions, *rig.risk.actions, *rig.market.actions))

    rig.propose(proposed)

    assert rig.governor.read("termsOf", rig.id_of(proposed))[0] == Kind.RISK_CONFIGURATION


def test_propose__with_ether__is_an_upgrade(rig):
    (action,) = rig.parameter.actions
    proposed = Proposed((replace(action, value=1),))

    rig.propose(proposed)

    assert rig.governor.read("termsOf", rig.id_of(proposed))[0] == Kind.UPGRADE


def test_propose__any__pins_the_code_of_its_targets(rig):
    proposed = Proposed((*rig.parameter.actions, *rig.upgrade.actions))

    rig.propose(proposed)

    pinned = rig.governor.read("termsOf", rig.id_of(proposed))[6]
    assert pinned == pin_of(rig, *proposed.actions)


def test_propose__higher_floor__asks_for_the_floor(rig):
    rig.pass_proposal(Proposed((rig.action(rig.governor, "updateQuorumNumerator", 600),)))

    rig.propose(rig.parameter)

    assert rig.governor.read("termsOf", rig.id_of(rig.parameter))[3] == 600


def test_propose__only_the_guardian_changes__is_marked(rig):
    change = rig.action(rig.governor, "setGuardian", bytes(20), 0)
    alone, mixed = Proposed((change, change)), Proposed((change, *rig.parameter.actions))

    rig.propose(alone, "proposer")
    rig.propose(mixed, "rival")

    assert rig.governor.read("termsOf", rig.id_of(alone))[:2] == (Kind.UPGRADE, True)
    assert rig.governor.read("termsOf", rig.id_of(mixed))[:2] == (Kind.UPGRADE, False)


def test_propose__more_than_ten_operations__is_refused(rig):
    assert_only_fails_for(
        rig,
        lambda n: partial(rig.propose, Proposed(rig.parameter.actions * n)),
        broken=MAX_OPERATIONS + 1,
        fixed=MAX_OPERATIONS,
        error=("TooManyOperations", (MAX_OPERATIONS + 1, MAX_OPERATIONS)),
    )


def test_propose__no_operation__is_refused(rig):
    assert_only_fails_for(
        rig,
        lambda actions: partial(rig.propose, Proposed(actions)),
        broken=(),
        fixed=rig.parameter.actions,
        error=("GovernorInvalidProposalLength", (0, 0, 0)),
    )


def test_propose__below_the_threshold__is_refused(rig):
    votes = SETUP.threshold - 10**18

    assert_only_fails_for(
        rig,
        lambda who: partial(rig.propose, rig.parameter, who),
        broken="small",
        fixed="proposer",
        error=(
            "GovernorInsufficientProposerVotes",
            (rig.voter("small"), votes, SETUP.threshold),
        ),
        proposals=(rig.parameter,),
    )


@pytest.mark.parametrize("make", ["propose", "make_active", "make_succeeded", "make_queued"])
def test_propose__while_an_own_proposal_lives__is_refused(rig, make):
    """[GOV-12] In every state from which it can still come to something."""
    getattr(rig, make)(rig.parameter)

    assert_only_fails_for(
        rig,
        lambda who: partial(rig.propose, rig.upgrade, who),
        broken="proposer",
        fixed="rival",
        error=("ProposerBusy", (rig.voter("proposer"), rig.id_of(rig.parameter))),
        proposals=(rig.parameter, rig.upgrade),
    )


def ended(rig, how):
    if how == "CANCELED":
        rig.propose(rig.parameter)
        rig.end("cancel", rig.parameter, rig.guardian)
    elif how == "DEFEATED":
        rig.make_active(rig.parameter)
        rig.wait(SETUP.voting_period)
    elif how == "EXPIRED":
        rig.make_succeeded(rig.parameter)
        rig.wait(14 * DAY_S)
    else:
        rig.pass_proposal(rig.parameter)


@pytest.mark.parametrize("how", ["CANCELED", "DEFEATED", "EXPIRED", "EXECUTED"])
def test_propose__own_proposal_has_ended__is_free_again(rig, how):
    """[GOV-12]."""
    ended(rig, how)
    assert rig.state(rig.parameter) == how

    rig.propose(rig.upgrade)

    assert rig.state(rig.upgrade) == "PENDING"


def test_propose__the_same_twice__is_refused(rig):
    ended(rig, "CANCELED")

    assert_only_fails_for(
        rig,
        lambda text: partial(rig.propose, replace(rig.parameter, description=text)),
        broken="# Title",
        fixed="# Other title",
        error=("GovernorUnexpectedProposalState", (rig.id_of(rig.parameter), 2, bytes(32))),
        proposals=(rig.parameter,),
    )


def test_propose__named_for_another_proposer__is_refused(rig):
    """Who copies a proposal from the mempool cannot take its id."""
    text = "# Title #proposer=0x" + rig.voter("proposer").hex()

    assert_only_fails_for(
        rig,
        lambda who: partial(rig.propose, replace(rig.parameter, description=text), who),
        broken="rival",
        fixed="proposer",
        error=("GovernorRestrictedProposer", (rig.voter("rival"),)),
    )


@pytest.mark.parametrize("code", [b"", DESIGNATOR + bytes(20)])
def test_propose__call_of_no_contract__is_refused(rig, code):
    """An account without code, or one whose owner can change its code at will (EIP-7702)."""
    other = key_of("other target").address

    def arrange(code):
        if code:
            rig.chain.set_code(other, code)
        return partial(rig.propose, Proposed((Action(other, 0, b"\1\2\3\4"),)))

    assert refusal_of(arrange(code)) == ("TargetNotContract", (other,))
    arrange(b"\x00" + DESIGNATOR + bytes(20))()


def test_propose__ether_to_an_account_without_code__is_an_upgrade(rig):
    proposed = Proposed((Action(rig.outsider, 1, b""),))

    rig.propose(proposed)

    assert rig.governor.read("termsOf", rig.id_of(proposed))[0] == Kind.UPGRADE


def test_propose_with_metadata__a_digest__is_told(rig):
    digest = keccak256(b"any 32 bytes")
    arguments = (*rig.parameter.lists, rig.parameter.description, digest)

    receipt = rig.governor.send("proposeWithMetadata", *arguments, sender=rig.voter("proposer"))

    assert receipt.output == rig.id_of(rig.parameter)
    typed = (rig.id_of(rig.parameter), Kind.PARAMETER, 400, 5_000, 0, digest)
    assert told(receipt)[1:] == (("ProposalTyped", typed),)
    assert rig.state(rig.parameter) == "PENDING"


def test_constructor__types_of_another_governor__is_refused():
    """A governor is judged for by the types that name it, and by no others."""
    rig = deploy_governance(Revm())
    parts = (rig.yellow.address, rig.timelock.address, rig.types.address)
    setup = setup_row(SETUP, bytes(20), 0)

    refusal = refusal_of(
        lambda: rig.chain.deploy("ProtocolGovernor", *parts, setup, sender=rig.deployer)
    )

    assert refusal == ("PartsDoNotFit", ())
