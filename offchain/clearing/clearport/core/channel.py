"""Hold what a broker knows of one channel: everything that a transition depends on.

What is in `Line` but not in `Link` survives a crash; `Link` starts empty with the process.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from clearing.channel.policy import ChainView
from clearing.channel.signatures import Signature
from clearing.clearport.core.messages import (
    Proposal,
    Reestablish,
    Refusal,
    ReportedTrade,
    Request,
)
from clearing.client import moves
from clearing.client.position import Position
from clearing.client.session import CoSigned
from clearing.client.terms import Market, Terms
from clearing.spec.types import ChannelDef, ClearingState, Side
from clearing.spec.units import Bytes32
from clearing.spec.world import Channel

__all__ = ["Half", "Line", "Link", "Phase", "Policy", "Wait"]


@dataclass(frozen=True, slots=True)
class Half:
    """A version that is proposed and not agreed: ours, waiting for the answer, or the peer's.

    `ours` and `theirs` are signatures of `digest`, None while missing. `after` is the position
    once both have signed.
    """

    move: moves.Move
    trade_ids: tuple[str, ...]
    after: Position
    digest: bytes
    ours: Signature | None = None
    theirs: Signature | None = None

    @property
    def version(self) -> int:
        """The version that is proposed."""
        return self.after.live.version


@dataclass(frozen=True, slots=True)
class Wait:
    """A request on its way: ours to the peer, or the peer's to our operator.

    `is_agreed`: whoever had to has said yes, and low may propose it.
    """

    request: Request
    is_ours: bool
    is_agreed: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """The durable part. `signed` are the states of this epoch that policy must remember.

    `position` and `full` belong to the latest agreed state; `half` is the one outstanding version;
    `burnt` the highest version that was refused. `trades` are recorded by our operator and not
    booked; `reported` by the peer. Nothing is signed at or below `floor`. `is_recovering`: restored
    from a backup, so nothing is challenged without the operator's consent. `is_closing`: a
    cooperative close is wanted once nothing is owed. `alarm` names why the channel needs a person.
    `backing`: while `full` is a CLOSE, the state that it closes, to go back to once it has expired.
    `refused`: signed by us above `full` and refused by the peer, which may show them to the chain.
    """

    definition: ChannelDef
    channel_id: bytes
    separator: Bytes32
    side: Side
    terms: Terms
    position: Position
    full: CoSigned | None = None
    half: Half | None = None
    signed: tuple[ClearingState, ...] = ()
    burnt: int = 0
    trades: tuple[ReportedTrade, ...] = ()
    reported: tuple[ReportedTrade, ...] = ()
    waits: tuple[Wait, ...] = ()
    is_initiator: bool = False
    is_closing: bool = False
    is_forced: bool = False
    is_recovering: bool = False
    floor: int = 0
    alarm: str = ""
    backing: CoSigned | None = None
    refused: tuple[Half, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """The part that a process learns anew: the stream, the chain, the market.

    `heard`: where the peer says it stands, since the stream stands. `is_reported`: our trades are
    reported on it. `last_market`: our last view that was fresh. `retry_at`: nothing is proposed
    before, for `refused` proposals in a row were refused. `skipped`: trades that margin does not
    admit. `held`: a proposal that we would sign later rather than refuse. `last_refusal`: to be
    repeated as it was. `is_call_due`: a margin call would move enough. `submitted`: (key, first
    wanted at, attempts) of transactions. `told`: what the operator has been told once.
    `calls_refused` margin calls were refused in a row on prices that both see, the first of them at
    `call_refused_at`.
    """

    is_connected: bool = False
    latest: Channel | None = None
    chain_now: int = 0
    view: ChainView | None = None
    ledgers_raw: tuple[tuple[int, int], ...] = ()
    market: Market | None = None
    last_market: Market | None = None
    heard: Reestablish | None = None
    is_reported: bool = False
    retry_at: int = 0
    refused: int = 0
    skipped: frozenset[str] = frozenset()
    held: Proposal | None = None
    last_refusal: Refusal | None = None
    is_call_due: bool = False
    submitted: tuple[tuple[str, int, int], ...] = ()
    told: frozenset[str] = frozenset()
    calls_refused: int = 0
    call_refused_at: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """This broker's bounds. Shares in thousandths, tolerances in ten-thousandths and seconds.

    `auto_settle`: a settlement is asked for when the peer's risk reaches `call_share_permille`.
    `auto_force`: the channel is ended by force when `core.forcing` says that it is time.
    """

    grace_s: int
    condition_s: int = 7 * 86_400
    skew_s: int = 300
    price_tolerance_bps: int = 50
    price_age_s: int = 60
    call_share_permille: int = 800
    offer_s: int = 3_600
    batch: int = 256
    auto_close: bool = True
    auto_resize: bool = True
    auto_settle: bool = True
    auto_force: bool = False


@dataclass(frozen=True, slots=True)
class Phase:
    """A channel with both parts, and the policy it is run by."""

    line: Line
    policy: Policy
    link: Link = field(default_factory=Link)

    def with_line(self, **changes: object) -> Phase:
        """Return the phase with fields of the durable part changed."""
        return replace(self, line=replace(self.line, **changes))  # type: ignore[arg-type]

    def with_link(self, **changes: object) -> Phase:
        """Return the phase with fields of the passing part changed."""
        return replace(self, link=replace(self.link, **changes))  # type: ignore[arg-type]
