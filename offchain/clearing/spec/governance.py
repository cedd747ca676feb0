"""Say what a proposal is, how far it is at a time, and what pauses there can be.

Pure twins of ProposalTypes, ProtocolGovernor and PauseGuardian. Votes are raw YELLOW, parts are
basis points, times Unix seconds. Nothing rounds: shares are compared by cross-multiplication.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.units import DAY_S, Address, mul_div_up

__all__ = [
    "DEFAULT_TERMS",
    "FORWARDERS",
    "GRACE_S",
    "LIVE",
    "MAX_OPERATIONS",
    "PAUSE_GAP_S",
    "PAUSE_MAX_S",
    "PAUSE_TOTAL_S",
    "Action",
    "Kind",
    "KindTable",
    "PauseWindow",
    "Proposal",
    "Setup",
    "State",
    "Terms",
    "Votes",
    "can_be_cancelled_by",
    "has_passed",
    "is_quorum_reached",
    "kind_of",
    "make_proposal",
    "quorum_of",
    "set_kind",
    "set_terms",
    "state_of",
    "with_votes",
]

BPS: Final = 10**4
MAX_OPERATIONS: Final = 10
GRACE_S: Final = 14 * DAY_S
SELECTOR_BYTES: Final = 4
GUARDIAN_SELECTOR: Final = bytes.fromhex("3194ca26")
"""Of setGuardian(address,uint48)."""
FORWARDERS: Final = frozenset(
    bytes.fromhex(selector) for selector in ("c28bc2fa", "ac9650d8", "5ae401dc", "1f0464d1")
)
"""relay(address,uint256,bytes) and three forms of multicall: the real call hides inside."""

PAUSE_MAX_S: Final = 72 * 3_600
PAUSE_GAP_S: Final = 7 * DAY_S
PAUSE_TOTAL_S: Final = 19 * DAY_S


# KINDS


class Kind(IntEnum):
    """What kind of decision a proposal is; a later kind asks for more."""

    NONE = 0
    PARAMETER = 1
    MARKET_ADDITION = 2
    RISK_CONFIGURATION = 3
    UPGRADE = 4


@dataclass(frozen=True, slots=True)
class Terms:
    """What a kind asks of a proposal: bps, bps (strictly more), seconds."""

    quorum_bps: int
    approval_bps: int
    extra_delay: int


DEFAULT_TERMS: Final[Mapping[Kind, Terms]] = MappingProxyType(
    {
        Kind.PARAMETER: Terms(400, 5_000, 0),
        Kind.MARKET_ADDITION: Terms(400, 5_000, 0),
        Kind.RISK_CONFIGURATION: Terms(500, 6_000, DAY_S),
        Kind.UPGRADE: Terms(800, 6_667, 5 * DAY_S),
    }
)
BOUNDS: Final = (
    ("quorumBps", 200, 3_000),
    ("approvalBps", 5_000, 9_000),
    ("extraDelay", 0, 14 * DAY_S),
)
"""Name in the contract's error, lowest and highest, in the order of the fields of Terms."""


@dataclass(frozen=True, slots=True)
class Action:
    """One call of a proposal; `value` in wei."""

    target: Address
    value: int
    data: bytes

    @property
    def selector(self) -> bytes | None:
        """The first four bytes, or none if there are fewer."""
        return self.data[:SELECTOR_BYTES] if len(self.data) >= SELECTOR_BYTES else None


@dataclass(frozen=True, slots=True)
class KindTable:
    """What is listed, and what each kind asks; `types` is the address of the table itself."""

    timelock: Address
    governor: Address
    types: Address
    terms: Mapping[Kind, Terms] = field(default_factory=lambda: DEFAULT_TERMS)
    rows: Mapping[tuple[Address, bytes], Kind] = field(default_factory=dict)


def kind_of(table: KindTable, actions: Sequence[Action]) -> Kind:
    """Return the highest kind of the actions; of none: NONE."""
    return max((_kind_of_action(table, action) for action in actions), default=Kind.NONE)


def _kind_of_action(table: KindTable, action: Action) -> Kind:
    if action.value > 0 or action.selector is None:
        return Kind.UPGRADE
    return table.rows.get((action.target, action.selector), Kind.UPGRADE)


def _changes_guardian(table: KindTable, action: Action) -> bool:
    is_call = action.target == table.governor and action.selector == GUARDIAN_SELECTOR
    return is_call and action.value == 0


def set_kind(
    table: KindTable, sender: Address, target: Address, selector: bytes, kind: Kind
) -> KindTable:
    """List a function. Raises NotTimelock, AlwaysUpgrade, NoKind."""
    if sender != table.timelock:
        raise SpecError("NotTimelock", sender)
    if target in {table.governor, table.timelock, table.types} or selector in FORWARDERS:
        raise SpecError("AlwaysUpgrade", target, selector)
    if kind is Kind.NONE:
        raise SpecError("NoKind")
    return replace(table, rows={**table.rows, (target, selector): kind})


def set_terms(table: KindTable, sender: Address, kind: Kind, terms: Terms) -> KindTable:
    """Set what a kind asks for. Raises NotTimelock, NoKind, OutOfBounds, TermsOutOfOrder."""
    if sender != table.timelock:
        raise SpecError("NotTimelock", sender)
    if kind is Kind.NONE:
        raise SpecError("NoKind")
    given = (terms.quorum_bps, terms.approval_bps, terms.extra_delay)
    for value, (what, low, high) in zip(given, BOUNDS, strict=True):
        if not low <= value <= high:
            raise SpecError("OutOfBounds", _word(what), value, low, high)
    if kind > Kind.PARAMETER and not _asks_no_more(table.terms[Kind(kind - 1)], terms):
        raise SpecError("TermsOutOfOrder", kind, Kind(kind - 1))
    if kind < Kind.UPGRADE and not _asks_no_more(terms, table.terms[Kind(kind + 1)]):
        raise SpecError("TermsOutOfOrder", kind, Kind(kind + 1))
    return replace(table, terms={**table.terms, kind: terms})


def _asks_no_more(one: Terms, other: Terms) -> bool:
    return (
        one.quorum_bps <= other.quorum_bps
        and one.approval_bps <= other.approval_bps
        and one.extra_delay <= other.extra_delay
    )


def _word(text: str) -> bytes:
    return text.encode().ljust(32, b"\0")


# PROPOSALS


class State(IntEnum):
    """How far a proposal is, numbered as OpenZeppelin does."""

    PENDING = 0
    ACTIVE = 1
    CANCELED = 2
    DEFEATED = 3
    SUCCEEDED = 4
    QUEUED = 5
    EXPIRED = 6
    EXECUTED = 7


LIVE: Final = frozenset({State.PENDING, State.ACTIVE, State.SUCCEEDED, State.QUEUED})


@dataclass(frozen=True, slots=True)
class Setup:
    """Settings of the governor: seconds, raw YELLOW, bps."""

    voting_delay: int
    voting_period: int
    late_extension: int
    threshold: int
    quorum_floor_bps: int


@dataclass(frozen=True, slots=True)
class Votes:
    """Raw YELLOW cast."""

    against: int = 0
    in_favour: int = 0
    abstain: int = 0


@dataclass(frozen=True, slots=True)
class Proposal:
    """What was copied at creation, and what has happened since. `eta` 0: not queued."""

    proposer: Address
    kind: Kind
    terms: Terms
    is_guardian_only: bool
    snapshot: int
    period_end: int
    supply: int
    votes: Votes = Votes()
    extended_deadline: int = 0
    eta: int = 0
    is_executed: bool = False
    is_canceled: bool = False

    @property
    def deadline(self) -> int:
        """The last second at which votes count."""
        return max(self.period_end, self.extended_deadline)


def make_proposal(
    table: KindTable,
    setup: Setup,
    proposer: Address,
    actions: Sequence[Action],
    supply: int,
    now: int,
) -> Proposal:
    """Judge actions as they are now. Raises GovernorInvalidProposalLength, TooManyOperations."""
    if len(actions) > MAX_OPERATIONS:
        raise SpecError("TooManyOperations", len(actions), MAX_OPERATIONS)
    if not actions:
        raise SpecError("GovernorInvalidProposalLength", 0, 0, 0)
    kind = kind_of(table, actions)
    terms = table.terms[kind]
    snapshot = now + setup.voting_delay
    return Proposal(
        proposer=proposer,
        kind=kind,
        terms=replace(terms, quorum_bps=max(terms.quorum_bps, setup.quorum_floor_bps)),
        is_guardian_only=all(_changes_guardian(table, action) for action in actions),
        snapshot=snapshot,
        period_end=snapshot + setup.voting_period,
        supply=supply,
    )


def quorum_of(proposal: Proposal) -> int:
    """Return the votes for and abstaining that it needs, rounded up."""
    return mul_div_up(proposal.supply, proposal.terms.quorum_bps, BPS)


def is_quorum_reached(proposal: Proposal) -> bool:
    """Return whether enough took part: for and abstain count, against does not."""
    took_part = proposal.votes.in_favour + proposal.votes.abstain
    return took_part * BPS >= proposal.supply * proposal.terms.quorum_bps


def has_passed(proposal: Proposal) -> bool:
    """Return whether enough took part and strictly more than the approval were in favour."""
    votes = proposal.votes
    decided = votes.in_favour + votes.against
    is_approved = votes.in_favour * BPS > proposal.terms.approval_bps * decided
    return is_quorum_reached(proposal) and is_approved


def state_of(proposal: Proposal, now: int) -> State:
    """Return how far a proposal is at a time: no transaction is needed for it to go on."""
    if proposal.is_executed:
        return State.EXECUTED
    if proposal.is_canceled:
        return State.CANCELED
    if now <= proposal.snapshot:
        return State.PENDING
    if now <= proposal.deadline:
        return State.ACTIVE
    if not has_passed(proposal):
        return State.DEFEATED
    if now > (proposal.eta or proposal.deadline) + GRACE_S:
        return State.EXPIRED
    return State.QUEUED if proposal.eta else State.SUCCEEDED


def with_votes(proposal: Proposal, support: int, weight: int, extension: int, now: int) -> Proposal:
    """Count votes: 0 against, 1 in favour, 2 abstaining; the caller knows that it is ACTIVE."""
    votes = proposal.votes
    counted = (
        replace(votes, against=votes.against + weight),
        replace(votes, in_favour=votes.in_favour + weight),
        replace(votes, abstain=votes.abstain + weight),
    )[support]
    proposal = replace(proposal, votes=counted)
    if proposal.extended_deadline == 0 and is_quorum_reached(proposal):
        return replace(proposal, extended_deadline=now + extension)
    return proposal


def can_be_cancelled_by(
    proposal: Proposal,
    caller: Address,
    *,
    guardian: Address | None,
    proposer_votes: int,
    threshold: int,
    now: int,
) -> bool:
    """Return whether the caller may cancel now. `guardian` is none from its expiry on."""
    state = state_of(proposal, now)
    if state not in LIVE:
        return False
    if caller == guardian and not proposal.is_guardian_only:
        return True
    if state is State.PENDING and caller == proposal.proposer:
        return True
    return state in {State.PENDING, State.ACTIVE} and proposer_votes < threshold


# PAUSES


@dataclass(frozen=True, slots=True)
class PauseWindow:
    """The last pause of a scope; zeros: there was none."""

    began_at: int = 0
    ends_at: int = 0

    def paused(self, duration: int, now: int) -> PauseWindow:
        """Pause anew. Raises "pause: bad duration", "pause: too soon"."""
        if not 0 < duration <= PAUSE_MAX_S:
            raise SpecError("pause: bad duration")
        if self.ends_at and now < self.ends_at + PAUSE_GAP_S:
            raise SpecError("pause: too soon")
        return PauseWindow(now, now + duration)

    def extended(self, *, is_mending: bool, now: int) -> PauseWindow:
        """Let a running pause end later. `is_mending`: a live upgrade acts on the scope.

        Raises "pause: not running", "pause: no live upgrade", "pause: no later end".
        """
        if now >= self.ends_at:
            raise SpecError("pause: not running")
        if not is_mending:
            raise SpecError("pause: no live upgrade")
        until = min(now + PAUSE_MAX_S, self.began_at + PAUSE_TOTAL_S)
        if until <= self.ends_at:
            raise SpecError("pause: no later end")
        return PauseWindow(self.began_at, until)
