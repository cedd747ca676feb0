"""Give the watchtower the latest states: sealed to its key, in one file that is replaced whole.

At most one write a second however many versions are agreed; the last state always gets there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from clearing.clearport.daemon.bell import Bell
from clearing.clearport.daemon.world import Log
from clearing.clearport.watchtower.kept import ALWAYS_GOOD
from clearing.clearport.watchtower.sealed import replace_file
from clearing.client.session import CoSigned

__all__ = ["Exporter", "Seal"]

Seal = Callable[[Iterable[tuple[bytes, CoSigned]]], bytes]
"""Returns the states by channel, encrypted to the watchtower's key."""


@dataclass
class Exporter:
    """Writes what it was told of. `lag_versions` tells how far the file is behind, by channel."""

    path: Path
    seal: Seal
    every_s: float
    log: Log
    _latest: dict[bytes, CoSigned] = field(default_factory=dict)
    _behind: dict[bytes, CoSigned] = field(default_factory=dict)
    _written: dict[bytes, int] = field(default_factory=dict)
    _bell: Bell = field(default_factory=Bell)

    def note(self, channel_id: bytes, agreed: CoSigned) -> None:
        """Take a newly co-signed state.

        One that can run out (a CLOSE) goes with the last one of its life that cannot.
        """
        before = self._latest.get(channel_id)
        is_same_life = before is not None and before.state.epoch == agreed.state.epoch
        if agreed.state.intent in ALWAYS_GOOD or not is_same_life:
            self._behind.pop(channel_id, None)
        elif before is not None and before.state.intent in ALWAYS_GOOD:
            self._behind[channel_id] = before
        self._latest[channel_id] = agreed
        self._bell.ring()

    def lag_versions(self) -> dict[str, float]:
        """Return how many versions the file lacks, by channel."""
        return {
            channel_id.hex(): float(agreed.state.version - self._written.get(channel_id, 0))
            for channel_id, agreed in self._latest.items()
        }

    def sealed(self, channel_id: bytes | None = None) -> bytes:
        """Return the latest states, of one channel or all, sealed."""
        known = (*self._behind.items(), *self._latest.items())
        return self.seal(
            (each, agreed) for each, agreed in known if channel_id is None or each == channel_id
        )

    async def run(self) -> None:
        """Write for ever; a write that fails is tried again."""
        seen = 0
        while True:
            seen = await self._bell.wait(seen)
            await self.flush()
            await asyncio.sleep(self.every_s)

    async def flush(self) -> None:
        """Write what is not written yet."""
        versions = {each: agreed.state.version for each, agreed in self._latest.items()}
        if versions == self._written:
            return
        try:
            await asyncio.to_thread(replace_file, self.path, self.sealed())
        except OSError as error:
            self.log.warning("export_failed", path=str(self.path), problem=error.strerror)
            self._bell.ring()
            return
        self._written = versions
