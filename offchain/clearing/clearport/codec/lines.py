"""Encode everything of a channel that survives a crash, at the cost of what has changed.

A line is changed by `replace`, so a part that is the same object as before is the same value: a
`LineWriter` keeps the bytes of each part that it wrote last. They make three pieces, to be stored
and joined in any order: `fixed` once, `backlog` with recorded trades, `state` with each version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message

from clearing.channel.signatures import Signature
from clearing.clearport.codec.messages import (
    decode_request,
    decode_trade,
    decode_trade_ids,
    encode_request,
    encode_trade,
    encode_trade_ids,
)
from clearing.clearport.codec.moves import decode_move, encode_move
from clearing.clearport.codec.primitives import (
    cleaned,
    each,
    free_text,
    natural,
    parse,
    part,
    signature,
    within,
    word,
    wrong,
)
from clearing.clearport.codec.states import (
    decode_cosigned,
    decode_definition,
    decode_position,
    decode_state,
    encode_cosigned,
    encode_definition,
    encode_position,
    encode_state,
)
from clearing.clearport.codec.values import decode_terms, encode_terms
from clearing.clearport.core.channel import Half, Line, Wait
from clearing.clearport.core.messages import ReportedTrade
from clearing.clearport.errors import WireError
from clearing.client.session import CoSigned
from clearing.peer.v1 import peer_pb2 as pb
from clearing.spec.types import Side
from clearing.spec.units import Bytes32

__all__ = ["LinePieces", "LineWriter", "decode_line", "encode_line", "read_line"]

MAX_BACKLOG: Final = 1 << 20
"""Trades that wait for the peer: more than that is a fault, not a day's work."""
MAX_SIGNED: Final = 4_096
MAX_WAITS: Final = 4_096
SPARE: Final = 1_024
"""Trades that are booked and whose bytes are still kept."""


Kept = dict[int, tuple[object, bytes]]
"""Bytes by the id of the object that they are of, which is kept so that its id stays its own."""


@dataclass(frozen=True, slots=True)
class LinePieces:
    """A line in three pieces; joined they are the bytes of one `Line`."""

    fixed: bytes
    backlog: bytes
    state: bytes


class LineWriter:
    """Writes the successive lines of one channel."""

    __slots__ = ("_kept", "_line", "_ours", "_pieces", "_theirs", "_used")

    def __init__(self) -> None:
        self._line: Line | None = None
        self._pieces = LinePieces(b"", b"", b"")
        self._kept: Kept = {}
        self._used: Kept = {}
        self._ours: Kept = {}
        self._theirs: Kept = {}

    def write(self, line: Line) -> LinePieces:
        """Return a line's pieces; those that are the same as last time are the same objects.

        Raises WireError, and then nothing is remembered of this line.
        """
        before, pieces = self._line, self._pieces
        if line is before:
            return pieces
        self._used = {}
        is_fixed_kept = before is not None and _is_fixed_part_same(before, line)
        is_backlog_kept = before is not None and (
            line.trades is before.trades and line.reported is before.reported
        )
        fixed = pieces.fixed if is_fixed_kept else self._fixed(line)
        backlog, ours, theirs = pieces.backlog, self._ours, self._theirs
        if not is_backlog_kept:
            ours = _framed("trades", ours, line.trades)
            theirs = _framed("reported", theirs, line.reported)
            backlog = b"".join((*_bytes_of(ours, line.trades), *_bytes_of(theirs, line.reported)))
        written = LinePieces(fixed, backlog, self._state(line))
        self._line, self._pieces, self._kept = line, written, self._used
        self._ours, self._theirs = ours, theirs
        return written

    def cosigned(self, full: CoSigned) -> bytes:
        """Return the bytes of a co-signed state, at no cost if the last line has it."""
        kept = self._kept.get(id(full))
        return encode_cosigned(full).SerializeToString() if kept is None else kept[1]

    def _fixed(self, line: Line) -> bytes:
        return pb.LineParts(
            definition=encode_definition(line.definition).SerializeToString(),
            channel_id=word("channel_id", line.channel_id),
            separator=word("separator", line.separator),
            is_high=line.side is Side.HIGH,
            terms=encode_terms(line.terms).SerializeToString(),
        ).SerializeToString()

    def _state(self, line: Line) -> bytes:
        return pb.LineParts(
            position=self._part(line.position, encode_position),
            full=b"" if line.full is None else self._part(line.full, encode_cosigned),
            half=b"" if line.half is None else self._half(line.half),
            signed=each("signed", self._signed, line.signed, MAX_SIGNED),
            burnt=natural("burnt", line.burnt),
            waits=each("waits", self._wait, line.waits, MAX_WAITS),
            is_initiator=line.is_initiator,
            is_closing=line.is_closing,
            is_forced=line.is_forced,
            is_recovering=line.is_recovering,
            floor=natural("floor", line.floor),
            alarm=cleaned(line.alarm),
            backing=b"" if line.backing is None else self._part(line.backing, encode_cosigned),
            refused=each("refused", self._half, line.refused, MAX_SIGNED),
        ).SerializeToString()

    def _half(self, half: Half) -> bytes:
        """Return the bytes of a half: its move and position stay while signatures come."""
        return pb.HalfParts(
            move=self._part(half.move, encode_move),
            trade_ids=encode_trade_ids(half.trade_ids),
            after=self._part(half.after, encode_position),
            digest=word("digest", half.digest),
            ours=b"" if half.ours is None else half.ours.to_bytes(),
            theirs=b"" if half.theirs is None else half.theirs.to_bytes(),
        ).SerializeToString()

    def _signed(self, state: object) -> bytes:
        return self._part(state, encode_state)

    def _wait(self, wait: object) -> bytes:
        return self._part(wait, _encode_wait)

    def _part(self, value: object, encode: Callable[[Any], Message]) -> bytes:
        """Return a part's bytes: as they were if it is the same object as last time."""
        kept = self._kept.get(id(value))
        if kept is None:
            # The value is kept too: while it is, no other object can have its id.
            kept = (value, encode(value).SerializeToString())
        self._used[id(value)] = kept
        return kept[1]


def _framed(field: str, kept: Kept, trades: tuple[ReportedTrade, ...]) -> Kept:
    """Return each trade's bytes as an item of a list of a Line. Raises WireError.

    `kept` is only added to, until most of it is of trades that are booked: to make it anew for
    each booking would cost as much as there are trades.
    """
    if len(trades) > MAX_BACKLOG:
        raise wrong(field, f"at most {MAX_BACKLOG} items")
    for place, trade in enumerate(trades):
        if id(trade) not in kept:
            kept[id(trade)] = _frame(field, place, trade)
    if len(kept) > 2 * len(trades) + SPARE:
        return {id(trade): kept[id(trade)] for trade in trades}
    return kept


def _frame(field: str, place: int, trade: ReportedTrade) -> tuple[object, bytes]:
    try:
        data = encode_trade(trade).SerializeToString()
    except WireError as error:
        raise within(f"{field}[{place}]", error) from None
    parts = pb.LineParts(trades=[data]) if field == "trades" else pb.LineParts(reported=[data])
    return trade, parts.SerializeToString()


def _bytes_of(framed: Kept, trades: tuple[ReportedTrade, ...]) -> list[bytes]:
    return [framed[id(trade)][1] for trade in trades]


def _is_fixed_part_same(before: Line, line: Line) -> bool:
    return (
        line.definition is before.definition
        and line.terms is before.terms
        and line.side is before.side
        and (line.channel_id, line.separator) == (before.channel_id, before.separator)
    )


def encode_line(line: Line) -> pb.Line:
    """Return everything of a channel that survives a crash. Raises WireError."""
    pieces = LineWriter().write(line)
    return parse(pb.Line, pieces.fixed + pieces.backlog + pieces.state)


def read_line(*pieces: bytes) -> Line:
    """Return the line of its pieces. Raises WireError."""
    return decode_line(parse(pb.Line, b"".join(pieces)))


def decode_line(line: pb.Line) -> Line:
    """Return everything of a channel that survives a crash. Raises WireError."""
    return Line(
        definition=part(line, "definition", decode_definition),
        channel_id=word("channel_id", line.channel_id),
        separator=Bytes32(word("separator", line.separator)),
        side=Side.HIGH if line.is_high else Side.LOW,
        terms=part(line, "terms", decode_terms),
        position=part(line, "position", decode_position),
        full=part(line, "full", decode_cosigned) if line.HasField("full") else None,
        half=part(line, "half", _decode_half) if line.HasField("half") else None,
        signed=each("signed", decode_state, line.signed, MAX_SIGNED),
        burnt=line.burnt,
        trades=each("trades", decode_trade, line.trades, MAX_BACKLOG),
        reported=each("reported", decode_trade, line.reported, MAX_BACKLOG),
        waits=each("waits", _decode_wait, line.waits, MAX_WAITS),
        is_initiator=line.is_initiator,
        is_closing=line.is_closing,
        is_forced=line.is_forced,
        is_recovering=line.is_recovering,
        floor=line.floor,
        alarm=free_text("alarm", line.alarm),
        backing=part(line, "backing", decode_cosigned) if line.HasField("backing") else None,
        refused=each("refused", _decode_half, line.refused, MAX_SIGNED),
    )


def _decode_half(half: pb.Half) -> Half:
    return Half(
        move=part(half, "move", decode_move),
        trade_ids=decode_trade_ids(half),
        after=part(half, "after", decode_position),
        digest=word("digest", half.digest),
        ours=_optional("ours", half.ours),
        theirs=_optional("theirs", half.theirs),
    )


def _optional(field: str, value: bytes) -> Signature | None:
    return signature(field, value) if value else None


def _encode_wait(wait: Wait) -> pb.Wait:
    request = encode_request(wait.request)
    return pb.Wait(request=request, is_ours=wait.is_ours, is_agreed=wait.is_agreed)


def _decode_wait(wait: pb.Wait) -> Wait:
    return Wait(part(wait, "request", decode_request), wait.is_ours, wait.is_agreed)
