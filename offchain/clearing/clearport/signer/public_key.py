"""Tell a key's address from the public key that a token or AWS returns."""

from __future__ import annotations

from typing import Final

from coincurve import PublicKey

from clearing.channel.keccak import keccak256
from clearing.clearport.errors import SignerError
from clearing.spec.units import ADDRESS_BYTES, Address

__all__ = ["SECP256K1", "address_of_point", "address_of_spki", "unwrapped_point"]

SECP256K1: Final = bytes.fromhex("06052b8104000a")
"""DER of the object identifier 1.3.132.0.10."""
_SPKI: Final = bytes.fromhex("3056301006072a8648ce3d0201") + SECP256K1 + bytes.fromhex("034200")
"""All of a SubjectPublicKeyInfo of the curve but the point: DER has one spelling of it."""
_OCTETS: Final = bytes.fromhex("0441")
POINT_BYTES: Final = 65
UNCOMPRESSED: Final = 4


def address_of_point(point: bytes) -> Address:
    """Return the address of an uncompressed point: 4, x, y. Raises SignerError."""
    if len(point) != POINT_BYTES or point[0] != UNCOMPRESSED:
        raise SignerError("the public key is no uncompressed point", "use a secp256k1 key")
    try:
        PublicKey(point)
    except ValueError:
        problem = "the public key is not on secp256k1"
        raise SignerError(problem, "use a secp256k1 key") from None
    return Address(keccak256(point[1:])[-ADDRESS_BYTES:])


def address_of_spki(der: bytes) -> Address:
    """Return the address of a SubjectPublicKeyInfo in DER. Raises SignerError."""
    if der[: len(_SPKI)] != _SPKI:
        raise SignerError("the public key is not of secp256k1", "make one of ECC_SECG_P256K1")
    return address_of_point(der[len(_SPKI) :])


def unwrapped_point(ec_point: bytes) -> bytes:
    """Return the point of a token's CKA_EC_POINT: an octet string, as the standard wants, or bare.

    Some tokens leave the octet string's two bytes out.
    """
    is_wrapped = len(ec_point) == len(_OCTETS) + POINT_BYTES and ec_point.startswith(_OCTETS)
    return ec_point[len(_OCTETS) :] if is_wrapped else ec_point
