"""Let the account's key sign EIP-1559 transactions of one chain, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth_account.typed_transactions.typed_transaction import TypedTransaction

from clearing.chain.contract import as_text
from clearing.channel.keccak import keccak256
from clearing.channel.signatures import LEGACY_V, WORD, Signature, is_signed_by
from clearing.clearport.errors import SignerError
from clearing.clearport.signer.port import DigestSigner

__all__ = ["AccountKey", "RawTransaction"]

FEE_MARKET: Final = 2
"""EIP-2718's number of the transactions of EIP-1559."""
SIGNATURE_FIELDS: Final = frozenset({"v", "r", "s"})


@dataclass(frozen=True, slots=True)
class RawTransaction:
    """A signed transaction as it is sent, and its keccak256."""

    raw_transaction: bytes
    hash: bytes


class AccountKey:
    """The account (`chain.sender.Key`): the digest is made here, of the transaction alone.

    A transaction's digest starts from the byte 2, a state's from 0x1901: this key cannot be made
    to sign a state.
    """

    __slots__ = ("_chain_id", "_signer", "address")

    def __init__(self, signer: DigestSigner, chain_id: int) -> None:
        self._signer = signer
        self._chain_id = chain_id
        self.address: str = as_text(signer.address)

    async def signed(self, transaction: Mapping[str, Any]) -> RawTransaction:
        """Return the signed transaction. Raises SignerError for anything else, or another chain."""
        fields = self._checked(transaction)
        digest = bytes(fields.hash())
        signature = await self._signer.sign_digest(digest)
        if not is_signed_by(digest, signature, self._signer.address):
            problem = f"the signature returned is not of {self._signer.key_id}"
            raise SignerError(problem, "check which key is set")
        raw = _encoded(fields, signature)
        return RawTransaction(raw, keccak256(raw))

    def sign_transaction(self, transaction: dict[str, Any], /) -> RawTransaction:
        """Do the same for a sender that runs in a thread. Raises SignerError on an event loop."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self.signed(transaction))
        raise SignerError("would stop the event loop", "await `signed`, or call it in a thread")

    def _checked(self, transaction: Mapping[str, Any]) -> TypedTransaction:
        if not isinstance(transaction, Mapping):
            problem = f"the account signs transactions only, not {type(transaction).__name__}"
            raise SignerError(problem, "use the state signer for states")
        sender = transaction.get("from", self.address)
        if sender != self.address:
            raise SignerError("the transaction is another account's", "set `from` to this one's")
        if SIGNATURE_FIELDS & transaction.keys():
            raise SignerError("the transaction is signed already", "give it without v, r, s")
        try:
            fields = TypedTransaction.from_dict(
                {name: value for name, value in transaction.items() if name != "from"}
            )
            kind, chain_id = fields.transaction_type, fields.as_dict()["chainId"]
            fields.hash()
        except Exception:  # noqa: BLE001 - its libraries raise what they like
            raise SignerError("not a transaction of EIP-1559", "give its JSON-RPC fields") from None
        if kind != FEE_MARKET:
            raise SignerError(f"a transaction of type {kind}", f"give one of type {FEE_MARKET}")
        if chain_id != self._chain_id:
            problem = f"a transaction for chain {chain_id}, not {self._chain_id}"
            raise SignerError(problem, "check the node's chain")
        return fields

    def __repr__(self) -> str:
        return f"AccountKey({self.address})"


def _encoded(fields: TypedTransaction, signature: Signature) -> bytes:
    rsv = signature.expanded()
    signed = {
        **fields.as_dict(),
        "v": rsv[-1] - LEGACY_V,
        "r": int.from_bytes(rsv[:WORD], "big"),
        "s": int.from_bytes(rsv[WORD:-1], "big"),
    }
    return bytes(TypedTransaction.from_dict(signed).encode())
