"""The governance machine: a short run without fault, the same again, and what it would find."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest

from clearing.spec import governance as spec
from clearing.spec.governance import PauseWindow, State
from clearing.spec.units import DAY_S
from tests.harness import governance_books
from tests.invariants import governance_machine as machine
from tests.invariants.governance_wanted import RARE, WANTED

STEPS = 600
FAULT_STEPS = 6_000
"""Steps within which a planted fault must be found."""


def test_play__some_lives__contract_and_specification_agree():
    """[GOV-01] to [GOV-16] were asked after every step."""
    played = machine.play("short", STEPS)

    assert played.fault is None
    assert played.steps == STEPS
    assert played.seen["event", "ProposalExecuted"] > 0
    assert played.seen["event", "Extended"] > 0


def test_play__the_same_seed__is_the_same_schedule_in_any_process():
    told = "from tests.invariants import governance_machine as m; "
    told += "print(sorted(m.play('twice', 60).seen.items()))"
    environment = {**os.environ, "PYTHONHASHSEED": "1"}

    other = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True, env=environment
    )

    assert other.stdout.strip() == str(sorted(machine.play("twice", 60).seen.items()))
    assert machine.play("twice", 60) == machine.play("twice", 60)
    assert machine.play("twice", 60) != machine.play("thrice", 60)


def test_unseen__nothing_played__names_all_that_is_wanted():
    missing = machine.unseen(Counter())

    met = Counter(tuple(row.split(": ", 1)) for row in missing)
    assert len(missing) == sum(map(len, WANTED.values())) > 150
    assert machine.unseen(met) == []
    met["transfer", "accepted"] = 0
    assert machine.unseen(met) == ["transfer: accepted"]


def test_unseen__a_very_long_run__names_what_is_rare_as_well():
    met = Counter({(move, result): 1 for move, of in WANTED.items() for result in of})
    met["wait", "a little"] = machine.VERY_LONG

    missing = machine.unseen(met)

    assert len(missing) == sum(map(len, RARE.values())) > 20
    assert "execute: Panic" in missing


# PLANTED FAULTS


def early_vote(proposal, now, *, honest=spec.state_of):
    """Votes count a second early."""
    state = honest(proposal, now)
    return State.ACTIVE if state is State.PENDING and now == proposal.snapshot else state


def late_end(proposal, now, *, honest=spec.state_of):
    """What has passed lives a second longer."""
    return (
        honest(proposal, now - 1)
        if honest(proposal, now) is State.EXPIRED
        else honest(proposal, now)
    )


def half_is_enough(proposal):
    """Exactly the approval passes."""
    votes = proposal.votes
    decided = votes.in_favour + votes.against
    is_approved = votes.in_favour * spec.BPS >= proposal.terms.approval_bps * decided
    return spec.is_quorum_reached(proposal) and is_approved


def more_than_quorum(proposal):
    """Exactly the quorum does not do."""
    took_part = proposal.votes.in_favour + proposal.votes.abstain
    return took_part * spec.BPS > proposal.supply * proposal.terms.quorum_bps


def blind_to_ether(table, actions, *, honest=spec.kind_of):
    """Ether is not looked at."""
    return honest(table, [replace(action, value=0) for action in actions])


def guardian_for_ever(*args, honest=spec.can_be_cancelled_by, **given):
    """The guardian may keep its own replacement away."""
    proposal, *rest = args
    return honest(replace(proposal, is_guardian_only=False), *rest, **given)


def proposer_to_the_end(proposal, caller, *, now, honest=spec.can_be_cancelled_by, **given):
    """A proposer may cancel while votes are cast."""
    is_active = spec.state_of(proposal, now) is State.ACTIVE
    return (is_active and caller == proposal.proposer) or honest(proposal, caller, now=now, **given)


def extension_every_time(proposal, support, weight, extension, now, *, honest=spec.with_votes):
    """Every vote after the quorum extends the time."""
    return honest(replace(proposal, extended_deadline=0), support, weight, extension, now)


def order_forgotten(_one, _other):
    """A higher kind may ask for less."""
    return True


def no_last_day(self, *, is_mending, now, honest=PauseWindow.extended):
    """A pause goes on beyond 19 days."""
    kept = replace(self, began_at=max(self.began_at, now - DAY_S))
    return replace(honest(kept, is_mending=is_mending, now=now), began_at=self.began_at)


FAULTS = [
    (spec, "state_of", early_vote, 0),
    (spec, "state_of", late_end, 0),
    (spec, "has_passed", half_is_enough, 0),
    (spec, "is_quorum_reached", more_than_quorum, 2),
    (spec, "kind_of", blind_to_ether, 9),
    (spec, "can_be_cancelled_by", guardian_for_ever, 17),
    (spec, "can_be_cancelled_by", proposer_to_the_end, 9),
    (spec, "with_votes", extension_every_time, 1),
    (spec, "_asks_no_more", order_forgotten, 6),
    (spec, "PAUSE_GAP_S", spec.PAUSE_GAP_S - 1, 1),
    (governance_books, "PAUSE_GAP_S", spec.PAUSE_GAP_S + 1, 1),
    (PauseWindow, "extended", no_last_day, 0),
]
"""Where, what, the fault, and a seed that finds it soon: a test has seconds, the machine hours."""


@pytest.mark.parametrize(("owner", "name", "fault", "seed"), FAULTS)
def test_play__a_rule_of_the_specification_is_wrong__is_found(
    monkeypatch, owner, name, fault, seed
):
    monkeypatch.setattr(owner, name, fault)

    found = machine.play(f"planted {seed}", FAULT_STEPS).fault

    assert found is not None
    assert "Divergence" in found.message
