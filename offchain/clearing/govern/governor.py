"""Look at governance on a chain: its proposals, what each is, how far it is, and who can do what.

Every proposal is found by its events, so nothing has to be kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from clearing.chain.contract import Call, Contract
from clearing.chain.deployment import Deployment
from clearing.chain.log_source import log_of
from clearing.chain.node import Node, as_int
from clearing.channel.keccak import keccak256
from clearing.govern.errors import ProposalError
from clearing.govern.metadata import Metadata
from clearing.spec.governance import Action, Kind, State
from clearing.spec.units import Address

__all__ = ["Governance", "Judged", "Proposal", "id_text"]

SPAN: Final = 10_000
"""Blocks that are asked for at once: what public nodes answer."""
SHORTEST: Final = 6
"""Hex digits by which a proposal may be named."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a proposal is, or would be: kind, quorum and approval in bps, extra delay in seconds."""

    kind: Kind
    quorum_bps: int
    approval_bps: int
    extra_delay_s: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal as it was made. Times are Unix seconds."""

    id: int
    proposer: Address
    actions: tuple[Action, ...]
    description: str
    starts_at: int
    ends_at: int
    judged: Judged
    digest: bytes

    @property
    def title(self) -> str:
        """Its first line."""
        return self.description.partition("\n")[0].removeprefix("# ").strip()

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What queue, execute and cancel take."""
        return (*lists(self.actions), keccak256(self.description.encode()))


def lists(actions: Sequence[Action]) -> tuple[list[Address], list[int], list[bytes]]:
    """Return targets, values and calldatas."""
    return (
        [action.target for action in actions],
        [action.value for action in actions],
        [action.data for action in actions],
    )


@dataclass
class Governance:
    """The governor, its types, timelock and token of one deployment."""

    node: Node
    made: Deployment

    @cached_property
    def governor(self) -> Contract:
        """Counts and decides."""
        return self._at("ProtocolGovernor")

    @cached_property
    def token(self) -> Contract:
        """Gives votes."""
        return self._at("Yellow")

    def _at(self, role: str) -> Contract:
        made = self.made.contracts.get(role)
        if made is None:
            raise ProposalError("--network", f"has no {role} on record", "deploy it")
        return Contract(self.node, made.contract, self.made.address_of(role))

    @property
    def now(self) -> int:
        """Time of the latest block."""
        return as_int(self.node.request("eth_getBlockByNumber", ["latest", False])["timestamp"])

    # BEFORE

    def judge(self, actions: Sequence[Action]) -> Judged:
        """Return what a proposal of these actions would be if it were made now.

        Raises CallRefusedError.
        """
        terms = self._at("ProposalTypes").call("judge", *lists(actions))
        return _judged(terms)

    def proposing(self, actions: Sequence[Action], text: Metadata) -> Call:
        """Return the call that makes a proposal."""
        arguments = (*lists(actions), text.description, text.digest)
        return self.governor.transact("proposeWithMetadata", *arguments)

    def id_of(self, actions: Sequence[Action], text: Metadata) -> int:
        """Return the id that it will have."""
        hashed = keccak256(text.description.encode())
        proposal_id: int = self.governor.call("getProposalId", *lists(actions), hashed)
        return proposal_id

    # AFTER

    def proposals(self) -> list[Proposal]:
        """Return every proposal, the oldest first."""
        found: list[Proposal] = []
        digests: dict[int, bytes] = {}
        at = self.made.contracts["ProtocolGovernor"]
        head = as_int(self.node.request("eth_blockNumber", []))
        for first in range(at.block, head + 1, SPAN):
            asked = {
                "address": at.address,
                "fromBlock": hex(first),
                "toBlock": hex(min(first + SPAN - 1, head)),
            }
            logs = [log_of(each) for each in self.node.request("eth_getLogs", [asked])]
            for event in self.governor.happened(logs):
                if event.name == "ProposalCreated":
                    found.append(self._proposal(event.fields))
                elif event.name == "ProposalTyped":
                    digests[event.fields["proposalId"]] = event.fields["digest"]
        return [replace(it, digest=digests.get(it.id, bytes(32))) for it in found]

    def find(self, name: str) -> Proposal:
        """Return the proposal of an id: whole, or the first six hex digits or more.

        Raises ProposalError.
        """
        digits = name.lower().removeprefix("0x")
        found = [
            it
            for it in self.proposals()
            if name == str(it.id)
            or (len(digits) >= SHORTEST and id_text(it.id)[2:].startswith(digits))
        ]
        if len(found) != 1:
            problem = "names no proposal" if not found else "names several proposals"
            raise ProposalError(f"'{name}'", problem, "see `clearing govern list`")
        return found[0]

    def state(self, proposal_id: int) -> State:
        """Return how far it is."""
        return State(self.governor.call("state", proposal_id))

    def votes(self, proposal_id: int) -> tuple[int, int, int]:
        """Return raw YELLOW against, for and abstaining."""
        against, for_, abstain = self.governor.call("proposalVotes", proposal_id)
        return against, for_, abstain

    def quorum(self, proposal: Proposal) -> int | None:
        """Return what it needs, raw YELLOW; none before its snapshot."""
        if self.now <= proposal.starts_at:
            return None
        quorum: int = self.governor.call("quorumOf", proposal.id)
        return quorum

    def ends_at(self, proposal_id: int) -> int:
        """Return the end of its vote, which a late quorum may move."""
        deadline: int = self.governor.call("proposalDeadline", proposal_id)
        return deadline

    def eta(self, proposal_id: int) -> int:
        """Return from when on it can be executed; 0 unless it is queued."""
        eta: int = self.governor.call("proposalEta", proposal_id)
        return eta

    def _proposal(self, fields: Any) -> Proposal:
        proposal_id = fields["proposalId"]
        return Proposal(
            id=proposal_id,
            proposer=Address(fields["proposer"]),
            actions=tuple(
                Action(Address(target), value, data)
                for target, value, data in zip(
                    fields["targets"], fields["values"], fields["calldatas"], strict=True
                )
            ),
            description=fields["description"],
            starts_at=fields["voteStart"],
            ends_at=fields["voteEnd"],
            judged=_judged(self.governor.call("termsOf", proposal_id)),
            digest=bytes(32),
        )


def id_text(proposal_id: int) -> str:
    """Return an id in hex, all digits."""
    return "0x" + proposal_id.to_bytes(32, "big").hex()


def _judged(terms: Any) -> Judged:
    kind, _, _, quorum, approval, delay, _ = terms
    return Judged(Kind(kind), quorum, approval, delay)
