"""Know without asking what the last commit left; forget it when a commit fails.

Correct only while nobody else writes, which the store's lock sees to.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from clearing.clearport.codec import LineWriter, read_line
from clearing.clearport.codec.lines import LinePieces
from clearing.clearport.core.channel import Line
from clearing.clearport.errors import StoreDamagedError, WireError
from clearing.clearport.store.tables import BACKLOGS, CHANNELS, EVENTS, INTENTS, STATES

__all__ = ["Kept", "Memory", "Slot", "read_lines"]

Slot = tuple[bytes, int, int, bytes, str]
"""Where one digest has its place for ever: channel, epoch, version, type, key."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A channel as it is stored."""

    line: Line
    pieces: LinePieces


@dataclass(slots=True)
class Memory:
    """Hold what the commits so far have left.

    `kept`: every channel. `highest`: the top version reserved under (channel, epoch, type, key).
    `unsigned`: digests that are reserved and, as far as is known here, not signed. `cursor` and
    `place` are those of the last event and the last intent.
    """

    kept: dict[bytes, Kept]
    cursor: int
    place: int
    writers: dict[bytes, LineWriter] = field(default_factory=dict)
    highest: dict[tuple[bytes, int, bytes, str], int] = field(default_factory=dict)
    unsigned: dict[Slot, bytes] = field(default_factory=dict)
    _before: dict[bytes, Kept | None] = field(default_factory=dict)
    _counters: tuple[int, int] = (0, 0)

    @classmethod
    def load(cls, connection: Connection) -> Memory:
        """Read what the last commit left. Raises StoreDamagedError."""
        cursor = connection.execute(select(func.max(EVENTS.c.cursor))).scalar() or 0
        place = connection.execute(select(func.max(INTENTS.c.place))).scalar() or 0
        return cls(read_lines(connection), cursor, place)

    def begin(self) -> None:
        """Take how things are as what the next transaction begins with."""
        self._before.clear()
        self._counters = (self.cursor, self.place)

    def undo(self) -> None:
        """Go back to how things were before the transaction."""
        for channel_id, kept in self._before.items():
            if kept is None:
                del self.kept[channel_id]
            else:
                self.kept[channel_id] = kept
        self.cursor, self.place = self._counters
        self.highest.clear()
        self.unsigned.clear()
        self._before.clear()

    def keep(self, channel_id: bytes, kept: Kept) -> None:
        """Take a channel as it will be stored by the transaction."""
        self._before.setdefault(channel_id, self.kept.get(channel_id))
        self.kept[channel_id] = kept

    def writer_of(self, channel_id: bytes) -> LineWriter:
        """Return what writes a channel's lines."""
        writer = self.writers.get(channel_id)
        if writer is None:
            writer = self.writers[channel_id] = LineWriter()
        return writer


def read_lines(connection: Connection) -> dict[bytes, Kept]:
    """Return every channel by its id. Raises StoreDamagedError."""
    statement = (
        select(CHANNELS.c.channel_id, CHANNELS.c.fixed, BACKLOGS.c.backlog, STATES.c.state)
        .join(BACKLOGS, BACKLOGS.c.channel_id == CHANNELS.c.channel_id)
        .join(STATES, STATES.c.channel_id == CHANNELS.c.channel_id)
        .order_by(CHANNELS.c.channel_id)
    )
    kept = {}
    for channel_id, *pieces in connection.execute(statement):
        try:
            line = read_line(*pieces)
        except WireError as error:
            raise StoreDamagedError(
                f"channel 0x{channel_id.hex()} cannot be read back ({error})",
                "stop the daemon, keep the file, and run `clearing clearport restore`",
            ) from error
        kept[channel_id] = Kept(line, LinePieces(*pieces))
    return kept
