"""What governance's contracts store, as one model of all of them, and what anybody reads of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from clearing.channel.keccak import keccak256
from clearing.spec import governance as spec
from clearing.spec.errors import SpecError
from clearing.spec.governance import KindTable, State
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import DAY_S, Address
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
from tests.harness.governance_draft import Draft, Entry
from tests.harness.governance_stage import CODES, KINDS, Stage
from tests.harness.governance_votes import Ledger, VoteBook, domain_of
from tests.harness.revm import text_of

__all__ = ["ADMIN", "ALL_ROLES", "CANCELLER", "DONE", "EXECUTOR", "PROPOSER", "GovernanceState"]

ADMIN: Final = bytes(32)
PROPOSER, CANCELLER, EXECUTOR = (
    keccak256(f"{name}_ROLE".encode()) for name in ("PROPOSER", "CANCELLER", "EXECUTOR")
)
ALL_ROLES: Final = (PROPOSER, CANCELLER, EXECUTOR)
DONE: Final = 1
"""Stamp of an operation of the timelock that was carried out."""
DELAY_LOW, DELAY_HIGH = DAY_S, 30 * DAY_S


class GovernanceState(Ledger):
    """The state of everything; what writes to it refuses as the contract does."""

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


def _hash_of_code(stage: Stage, address: Address) -> bytes:
    """Return the hash of code as the EVM sees it; revm's own copy of the code may be padded."""
    found = stage.gov.chain.evm.basic(text_of(address)).code_hash
    assert found is not None, "it has been deployed"
    return found
