"""The keys, secrets and values of these tests."""

import asyncio
import os
from pathlib import Path

from clearing.channel.codec import type_hash
from clearing.channel.keccak import keccak256
from clearing.channel.signatures import LocalSigner
from clearing.channel.typed_data import struct_of
from clearing.clearport.ports import Permit, Reservation
from clearing.clearport.signer.keystore import write_keystore
from clearing.clearport.signer.port import key_id_of
from clearing.clearport.signer.secret import Secret
from clearing.spec.types import ClearingState

KEY = keccak256(b"the state signer's key")
OTHER_KEY = keccak256(b"another key")
ADDRESS = LocalSigner(KEY).address
PASSPHRASE = "correct horse battery"
ACCESS_SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"
DIGEST = keccak256(b"a digest")
STATE_TYPE = type_hash(struct_of(ClearingState))
QUICK = 2
"""scrypt's n where the passphrase guards nothing."""


def private_file(path: Path, text: str) -> Path:
    path.touch(0o600)
    path.write_text(text)
    return path


def quick_keystore(path, key: Secret, passphrase: Secret):
    return write_keystore(path, key, passphrase, QUICK)


def signed(signer, digest=DIGEST):
    """Return what a signer signs, waiting for it."""
    return asyncio.run(signer.sign_digest(digest))


def piped(text: bytes) -> int:
    """Return a descriptor from which the text can be read."""
    reading, writing = os.pipe()
    os.write(writing, text)
    os.close(writing)
    return reading


def permit(digest=DIGEST, signature=None, **changed) -> Permit:
    fields = {
        "key_id": key_id_of(ADDRESS),
        "type_hash": STATE_TYPE,
        "channel_id": b"\x01" * 32,
        "epoch": 1,
        "version": 7,
        "digest": digest,
    }
    return Permit(Reservation(**{**fields, **changed}), signature)
