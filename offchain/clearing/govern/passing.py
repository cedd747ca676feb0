"""Bring a proposal to its effect on an embedded chain, where time passes at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clearing.chain.anvil import Anvil
from clearing.chain.sender import Receipt, Sender
from clearing.govern.governor import Governance
from clearing.govern.metadata import Metadata
from clearing.spec.governance import Action

__all__ = ["Council"]

FOR = 1


def _nothing() -> None:
    """Do nothing before an execution."""


@dataclass(frozen=True, slots=True)
class Council:
    """Who proposes and has the votes to pass it, and who queues and executes: anybody."""

    anvil: Anvil
    at: Governance
    proposer: Sender
    anybody: Sender

    def delegate(self) -> None:
        """Let the proposer's YELLOW vote, from the next second on."""
        self.proposer.send(self.at.token.transact("delegate", self.proposer.address))
        self.anvil.travel(1)

    def propose(self, actions: Sequence[Action], text: Metadata) -> int:
        """Make a proposal and return its id."""
        self.proposer.send(self.at.proposing(actions, text))
        return self.at.id_of(actions, text)

    def carry(self, proposal_id: int) -> None:
        """Vote for it, wait for the end of its vote, and queue it."""
        proposal = self.at.find(str(proposal_id))
        self.anvil.travel_to(proposal.starts_at + 1)
        self.proposer.send(self.at.governor.transact("castVote", proposal_id, FOR))
        self.anvil.travel_to(self.at.ends_at(proposal_id) + 1)
        self.anybody.send(self.at.governor.transact("queue", *proposal.arguments))

    def execute(self, proposal_id: int, before: Callable[[], None] = _nothing) -> Receipt:
        """Wait for its delay and execute it; `before` is called when the time has come."""
        proposal = self.at.find(str(proposal_id))
        eta = self.at.eta(proposal_id)
        if self.at.now < eta:
            self.anvil.travel_to(eta)
        before()
        return self.anybody.send(self.at.governor.transact("execute", *proposal.arguments))

    def pass_(
        self,
        actions: Sequence[Action],
        text: Metadata,
        before: Callable[[], None] = _nothing,
    ) -> tuple[int, Receipt]:
        """Bring it from proposal to effect; return its id and the receipt of its execution."""
        proposal_id = self.propose(actions, text)
        self.carry(proposal_id)
        return proposal_id, self.execute(proposal_id, before)
