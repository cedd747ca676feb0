"""Read the operator key that logs in: an encrypted keystore, or a file of the owner's alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from eth_account import Account

from clearing.channel.signatures import LocalSigner
from clearing.clearport.errors import ConfigError
from clearing.clearport.signer.keystore import require_bounded

__all__ = ["read_file", "read_key", "read_passphrase"]

OTHERS: Final = 0o077
FORMS: Final = "give a keystore (JSON), or a file that holds 0x and 64 hex digits"

_HEX = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")


def read_key(path: Path, ask_passphrase: Callable[[], str]) -> LocalSigner:
    """Return the signer of the key in a file; `ask_passphrase` is called for a keystore alone.

    Raises ConfigError. What the file holds is never shown.
    """
    text = read_file(path, "--key").decode("utf-8", errors="replace").strip()
    if text.startswith("{"):
        return _signer(_decrypted(text, ask_passphrase))
    match = _HEX.fullmatch(text)
    if match is None:
        raise ConfigError("holds no key", FORMS, field="--key")
    _require_private(path, "--key")
    return _signer(bytes.fromhex(match[1]))


def read_passphrase(path: Path) -> str:
    """Return the first line of a file of the owner's alone. Raises ConfigError."""
    text = read_file(path, "--passphrase-file").decode("utf-8", errors="replace")
    _require_private(path, "--passphrase-file")
    return text.partition("\n")[0]


def read_file(path: Path, field: str) -> bytes:
    """Return a file's bytes. Raises ConfigError naming the field."""
    try:
        return path.read_bytes()
    except OSError as error:
        problem = (error.strerror or "cannot be read").lower()
        raise ConfigError(problem, "name a file that can be read", field=field) from None


def _require_private(path: Path, field: str) -> None:
    if path.stat().st_mode & OTHERS:
        raise ConfigError("can be read by others", "chmod 600 it", field=field)


def _decrypted(text: str, ask_passphrase: Callable[[], str]) -> bytes:
    try:
        keystore = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        raise ConfigError("is not JSON", FORMS, field="--key") from None
    passphrase = ask_passphrase()
    try:
        if keystore["crypto"]["kdf"] == "scrypt":  # pbkdf2 takes time and no memory
            require_bounded(keystore)
        return bytes(Account.decrypt(keystore, passphrase))
    except (ValueError, KeyError, TypeError, AttributeError, NotImplementedError):
        problem = "is no keystore, or the passphrase is wrong"
        raise ConfigError(problem, "check both", field="--key") from None


def _signer(secret: bytes) -> LocalSigner:
    try:
        return LocalSigner(secret)
    except ValueError:
        raise ConfigError("holds no key of the curve", FORMS, field="--key") from None
