"""Make keystores for the command line: read what is secret, check it, write the file."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import Final

from clearing.channel.signatures import ORDER, WORD
from clearing.clearport.errors import ConfigError, SignerError
from clearing.clearport.signer.keystore import write_keystore
from clearing.clearport.signer.secret import Ask, Secret, SecretSource, ask_terminal
from clearing.spec.units import Address

__all__ = ["ask_twice", "imported", "made"]

SHORTEST: Final = 8
"""Characters of a passphrase for a new file."""
STDIN: Final = 0


def made(path: Path, passphrase: SecretSource) -> Address:
    """Write a keystore of a new random key; return its address. Raises ConfigError."""
    chosen = _passphrase(path, passphrase)
    key = (1 + secrets.randbelow(ORDER - 1)).to_bytes(WORD, "big")
    return write_keystore(path, Secret(key.hex()), chosen)


def imported(path: Path, passphrase: SecretSource, key_fd: int | None) -> Address:
    """Write a keystore of a key that is given as hex; return its address.

    The key comes from a descriptor, from standard input, or if that is a terminal unseen.
    Raises ConfigError, SignerError.
    """
    is_piped = key_fd is None and not os.isatty(STDIN)
    given = SecretSource("key", STDIN if is_piped else key_fd).read(ask_terminal)
    key = _key_of(given)
    if key is None:
        raise SignerError("is no key", f"give {2 * WORD} hex digits", field="key")
    return write_keystore(path, key, _passphrase(path, passphrase))


def ask_twice(name: str) -> str:
    """Ask for a new secret, and again, since a slip could not be undone. Raises ConfigError."""
    first = ask_terminal(name)
    if ask_terminal(f"{name} again") != first:
        raise ConfigError("the two are not the same", "type it again", field=name)
    return first


def _passphrase(path: Path, source: SecretSource, ask: Ask = ask_twice) -> Secret:
    """Return the new passphrase, asked for only where it will be used."""
    if path.exists():
        raise ConfigError("is there already", "give another name", field="file")
    passphrase = source.read(ask)
    if len(passphrase.reveal()) < SHORTEST:
        problem = f"has fewer than {SHORTEST} characters"
        raise ConfigError(problem, "take a longer one", field=source.name)
    return passphrase


def _key_of(given: Secret) -> Secret | None:
    match = re.fullmatch("(?:0x)?([0-9a-fA-F]{64})", given.reveal().strip())
    return None if match is None else Secret(match[1])
