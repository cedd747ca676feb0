"""Let the state signer's key prove who we are to peers: it is the signer that the registry names.

Records and Hello are EIP-712 structs of a domain of their own. The digest is made here, under that
domain, so what a peer brings into a handshake never comes out as a signed state.
"""

from __future__ import annotations

from typing import Final

from clearing.channel.codec import (
    DERIVATIVES_NAME,
    DOMAIN_NAME,
    domain_separator,
    signing_digest,
)
from clearing.channel.signatures import WORD, Signature, is_signed_by
from clearing.clearport.errors import SignerError
from clearing.clearport.signer.port import DigestSigner
from clearing.spec.units import Address

__all__ = ["PEER_DOMAIN", "HandshakeSigner"]

PEER_DOMAIN: Final = "Clearport Peer"
CONTRACTS: Final = frozenset({DOMAIN_NAME, DERIVATIVES_NAME})


class HandshakeSigner:
    """Signs structs of one domain, which is no contract's."""

    __slots__ = ("_separator", "_signer")

    def __init__(
        self,
        signer: DigestSigner,
        chain_id: int,
        adjudicator: Address,
        domain: str = PEER_DOMAIN,
    ) -> None:
        if domain in CONTRACTS:
            problem = f"the domain {domain} is a contract's"
            raise SignerError(problem, "sign states by permit")
        self._signer = signer
        self._separator = domain_separator(chain_id, adjudicator, domain)

    @property
    def address(self) -> Address:
        """The address that the registry names as the broker's signer."""
        return self._signer.address

    async def sign_struct(self, struct_hash: bytes) -> Signature:
        """Return the signature of hashStruct(message). Raises SignerError."""
        if len(struct_hash) != WORD:
            raise SignerError(f"a struct's hash of {len(struct_hash)} bytes", f"hash it to {WORD}")
        digest = signing_digest(self._separator, struct_hash)
        signature = await self._signer.sign_digest(digest)
        if not is_signed_by(digest, signature, self.address):
            problem = f"the signature returned is not of {self._signer.key_id}"
            raise SignerError(problem, "check which key is set")
        return signature

    def __repr__(self) -> str:
        return f"HandshakeSigner({self._signer.key_id})"
