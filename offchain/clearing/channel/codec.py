"""Hash structs as EIP-712 says: what is signed, named and stored on chain.

Every function raises CodecError, with the field's path, for a value outside its Solidity type.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any

from clearing.channel.keccak import keccak256
from clearing.channel.typed_data import ORDER, STRUCTS, Struct, encode_type, item_type, struct_of
from clearing.channel.words import Encoder, list_encoder, row_encoder, word_encoder
from clearing.spec.perp_orders import Order
from clearing.spec.types import (
    ChallengeIntent,
    ChannelDef,
    ClearingState,
    SettlementOrder,
    WithdrawAuth,
)
from clearing.spec.units import Address

__all__ = [
    "DERIVATIVES_NAME",
    "DOMAIN_NAME",
    "DOMAIN_VERSION",
    "channel_id",
    "domain_separator",
    "hash_auth",
    "hash_intent",
    "hash_order",
    "hash_perp_order",
    "hash_state",
    "signing_digest",
    "type_hash",
]

DOMAIN_NAME = "Smart Clearing Adjudicator"
DERIVATIVES_NAME = "Smart Clearing Derivatives"
DOMAIN_VERSION = "1"
DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


def type_hash(struct: Struct) -> bytes:
    """Return keccak256 of the struct's encodeType."""
    return keccak256(encode_type(struct).encode())


def _encoder_of(type_: str) -> Encoder:
    """Return EIP-712's encodeData of one member."""
    item = item_type(type_)
    encode_item = _hasher(STRUCTS[item]) if item in STRUCTS else word_encoder(item)
    if item == type_:
        return encode_item
    encode_items = list_encoder(item, encode_item)
    return lambda values: keccak256(encode_items(values))


def _hasher(struct: Struct) -> Encoder:
    """Return the struct's hashStruct."""
    prefix = type_hash(struct)
    values_of: Callable[[Any], tuple[Any, ...]] = attrgetter(*(m.attribute for m in struct.members))
    encode = row_encoder(
        [member.name for member in struct.members],
        [member.type for member in struct.members],
        [_encoder_of(member.type) for member in struct.members],
    )
    return lambda value: keccak256(prefix + encode(values_of(value)))


_hash_def = _hasher(struct_of(ChannelDef))
_hash_state = _hasher(struct_of(ClearingState))
_hash_order = _hasher(struct_of(SettlementOrder))
_hash_intent = _hasher(struct_of(ChallengeIntent))
_hash_auth = _hasher(struct_of(WithdrawAuth))
_hash_perp_order = _hasher(ORDER)
_domain = row_encoder(
    ("chainId", "verifyingContract"),
    ("uint256", "address"),
    (word_encoder("uint256"), word_encoder("address")),
)


def channel_id(definition: ChannelDef) -> bytes:
    """Return hashStruct(ChannelDef): chain and contract inside, unique in the world."""
    return _hash_def(definition)


def hash_state(state: ClearingState) -> bytes:
    """Return hashStruct(ClearingState): what a challenge stores and an intent names."""
    return _hash_state(state)


def hash_order(order: SettlementOrder) -> bytes:
    """Return hashStruct(SettlementOrder): what a SETTLE state's condition names."""
    return _hash_order(order)


def hash_intent(intent: ChallengeIntent) -> bytes:
    """Return hashStruct(ChallengeIntent)."""
    return _hash_intent(intent)


def hash_auth(auth: WithdrawAuth) -> bytes:
    """Return hashStruct(WithdrawAuth)."""
    return _hash_auth(auth)


def hash_perp_order(order: Order) -> bytes:
    """Return hashStruct(Order): what a trader of the perpetual swaps signs."""
    return _hash_perp_order(order)


@lru_cache(maxsize=64)
def domain_separator(chain_id: int, contract: Address, name: str = DOMAIN_NAME) -> bytes:
    """Return the domain separator of one contract, by default an Adjudicator, on one chain."""
    prefix = b"".join(keccak256(text.encode()) for text in (DOMAIN_TYPE, name, DOMAIN_VERSION))
    return keccak256(prefix + _domain((chain_id, contract)))


def signing_digest(separator: bytes, struct_hash: bytes) -> bytes:
    """Return the 32 bytes that a key signs: keccak256(0x1901, separator, struct hash)."""
    return keccak256(b"\x19\x01" + separator + struct_hash)
