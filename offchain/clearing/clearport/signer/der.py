"""Turn what tokens and AWS return into the one form that the contract takes.

They return (r, s) with any of the two s and without the parity: s becomes the low one, and the
parity is the one that recovers to the key's address.
"""

from __future__ import annotations

from typing import Final

from clearing.channel.signatures import (
    ORDER,
    PARITY,
    WORD,
    Signature,
    is_signed_by,
)
from clearing.clearport.errors import SignerError
from clearing.spec.units import Address

__all__ = ["compact", "from_der", "from_raw", "parse_der"]

SEQUENCE: Final = 0x30
INTEGER: Final = 0x02
SIGN_BIT: Final = 0x80
LONGEST_INTEGER: Final = WORD + 1
"""Bytes of a number below 2^256 with the zero in front that keeps it positive."""
ADVICE: Final = "ask whoever runs the key's keeper"


def from_der(der: bytes, digest: bytes, address: Address) -> Signature:
    """Return the signature of a DER ECDSA-Sig-Value. Raises SignerError."""
    return compact(*parse_der(der), digest, address)


def from_raw(raw: bytes, digest: bytes, address: Address) -> Signature:
    """Return the signature of the 64 bytes r, s that PKCS#11 returns. Raises SignerError."""
    if len(raw) != 2 * WORD:
        raise SignerError(f"a signature of {len(raw)} bytes instead of {2 * WORD}", ADVICE)
    r, s = int.from_bytes(raw[:WORD], "big"), int.from_bytes(raw[WORD:], "big")
    return compact(r, s, digest, address)


def parse_der(der: bytes) -> tuple[int, int]:
    """Return (r, s) of a signature in its one DER spelling. Raises SignerError."""
    if len(der) < 2 or der[0] != SEQUENCE or der[1] != len(der) - 2:  # noqa: PLR2004 - tag, length
        raise SignerError("a signature that is no DER sequence of its length", ADVICE)
    r, rest = _integer(der[2:])
    s, rest = _integer(rest)
    if rest:
        raise SignerError("a signature with bytes after it", ADVICE)
    return r, s


def compact(r: int, s: int, digest: bytes, address: Address) -> Signature:
    """Return (r, low s) with the parity that recovers to the address. Raises SignerError."""
    if not (0 < r < ORDER and 0 < s < ORDER):
        raise SignerError("a signature with numbers beyond the curve's order", ADVICE)
    low_s = min(s, ORDER - s)
    for parity in (0, PARITY):
        vs = (low_s | parity).to_bytes(WORD, "big")
        signature = Signature(r.to_bytes(WORD, "big"), vs)
        if is_signed_by(digest, signature, address):
            return signature
    raise SignerError("a signature that is not the key's", "check which key the settings name")


def _integer(der: bytes) -> tuple[int, bytes]:
    """Return the number at the start, and what follows it."""
    if len(der) < 3 or der[0] != INTEGER:  # noqa: PLR2004 - tag, length, one byte at least
        raise SignerError("a signature without its two numbers", ADVICE)
    size = der[1]
    body, rest = der[2 : 2 + size], der[2 + size :]
    if not 0 < size <= LONGEST_INTEGER or len(body) != size:
        raise SignerError("a signature with a number too long, or cut off", ADVICE)
    if body[0] & SIGN_BIT:
        raise SignerError("a signature with a negative number", ADVICE)
    if size > 1 and body[0] == 0 and not body[1] & SIGN_BIT:
        raise SignerError("a signature with a zero too many before a number", ADVICE)
    return int.from_bytes(body, "big"), rest
