"""What the brokers of a schedule have signed, and how they sign."""

from __future__ import annotations

from dataclasses import dataclass

from clearing.channel.codec import (
    hash_auth,
    hash_intent,
    hash_order,
    hash_state,
    signing_digest,
)
from clearing.channel.signatures import LocalSigner, Signature
from clearing.spec.types import (
    ChallengeIntent,
    ChannelDef,
    ClearingState,
    IdentifiedDef,
    SettlementOrder,
    Side,
    WithdrawAuth,
)
from clearing.spec.units import Address

__all__ = ["Entry", "Notary"]

Signatures = tuple[Signature, Signature]


@dataclass(frozen=True, slots=True)
class Entry:
    """A state that both signers of the definition have signed, and what is needed to act on it."""

    identified: IdentifiedDef
    state: ClearingState
    state_hash: bytes
    signatures: Signatures
    order: SettlementOrder | None = None
    preimage: bytes = b""

    @property
    def definition(self) -> ChannelDef:
        """The channel's definition."""
        return self.identified.definition


class Notary:
    """Holds every key of the arena: the brokers collude in whatever they are asked to sign."""

    def __init__(self, separator: bytes, keys: dict[Address, LocalSigner]) -> None:
        self._separator = separator
        self._keys = keys
        self._any = next(iter(keys.values()))

    def entry(
        self,
        identified: IdentifiedDef,
        state: ClearingState,
        order: SettlementOrder | None = None,
        preimage: bytes = b"",
    ) -> Entry:
        """Return the state with the signatures that its definition wants."""
        state_hash = hash_state(state)
        digest = signing_digest(self._separator, state_hash)
        low, high = (self._sign(identified.definition.signer(side), digest) for side in Side)
        return Entry(identified, state, state_hash, (low, high), order, preimage)

    def intent(self, entry: Entry, signer: Address) -> Signature:
        """Return a signed ChallengeIntent for exactly this state."""
        state = entry.state
        intent = ChallengeIntent(state.channel_id, state.epoch, state.version, entry.state_hash)
        return self._sign(signer, signing_digest(self._separator, hash_intent(intent)))

    def auth(self, auth: WithdrawAuth, signer: Address) -> bytes:
        """Return the 65 bytes of a signed authorisation."""
        return self._sign(signer, signing_digest(self._separator, hash_auth(auth))).expanded()

    def hash(self, order: SettlementOrder) -> bytes:
        """Return what a SETTLE state names its order by."""
        return hash_order(order)

    def _sign(self, signer: Address, digest: bytes) -> Signature:
        """Sign with the signer's key; an address without one gets somebody else's signature."""
        return self._keys.get(signer, self._any).sign(digest)
