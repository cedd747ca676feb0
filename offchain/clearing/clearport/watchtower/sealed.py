"""Seal states for a tower: whoever has its public key can write them, only the tower can read them.

X25519 with a fresh key for each sealing, HKDF-SHA256, ChaCha20-Poly1305. A sealed file proves
nothing about who wrote it; the states in it prove themselves by their signatures.

    file = MAGIC | fresh public key (32) | nonce (12) | ciphertext
    text = { size of definition (u32) | size of state (u32) | both, as protobuf } for each state
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from clearing.clearport.codec.primitives import parse
from clearing.clearport.codec.states import (
    decode_cosigned,
    decode_definition,
    encode_cosigned,
    encode_definition,
)
from clearing.clearport.errors import ConfigError, WireError
from clearing.clearport.watchtower.kept import Kept, require_signed
from clearing.peer.v1 import peer_pb2 as pb

__all__ = [
    "open_sealed",
    "read_public_key",
    "read_secret_key",
    "replace_file",
    "seal",
    "write_key_pair",
]

MAGIC: Final = b"clearing-tower-1"
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
HEAD: Final = len(MAGIC) + KEY_BYTES + NONCE_BYTES
SIZES: Final = struct.Struct(">II")
OWNER_ONLY: Final = 0o600
OTHERS: Final = 0o077


def seal(public_key: bytes, states: Iterable[Kept]) -> bytes:
    """Return the states, readable for the tower alone. Raises WireError."""
    fresh = X25519PrivateKey.generate()
    nonce = os.urandom(NONCE_BYTES)
    head = MAGIC + fresh.public_key().public_bytes_raw() + nonce
    shared = fresh.exchange(X25519PublicKey.from_public_bytes(public_key))
    text = b"".join(map(_encoded, states))
    return head + _cipher(shared, head, public_key).encrypt(nonce, text, head)


def open_sealed(secret_key: bytes, sealed: bytes) -> tuple[Kept, ...]:
    """Return the states, each checked to be signed by both.

    Raises WireError if it is no sealed file, not for this key, changed, or not signed.
    """
    head, text = sealed[:HEAD], sealed[HEAD:]
    if len(head) < HEAD or not head.startswith(MAGIC):
        raise WireError("is no sealed file", "name the file that the daemon writes", field="states")
    fresh, nonce = head[len(MAGIC) : -NONCE_BYTES], head[-NONCE_BYTES:]
    secret = X25519PrivateKey.from_private_bytes(secret_key)
    try:
        shared = secret.exchange(X25519PublicKey.from_public_bytes(fresh))
        public_key = secret.public_key().public_bytes_raw()
        plain = _cipher(shared, head, public_key).decrypt(nonce, text, head)
    except (InvalidTag, ValueError):
        problem = "is damaged, or sealed to another key"
        raise WireError(problem, "export it again", field="states") from None
    states = tuple(_decoded(plain))
    for kept in states:
        require_signed(kept)
    return states


def write_key_pair(path: Path) -> Path:
    """Write a tower's new key pair: `path`, for its owner alone, and `path`.pub for the daemon.

    Returns the public one. Raises ConfigError if a file is there already.
    """
    secret = X25519PrivateKey.generate()
    public = path.with_name(f"{path.name}.pub")
    _write_new(path, secret.private_bytes_raw().hex())
    _write_new(public, secret.public_key().public_bytes_raw().hex())
    return public


def read_public_key(path: Path) -> bytes:
    """Return the key to seal to. Raises ConfigError."""
    return _read_key(path)


def read_secret_key(path: Path) -> bytes:
    """Return the key to open with. Raises ConfigError, also if others may read the file."""
    try:
        is_open = path.stat().st_mode & OTHERS
    except OSError as error:
        raise _unreadable(path, error) from error
    if is_open:
        raise ConfigError(f"others may read {path}", f"chmod 600 {path}", field="key")
    return _read_key(path)


def replace_file(path: Path, content: bytes) -> None:
    """Put content in place of a file: whoever reads it finds the old or the new, whole.

    Raises OSError.
    """
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _cipher(shared: bytes, head: bytes, public_key: bytes) -> ChaCha20Poly1305:
    kdf = HKDF(SHA256(), KEY_BYTES, salt=head[:-NONCE_BYTES] + public_key, info=MAGIC)
    return ChaCha20Poly1305(kdf.derive(shared))


def _encoded(kept: Kept) -> bytes:
    definition = encode_definition(kept.definition).SerializeToString(deterministic=True)
    full = encode_cosigned(kept.full).SerializeToString(deterministic=True)
    return SIZES.pack(len(definition), len(full)) + definition + full


def _decoded(plain: bytes) -> Iterator[Kept]:
    at = 0
    while at < len(plain):
        if len(plain) < at + SIZES.size:
            raise WireError("ends in the middle", "export it again", field="states")
        n_definition, n_full = SIZES.unpack_from(plain, at)
        at += SIZES.size
        middle, end = at + n_definition, at + n_definition + n_full
        if end > len(plain):
            raise WireError("ends in the middle", "export it again", field="states")
        definition = decode_definition(parse(pb.ChannelDef, plain[at:middle]))
        yield Kept(definition, decode_cosigned(parse(pb.CoSigned, plain[middle:end])))
        at = end


def _write_new(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    except OSError as error:
        problem = f"cannot write {path} ({error.strerror})"
        raise ConfigError(problem, "name a file that is not there", field="FILE") from error
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")


def _read_key(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        fix = "name a file that clearing watchtower key wrote"
        raise ConfigError(f"{path} holds no key", fix, field="key")
    return key


def _unreadable(path: Path, error: OSError) -> ConfigError:
    fix = "name a file that clearing watchtower key wrote"
    return ConfigError(f"cannot read {path} ({error.strerror})", fix, field="key")
