"""Read the key that signs transactions: an encrypted keystore, or a file of the owner's alone.

A daemon opens its keys by `clearing.clearport.signer`, which this does not use: `perp` and
`clearport` stand beside each other, so that trading needs no daemon. And they ask for other things:
a daemon signs for years without a terminal, by keystore, HSM or KMS, and refuses any other form; a
trader sends a few transactions from whichever wallet's keystore (PBKDF2 too) or file he has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from eth_account import Account
from eth_account.signers.local import LocalAccount

from clearing.perp.errors import KeyFileError
from clearing.risk.errors import quote_path

__all__ = ["read_key"]

OTHERS: Final = 0o077
_HEX = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")
FORMS: Final = "give a keystore (JSON), or a file that holds 0x and 64 hex digits"


def read_key(path: Path | None, ask_passphrase: Callable[[], str]) -> LocalAccount:
    """Return the account of the key in a file; `ask_passphrase` is called for a keystore alone.

    Raises KeyFileError. What the file holds is never shown.
    """
    if path is None:
        raise KeyFileError("--key", "is not given", "give the key's file, or set CLEARING_KEY")
    place = f"--key {quote_path(path)}"
    try:
        text = path.read_text(encoding="utf-8").strip()
        mode = path.stat().st_mode
    except OSError as error:
        problem = (error.strerror or "cannot be read").lower()
        raise KeyFileError(place, problem, "give a file that can be read") from None
    except UnicodeDecodeError:
        raise KeyFileError(place, "is not text", FORMS) from None
    if text.startswith("{"):
        return _decrypted(text, ask_passphrase, place)
    match = _HEX.fullmatch(text)
    if match is None:
        raise KeyFileError(place, "holds no key", FORMS)
    if mode & OTHERS:
        raise KeyFileError(place, "can be read by others", "take their rights away: chmod 600")
    return _account(bytes.fromhex(match[1]), place)


def _decrypted(text: str, ask_passphrase: Callable[[], str], place: str) -> LocalAccount:
    try:
        keystore = json.loads(text)
    except json.JSONDecodeError:
        raise KeyFileError(place, "is not JSON", FORMS) from None
    passphrase = ask_passphrase()
    try:
        secret = bytes(Account.decrypt(keystore, passphrase))
    except (ValueError, KeyError, TypeError, NotImplementedError):
        problem = "is no keystore, or the passphrase is wrong"
        raise KeyFileError(
            place, problem, "check both; CLEARING_PASSPHRASE is used if set"
        ) from None
    return _account(secret, place)


def _account(secret: bytes, place: str) -> LocalAccount:
    try:
        account: LocalAccount = Account.from_key(secret)
    except ValueError:
        raise KeyFileError(place, "holds no key of the curve", FORMS) from None
    return account
