"""Sign what peers show each other (records, Hello) as EIP-712, and judge such signatures.

The rule is the one of channel states: whoever the registry names as the broker's signer *now*.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from eth_account.messages import encode_typed_data

from clearing.channel.keccak import keccak256
from clearing.channel.signatures import Signature, is_signed_by
from clearing.clearport.errors import PeerLiedError
from clearing.spec.units import Address

__all__ = ["DigestSigner", "Domain", "SignerOf", "require_signature"]

SignerOf = Callable[[Address], Awaitable[Address | None]]
"""BrokerRegistry.signer_of: None (or the zero address) for a broker that is not registered.

May raise UnavailableError when the chain is out of reach.
"""

NOBODY: Final = Address(bytes(20))


class DigestSigner(Protocol):
    """The key that the registry names as our signer, as far as peers need it."""

    async def sign(self, digest: bytes) -> Signature:
        """Return the signature of a 32-byte digest. Raises SignerError."""


@dataclass(frozen=True, slots=True)
class Domain:
    """Where signatures of peers are good: one chain, one Adjudicator."""

    chain_id: int
    adjudicator: Address

    def digest(
        self, name: str, fields: Sequence[tuple[str, str]], values: Mapping[str, Any]
    ) -> bytes:
        """Return the 32 bytes that are signed for a struct; `fields` are (Solidity type, name)."""
        message = encode_typed_data(
            {
                "name": "Clearport Peer",
                "version": "1",
                "chainId": self.chain_id,
                "verifyingContract": "0x" + self.adjudicator.hex(),
            },
            {name: [{"type": kind, "name": field} for kind, field in fields]},
            dict(values),
        )
        return keccak256(b"\x19" + message.version + message.header + message.body)


async def require_signature(
    digest: bytes, signature: Signature, broker: Address, signer_of: SignerOf
) -> None:
    """Require that the broker's signer of now has signed. Raises PeerLiedError."""
    signer = await signer_of(broker)
    if signer is None or signer == NOBODY:
        raise PeerLiedError(f"broker 0x{broker.hex()} has no signer", "register it", field="broker")
    if not is_signed_by(digest, signature, signer):
        raise PeerLiedError(
            f"not signed by 0x{signer.hex()}",
            "sign with the key that the registry names",
            field="signature",
        )
