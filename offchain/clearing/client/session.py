"""Agree with the peer on one state after another, and keep what both have signed.

One broker proposes a move with its own signature, the other computes the same state itself and
countersigns. Nothing is signed that the contract would not take, that policy forbids, or that does
not follow from the position; every refusal leaves the position as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from clearing.channel.codec import hash_state, signing_digest
from clearing.channel.errors import CodecError
from clearing.channel.policy import Limits, Memory, PolicyRefusedError, require_signable
from clearing.channel.signatures import Signature, is_signed_by
from clearing.channel.validate import identify, require_successor, validate_proposal
from clearing.client import moves
from clearing.client.broker import Broker
from clearing.client.checks import require_resolved
from clearing.client.contracts import Contracts
from clearing.client.errors import (
    ClientError,
    MoveRefusedError,
    ProposalRefusedError,
    StateRefusedError,
)
from clearing.client.position import Position, advance
from clearing.client.terms import Market, Terms
from clearing.spec.errors import SpecError
from clearing.spec.rules import require_valid_state
from clearing.spec.types import ChannelDef, ClearingState, Intent, SettlementOrder, Side
from clearing.spec.units import DAY_S
from clearing.spec.world import Channel

__all__ = ["CoSigned", "Proposal", "Session", "agree"]

MAX_SKEW_S = 300
"""How far a proposal's date may lie from the chain's time."""
DEFAULT_CONDITION_S = 7 * DAY_S
"""How far ahead a condition may expire that this side agrees to."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A move, the state it leads to, and the signature of the side that proposes it."""

    move: moves.Move
    state: ClearingState
    side: Side
    signature: Signature


@dataclass(frozen=True, slots=True)
class CoSigned:
    """A state that both have signed; the low signature first. `order` belongs to a SETTLE state."""

    state: ClearingState
    signatures: tuple[Signature, Signature]
    order: SettlementOrder | None = None

    def require_order(self) -> SettlementOrder:
        """Return the order. Raises MoveRefusedError if the state names none."""
        if self.order is None:
            raise MoveRefusedError("the state names no settlement order")
        return self.order


class Session:
    """One broker's view of one channel."""

    def __init__(
        self,
        broker: Broker,
        contracts: Contracts,
        definition: ChannelDef,
        terms: Terms,
        *,
        condition_s: int = DEFAULT_CONDITION_S,
    ) -> None:
        self.broker = broker
        self.contracts = contracts
        self.terms = terms
        self.condition_s = condition_s
        self.identified = identify(definition)
        self.side = Side.LOW if broker.address == definition.broker_low else Side.HIGH
        self.agreed: list[CoSigned] = []
        self._market: Market | None = None
        self._pending: tuple[Proposal, Position] | None = None
        self.position = Position(self.channel_id, self._stored().epoch)

    @property
    def definition(self) -> ChannelDef:
        """What both agreed on once."""
        return self.identified.definition

    @property
    def channel_id(self) -> bytes:
        """The channel's id."""
        return self.identified.channel_id

    @property
    def latest(self) -> CoSigned:
        """The latest state that both have signed. Raises MoveRefusedError before the first."""
        if not self.agreed:
            raise MoveRefusedError("nothing is co-signed yet")
        return self.agreed[-1]

    def observe(self, market: Market) -> None:
        """Take a view of the market; moves at another view are refused."""
        self._market = market

    def begin_epoch(self) -> None:
        """Start over for the channel's next life, once the chain has ended the last."""
        self.position = Position(self.channel_id, self._stored().epoch)
        self._pending = None

    def propose(self, move: moves.Move) -> Proposal:
        """Return a signed proposal. One at a time: answered or withdrawn before the next.

        Raises MoveRefusedError, StateRefusedError, LogError.
        """
        after = self._next(move, self._next_version(), self.contracts.now())
        self._require_signable(move, after.live)
        signature = self.broker.sign(self.contracts.separator, after.live)
        proposal = Proposal(move, after.live, self.side, signature)
        self._pending = (proposal, after)
        return proposal

    def withdraw(self) -> None:
        """Forget our proposal, once the peer has said that it will not sign it.

        Its signature stays out there: whoever does not trust the peer's word checkpoints or
        challenges instead.
        """
        self._pending = None

    def answer(self, proposal: Proposal) -> CoSigned:
        """Countersign the peer's proposal.

        Raises ProposalRefusedError, MoveRefusedError, StateRefusedError, LogError.
        """
        if proposal.side is self.side:
            raise ProposalRefusedError("the proposal names our own side")
        state, now = proposal.state, self.contracts.now()
        if abs(state.signed_at - now) > MAX_SKEW_S:
            raise ProposalRefusedError(f"signedAt {state.signed_at} is not about {now}")
        after = self._next(proposal.move, state.version, state.signed_at)
        _require_same(state, after.live)
        self._require_signed(proposal, now)
        self._require_signable(proposal.move, after.live)
        own = self.broker.sign(self.contracts.separator, after.live)
        return self._adopt(after, proposal.signature, own)

    def accept(self, answer: CoSigned) -> CoSigned:
        """Take the peer's countersignature of our proposal. Raises ProposalRefusedError."""
        if self._pending is None:
            raise ProposalRefusedError("nothing was proposed")
        proposal, after = self._pending
        _require_same(answer.state, proposal.state)
        theirs = answer.signatures[self.side.other]
        digest = signing_digest(self.contracts.separator, hash_state(proposal.state))
        if not is_signed_by(digest, theirs, self.definition.signer(self.side.other)):
            raise ProposalRefusedError("the answer is not signed by the peer's signer")
        self._pending = None
        return self._adopt(after, theirs, proposal.signature)

    def _next(self, move: moves.Move, version: int, signed_at: int) -> Position:
        market = getattr(move, "market", None)
        if market is not None and market != self._market:
            raise MoveRefusedError("the move's prices or factors are not those that we observe")
        try:
            return advance(self.position, move, self.terms, version, signed_at)
        except (SpecError, CodecError) as error:
            raise MoveRefusedError(f"{type(move).__name__}: {error}") from error

    def _next_version(self) -> int:
        """Return a version above all that we have signed, agreed or not."""
        latest = 0 if self.position.state is None else self.position.state.version
        return 1 + max(latest, *(state.version for state in self._signed()), 0)

    def _signed(self) -> tuple[ClearingState, ...]:
        return self.broker.log.of_epoch(self.channel_id, self.position.epoch)

    def _require_signable(self, move: moves.Move, state: ClearingState) -> None:
        """Refuse to sign what the chain would not take, or what would put us at risk."""
        channel, n_assets = self._stored(), len(self.definition.assets)
        view = self.contracts.final_view(self.channel_id, n_assets)
        grace_s = self.contracts.params.grace
        signed = self._signed()
        memory = Memory(
            signed,
            is_complete=not channel.is_live or any(each.intent == Intent.OPEN for each in signed),
            unanswered=None if self._pending is None else self._pending[0].state,
        )
        try:
            now = self.contracts.now()
            require_valid_state(state, self.channel_id, channel.epoch, n_assets, now)
            require_successor(channel, state)
            require_signable(state, memory, view, Limits(self.condition_s, grace_s))
        except SpecError as error:
            raise StateRefusedError(f"the contract would refuse the state: {error}") from error
        except PolicyRefusedError as error:
            raise StateRefusedError(f"policy: {error}") from error
        if self.position.state is not None:
            require_resolved(move, self.position.state, view.channel, view.now, grace_s)

    def _require_signed(self, proposal: Proposal, now: int) -> None:
        """Refuse a proposal whose signature the contract would not take."""
        try:
            validate_proposal(
                self.contracts.separator,
                self.identified,
                self._stored(),
                proposal.state,
                proposal.side,
                proposal.signature,
                now,
            )
        except (SpecError, CodecError) as error:
            raise ProposalRefusedError(f"the contract would refuse it: {error}") from error

    def _stored(self) -> Channel:
        return self.contracts.channel(self.channel_id, len(self.definition.assets))

    def _adopt(self, after: Position, theirs: Signature, ours: Signature) -> CoSigned:
        """Make the state the latest; the low signature goes first."""
        signatures = (ours, theirs) if self.side is Side.LOW else (theirs, ours)
        self.position = after
        self.agreed.append(CoSigned(after.live, signatures, after.order))
        return self.agreed[-1]


def agree(proposer: Session, answerer: Session, move: moves.Move) -> CoSigned:
    """Let two sessions in this process agree on a move; return what both have signed.

    Raises as `propose`, `answer` and `accept`; a refused answer withdraws the proposal.
    """
    proposal = proposer.propose(move)
    try:
        answer = answerer.answer(proposal)
    except ClientError:
        proposer.withdraw()
        raise
    return proposer.accept(answer)


def _require_same(have: ClearingState, want: ClearingState) -> None:
    """Refuse a state that is not our own computation; name the first field that differs."""
    for field in fields(ClearingState):
        theirs, ours = getattr(have, field.name), getattr(want, field.name)
        if theirs != ours:
            raise ProposalRefusedError(f"{field.name} is {theirs}, we compute {ours}")
