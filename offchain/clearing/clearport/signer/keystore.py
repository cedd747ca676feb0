"""Keep a key in an encrypted file (keystore V3, scrypt), and in memory while the process runs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from eth_account import Account

from clearing.channel.signatures import WORD, LocalSigner, Signature
from clearing.clearport.errors import ConfigError, SignerError
from clearing.clearport.signer.port import key_id_of
from clearing.clearport.signer.secret import Ask, Secret, SecretSource, ask_terminal
from clearing.spec.units import ADDRESS_BYTES, Address

__all__ = [
    "KeystoreSigner",
    "named_address",
    "open_keystore",
    "require_bounded",
    "write_keystore",
]

WORK: Final = 2**18
"""scrypt's n for new files: 256 MiB and about a second for each passphrase that is tried."""
MOST_MEMORY: Final = 2**30
"""Bytes that a file may make scrypt take."""
MOST_PASSES: Final = 16
LONGEST_FILE: Final = 65_536
FORMAT: Final = (3, "aes-128-ctr", "scrypt", WORD)
BROKEN: Final = "is damaged, or no keystore of version 3 with scrypt"
ADVICE: Final = "make one with clearing key new"


class KeystoreSigner:
    """A key in this process's memory."""

    __slots__ = ("_is_closed", "_local", "address", "key_id")

    def __init__(self, local: LocalSigner) -> None:
        self._local = local
        self._is_closed = False
        self.address: Address = local.address
        self.key_id = key_id_of(local.address)

    async def sign_digest(self, digest: bytes) -> Signature:
        """Return the deterministic signature of a 32-byte digest, low s. Raises SignerError."""
        if len(digest) != WORD:
            raise SignerError(f"a digest of {len(digest)} bytes", f"hash it to {WORD}")
        if self._is_closed:
            raise SignerError("the keystore is closed", "open it again")
        return self._local.sign(digest)

    def close(self) -> None:
        """Sign no more."""
        self._is_closed = True

    def __repr__(self) -> str:
        return f"KeystoreSigner({self.key_id})"


def open_keystore(path: Path, source: SecretSource, ask: Ask = ask_terminal) -> KeystoreSigner:
    """Return the signer of a keystore file. Raises ConfigError, SignerError."""
    keystore = _read(path)
    passphrase = source.read(ask)
    local = _unlocked(keystore, passphrase)
    if local is None:
        problem = "the passphrase is wrong, or the file is damaged"
        raise SignerError(problem, "check both", field="file")
    if local.address != _address_in(keystore):
        problem = "holds another key than the address in it says"
        raise SignerError(problem, "restore it from a backup", field="file")
    return KeystoreSigner(local)


def named_address(path: Path) -> Address:
    """Return the address that a keystore file says it is of; no passphrase is needed.

    Raises ConfigError, SignerError.
    """
    return _address_in(_read(path))


def write_keystore(path: Path, key: Secret, passphrase: Secret, work: int = WORK) -> Address:
    """Encrypt a key, 64 hex digits, into a new file that only its owner can read.

    Returns the key's address; the file is on disk by then. Raises ConfigError if there is a file
    already, SignerError if the digits are no key.
    """
    encrypted = _encrypted(key, passphrase, work)
    if encrypted is None:
        problem = "is no key of secp256k1"
        raise SignerError(problem, f"give {2 * WORD} hex digits below its order", field="key")
    try:
        _write(path, json.dumps(encrypted, indent=2).encode() + b"\n")
    except FileExistsError:
        raise ConfigError("is there already", "give another name", field="file") from None
    except OSError as error:
        problem = (error.strerror or "cannot be written").lower()
        raise ConfigError(problem, "give a name that can be written", field="file") from None
    return _address_in(encrypted)


def _encrypted(key: Secret, passphrase: Secret, work: int) -> dict[str, Any] | None:
    """Return the keystore; None instead of an error, which would carry the key along."""
    try:
        local = bytes.fromhex(key.reveal())
        LocalSigner(local)
    except ValueError:
        return None
    return dict(Account.encrypt(local, passphrase.reveal(), kdf="scrypt", iterations=work))


def _write(path: Path, text: bytes) -> None:
    """Write a new file, durable: its content, then its name."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST_FILE)
    except OSError as error:
        problem = (error.strerror or "cannot be read").lower()
        raise ConfigError(problem, "give a keystore that can be read", field="file") from None
    try:
        keystore = json.loads(text)
        require_bounded(keystore)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SignerError(BROKEN, ADVICE, field="file") from None
    return dict(keystore)


def require_bounded(keystore: Mapping[str, Any]) -> None:
    """Refuse other formats, and parameters that would take all memory. Raises ValueError."""
    crypto = keystore["crypto"]
    params = crypto["kdfparams"]
    n, r, p = (params[name] for name in ("n", "r", "p"))
    named = keystore["version"], crypto["cipher"], crypto["kdf"], params["dklen"]
    if named != FORMAT:
        raise ValueError
    if not all(type(number) is int and number > 0 for number in (n, r, p)):
        raise ValueError
    if 128 * n * r > MOST_MEMORY or p > MOST_PASSES or n & (n - 1):
        raise ValueError


def _unlocked(keystore: dict[str, Any], passphrase: Secret) -> LocalSigner | None:
    """Return the key; None instead of an error, which would carry the passphrase along."""
    try:
        return LocalSigner(bytes(Account.decrypt(keystore, passphrase.reveal())))
    except (ValueError, KeyError, TypeError, AttributeError, NotImplementedError):
        return None


def _address_in(keystore: Mapping[str, Any]) -> Address:
    named = keystore.get("address")
    try:
        raw = bytes.fromhex(named.removeprefix("0x")) if isinstance(named, str) else b""
    except ValueError:
        raw = b""
    if len(raw) != ADDRESS_BYTES:
        raise SignerError("names no address", ADVICE, field="file")
    return Address(raw)
