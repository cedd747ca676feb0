"""A contract that answers each function with whatever bytes a test has put into its mouth.

Sources of the oracle may say anything: too little, too much, words that are outside their types,
nothing but a revert, or nothing at all for all of their gas. The bytecode is written out here, so
that a puppet needs no compiler and costs the embedded chain next to nothing.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from clearing.channel.keccak import keccak256
from clearing.spec.units import Address
from tests.harness.revm import Revm, text_of

__all__ = ["WORDS_MAX", "Manner", "Puppet", "words"]

WORDS_MAX: Final = 6
"""Words that a puppet remembers of an answer; a longer one goes on with zeros."""
WORD: Final = 32
GAS: Final = 1_000_000
LENGTH_BITS: Final = 32
PROMPTER: Final = "0x" + "5f" * 20
"""Who tells puppets what to say; anybody may."""

CALLDATASIZE, CALLDATALOAD, PUSH0, PUSH1, PUSH2, PUSH4 = 0x36, 0x35, 0x5F, 0x60, 0x61, 0x63
ADD, LT, EQ, AND, SHL, SHR, DUP1, DUP2, POP = 0x01, 0x10, 0x14, 0x16, 0x1B, 0x1C, 0x80, 0x81, 0x50
SLOAD, SSTORE, MSTORE, JUMPI, JUMPDEST = 0x54, 0x55, 0x52, 0x57, 0x5B
RETURN, REVERT, INVALID, STOP = 0xF3, 0xFD, 0xFE, 0x00


class Manner(IntEnum):
    """How a function ends."""

    RETURN = 0
    REVERT = 1
    BURN = 2
    """All gas is gone."""


def _code() -> bytes:
    """Return the puppet: calldata above 36 bytes is a new answer, any other one is a question.

    An answer stands in storage from selector << 8 on: manner and length, then its words.
    """
    length = (PUSH4, 0xFF, 0xFF, 0xFF, 0xFF, AND)
    load = [
        op
        for at in range(WORDS_MAX)
        for op in (DUP2, PUSH1, at + 1, ADD, SLOAD, PUSH1, at * WORD, MSTORE)
    ]
    store = [
        op
        for at in range(WORDS_MAX + 1)
        for op in (
            PUSH1,
            (at + 1) * WORD,
            CALLDATALOAD,
            PUSH0,
            CALLDATALOAD,
            PUSH1,
            at,
            ADD,
            SSTORE,
        )
    ]
    is_answer = [CALLDATASIZE, PUSH1, 36, LT]
    base = [PUSH0, CALLDATALOAD, PUSH1, 224, SHR, PUSH1, 8, SHL, DUP1, SLOAD]
    parts: list[tuple[str, list[int]]] = [
        ("", is_answer),
        ("store", []),
        ("", [*base, *load, DUP1, PUSH1, LENGTH_BITS, SHR, DUP1, PUSH1, Manner.REVERT, EQ]),
        ("revert", []),
        ("", [PUSH1, Manner.BURN, EQ]),
        ("burn", []),
        ("", [*length, PUSH0, RETURN]),
    ]
    targets = {
        "revert": [JUMPDEST, POP, *length, PUSH0, REVERT],
        "burn": [JUMPDEST, INVALID],
        "store": [JUMPDEST, *store, STOP],
    }
    size = sum(4 if target else len(code) for target, code in parts)
    places = {}
    for name, code in targets.items():
        places[name] = size
        size += len(code)
    body = bytearray()
    for target, code in parts:
        body += bytes([PUSH2, *places[target].to_bytes(2, "big"), JUMPI] if target else code)
    for code in targets.values():
        body += bytes(code)
    return bytes(body)


CODE: Final = _code()


def words(*values: int) -> bytes:
    """Return integers of either sign as words."""
    return b"".join((value % 2**256).to_bytes(WORD, "big") for value in values)


class Puppet:
    """A puppet on a chain."""

    def __init__(self, chain: Revm, address: Address) -> None:
        chain.set_code(address, CODE)
        self.address = address
        self._chain = chain
        self._to = text_of(address)

    def says(self, function: str, answer: bytes, manner: Manner = Manner.RETURN) -> None:
        """From now on answer a function, given as selectors spell it, with these bytes."""
        slot = int.from_bytes(keccak256(function.encode())[:4], "big") << 8
        head = words(slot, manner << LENGTH_BITS | len(answer))
        kept = answer[: WORDS_MAX * WORD].ljust(WORDS_MAX * WORD, b"\0")
        self._chain.evm.message_call(PROMPTER, self._to, head + kept, 0, GAS)
