"""Try the keys that a daemon's configuration names: each is opened and signs once."""

from __future__ import annotations

import asyncio
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clearing.channel.keccak import keccak256
from clearing.channel.signatures import WORD, is_signed_by
from clearing.clearport.errors import ConfigError, SignerError
from clearing.clearport.signer.build import signer_of
from clearing.clearport.signer.secret import Ask
from clearing.clearport.signer.settings import settings_of
from clearing.spec.units import Address

__all__ = ["CheckedKey", "check_keys"]

KEYS: Final = ("state", "account")
PROBE: Final = b"Clearport: this key answers. "
"""What is hashed before a random word: no transaction and no typed data begins so."""


@dataclass(frozen=True, slots=True)
class CheckedKey:
    """A key that has signed."""

    name: str
    backend: str
    address: Address


def check_keys(path: Path, ask: Ask | None = None) -> tuple[CheckedKey, ...]:
    """Return the keys of the tables [keys.state] and [keys.account], each tried.

    Raises ConfigError, SignerError.
    """
    keys = _tables(path)
    return tuple(_checked(name, keys[name], path.parent, ask) for name in KEYS)


def _checked(name: str, table: Mapping[str, Any], folder: Path, ask: Ask | None) -> CheckedKey:
    field = f"keys.{name}"
    settings = settings_of(table, field, folder)
    signer = signer_of(settings, field, ask)
    digest = keccak256(PROBE + secrets.token_bytes(WORD))
    try:
        signature = asyncio.run(signer.sign_digest(digest))
    finally:
        signer.close()
    if not is_signed_by(digest, signature, signer.address):
        raise SignerError("signs with another key", "check which key is set", field=field)
    return CheckedKey(name, settings.backend, signer.address)


def _tables(path: Path) -> dict[str, Mapping[str, Any]]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = (error.strerror or "cannot be read").lower()
        raise ConfigError(problem, "give a file that can be read", field="--config") from None
    except ValueError:  # TOML's own text would quote the line
        raise ConfigError("is not TOML", "mend it", field="--config") from None
    keys = document.get("keys")
    for name in KEYS:
        if not isinstance(keys, dict) or not isinstance(keys.get(name), dict):
            raise ConfigError("is no table", f"add [keys.{name}]", field=f"keys.{name}")
    return dict(document["keys"])
