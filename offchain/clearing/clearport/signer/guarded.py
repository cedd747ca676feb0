"""Let the state signer's key sign what a permit allows, and nothing else."""

from __future__ import annotations

from typing import Final

from clearing.channel.codec import type_hash
from clearing.channel.signatures import Signature, is_signed_by
from clearing.channel.typed_data import struct_of
from clearing.clearport.errors import SecondDigestError, SignerError
from clearing.clearport.ports import Permit, Reservation
from clearing.clearport.signer.port import DigestSigner
from clearing.spec.types import ChallengeIntent, ClearingState
from clearing.spec.units import Address

__all__ = ["STATE_TYPES", "GuardedSigner"]

STATE_TYPES: Final = frozenset({type_hash(struct_of(ClearingState))}) | {
    type_hash(struct_of(ChallengeIntent))
}
"""What the registry's signer of a broker signs about a channel: a state, and that it challenges."""


class GuardedSigner:
    """The state signer (`ports.StateSigner`).

    The store's history decides for ever what may be signed. Besides, this object remembers the
    last digest that it signed of each channel, so a store that forgot is noticed too.
    """

    __slots__ = ("_last", "_signer")

    def __init__(self, signer: DigestSigner) -> None:
        self._signer = signer
        self._last: dict[tuple[bytes, bytes], tuple[int, int, bytes]] = {}

    @property
    def key_id(self) -> str:
        """The key's name in the history."""
        return self._signer.key_id

    @property
    def address(self) -> Address:
        """The address that the registry names as the broker's signer."""
        return self._signer.address

    async def sign(self, permit: Permit) -> Signature:
        """Return the signature of the permit's digest: the stored one if there is one.

        Raises SignerError for a permit of another key or of anything but a channel's state, and
        for a signature, stored or new, that is not this key's; SecondDigestError.
        """
        reservation = self._allowed(permit)
        signature = permit.signature
        if signature is None:
            self._remember(reservation)
            signature = await self._signer.sign_digest(reservation.digest)
        if not is_signed_by(reservation.digest, signature, self.address):
            what = "signature returned" if permit.signature is None else "stored signature"
            raise SignerError(f"the {what} is not of {self.key_id}", "check which key is set")
        return signature

    def _allowed(self, permit: Permit) -> Reservation:
        if not isinstance(permit, Permit):
            problem = f"the state signer signs permits only, not {type(permit).__name__}"
            raise SignerError(problem, "reserve the digest in the store first")
        reservation = permit.reservation
        if reservation.key_id != self.key_id:
            problem = f"the permit is for {reservation.key_id}, this key is {self.key_id}"
            raise SignerError(problem, "reserve for this key")
        if reservation.type_hash not in STATE_TYPES:
            problem = f"the state signer signs no type {reservation.type_hash.hex()}"
            raise SignerError(problem, "use the account's key for transactions")
        return reservation

    def _remember(self, reservation: Reservation) -> None:
        what = reservation.type_hash, reservation.channel_id
        asked = reservation.epoch, reservation.version, reservation.digest
        known = self._last.get(what)
        if known is not None and known[:2] == asked[:2] and known != asked:
            problem = f"version {reservation.version} has another digest signed already"
            raise SecondDigestError(problem, "stop: the store's history is not what was signed")
        self._last[what] = asked

    def __repr__(self) -> str:
        return f"GuardedSigner({self.key_id})"
