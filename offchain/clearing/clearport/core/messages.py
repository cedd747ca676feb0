"""Name what two brokers say to each other about one channel."""

from __future__ import annotations

from dataclasses import dataclass

from clearing.channel.signatures import Signature
from clearing.client import moves
from clearing.client.terms import Terms
from clearing.spec.liabilities import Trade
from clearing.spec.types import ChannelDef

__all__ = [
    "Answer",
    "CallMarginWish",
    "Consent",
    "Message",
    "Proposal",
    "Reestablish",
    "Refusal",
    "Rejection",
    "ReportedTrade",
    "Request",
    "ResizeWish",
    "SettleWish",
    "TradeReport",
    "Wish",
]


@dataclass(frozen=True, slots=True)
class CallMarginWish:
    """Bring the split to the mark."""


@dataclass(frozen=True, slots=True)
class SettleWish:
    """Deliver what is owed until `fund_by`, Unix seconds."""

    fund_by: int


@dataclass(frozen=True, slots=True)
class ResizeWish:
    """Take collateral out, raw units of (low, high) per asset; it can run before `valid_until`."""

    outs: tuple[tuple[int, int], ...]
    valid_until: int


Wish = (
    moves.Open
    | CallMarginWish
    | SettleWish
    | ResizeWish
    | moves.TopUp
    | moves.Close
    | moves.LockHash
    | moves.Unlock
)
"""A move without the view of the market, which whoever proposes fills in."""


@dataclass(frozen=True, slots=True)
class Request:
    """Ask for a move. An opening brings what the channel would be."""

    request_id: bytes
    wish: Wish
    definition: ChannelDef | None = None
    terms: Terms | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """Say yes to a request."""

    request_id: bytes


@dataclass(frozen=True, slots=True)
class Rejection:
    """Say no to a request."""

    request_id: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """Low's next state, signed: high computes it from the move and compares the digest.

    `trade_ids` name the trades of a Book, in their order. `digest` is what is signed.
    """

    epoch: int
    version: int
    signed_at: int
    move: moves.Move
    trade_ids: tuple[str, ...]
    digest: bytes
    signature: Signature


@dataclass(frozen=True, slots=True)
class Answer:
    """High's signature of the proposed version."""

    epoch: int
    version: int
    signature: Signature


@dataclass(frozen=True, slots=True)
class Refusal:
    """High does not sign this version, now or ever; `code` is one of `core.refusals.Code`."""

    epoch: int
    version: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class ReportedTrade:
    """A trade under the id that both brokers' systems know it by."""

    trade_id: str
    trade: Trade


@dataclass(frozen=True, slots=True)
class TradeReport:
    """What the sender has recorded and not seen booked."""

    trades: tuple[ReportedTrade, ...]


@dataclass(frozen=True, slots=True)
class Reestablish:
    """Where the sender stands, after every connect; versions 0 and empty digests for nothing."""

    epoch: int
    last_signed: int
    last_signed_digest: bytes
    last_full: int
    last_full_digest: bytes


Message = Request | Consent | Rejection | Proposal | Answer | Refusal | TradeReport | Reestablish
