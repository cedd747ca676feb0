"""Say beside a backup whose it is, when it was made, and what its bytes hash to."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from clearing.clearport.errors import StoreDamagedError, StoreError
from clearing.spec.units import ADDRESS_BYTES, Address

__all__ = ["Manifest", "Owner", "path_of", "read_manifest", "sha256_of", "write_private"]

PRIVATE: Final = 0o600


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose store it is."""

    daemon_id: str
    broker: Address


@dataclass(frozen=True, slots=True)
class Manifest:
    """What stands beside a backup. `created_at` in Unix seconds, `broker` and `sha256` in hex."""

    daemon_id: str
    broker: str
    created_at: int
    sha256: str

    @property
    def owner(self) -> Owner:
        """Whose store it was."""
        return Owner(self.daemon_id, Address(bytes.fromhex(self.broker.removeprefix("0x"))))

    def to_json(self) -> str:
        """Return the manifest as a person reads it."""
        return json.dumps(asdict(self), indent=2) + "\n"


def path_of(backup: Path) -> Path:
    """Return where the manifest of a backup stands."""
    return backup.with_name(backup.name + ".manifest.json")


def read_manifest(backup: Path) -> Manifest:
    """Read the manifest of a backup and hold the backup to it. Raises StoreError."""
    path = path_of(backup)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        manifest = Manifest(**document)
        is_right_length = len(manifest.owner.broker) == ADDRESS_BYTES
        sha256 = sha256_of(backup)
    except OSError as error:
        raise StoreError(
            f"{error.filename} cannot be read ({error.strerror})", "name a backup with its manifest"
        ) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreDamagedError(f"{path} is no manifest", "take another backup") from error
    if not is_right_length or sha256 != manifest.sha256:
        raise StoreDamagedError(
            f"{backup} is not what its manifest says", "take another backup", field="sha256"
        )
    return manifest


def sha256_of(path: Path) -> str:
    """Return the hash of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, down to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
