"""A whole model of governance: governor, timelock, list of kinds, and what proposals act on.

The rules of proposals, kinds and pauses are clearing.spec.governance's; this says who may call
what, in which order refusals come, what is told, and what an executed call does. Functions take
the sender first, then the arguments of the contract's function; a proposal's lists are a Draft.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

from clearing.channel.keccak import keccak256
from clearing.channel.signatures import Signature, recover
from clearing.spec import governance as spec
from clearing.spec.errors import SpecError
from clearing.spec.governance import Action, Kind, KindTable, Proposal, State, Terms
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import DAY_S, Address, mul_div_down, mul_div_up
from tests.harness.actors import key_of
from tests.harness.governance import (
    GUARDIAN_TERM_S,
    HOLDINGS,
    LISTED,
    SETUP,
    SUPPLY,
    TIMELOCK_S,
)
from tests.harness.governance_books import PauseBooks
from tests.harness.governance_stage import CODES, KINDS, Stage
from tests.harness.governance_votes import Ledger, VoteBook, domain_of, struct_digest
from tests.harness.revm import text_of

__all__ = ["ALL_ROLES", "FRACTIONS", "Draft", "Entry", "GovernanceWorld", "bitmap"]

ADMIN: Final = bytes(32)
PROPOSER, CANCELLER, EXECUTOR = (
    keccak256(f"{name}_ROLE".encode()) for name in ("PROPOSER", "CANCELLER", "EXECUTOR")
)
ALL_ROLES: Final = (PROPOSER, CANCELLER, EXECUTOR)
BALLOT: Final = keccak256(b"Ballot(uint256 proposalId,uint8 support,address voter,uint256 nonce)")
LONG_BALLOT: Final = keccak256(
    b"ExtendedBallot(uint256 proposalId,uint8 support,address voter,uint256 nonce,"
    b"string reason,bytes params)"
)
FRACTIONS: Final = 255
"""Support of a vote that names three parts."""
PART_BYTES: Final = 16
SUFFIX_CHARS: Final = 52
DESIGNATOR: Final = CODES[3]
DONE: Final = 1
EMPTY_QUEUE: Final = 0x31
READY, UNSET, PENDING = 1 << 2, 1 << 0, (1 << 1) | (1 << 2)
"""States of an operation of the timelock, as its errors name them."""
DELAY_LOW, DELAY_HIGH = DAY_S, 30 * DAY_S
TERM_MAX_S: Final = 365 * DAY_S
CAP_MAX: Final = 2**127 - 1


def bitmap(*bits: int) -> bytes:
    """Return a word with these bits."""
    return sum(1 << bit for bit in bits).to_bytes(32, "big")


def _what(text: str) -> bytes:
    return text.encode().ljust(32, b"\0")


def require_within(what: str, value: int, low: int, high: int) -> None:
    """Refuse what is out of bounds."""
    if not low <= value <= high:
        raise SpecError("OutOfBounds", _what(what), value, low, high)


@dataclass(frozen=True)
class Draft:
    """A proposal as its author wrote it; the lists may differ in length."""

    stage: Stage
    targets: tuple[Address, ...]
    values: tuple[int, ...]
    calldatas: tuple[bytes, ...]
    description: str

    @cached_property
    def hashed(self) -> tuple[Any, ...]:
        """What queue, execute and cancel take."""
        text_hash = keccak256(self.description.encode())
        return list(self.targets), list(self.values), list(self.calldatas), text_hash

    @cached_property
    def encoded(self) -> bytes:
        """What the governor hashes."""
        method = self.stage["governor"].interface.method("hashProposal", 4)
        return method.inputs.encode(self.hashed)

    @cached_property
    def id(self) -> int:
        """The proposal's id."""
        return int.from_bytes(keccak256(self.encoded), "big")

    @cached_property
    def salt(self) -> bytes:
        """What the governor salts its operation with."""
        own = self.stage["governor"].address.ljust(32, b"\0")
        return bytes(a ^ b for a, b in zip(own, self.hashed[3], strict=True))

    @cached_property
    def operation(self) -> bytes:
        """The id of its operation in the timelock."""
        method = self.stage["timelock"].interface.method("hashOperationBatch", 5)
        return keccak256(method.inputs.encode((*self.hashed[:3], bytes(32), self.salt)))

    @property
    def actions(self) -> tuple[Action, ...]:
        """Its calls."""
        rows = zip(self.targets, self.values, self.calldatas, strict=True)
        return tuple(Action(*row) for row in rows)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the governor knows of a proposal beside the specification's record."""

    draft: Draft
    proposal: Proposal
    pin: bytes
    is_closed: bool = False
    used: dict[Address, int] = field(default_factory=dict, hash=False)


class GovernanceWorld(Ledger):
    """The state of everything; every function refuses as the contract does."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self._chain = stage.gov.chain
        self._hashes = {
            c.address: _hash_of_code(stage, c.address) for c in stage.contracts.values()
        }
        self.governor, self.timelock = self.address("governor"), self.address("timelock")
        token = self.address("yellow")
        self._separator = domain_of("Smart Clearing Protocol", self._chain.chain_id, self.governor)
        self.yellow = self._vote_book(token, domain_of("Yellow", self._chain.chain_id, token))
        self.pauses = PauseBooks(self, stage.feeds)
        self.proposals: dict[int, Entry] = {}
        self.last_of: dict[Address, int] = {}
        self.nonces: dict[Address, int] = {}
        self.operations: dict[bytes, int] = {}
        self.roles: dict[tuple[bytes, Address], bool] = {
            (role, self.governor): True for role in ALL_ROLES
        } | {(ADMIN, self.timelock): True}
        self.modules: dict[int, Address] = {}
        self.caps: dict[Address, int] = {}
        self.balances: dict[Address, int] = {}
        self.ether: dict[Address, int] = {}
        self.shape_code = CODES[0]
        self.calls: dict[tuple[Address, bytes], Callable[[Address], Any]] = {}
        """What calldata of a target means; whatever is not here, no contract knows."""
        guardian_expiry = stage.gov.governor.read("guardianExpiry")
        self.cells: dict[str, Any] = {
            "setup": SETUP,
            "guardian": stage.gov.guardian,
            "expiry": guardian_expiry,
            "table": self._table(),
            "delay": TIMELOCK_S,
            "allowed": (),
        }
        assert guardian_expiry > self.now - DAY_S > 0, GUARDIAN_TERM_S

    def _vote_book(self, token: Address, separator: bytes) -> VoteBook:
        voters = {key_of(name).address: raw for name, raw in HOLDINGS.items()}
        rest = {key_of("sleeper").address: SUPPLY - sum(HOLDINGS.values())}
        book = VoteBook(self, token, separator, voters | rest)
        for voter in voters:
            book.delegate(voter, voter, 0)
        return book

    def _table(self) -> KindTable:
        listed = [("target", *row) for row in LISTED] + list(KINDS)
        rows = {
            (
                self.address(part),
                self.stage[part].interface.method(name, arguments).selector,
            ): kind
            for part, name, arguments, kind in listed
        }
        return KindTable(self.timelock, self.governor, self.address("types"), rows=rows)

    # WHAT THERE IS

    @property
    def now(self) -> int:
        """The time of the next call."""
        return self._chain.now

    def address(self, part: str) -> Address:
        """Return the address of a contract."""
        return self.stage[part].address

    @property
    def setup(self) -> spec.Setup:
        """The governor's settings."""
        setup: spec.Setup = self.cells["setup"]
        return setup

    @property
    def table(self) -> KindTable:
        """The list of kinds."""
        table: KindTable = self.cells["table"]
        return table

    @property
    def guardian(self) -> Address | None:
        """Who may cancel now."""
        if self.now < self.cells["expiry"] and self.cells["guardian"] != ZERO_ADDRESS:
            guardian: Address = self.cells["guardian"]
            return guardian
        return None

    @property
    def min_delay(self) -> int:
        """The timelock's delay as it counts."""
        delay: int = self.cells["delay"]
        return min(max(delay, DELAY_LOW), DELAY_HIGH)

    def entry(self, proposal_id: int) -> Entry:
        """Return a proposal. Raises GovernorNonexistentProposal."""
        found = self.proposals.get(proposal_id)
        if found is None:
            raise SpecError("GovernorNonexistentProposal", proposal_id)
        return found

    def state(self, entry: Entry) -> State:
        """Return how far a proposal is; its operation may have met others in the timelock."""
        found = spec.state_of(entry.proposal, self.now)
        if entry.proposal.eta and found in {State.QUEUED, State.EXPIRED}:
            stamp = self.operations.get(entry.draft.operation, 0)
            if stamp == DONE:
                return State.EXECUTED
            if stamp == 0:
                return State.EXPIRED if entry.is_closed else State.CANCELED
        return found

    def is_live(self, entry: Entry) -> bool:
        """Say whether a proposal can still come to its effect."""
        return self.state(entry) in spec.LIVE

    def pin(self, draft: Draft) -> bytes:
        """Return the hash of the targets' code hashes. Raises TargetNotContract."""
        hashes = b"".join(
            self._code_hash(target) if data else bytes(32)
            for target, data in zip(draft.targets, draft.calldatas, strict=True)
        )
        return keccak256(hashes)[:22]

    def _code_hash(self, target: Address) -> bytes:
        if target == self.stage.shape:
            if self.shape_code in CODES[2:]:
                raise SpecError("TargetNotContract", target)
            return keccak256(self.shape_code)
        if target not in self._hashes:
            raise SpecError("TargetNotContract", target)
        return self._hashes[target]

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

    # THE TIMELOCK

    def schedule(self, sender: Address, draft: Draft, delay: int) -> None:
        """Let an operation wait."""
        self._require_role(PROPOSER, sender)
        if self.operations.get(draft.operation, 0):
            raise _unexpected(draft.operation, UNSET)
        if delay < self.min_delay:
            raise SpecError("TimelockInsufficientDelay", delay, self.min_delay)
        self.put(self.operations, draft.operation, self.now + delay)
        for at, action in enumerate(draft.actions):
            row = (action.target, action.value, action.data, bytes(32), delay)
            self.tell(self.timelock, "CallScheduled", draft.operation, at, *row)
        self.tell(self.timelock, "CallSalt", draft.operation, draft.salt)

    def cancel_operation(self, sender: Address, operation: bytes) -> None:
        """Forget an operation."""
        self._require_role(CANCELLER, sender)
        if self.operations.get(operation, 0) <= DONE:
            raise _unexpected(operation, PENDING)
        self.put(self.operations, operation, 0)
        self.tell(self.timelock, "Cancelled", operation)

    def run_batch(self, sender: Address, draft: Draft, value: int = 0) -> None:
        """Make the calls of an operation."""
        self._require_role(EXECUTOR, sender)
        self._require_ready(draft.operation)
        self.put(self.ether, self.timelock, self.ether.get(self.timelock, 0) + value)
        for at, action in enumerate(draft.actions):
            self.run(self.timelock, action.target, action.value, action.data)
            row = (action.target, action.value, action.data)
            self.tell(self.timelock, "CallExecuted", draft.operation, at, *row)
        self._require_ready(draft.operation)
        self.put(self.operations, draft.operation, DONE)

    def update_delay(self, sender: Address, delay: int) -> None:
        """Set the delay, which counts within its bounds."""
        if sender != self.timelock:
            raise SpecError("TimelockUnauthorizedCaller", sender)
        self.tell(self.timelock, "MinDelayChange", self.cells["delay"], delay)
        self.put(self.cells, "delay", delay)

    def set_role(self, sender: Address, role: bytes, account: Address, *, is_given: bool) -> None:
        """Give a role, or take it."""
        self._require_role(ADMIN, sender)
        if self.roles.get((role, account), False) != is_given:
            self.put(self.roles, (role, account), is_given)
            event = "RoleGranted" if is_given else "RoleRevoked"
            self.tell(self.timelock, event, role, account, sender)

    def _require_role(self, role: bytes, sender: Address) -> None:
        if not self.roles.get((role, sender), False):
            raise SpecError("AccessControlUnauthorizedAccount", sender, role)

    def _require_ready(self, operation: bytes) -> None:
        stamp = self.operations.get(operation, 0)
        if stamp <= DONE or stamp > self.now:
            raise _unexpected(operation, READY)

    # WHAT PROPOSALS CALL

    def run(self, sender: Address, target: Address, value: int, data: bytes) -> None:
        """Make one call."""
        held = self.ether.get(sender, 0)
        if held < value:
            raise SpecError("FailedCall")
        if meaning := self.calls.get((target, data)):
            if value:
                raise SpecError("FailedCall")
            meaning(sender)
        elif target == self.stage.shape and self.shape_code == DESIGNATOR:
            raise SpecError("FailedCall")  # this chain is older than EIP-7702
        elif target == self.governor and not data:
            raise SpecError("GovernorDisabledDeposit")
        elif target in self._hashes and not (target == self.timelock and not data):
            raise SpecError("FailedCall")
        self.put(self.ether, sender, held - value)
        self.put(self.ether, target, self.ether.get(target, 0) + value)

    def mint(self, _sender: Address, to: Address, raw: int) -> None:
        """Make some of the target's token."""
        self.put(self.balances, to, self.balances.get(to, 0) + raw)
        self.tell(self.address("target"), "Transfer", ZERO_ADDRESS, to, raw)

    def send_target(self, sender: Address, to: Address, raw: int) -> None:
        """Move some of the target's token."""
        held = self.balances.get(sender, 0)
        if held < raw:
            raise SpecError("ERC20InsufficientBalance", sender, held, raw)
        self.put(self.balances, sender, held - raw)
        self.put(self.balances, to, self.balances.get(to, 0) + raw)
        self.tell(self.address("target"), "Transfer", sender, to, raw)

    def approve(self, sender: Address, spender: Address, raw: int) -> None:
        """Let somebody move some of the target's token."""
        self.tell(self.address("target"), "Approval", sender, spender, raw)

    def set_module(self, sender: Address, role: int, module: Address) -> None:
        """Change one of the engine's modules."""
        if sender != self.timelock:
            raise SpecError("NotTimelock", sender)
        if role == 0:
            raise SpecError("BadParameter", "role")
        if module != ZERO_ADDRESS and module in self.modules.values():
            raise SpecError("BadParameter", "module")
        old = self.modules.get(role, ZERO_ADDRESS)
        self.put(self.modules, role, module)
        self.tell(self.address("engine"), "ModuleChanged", role, old, module)

    def raise_cap(self, sender: Address, token: Address, cap: int) -> None:
        """Raise the launch cap of a token of the channels."""
        if sender != self.timelock:
            raise SpecError("NotTimelock", sender)
        old = self.caps.get(token, 0)
        if token not in self._hashes:
            raise SpecError("NoCode", token)
        if cap <= old:
            raise SpecError("CapNotRaised", token, old, cap)
        if cap > CAP_MAX:
            raise SpecError("CapTooHigh", token, cap)
        self.put(self.caps, token, cap)
        self.tell(self.address("adjudicator"), "CapRaised", token, old, cap)


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


def _hash_of_code(stage: Stage, address: Address) -> bytes:
    """Return the hash of code as the EVM sees it; revm's own copy of the code may be padded."""
    found = stage.gov.chain.evm.basic(text_of(address)).code_hash
    assert found is not None, "it has been deployed"
    return found


def _unexpected(operation: bytes, allowed: int) -> SpecError:
    return SpecError("TimelockUnexpectedOperationState", operation, allowed.to_bytes(32, "big"))


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
