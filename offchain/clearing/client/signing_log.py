"""Keep every state that this broker's key is asked to sign, before it signs.

One JSON document a line, in the order of signing. A broker that has lost its log must not go on
with a channel: it cannot know what it has signed. With a path each entry is on disk before the
signature exists; without one the log lives as long as the process.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from clearing.channel.errors import CodecError
from clearing.channel.wire import from_json, to_json
from clearing.client.errors import LogError
from clearing.spec.types import ClearingState

__all__ = ["SigningLog"]


class SigningLog:
    """What was signed, oldest first."""

    def __init__(self, path: Path | None = None) -> None:
        """Read what the file holds; a missing file is an empty log. Raises LogError."""
        self._path = path
        self._states: list[ClearingState] = [] if path is None else _read(path)

    @property
    def states(self) -> tuple[ClearingState, ...]:
        """Every state signed so far."""
        return tuple(self._states)

    def of_epoch(self, channel_id: bytes, epoch: int) -> tuple[ClearingState, ...]:
        """Return the states of one life of a channel."""
        return tuple(
            state
            for state in self._states
            if (state.channel_id, state.epoch) == (channel_id, epoch)
        )

    def append(self, state: ClearingState) -> None:
        """Note a state that is about to be signed. Raises LogError, and then nothing may be."""
        if self._path is not None:
            self._write(self._path, state)
        self._states.append(state)

    @staticmethod
    def _write(path: Path, state: ClearingState) -> None:
        line = json.dumps(to_json(state), separators=(",", ":"), sort_keys=True) + "\n"
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise LogError(f"cannot write {path} ({error.strerror}): free the disk") from error


def _read(path: Path) -> list[ClearingState]:
    """Return the file's states. Raises LogError, which names the line, for any damage."""
    if not path.exists():
        return []
    states = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            states.append(from_json(ClearingState, json.loads(line)))
        except (json.JSONDecodeError, CodecError) as error:
            raise LogError(
                f"{path}, line {number} is damaged ({error}): restore the file, or challenge or "
                "close the channels of this broker"
            ) from error
    return states
