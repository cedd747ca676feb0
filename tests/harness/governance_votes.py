"""YELLOW as votes, and the ledger that whole models of governance keep their state in.

A model refuses by SpecError; the ledger then takes back whatever it had written meanwhile.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any, Final

from clearing.channel.keccak import keccak256
from clearing.channel.signatures import Signature, recover
from clearing.spec.errors import SpecError
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import Address

__all__ = ["Event", "Ledger", "VoteBook", "domain_of", "struct_digest"]

Event = tuple[Address, str, tuple[Any, ...]]
"""Emitter, name, arguments in the order of their declaration."""
MISSING: Final = object()
DOMAIN: Final = keccak256(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
DELEGATION: Final = keccak256(b"Delegation(address delegatee,uint256 nonce,uint256 expiry)")


class Ledger:
    """Tables whose changes can be taken back; `told` are the events of the last attempt."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        self._changes: list[tuple[dict[Any, Any], Any, Any]] = []

    def put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        """Write one entry."""
        self._changes.append((table, key, table.get(key, MISSING)))
        table[key] = value

    def tell(self, emitter: Address, event: str, *args: Any) -> None:
        """Emit an event."""
        self.told.append((emitter, event, args))

    def attempt(self, act: Callable[[], Any]) -> Any:
        """Return what comes of an act, or undo it. Raises SpecError."""
        self.told, self._changes = [], []
        try:
            return act()
        except SpecError:
            for table, key, old in reversed(self._changes):
                if old is MISSING:
                    del table[key]
                else:
                    table[key] = old
            self.told = []
            raise


def word(value: int) -> bytes:
    """Return 32 bytes."""
    return value.to_bytes(32, "big")


def domain_of(name: str, chain_id: int, contract: Address) -> bytes:
    """Return the separator of an EIP-712 domain of version 1."""
    texts = keccak256(name.encode()) + keccak256(b"1")
    return keccak256(DOMAIN + texts + word(chain_id) + contract.rjust(32, b"\0"))


def struct_digest(separator: bytes, type_hash: bytes, *words: bytes | int) -> bytes:
    """Return what is signed of a struct of words."""
    members = b"".join(word(w) if isinstance(w, int) else w.rjust(32, b"\0") for w in words)
    return keccak256(b"\x19\x01" + separator + keccak256(type_hash + members))


class VoteBook:
    """Balances, delegates, and the votes that each account had at any second."""

    def __init__(
        self, ledger: Ledger, token: Address, separator: bytes, holdings: Mapping[Address, int]
    ) -> None:
        self._ledger, self._token, self._separator = ledger, token, separator
        self.balances: dict[Address, int] = dict(holdings)
        self.delegates: dict[Address, Address] = {}
        self.nonces: dict[Address, int] = {}
        self._seconds: dict[Address, tuple[int, ...]] = {}
        self._votes: dict[Address, tuple[int, ...]] = {}

    def votes(self, account: Address, at: int) -> int:
        """Return the votes at the end of a second."""
        found = bisect_right(self._seconds.get(account, ()), at)
        return self._votes[account][found - 1] if found else 0

    def transfer(self, sender: Address, to: Address, raw: int, now: int) -> bool:
        """Move tokens, and the votes they are. Raises as OpenZeppelin's ERC20."""
        if to == ZERO_ADDRESS:
            raise SpecError("ERC20InvalidReceiver", to)
        held = self.balances.get(sender, 0)
        if held < raw:
            raise SpecError("ERC20InsufficientBalance", sender, held, raw)
        put = self._ledger.put
        put(self.balances, sender, held - raw)
        put(self.balances, to, self.balances.get(to, 0) + raw)
        self._ledger.tell(self._token, "Transfer", sender, to, raw)
        self._move(self._delegate(sender), self._delegate(to), raw, now)
        return True

    def delegate(self, account: Address, to: Address, now: int) -> None:
        """Give the votes of an account to another, or to none."""
        old = self._delegate(account)
        self._ledger.put(self.delegates, account, to)
        self._ledger.tell(self._token, "DelegateChanged", account, old, to)
        self._move(old, to, self.balances.get(account, 0), now)

    def delegate_by_sig(
        self, to: Address, nonce: int, expiry: int, signature: Signature, now: int
    ) -> None:
        """Delegate for whoever signed. Raises VotesExpiredSignature, InvalidAccountNonce."""
        if now > expiry:
            raise SpecError("VotesExpiredSignature", expiry)
        signer = recover(self.delegation(to, nonce, expiry), signature)
        if signer is None:
            raise SpecError("ECDSAInvalidSignature")
        current = self.nonces.get(signer, 0)
        if nonce != current:
            raise SpecError("InvalidAccountNonce", signer, current)
        self._ledger.put(self.nonces, signer, current + 1)
        self.delegate(signer, to, now)

    def delegation(self, to: Address, nonce: int, expiry: int) -> bytes:
        """Return the digest of a delegation."""
        return struct_digest(self._separator, DELEGATION, to, nonce, expiry)

    def _delegate(self, account: Address) -> Address:
        return self.delegates.get(account, ZERO_ADDRESS)

    def _move(self, source: Address, to: Address, raw: int, now: int) -> None:
        if source == to or raw == 0:
            return
        for account, by in ((source, -raw), (to, raw)):
            if account != ZERO_ADDRESS:
                old = self.votes(account, now)
                self._write(account, old + by, now)
                self._ledger.tell(self._token, "DelegateVotesChanged", account, old, old + by)

    def _write(self, account: Address, votes: int, now: int) -> None:
        """Note votes; the last of a second counts."""
        seconds, known = self._seconds.get(account, ()), self._votes.get(account, ())
        if seconds and seconds[-1] == now:
            known = known[:-1]
        else:
            self._ledger.put(self._seconds, account, (*seconds, now))
        self._ledger.put(self._votes, account, (*known, votes))
