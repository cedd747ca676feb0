"""Name what happens to a channel: each event leads to one transition of the core.

Times are Unix seconds of the machine's clock unless they are said to be the chain's.
"""

from __future__ import annotations

from dataclasses import dataclass

from clearing.channel.policy import ChainView
from clearing.channel.signatures import Signature
from clearing.clearport.core.messages import Message, ReportedTrade, Wish
from clearing.client.terms import Market
from clearing.spec.world import Channel

__all__ = [
    "Connected",
    "Consented",
    "Event",
    "Forced",
    "Heard",
    "Lost",
    "Observed",
    "Priced",
    "Recorded",
    "Rejected",
    "Signed",
    "Ticked",
    "Wanted",
]


@dataclass(frozen=True, slots=True)
class Recorded:
    """The operator has recorded trades with the peer."""

    trades: tuple[ReportedTrade, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The operator wants a move. `request_id` is fresh: 16 random bytes."""

    request_id: bytes
    wish: Wish


@dataclass(frozen=True, slots=True)
class Consented:
    """The operator (or policy) says yes to the peer's request."""

    request_id: bytes


@dataclass(frozen=True, slots=True)
class Rejected:
    """The operator says no to the peer's request."""

    request_id: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Forced:
    """The operator wants the channel ended by a challenge, and knows whether the store is old."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The peer has said something."""

    message: Message


@dataclass(frozen=True, slots=True)
class Signed:
    """The key has signed what the effect `Sign` asked for; the signature is not stored yet."""

    version: int
    signature: Signature


@dataclass(frozen=True, slots=True)
class Connected:
    """The peer's stream stands, after Hello."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The peer's stream is gone."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The chain, as it is now (`latest`, at chain time `now`) and as it is with finality (`view`).

    `ledgers_raw`: (low, high) of each leg's token, in the order of the pending order's legs;
    empty when no order is pending.
    """

    latest: Channel
    now: int
    view: ChainView
    ledgers_raw: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Priced:
    """Our own view of the market has changed; None if it is stale or missing."""

    market: Market | None


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time has passed."""


Event = (
    Recorded
    | Wanted
    | Consented
    | Rejected
    | Forced
    | Heard
    | Signed
    | Connected
    | Lost
    | Observed
    | Priced
    | Ticked
)
