"""Structs as JSON: what wallets show, what peers exchange, what the signing log stores.

One value has one spelling: every member present under its Solidity name and no other, bytes and
addresses as lower-case hex, integers of more than 48 bits as decimal text (a JavaScript reader
would round them), smaller ones as numbers. What is read is held to exactly that, so that equal
documents are equal values and a log can be compared line by line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, TypeVar

from clearing.channel.codec import DERIVATIVES_NAME, DOMAIN_NAME, DOMAIN_VERSION
from clearing.channel.errors import CodecError
from clearing.channel.typed_data import (
    ORDER,
    STRUCTS,
    Member,
    Struct,
    item_type,
    referred_by,
    struct_of,
)
from clearing.channel.words import MISFIT, word_encoder
from clearing.spec.units import Address

__all__ = ["Json", "from_json", "to_json", "to_typed_data"]

Json = dict[str, Any]
T = TypeVar("T")

NUMBER_BITS = 48
"""Widest integer that is written as a number: all such are exact in a double."""
DOMAIN_MEMBERS = (
    Member("string", "name", "name"),
    Member("string", "version", "version"),
    Member("uint256", "chainId", "chain_id"),
    Member("address", "verifyingContract", "verifying_contract"),
)


def to_json(value: object) -> Json:
    """Return a struct of this protocol as JSON values.

    Raises CodecError, with the field's path, for a value outside its Solidity type.
    """
    return _write_struct(struct_of(type(value)), value)


def from_json(python: type[T], document: object) -> T:
    """Return the struct that `to_json` wrote.

    Raises CodecError, with the field's path, for a missing or unknown member, another kind of
    value, a second spelling, or a number outside its Solidity type.
    """
    value: T = _read_struct(struct_of(python), document)
    return value


def to_typed_data(chain_id: int, contract: Address, value: object) -> Json:
    """Return the EIP-712 document with which a wallet (eth_signTypedData_v4) signs a struct.

    `contract` is the Adjudicator; for an order of the perpetual swaps the MatchSettler.
    """
    struct = struct_of(type(value))
    return {
        "types": {
            "EIP712Domain": _declared(DOMAIN_MEMBERS),
            struct.name: _declared(struct.members),
            **{inner.name: _declared(inner.members) for inner in referred_by(struct)},
        },
        "primaryType": struct.name,
        "domain": {
            "name": DERIVATIVES_NAME if struct is ORDER else DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": chain_id,
            "verifyingContract": "0x" + contract.hex(),
        },
        "message": to_json(value),
    }


def _declared(members: tuple[Member, ...]) -> list[Json]:
    return [{"name": member.name, "type": member.type} for member in members]


# WRITE


def _write_struct(struct: Struct, value: object) -> Json:
    document = {}
    for member in struct.members:
        try:
            document[member.name] = _write(member.type, attrgetter(member.attribute)(value))
        except CodecError as inner:
            raise inner.within(member.name) from None
    return document


def _write(type_: str, value: Any) -> object:
    item = item_type(type_)
    if item != type_:
        return [_at(index, _write, item, each) for index, each in enumerate(value)]
    if type_ in STRUCTS:
        return _write_struct(STRUCTS[type_], value)
    try:
        word_encoder(type_)(value)
    except MISFIT:
        raise CodecError("", type_, value) from None
    if type_ == "bool":
        return value
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return int(value) if _is_number(type_) else str(int(value))


# READ


def _read_struct(struct: Struct, document: object) -> Any:
    if not isinstance(document, Mapping):
        raise CodecError("", struct.name, document)
    names = {member.name for member in struct.members}
    for name in (*sorted(names - document.keys()), *sorted(document.keys() - names)):
        what = "no such member" if name in document else "a value"
        raise CodecError(str(name), what, document.get(name))
    values = {}
    for member in struct.members:
        try:
            values[member.attribute] = _read(member.type, document[member.name])
        except CodecError as inner:
            raise inner.within(member.name) from None
    return struct.python(**values)


def _read(type_: str, value: object) -> Any:
    item = item_type(type_)
    if item != type_:
        if not isinstance(value, list):
            raise CodecError("", type_, value)
        return tuple(_at(index, _read, item, each) for index, each in enumerate(value))
    if type_ in STRUCTS:
        return _read_struct(STRUCTS[type_], value)
    if type_ == "bool":
        if not isinstance(value, bool):
            raise CodecError("", type_, value)
        return value
    try:
        read = (
            _hex(value)
            if type_ == "address" or type_.startswith("bytes")
            else _integer(type_, value)
        )
        word_encoder(type_)(read)
    except (*MISFIT, ValueError):
        raise CodecError("", _spelling(type_), value) from None
    return read


def _hex(value: object) -> bytes:
    """Read `to_json`'s spelling of bytes; raises ValueError for any other."""
    read = bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else b""
    if value != "0x" + read.hex():
        raise ValueError(value)
    return read


def _integer(type_: str, value: object) -> int:
    """Read `to_json`'s spelling of an integer; raises ValueError for any other."""
    if _is_number(type_):
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(value)
        return value
    # int() also takes spaces, signs and underscores, and refuses texts of thousands of digits.
    read = int(value) if isinstance(value, str) else 0
    if value != str(read):
        raise ValueError(value)
    return read


def _is_number(type_: str) -> bool:
    return int(type_.removeprefix("u").removeprefix("int")) <= NUMBER_BITS


def _spelling(type_: str) -> str:
    """Say how a type is written."""
    if type_ == "address" or type_.startswith("bytes"):
        return f"{type_} as lower-case hex"
    return f"{type_} as a number" if _is_number(type_) else f"{type_} as decimal text"


def _at(index: int, act: Callable[[str, Any], Any], type_: str, value: Any) -> Any:
    """Run one item of an array; a refusal names its index."""
    try:
        return act(type_, value)
    except CodecError as inner:
        raise inner.within(f"[{index}]") from None
