"""Sign digests with secp256k1 keys, and judge signatures by exactly the contract's rule.

The rule: compact form (r, vs), the low half of s only, the recovered address equals the signer's.
What a contract at that address would say is never asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from coincurve import PrivateKey, PublicKey

from clearing.channel.errors import CodecError
from clearing.channel.keccak import keccak256
from clearing.spec.units import ADDRESS_BYTES, Address

__all__ = ["LocalSigner", "Signature", "Signer", "is_signed_by", "recover"]

WORD: Final = 32
PARITY_BIT: Final = 255
PARITY: Final = 1 << PARITY_BIT
"""The bit of `vs` that tells which of the two points with this r was meant."""
ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""Number of points of secp256k1; a signature with s and one with ORDER - s say the same."""
HIGHEST_LOW_S: Final = ORDER // 2  # floor: of the two equal s, the low one is at most this
LEGACY_V: Final = 27
RECOVERED: Final = 1_024
"""How many answers are remembered: a signature is judged again where it is used again."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A compact signature (EIP-2098): `vs` is the parity bit above s. Raises CodecError."""

    r: bytes
    vs: bytes

    def __post_init__(self) -> None:
        """Refuse words that are not words."""
        for name, word in (("r", self.r), ("vs", self.vs)):
            if len(word) != WORD:
                raise CodecError(name, "bytes32", word)

    @classmethod
    def from_bytes(cls, compact: bytes) -> Signature:
        """Return the signature of its 64 bytes. Raises CodecError."""
        return cls(compact[:WORD], compact[WORD:])

    @classmethod
    def from_expanded(cls, rsv: bytes) -> Signature | None:
        """Return the signature of its 65 bytes r, s, v; None for one that recovers to nobody."""
        if len(rsv) != 2 * WORD + 1 or rsv[-1] - LEGACY_V not in (0, 1):
            return None
        s = int.from_bytes(rsv[WORD:-1], "big")
        if s > HIGHEST_LOW_S:
            return None
        vs = s + (rsv[-1] - LEGACY_V) * PARITY
        return cls(rsv[:WORD], vs.to_bytes(WORD, "big"))

    def to_bytes(self) -> bytes:
        """Return the 64 bytes r, vs."""
        return self.r + self.vs

    def expanded(self) -> bytes:
        """Return the 65 bytes r, s, v that wallets and `withdrawWithAuth` use."""
        s, parity = _split(self.vs)
        return self.r + s.to_bytes(WORD, "big") + bytes([LEGACY_V + parity])


class Signer(Protocol):
    """Whoever holds a key: this process, a KMS, a hardware module."""

    @property
    def address(self) -> Address:
        """The address that the key's signatures recover to."""

    def sign(self, digest: bytes) -> Signature:
        """Return the signature of a 32-byte digest, low s."""


class LocalSigner:
    """A key in memory: for tests, the demo and a broker that has nothing better."""

    __slots__ = ("_key", "address")

    def __init__(self, secret: bytes) -> None:
        """Take the 32 bytes of the key. Raises ValueError for 0 and for ORDER and above."""
        if len(secret) != WORD:
            raise ValueError(f"a key has {WORD} bytes, not {len(secret)}")
        self._key = PrivateKey(secret)
        self.address = _address_of(self._key.public_key)

    def sign(self, digest: bytes) -> Signature:
        """Return the deterministic (RFC 6979) signature of a 32-byte digest, low s."""
        rsv = self._key.sign_recoverable(digest, hasher=None)
        s = int.from_bytes(rsv[WORD : 2 * WORD], "big") | (rsv[-1] * PARITY)
        return Signature(rsv[:WORD], s.to_bytes(WORD, "big"))


@lru_cache(maxsize=RECOVERED)
def recover(digest: bytes, signature: Signature) -> Address | None:
    """Return the address that signed the 32-byte digest; None where the contract would see none.

    None covers a high s (a second form of the same signature) and numbers that are on no curve
    point. Raises CodecError for a digest that is not 32 bytes.
    """
    if len(digest) != WORD:
        raise CodecError("digest", "bytes32", digest)
    s, parity = _split(signature.vs)
    if s > HIGHEST_LOW_S:
        return None
    rsv = signature.r + s.to_bytes(WORD, "big") + bytes([parity])
    try:
        key = PublicKey.from_signature_and_message(rsv, digest, hasher=None)
    except ValueError:  # r or s is 0 or not below ORDER, or r is on no point
        return None
    return _address_of(key)


def is_signed_by(digest: bytes, signature: Signature, signer: Address) -> bool:
    """Say whether the signature of the digest is this signer's."""
    return recover(digest, signature) == signer


def _split(vs: bytes) -> tuple[int, int]:
    word = int.from_bytes(vs, "big")
    return word & (PARITY - 1), word >> PARITY_BIT


def _address_of(key: PublicKey) -> Address:
    return Address(keccak256(key.format(compressed=False)[1:])[-ADDRESS_BYTES:])
