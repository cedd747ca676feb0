"""Remember what a deployment has begun: one line of JSON for each step, on disk before it is sent.

A line that a crash tore is passed over: what it told had not been sent yet.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clearing.chain.deployment import ChainKey
from clearing.chain.errors import ChainError
from clearing.chain.project import project_root

__all__ = ["Begun", "Header", "Journal", "JournalError", "journal_path"]


class JournalError(ChainError):
    """The journal on disk is of another deployment."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the deployment as a whole is: from whom, from which nonce on, begun when, of what."""

    chain: str
    deployer: str
    nonce: int
    started_at: int
    accounts: dict[str, str]
    digest: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A step that was about to be sent at a block: `data` is its keccak256, in hex.

    `address` is where a contract would come to stand, empty for a call.
    """

    step: str
    nonce: int
    block: int
    data: str
    address: str = ""


def journal_path(network: str, chain: ChainKey) -> Path:
    """Return where a network's deployment on this very chain is remembered."""
    name = f"{network}-{chain.chain_id}-{chain.genesis.hex()[:8]}.jsonl"
    return project_root() / "deployments" / "journal" / name


class Journal:
    """The journal in one file; with no path, in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lines = list(self._read())

    @property
    def header(self) -> Header | None:
        """The deployment that is remembered, if any. Raises JournalError."""
        if not self._lines:
            return None
        try:
            return Header(**self._lines[0])
        except TypeError as error:
            raise JournalError(f"{self._path} is no journal ({error})", "move it away") from error

    def open(self, header: Header) -> None:
        """Begin a deployment, or go on with the same one. Raises JournalError."""
        if self.header is None:
            self._append(asdict(header))
        elif self.header != header:
            raise JournalError(
                f"{self._path} remembers another deployment, of other contracts or parameters",
                "restore those, or move the journal away to deploy everything anew",
            )

    def begin(self, begun: Begun) -> None:
        """Remember a step before it is sent."""
        self._append(asdict(begun))

    def first(self, step: str) -> Begun | None:
        """Return when a step was first begun."""
        for line in self._lines[1:]:
            if line["step"] == step:
                return Begun(**line)
        return None

    def _append(self, line: dict[str, Any]) -> None:
        self._lines.append(line)
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        before = self._path.read_bytes() if self._path.exists() else b""
        is_torn = bool(before) and not before.endswith(b"\n")
        with self._path.open("a", encoding="utf-8") as file:
            file.write(("\n" if is_torn else "") + json.dumps(line, sort_keys=True) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> Iterator[dict[str, Any]]:
        if self._path is None or not self._path.exists():
            return
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue
