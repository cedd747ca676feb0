"""Be one broker: its account on the chain, the key that signs its states, its signing log."""

from __future__ import annotations

from dataclasses import dataclass

from clearing.chain.sender import Sender
from clearing.channel.codec import hash_state, signing_digest
from clearing.channel.signatures import Signature, Signer
from clearing.client.signing_log import SigningLog
from clearing.spec.types import ClearingState
from clearing.spec.units import Address, Bytes32

__all__ = ["Broker"]


@dataclass(frozen=True, slots=True)
class Broker:
    """`sender` holds the treasury's key, `signer` the other one, which only signs states."""

    name: str
    sender: Sender
    signer: Signer
    log: SigningLog

    @property
    def address(self) -> Address:
        """The broker's account: owner of its stake, ledger and channels."""
        return self.sender.address

    def sign(self, separator: Bytes32, state: ClearingState) -> Signature:
        """Note the state in the log, then sign it. Raises LogError."""
        self.log.append(state)
        return self.signer.sign(signing_digest(separator, hash_state(state)))
