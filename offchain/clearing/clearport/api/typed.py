"""Hash what an operator key signs, as EIP-712 says: a Login, and each Call that changes something.

Domain: name "Clearport Operator", version "1", the chain's id. There is no verifying contract, so
each struct names the daemon that it is for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from clearing.channel.keccak import keccak256
from clearing.spec.units import Address

__all__ = ["CALL_TYPE", "LOGIN_TYPE", "Domain"]

DOMAIN_TYPE: Final = "EIP712Domain(string name,string version,uint256 chainId)"
LOGIN_TYPE: Final = "Login(string daemonId,address operator,bytes32 challenge,uint64 expiry)"
CALL_TYPE: Final = (
    "Call(string daemonId,string method,bytes32 bodyHash,bytes32 nonce,uint64 expiry)"
)
NAME: Final = "Clearport Operator"
VERSION: Final = "1"
WORD: Final = 32


@dataclass(frozen=True, slots=True)
class Domain:
    """Which daemon on which chain is meant."""

    daemon_id: str
    chain_id: int

    def login_digest(self, operator: Address, challenge: bytes, expiry: int) -> bytes:
        """Return the digest that answers a challenge (32 bytes); expiry in Unix seconds."""
        return self._digest(
            LOGIN_TYPE, _text(self.daemon_id), operator.rjust(WORD, b"\0"), challenge, _word(expiry)
        )

    def call_digest(self, method: str, body: bytes, nonce: bytes, expiry: int) -> bytes:
        """Return the digest of a call: its name, the bytes of its request, nonce (32), expiry."""
        return self._digest(
            CALL_TYPE,
            _text(self.daemon_id),
            _text(method),
            keccak256(body),
            nonce,
            _word(expiry),
        )

    def _digest(self, type_: str, *words: bytes) -> bytes:
        domain = (_text(DOMAIN_TYPE), _text(NAME), _text(VERSION), _word(self.chain_id))
        struct = keccak256(b"".join((_text(type_), *words)))
        return keccak256(b"\x19\x01" + keccak256(b"".join(domain)) + struct)


def _text(text: str) -> bytes:
    return keccak256(text.encode())


def _word(number: int) -> bytes:
    return number.to_bytes(WORD, "big")
