"""The governor and its model, side by side: the same calls, the same verdicts, the same states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from clearing.spec import governance as spec
from clearing.spec.errors import SpecError
from clearing.spec.governance import Kind, KindTable, Proposal, State
from clearing.spec.units import WAD, Address
from tests.harness.errors import Refused
from tests.harness.governance import (
    HOLDINGS,
    LISTED,
    SETUP,
    STATES,
    SUPPLY,
    TIMELOCK_S,
    GovernanceRig,
    Proposed,
)
from tests.harness.results import ACCEPTED

__all__ = ["GovernanceTwin"]

POOR: Final = WAD
"""Raw YELLOW that a proposer gives away to fall under the threshold."""


def table_of(rig: GovernanceRig) -> KindTable:
    """Return the model of what the rig has listed."""
    rows = {
        (rig.target.address, rig.calldata(rig.target, name, *[rig.outsider, 0][:n])[:4]): kind
        for name, n, kind in LISTED
    }
    return KindTable(rig.timelock.address, rig.governor.address, rig.types.address, rows=rows)


@dataclass
class GovernanceTwin:
    """Proposals by their text; `weights` are each holder's votes from a second on."""

    rig: GovernanceRig
    proposals: dict[Proposed, Proposal] = field(default_factory=dict)
    last: dict[str, Proposed] = field(default_factory=dict)
    voted: set[tuple[Proposed, str]] = field(default_factory=set)
    weights: dict[str, list[tuple[int, int]]] = field(
        default_factory=lambda: {name: [(0, raw)] for name, raw in HOLDINGS.items()}
    )
    closed: set[Proposed] = field(default_factory=set)

    @property
    def now(self) -> int:
        """The time of the next call."""
        return self.rig.chain.now

    def weight(self, name: str, at: int) -> int:
        """Return the votes that a holder had at the end of a past second."""
        return max((since, raw) for since, raw in self.weights[name] if since <= at)[1]

    def state(self, proposed: Proposed) -> State:
        """Return the model's state."""
        return spec.state_of(self.proposals[proposed], self.now)

    # CALLS

    def give_away(self, name: str) -> None:
        """Let a holder fall a little; it can get nothing back."""
        sender = self.rig.voter(name)
        self.rig.yellow.send("transfer", self.rig.outsider, POOR, sender=sender)
        self.weights[name].append((self.now, self.weight(name, self.now) - POOR))

    def propose(self, proposed: Proposed, by: str) -> str:
        """Make a proposal."""

        def model() -> None:
            proposer = self.rig.voter(by)
            last = self.last.get(by)
            if last and self.state(last) in spec.LIVE:
                raise SpecError("ProposerBusy")
            if self.weight(by, self.now - 1) < SETUP.threshold:
                raise SpecError("GovernorInsufficientProposerVotes")
            if proposed in self.proposals:
                raise SpecError("GovernorUnexpectedProposalState")
            table = table_of(self.rig)
            self.proposals[proposed] = spec.make_proposal(
                table, SETUP, proposer, proposed.actions, SUPPLY, self.now
            )
            self.last[by] = proposed

        return self._both(lambda: self.rig.propose(proposed, by), model)

    def vote(self, proposed: Proposed, name: str, support: int) -> str:
        """Cast all votes of a holder."""

        def model() -> None:
            if self.state(proposed) is not State.ACTIVE:
                raise SpecError("GovernorUnexpectedProposalState")
            if (proposed, name) in self.voted:
                raise SpecError("GovernorAlreadyCastVote")
            proposal = self.proposals[proposed]
            weight = self.weight(name, proposal.snapshot)
            self.proposals[proposed] = spec.with_votes(
                proposal, support, weight, SETUP.late_extension, self.now
            )
            self.voted.add((proposed, name))

        return self._both(lambda: self.rig.vote(proposed, name, support), model)

    def queue(self, proposed: Proposed) -> str:
        """Queue what has passed."""

        def model() -> None:
            if self.state(proposed) is not State.SUCCEEDED:
                raise SpecError("GovernorUnexpectedProposalState")
            proposal = self.proposals[proposed]
            eta = self.now + TIMELOCK_S + proposal.terms.extra_delay
            self.proposals[proposed] = replace(proposal, eta=eta)

        return self._both(lambda: self.rig.end("queue", proposed), model)

    def execute(self, proposed: Proposed) -> str:
        """Execute what is due."""

        def model() -> None:
            state, proposal = self.state(proposed), self.proposals[proposed]
            if state not in {State.SUCCEEDED, State.QUEUED}:
                raise SpecError("GovernorUnexpectedProposalState")
            if self.now < proposal.eta:
                raise SpecError("ProposalNotReady")
            if state is State.SUCCEEDED:
                raise SpecError("TimelockUnexpectedOperationState")
            self.proposals[proposed] = replace(proposal, is_executed=True)

        return self._both(lambda: self.rig.end("execute", proposed), model)

    def cancel(self, proposed: Proposed, caller: Address) -> str:
        """Cancel, as whoever the caller is."""

        def model() -> None:
            proposal = self.proposals[proposed]
            by = next(n for n in HOLDINGS if self.rig.voter(n) == proposal.proposer)
            may = spec.can_be_cancelled_by(
                proposal,
                caller,
                guardian=self._guardian,
                proposer_votes=self.weight(by, self.now - 1),
                threshold=SETUP.threshold,
                now=self.now,
            )
            if not may:
                raise SpecError("GovernorUnableToCancel")
            self.proposals[proposed] = replace(proposal, is_canceled=True)

        return self._both(lambda: self.rig.end("cancel", proposed, caller), model)

    def cancel_expired(self, proposed: Proposed) -> str:
        """Clear the timelock of an expired operation."""

        def model() -> None:
            is_expired = self.state(proposed) is State.EXPIRED
            if not is_expired or not self.proposals[proposed].eta:
                raise SpecError("NothingToCancel")
            if proposed in self.closed:
                raise SpecError("TimelockUnexpectedOperationState")
            self.closed.add(proposed)

        return self._both(lambda: self.rig.end("cancelExpired", proposed), model)

    # COMPARING

    def compare(self) -> None:
        """Hold both against each other, and what must be true of any proposal (GOV-01 to 08)."""
        governor = self.rig.governor
        for proposed, proposal in self.proposals.items():
            proposal_id = self.rig.id_of(proposed)
            told = (
                self.rig.state(proposed),
                governor.read("proposalDeadline", proposal_id),
                governor.read("proposalEta", proposal_id),
                governor.read("proposalVotes", proposal_id),
                governor.read("quorumOf", proposal_id) if self.now > proposal.snapshot else None,
                governor.read("termsOf", proposal_id)[:6],
                governor.read("isLive", proposal_id),
            )
            state, terms, votes = self.state(proposed), proposal.terms, proposal.votes
            expected = (
                STATES[state],
                proposal.deadline,
                proposal.eta,
                (votes.against, votes.in_favour, votes.abstain),
                spec.quorum_of(proposal) if self.now > proposal.snapshot else None,
                (
                    proposal.kind,
                    proposal.is_guardian_only,
                    proposed in self.closed,
                    terms.quorum_bps,
                    terms.approval_bps,
                    terms.extra_delay,
                ),
                state in spec.LIVE,
            )
            assert told == expected, "GOV-01, GOV-04, GOV-06, GOV-07"
            assert sum(told[3]) <= SUPPLY, "GOV-02"
            assert proposal.kind is not Kind.NONE, "GOV-05"

    @property
    def _guardian(self) -> Address | None:
        guardian = self.rig.governor.read("proposalGuardian")
        return guardian if any(guardian) else None

    def _both(self, contract: Callable[[], object], model: Callable[[], None]) -> str:
        """Run both; return the common verdict."""
        verdicts = []
        for act, refusals in ((contract, Refused), (model, SpecError)):
            try:
                act()
                verdicts.append(ACCEPTED)
            except refusals as refused:
                verdicts.append(refused.name)
        assert verdicts[0] == verdicts[1], f"contract {verdicts[0]}, model {verdicts[1]}"
        return verdicts[0]
