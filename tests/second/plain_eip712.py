"""EIP-712 as its text says it, word by word, on declarations as they are written in Solidity.

No cleverness and no import of ours: values are dicts by Solidity name, keccak is pycryptodome's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from Crypto.Hash import keccak

__all__ = ["Types", "digest", "encode_type", "hash_struct", "keccak_plain", "members", "parse"]

Types = Mapping[str, str]
"""By name of the struct, its members as text: "uint256 a,Inner[] b"."""


def keccak_plain(data: bytes) -> bytes:
    """Return keccak256."""
    return keccak.new(digest_bits=256, data=data).digest()


def parse(text: str) -> dict[str, str]:
    """Return the structs that a text of declarations names: `A(uint8 a,B b)B(bool c)`."""
    return dict(re.findall(r"(\w+)\(([^)]*)\)", text))


def members(types: Types, name: str) -> list[tuple[str, str]]:
    """Return (type, name) of each member."""
    return [(kind, word) for kind, word in (each.split(" ") for each in types[name].split(","))]


def encode_type(types: Types, name: str) -> str:
    """Return the struct's declaration and, by name, those of all structs below it."""
    below: set[str] = set()
    waiting = [name]
    while waiting:
        for kind, _ in members(types, waiting.pop()):
            inner = kind.split("[", maxsplit=1)[0]
            if inner in types and inner not in below:
                below.add(inner)
                waiting.append(inner)
    return "".join(f"{each}({types[each]})" for each in (name, *sorted(below - {name})))


def hash_struct(types: Types, name: str, value: Mapping[str, Any]) -> bytes:
    """Return hashStruct(value)."""
    words = [keccak_plain(encode_type(types, name).encode())]
    words += [_word(types, kind, value[word]) for kind, word in members(types, name)]
    return keccak_plain(b"".join(words))


def digest(domain: bytes, struct: bytes) -> bytes:
    """Return what is signed."""
    return keccak_plain(b"\x19\x01" + domain + struct)


def _word(types: Types, kind: str, value: Any) -> bytes:
    if kind.endswith("[]"):
        return keccak_plain(b"".join(_word(types, kind[:-2], each) for each in value))
    if kind in types:
        return hash_struct(types, kind, value)
    if kind == "string":
        return keccak_plain(value.encode())
    if kind == "bytes":
        return keccak_plain(value)
    if kind == "address":
        assert len(value) == 20
        return bytes(12) + bytes(value)
    if kind == "bytes32":
        assert len(value) == 32
        return bytes(value)
    if kind == "bool":
        return int(value).to_bytes(32, "big")
    assert re.fullmatch(r"u?int\d+", kind), kind
    return int(value).to_bytes(32, "big", signed=not kind.startswith("u"))
