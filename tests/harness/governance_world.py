"""A whole model of governance: governor, timelock, list of kinds, and what proposals act on.

The rules of proposals, kinds and pauses are clearing.spec.governance's; this says who may call
what, in which order refusals come, what is told, and what an executed call does. Functions take
the sender first, then the arguments of the contract's function; a proposal's lists are a Draft.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from clearing.channel.keccak import keccak256
from clearing.channel.signatures import Signature, recover
from clearing.spec import governance as spec
from clearing.spec.errors import SpecError
from clearing.spec.governance import Kind, Proposal, State, Terms
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import DAY_S, Address, mul_div_down, mul_div_up
from tests.harness.governance import SUPPLY
from tests.harness.governance_draft import Draft, Entry
from tests.harness.governance_timelock import TimelockRules
from tests.harness.governance_votes import struct_digest

__all__ = ["FRACTIONS", "TERM_MAX_S", "GovernanceWorld"]

BALLOT: Final = keccak256(b"Ballot(uint256 proposalId,uint8 support,address voter,uint256 nonce)")
LONG_BALLOT: Final = keccak256(
    b"ExtendedBallot(uint256 proposalId,uint8 support,address voter,uint256 nonce,"
    b"string reason,bytes params)"
)
FRACTIONS: Final = 255
"""Support of a vote that names three parts."""
PART_BYTES: Final = 16
SUFFIX_CHARS: Final = 52
EMPTY_QUEUE: Final = 0x31
TERM_MAX_S: Final = 365 * DAY_S


class GovernanceWorld(TimelockRules):
    """The governor and the list of kinds, over the timelock and its targets."""

    # THE GOVERNOR

    def propose(self, sender: Address, draft: Draft, digest: bytes = bytes(32)) -> int:
        """Make a proposal; return its id."""
        if len(draft.targets) > spec.MAX_OPERATIONS:
            raise SpecError("TooManyOperations", len(draft.targets), spec.MAX_OPERATIONS)
        last = self.last_of.get(sender, 0)
        if last and self.is_live(self.proposals[last]):
            raise SpecError("ProposerBusy", sender, last)
        if not _may_propose(sender, draft.description):
            raise SpecError("GovernorRestrictedProposer", sender)
        votes = self.yellow.votes(sender, self.now - 1)
        if votes < self.setup.threshold:
            raise SpecError(
                "GovernorInsufficientProposerVotes", sender, votes, self.setup.threshold
            )
        lengths = len(draft.targets), len(draft.calldatas), len(draft.values)
        if len({*lengths}) > 1 or not lengths[0]:
            raise SpecError("GovernorInvalidProposalLength", *lengths)
        if known := self.proposals.get(draft.id):
            state = self.state(known)
            raise SpecError("GovernorUnexpectedProposalState", draft.id, state, bytes(32))
        proposal = spec.make_proposal(
            self.table, self.setup, sender, draft.actions, SUPPLY, self.now
        )
        self.put(self.proposals, draft.id, Entry(draft, proposal, self.pin(draft)))
        self.put(self.last_of, sender, draft.id)
        self._tell_proposed(draft, proposal, digest)
        return draft.id

    def _tell_proposed(self, draft: Draft, made: Proposal, digest: bytes) -> None:
        lists = draft.targets, draft.values, ("",) * len(draft.targets), draft.calldatas
        times = made.snapshot, made.period_end
        texts = (*lists, *times, draft.description)
        self.tell(self.governor, "ProposalCreated", draft.id, made.proposer, *texts)
        terms = made.terms.quorum_bps, made.terms.approval_bps, made.terms.extra_delay
        self.tell(self.governor, "ProposalTyped", draft.id, made.kind, *terms, digest)

    def vote(
        self,
        voter: Address,
        proposal_id: int,
        support: int,
        reason: str = "",
        params: bytes = b"",
    ) -> int:
        """Cast votes; return how many."""
        self._require_state(proposal_id, State.ACTIVE)
        entry = self.entry(proposal_id)
        weight = self.yellow.votes(voter, entry.proposal.snapshot) - entry.used.get(voter, 0)
        if weight == 0:
            raise SpecError("GovernorAlreadyCastVote", voter)
        parts = _parts_of(voter, support, weight, params)
        cast = sum(parts)
        self.put(entry.used, voter, entry.used.get(voter, 0) + cast)
        told = (voter, proposal_id, support, cast, reason)
        if params:
            self.tell(self.governor, "VoteCastWithParams", *told, params)
        else:
            self.tell(self.governor, "VoteCast", *told)
        self._count(entry, parts)
        return cast

    def _count(self, entry: Entry, parts: tuple[int, int, int]) -> None:
        old, extension = entry.proposal, self.setup.late_extension
        new = old
        for support, weight in enumerate(parts):
            new = spec.with_votes(new, support, weight, extension, self.now)
        self.put(self.proposals, entry.draft.id, replace(entry, proposal=new))
        if new.deadline > old.deadline:
            self.tell(self.governor, "ProposalExtended", entry.draft.id, new.deadline)

    def vote_by_sig(
        self,
        voter: Address,
        proposal_id: int,
        support: int,
        signature: Signature | None,
        long: tuple[str, bytes] | None = None,
    ) -> int:
        """Cast votes of whoever signed; `long` are the reason and params of the longer form."""
        digest = self.ballot(voter, proposal_id, support, self.nonces.get(voter, 0), long)
        if signature is None or recover(digest, signature) != voter:
            raise SpecError("GovernorInvalidSignature", voter)
        self.put(self.nonces, voter, self.nonces.get(voter, 0) + 1)
        return self.vote(voter, proposal_id, support, *(long or ()))

    def ballot(
        self,
        voter: Address,
        proposal_id: int,
        support: int,
        nonce: int,
        long: tuple[str, bytes] | None = None,
    ) -> bytes:
        """Return the digest of a ballot."""
        words = (proposal_id, support, voter, nonce)
        if long is None:
            return struct_digest(self._separator, BALLOT, *words)
        reason, params = long
        texts = keccak256(reason.encode()), keccak256(params)
        return struct_digest(self._separator, LONG_BALLOT, *words, *texts)

    def queue(self, _sender: Address, draft: Draft) -> int:
        """Queue what has passed."""
        self._require_state(draft.id, State.SUCCEEDED)
        entry = self.entry(draft.id)
        delay = self.min_delay
        self.schedule(self.governor, draft, delay)
        eta = self.now + delay + entry.proposal.terms.extra_delay
        proposal = replace(entry.proposal, eta=eta)
        self.put(self.proposals, draft.id, replace(entry, proposal=proposal))
        self.tell(self.governor, "ProposalQueued", draft.id, eta)
        return draft.id

    def execute(self, _sender: Address, draft: Draft, value: int = 0) -> int:
        """Execute what is due; `value` are wei sent along."""
        self._require_state(draft.id, State.SUCCEEDED, State.QUEUED)
        entry = self.entry(draft.id)
        proposal = replace(entry.proposal, is_executed=True)
        self.put(self.proposals, draft.id, replace(entry, proposal=proposal))
        own = zip(draft.targets, draft.calldatas, strict=True)
        calls = tuple(data for target, data in own if target == self.governor)
        self.put(self.cells, "allowed", self.cells["allowed"] + calls)
        if self.now < proposal.eta:
            raise SpecError("ProposalNotReady", draft.id, proposal.eta)
        found = self.pin(draft)
        if found != entry.pin:
            raise SpecError("CodeChanged", draft.id, entry.pin, found)
        self.run_batch(self.governor, draft, value)
        self.put(self.cells, "allowed", ())
        self.tell(self.governor, "ProposalExecuted", draft.id)
        return draft.id

    def cancel(self, sender: Address, draft: Draft) -> int:
        """Cancel a proposal, as whoever the sender is."""
        entry = self.entry(draft.id)
        may = spec.can_be_cancelled_by(
            entry.proposal,
            sender,
            guardian=self.guardian,
            proposer_votes=self.yellow.votes(entry.proposal.proposer, self.now - 1),
            threshold=self.setup.threshold,
            now=self.now,
        )
        if not (may and self.is_live(entry)):
            raise SpecError("GovernorUnableToCancel", draft.id, sender)
        proposal = replace(entry.proposal, is_canceled=True)
        self.put(self.proposals, draft.id, replace(entry, proposal=proposal))
        self.tell(self.governor, "ProposalCanceled", draft.id)
        if proposal.eta:
            self.cancel_operation(self.governor, draft.operation)
        return draft.id

    def cancel_expired(self, _sender: Address, draft: Draft) -> int:
        """Clear the timelock of what has expired."""
        entry = self.entry(draft.id)
        if self.state(entry) is not State.EXPIRED or not entry.proposal.eta:
            raise SpecError("NothingToCancel", draft.id)
        self.put(self.proposals, draft.id, replace(entry, is_closed=True))
        self.tell(self.governor, "ExpiredCancelled", draft.id)
        self.cancel_operation(self.governor, draft.operation)
        return draft.id

    def _require_state(self, proposal_id: int, *allowed: State) -> None:
        state = self.state(self.entry(proposal_id))
        if state not in allowed:
            raise SpecError("GovernorUnexpectedProposalState", proposal_id, state, bitmap(*allowed))

    # ITS SETTINGS

    def set_number(self, name: str, sender: Address, value: int, data: bytes) -> None:
        """Change one of the settings that are numbers; `name` is the function's."""
        field_, what, low, high, event = NUMBERS[name]
        if name == "setProposalThreshold":
            low, high = mul_div_up(SUPPLY, low, spec.BPS), mul_div_down(SUPPLY, high, spec.BPS)
            require_within(what, value, low, high)
        self._require_governance(sender, data)
        require_within(what, value, low, high)
        old = getattr(self.setup, field_)
        self.put(self.cells, "setup", replace(self.setup, **{field_: value}))
        self.tell(self.governor, event, old, value)

    def set_guardian(self, sender: Address, guardian: Address, expiry: int, data: bytes) -> None:
        """Name who may cancel, and until when."""
        self._require_governance(sender, data)
        low, high = self.now + 1, self.now + TERM_MAX_S
        if guardian == ZERO_ADDRESS:
            low = high = 0
        require_within("guardianExpiry", expiry, low, high)
        self.tell(self.governor, "ProposalGuardianSet", self.cells["guardian"], guardian)
        self.tell(self.governor, "GuardianExpirySet", guardian, self.cells["expiry"], expiry)
        self.put(self.cells, "guardian", guardian)
        self.put(self.cells, "expiry", expiry)

    def relay(self, sender: Address, target: Address, call: bytes, data: bytes) -> None:
        """Make the governor call something."""
        if target == self.timelock:
            raise SpecError("RelayToTimelock")
        self._require_governance(sender, data)
        self.run(self.governor, target, 0, call)

    def _require_governance(self, sender: Address, data: bytes) -> None:
        """Refuse all but the calls of the proposal that is being executed, each in its turn."""
        if sender != self.timelock:
            raise SpecError("GovernorOnlyExecutor", sender)
        allowed = self.cells["allowed"]
        if data not in allowed:
            raise SpecError("Panic", EMPTY_QUEUE)
        self.put(self.cells, "allowed", allowed[allowed.index(data) + 1 :])

    # THE LIST OF KINDS

    def set_kind(self, sender: Address, target: Address, selector: bytes, kind: Kind) -> None:
        """List a function."""
        old = self.table.rows.get((target, selector), Kind.NONE)
        self.put(self.cells, "table", spec.set_kind(self.table, sender, target, selector, kind))
        self.tell(self.address("types"), "KindChanged", target, selector, old, kind)

    def set_terms(self, sender: Address, kind: Kind, terms: Terms) -> None:
        """Set what a kind asks for."""
        old = self.table.terms.get(kind, terms)
        self.put(self.cells, "table", spec.set_terms(self.table, sender, kind, terms))
        rows = [(t.quorum_bps, t.approval_bps, t.extra_delay) for t in (old, terms)]
        self.tell(self.address("types"), "KindTermsChanged", kind, *rows)


NUMBERS: Final = {
    "setVotingDelay": ("voting_delay", "votingDelay", DAY_S, 7 * DAY_S, "VotingDelaySet"),
    "setVotingPeriod": (
        "voting_period",
        "votingPeriod",
        3 * DAY_S,
        14 * DAY_S,
        "VotingPeriodSet",
    ),
    "setLateQuorumVoteExtension": (
        "late_extension",
        "lateExtension",
        DAY_S,
        7 * DAY_S,
        "LateQuorumVoteExtensionSet",
    ),
    "setProposalThreshold": ("threshold", "threshold", 10, 500, "ProposalThresholdSet"),
    "updateQuorumNumerator": (
        "quorum_floor_bps",
        "quorumFloorBps",
        200,
        3_000,
        "QuorumNumeratorUpdated",
    ),
}
"""Field of Setup, name in the error, lowest and highest (the threshold in bps), event."""


def bitmap(*bits: int) -> bytes:
    """Return a word with these bits."""
    return sum(1 << bit for bit in bits).to_bytes(32, "big")


def _what(text: str) -> bytes:
    return text.encode().ljust(32, b"\0")


def require_within(what: str, value: int, low: int, high: int) -> None:
    """Refuse what is out of bounds."""
    if not low <= value <= high:
        raise SpecError("OutOfBounds", _what(what), value, low, high)


def _may_propose(sender: Address, description: str) -> bool:
    """Say whether a text that names its proposer names this one."""
    suffix = description[-SUFFIX_CHARS:]
    if len(suffix) < SUFFIX_CHARS or not suffix.startswith("#proposer="):
        return True
    digits = suffix[-42:].lower()
    if not digits.startswith("0x") or not all(c in "0123456789abcdef" for c in digits[2:]):
        return True
    return digits[2:] == sender.hex()


def _parts_of(voter: Address, support: int, weight: int, params: bytes) -> tuple[int, int, int]:
    """Return the votes against, in favour and abstaining."""
    if support <= 2:
        if params:
            raise SpecError("GovernorInvalidVoteParams")
        against, in_favour, abstain = (weight if support == i else 0 for i in range(3))
        return against, in_favour, abstain
    if support != FRACTIONS:
        raise SpecError("GovernorInvalidVoteType")
    if len(params) != 3 * PART_BYTES:
        raise SpecError("GovernorInvalidVoteParams")
    against, in_favour, abstain = (
        int.from_bytes(params[i * PART_BYTES : (i + 1) * PART_BYTES], "big") for i in range(3)
    )
    if against + in_favour + abstain > weight:
        raise SpecError(
            "GovernorExceedRemainingWeight", voter, against + in_favour + abstain, weight
        )
    return against, in_favour, abstain
