"""Name what every keeper of a key offers."""

from __future__ import annotations

from typing import Protocol

from clearing.channel.signatures import Signature
from clearing.spec.units import Address

__all__ = ["DigestSigner", "key_id_of"]


class DigestSigner(Protocol):
    """A key of secp256k1 that signs whatever 32 bytes it is given: never hand it out unguarded."""

    @property
    def key_id(self) -> str:
        """The key's name in the history of what was signed: the same wherever the key is kept."""

    @property
    def address(self) -> Address:
        """The address that its signatures recover to."""

    async def sign_digest(self, digest: bytes) -> Signature:
        """Return the signature of a 32-byte digest, low s. Raises SignerError."""

    def close(self) -> None:
        """Let go of the token, the threads, the connections; it signs no more."""


def key_id_of(address: Address) -> str:
    """Return a key's name.

    Made of the address alone: a key that moves from a file into a token keeps its history, so it
    cannot sign a second digest under a new name.
    """
    return f"0x{address.hex()}"
