"""Each rule that the witness of governance asks has been seen to fail: of tales, not of chains."""

from dataclasses import dataclass, replace
from random import Random

import pytest

from clearing.spec.governance import (
    PAUSE_GAP_S,
    PAUSE_MAX_S,
    PAUSE_TOTAL_S,
    Kind,
    PauseWindow,
    State,
)
from clearing.spec.units import DAY_S
from tests.harness.actors import key_of
from tests.harness.contract import Log, Receipt
from tests.harness.governance import SETUP, SUPPLY
from tests.harness.governance_draft import Draft
from tests.harness.governance_stage import CODES
from tests.harness.governance_state import EXECUTOR
from tests.harness.governance_world import GovernanceWorld
from tests.harness.pauses import OPENINGS, TRADING
from tests.harness.results import ACCEPTED, Divergence
from tests.invariants import governance_rules as rules
from tests.invariants.governance_drafts import Drafter
from tests.invariants.governance_duo import GovernanceDuo, Step
from tests.invariants.governance_machine import stage
from tests.invariants.governance_rules import Witness

WHALE, OUTSIDER = key_of("whale").address, key_of("outsider").address
UNLISTED = {(WHALE, b"\1\2\3\4"): Kind.PARAMETER}
STATE, DEADLINE, ETA, VOTES, TERMS = range(5)
"""What the governor tells of a proposal, in order."""


@dataclass
class Scene:
    """A proposal of the whale's that calls the shape, just made; who sees it, and who calls."""

    duo: GovernanceDuo
    witness: Witness
    draft: Draft

    @property
    def now(self):
        return self.duo.stage.gov.chain.now

    def warp(self, moment):
        self.duo.stage.gov.chain.warp(moment)

    def tell(self, *logs, part="governor", name="castVote", sender=OUTSIDER):
        """Let the witness hear a call with these events: contract, event, arguments."""
        told = tuple(Log(self.duo.stage[of].address, event, args) for of, event, *args in logs)
        told = tuple(replace(log, args=tuple(log.args)) for log in told)
        self.witness.hear(Step(part, name, sender, ACCEPTED, Receipt(None, 0, told)))

    def look(self, **changes):
        """Let the witness look at the proposal, with some of it told differently."""
        told = list(self.duo.compare_proposal(self.draft))
        for at, value in changes.items():
            told[{"state": STATE, "deadline": DEADLINE, "eta": ETA, "votes": VOTES}[at]] = value
        self.witness.look(self.draft.id, tuple(told))

    def queue(self):
        """Bring the proposal to where it waits; return its eta."""
        self.warp(self.duo.world.proposals[self.draft.id].proposal.snapshot + 1)
        assert self.duo.vote(WHALE, self.draft.id, 1) == ACCEPTED
        self.look()
        self.warp(self.duo.world.proposals[self.draft.id].proposal.deadline + 1)
        assert self.duo.queue(OUTSIDER, self.draft) == ACCEPTED
        return self.duo.world.proposals[self.draft.id].proposal.eta


@pytest.fixture
def scene():
    with stage().gov.chain.isolated():
        stage().gov.chain.set_code(stage().shape, CODES[0])
        world = GovernanceWorld(stage())
        duo, witness = GovernanceDuo(stage(), world), Witness(stage())
        duo.watchers.append(witness.hear)
        drafter = Drafter(world, Random("rules"), may_give_away=False)
        draft = drafter.of([drafter.shape()])
        witness.drafts[draft.id] = draft
        assert duo.propose(WHALE, draft) == ACCEPTED
        yield Scene(duo, witness, draft)
        stage().gov.chain.set_code(stage().shape, CODES[0])


def test_look__as_it_is__is_right(scene):
    scene.look()
    scene.warp(scene.queue())
    assert scene.duo.execute(OUTSIDER, scene.draft) == ACCEPTED
    scene.look()
    scene.witness.settle()


@pytest.mark.parametrize(
    ("invariant", "changes"),
    [
        ("GOV-02", {"votes": (SUPPLY, 1, 0)}),
        ("GOV-06", {"state": State.SUCCEEDED}),
        ("GOV-06", {"state": State.SUCCEEDED, "votes": (0, SUPPLY * 8 // 100 - 1, 0)}),
        ("GOV-06", {"state": State.QUEUED, "votes": (SUPPLY // 5, SUPPLY // 5, 0)}),
        ("GOV-07", {"eta": 1}),
        ("GOV-08", {"deadline": 1}),
        ("GOV-08", {"votes": (0, 0, SUPPLY // 2), "late": True}),
    ],
)
def test_look__another_tale__is_wrong(scene, invariant, changes):
    changes = dict(changes)
    if changes.pop("late", False):
        scene.warp(scene.duo.world.proposals[scene.draft.id].proposal.deadline)

    with pytest.raises(AssertionError, match=invariant):
        scene.look(**changes)


@pytest.mark.parametrize(
    ("what", "tamper"),
    [
        ("settings", lambda world, _: world.cells.update(delay=3 * DAY_S)),
        ("settings", lambda world, _: world.cells.update(guardian=OUTSIDER)),
        ("terms of", lambda world, _: world.cells.update(table=cheaper(world.table))),
        ("kind", lambda world, _: world.cells.update(table=replace(world.table, rows=UNLISTED))),
        ("holder", lambda world, _: world.yellow.balances.update({WHALE: 1})),
        ("holder", lambda world, _: world.nonces.update({WHALE: 1})),
        ("holder", lambda world, _: world.roles.update({(EXECUTOR, OUTSIDER): True})),
        ("window", lambda world, _: world.pauses.windows.update({TRADING: PauseWindow(1, 2)})),
        ("proposal", lambda world, draft: world.proposals[draft.id].used.update({WHALE: 1})),
        ("proposal", lambda world, draft: world.operations.update({draft.operation: 1})),
    ],
)
def test_compare_all__the_model_says_something_else__diverges(scene, what, tamper):
    people = (WHALE, OUTSIDER)
    scene.duo.compare_all(people)

    tamper(scene.duo.world, scene.draft)

    with pytest.raises(Divergence, match=what):
        scene.duo.compare_all(people)


def cheaper(table):
    """Return the table with a quorum of one part less."""
    terms = table.terms[Kind.UPGRADE]
    return replace(
        table, terms={**table.terms, Kind.UPGRADE: replace(terms, quorum_bps=terms.quorum_bps - 1)}
    )


def test_look__back_from_the_end__is_wrong(scene):
    scene.look(state=State.DEFEATED)

    with pytest.raises(AssertionError, match="GOV-01: DEFEATED to PENDING"):
        scene.look()


def test_look__other_terms__is_wrong(scene):
    state, deadline, eta, votes, terms = scene.duo.compare_proposal(scene.draft)

    with pytest.raises(AssertionError, match="GOV-04"):
        scene.witness.look(scene.draft.id, (state, deadline, eta, votes, (*terms[:-1], 1)))


def created(draft, **changes):
    """Return the event of a proposal; it says what is told."""
    said = {"calldatas": draft.calldatas, "values": draft.values, **changes}
    lists = draft.targets, said["values"], (), said["calldatas"]
    return ("governor", "ProposalCreated", draft.id, OUTSIDER, *lists, 1, 2, draft.description)


def test_hear__a_kind_that_is_too_high_or_low__is_wrong(scene):
    """The proposal is an UPGRADE; the tale has the call of a parameter, which needs none."""
    target = scene.duo.stage["target"]
    mint = target.interface.method("mint", 2).encode(OUTSIDER, 1)
    tale = replace(scene.draft, targets=(target.address,), calldatas=(mint,))
    log = ("governor", "ProposalCreated", scene.draft.id, *created(tale)[3:])

    with pytest.raises(AssertionError, match="GOV-05"):
        scene.tell(log)
    scene.tell(created(scene.draft))


def test_hear__two_live_proposals_of_one__is_wrong(scene):
    log = list(created(scene.draft))
    log[3] = WHALE

    with pytest.raises(AssertionError, match="GOV-12"):
        scene.tell(tuple(log))


@pytest.mark.parametrize(
    "log",
    [
        ("governor", "VotingDelaySet", 1, 2),
        ("types", "KindChanged", OUTSIDER, b"\1\2\3\4", 0, 1),
        ("timelock", "CallExecuted", bytes(32), 0, OUTSIDER, 0, b""),
    ],
)
def test_hear__a_decision_without_an_execution__is_wrong(scene, log):
    with pytest.raises(AssertionError, match="GOV-10"):
        scene.tell(log)
    scene.tell(log, name="execute")


def test_hear__an_operation_of_somebody_else__is_wrong(scene):
    with pytest.raises(AssertionError, match="GOV-10"):
        scene.tell(part="timelock", name="executeBatch")
    scene.tell(("timelock", "RoleGranted", bytes(32), OUTSIDER, OUTSIDER), name="execute")
    scene.tell(part="timelock", name="executeBatch")


def test_hear__executed_out_of_its_days__is_wrong(scene):
    log = ("governor", "ProposalExecuted", scene.draft.id)
    with pytest.raises(AssertionError, match="GOV-07: never queued"):
        scene.tell(log, name="execute")
    eta = scene.queue()

    for moment in (eta - 1, eta + 14 * DAY_S + 1):
        scene.warp(moment)
        with pytest.raises(AssertionError, match="GOV-07"):
            scene.tell(log, name="execute")
    scene.warp(eta)
    scene.tell(log, name="execute")


def test_hear__queued_too_near__is_wrong(scene):
    extra = 5 * DAY_S

    with pytest.raises(AssertionError, match="GOV-07"):
        scene.tell(("governor", "ProposalQueued", scene.draft.id, scene.now + DAY_S + extra - 1))
    scene.tell(("governor", "ProposalQueued", scene.draft.id, scene.now + DAY_S + extra))


def test_hear__executed_on_other_code__is_wrong(scene):
    scene.warp(scene.queue())
    log = ("governor", "ProposalExecuted", scene.draft.id)
    scene.tell(log, name="execute")

    scene.duo.stage.gov.chain.set_code(scene.duo.stage.shape, CODES[1])

    with pytest.raises(AssertionError, match="GOV-09"):
        scene.tell(log, name="execute")


def test_hear__executed_after_its_end__is_wrong(scene):
    scene.warp(scene.queue())
    scene.look(state=State.CANCELED)

    with pytest.raises(AssertionError, match="GOV-01: CANCELED was executed"):
        scene.tell(("governor", "ProposalExecuted", scene.draft.id), name="execute")


def test_hear__votes_of_another_second__is_wrong(scene):
    snapshot = scene.duo.world.proposals[scene.draft.id].proposal.snapshot
    log = ("governor", "VoteCast", WHALE, scene.draft.id, 1, 0, "")
    scene.warp(snapshot + SETUP.voting_period + 1)
    with pytest.raises(AssertionError, match="GOV-01: voted out of time"):
        scene.tell(log)
    scene.warp(snapshot + 1)
    scene.tell(log)

    scene.witness.known[scene.draft.id].snapshot = 1

    with pytest.raises(AssertionError, match="GOV-03"):
        scene.tell(log)
    with pytest.raises(AssertionError, match="GOV-03"):
        scene.witness.settle()


def test_hear__more_than_ones_votes__is_wrong(scene):
    snapshot = scene.duo.world.proposals[scene.draft.id].proposal.snapshot
    scene.warp(snapshot + 1)
    scene.duo.watchers.clear()
    assert scene.duo.vote(WHALE, scene.draft.id, 1) == ACCEPTED
    scene.witness.known[scene.draft.id].snapshot = 1

    with pytest.raises(AssertionError, match="GOV-02"):
        scene.tell(("governor", "VoteCast", WHALE, scene.draft.id, 1, 0, ""))


def test_hear__cancelled_by_who_may_not__is_wrong(scene):
    log = ("governor", "ProposalCanceled", scene.draft.id)
    guardian = scene.duo.stage.gov.guardian

    with pytest.raises(AssertionError, match="GOV-11"):
        scene.tell(log, name="cancel")
    for sender in (WHALE, guardian):
        scene.tell(log, name="cancel", sender=sender)
    scene.warp(scene.duo.world.cells["expiry"])
    with pytest.raises(AssertionError, match="GOV-11"):
        scene.tell(log, name="cancel", sender=guardian)


def test_hear__the_guardian_cancels_its_own_change__is_wrong(scene):
    known = scene.witness.known[scene.draft.id]
    known.terms = (known.terms[0], 1, *known.terms[2:])

    with pytest.raises(AssertionError, match="GOV-11"):
        scene.tell(
            ("governor", "ProposalCanceled", scene.draft.id),
            name="cancel",
            sender=scene.duo.stage.gov.guardian,
        )


def test_hear__named_for_too_long__is_wrong(scene):
    log = ("governor", "GuardianExpirySet", OUTSIDER, 0, scene.now + 365 * DAY_S)
    scene.tell(log, name="execute")

    with pytest.raises(AssertionError, match="GOV-11: named for too long"):
        scene.tell((*log[:-1], log[-1] + 1), name="execute")


def test_hear__a_pause_that_is_too_long_or_too_soon__is_wrong(scene):
    start = scene.now
    with pytest.raises(AssertionError, match="GOV-14"):
        scene.tell(("pauses", "Paused", OPENINGS, start + PAUSE_MAX_S + 1))
    scene.tell(("pauses", "Paused", OPENINGS, start + PAUSE_MAX_S))

    with pytest.raises(AssertionError, match="GOV-16"):
        scene.tell(("pauses", "Paused", OPENINGS, start + PAUSE_MAX_S))
    scene.warp(start + PAUSE_MAX_S + PAUSE_GAP_S - 1)
    with pytest.raises(AssertionError, match="GOV-15"):
        scene.tell(("pauses", "Paused", OPENINGS, scene.now + 1))
    scene.warp(start + PAUSE_MAX_S + PAUSE_GAP_S)
    scene.tell(("pauses", "Paused", OPENINGS, scene.now + 1))


def test_hear__a_pause_beyond_19_days__is_wrong(scene):
    start = scene.now
    for day in range(0, 19, 2):
        scene.warp(start + day * DAY_S)
        until = min(scene.now + 2 * DAY_S + 1, start + PAUSE_TOTAL_S)
        scene.tell(("engine", "GuardianPaused", 17, until))

    scene.warp(start + PAUSE_TOTAL_S - 1)
    with pytest.raises(AssertionError, match="GOV-16"):
        scene.tell(("engine", "GuardianPaused", 17, start + PAUSE_TOTAL_S + 1))


def test_hear__an_extension_by_what_mends_nothing__is_wrong(scene):
    """The proposal is a live upgrade, but of the shape."""
    scene.tell(("pauses", "Paused", TRADING, scene.now + 1))
    log = ("pauses", "Extended", TRADING, scene.now + 2, scene.draft.id)

    with pytest.raises(AssertionError, match="GOV-16"):
        scene.tell(log)
    engine = scene.duo.stage["engine"].address
    scene.witness.known[scene.draft.id].draft = replace(scene.draft, targets=(engine,))
    scene.tell(log)


@pytest.mark.parametrize("name", rules.BOUNDS)
def test_settle__a_setting_out_of_bounds__is_wrong(scene, monkeypatch, name):
    scene.witness.settle()
    monkeypatch.setattr(rules, "BOUNDS", {name: (0, 1)})

    with pytest.raises(AssertionError, match=f"GOV-13: {name}"):
        scene.witness.settle()
