"""Who acts on the embedded chain: roles with keys that are made from their names."""

from __future__ import annotations

from dataclasses import dataclass

from clearing.channel.keccak import keccak256
from clearing.channel.signatures import LocalSigner, Signature
from clearing.spec.types import Side
from clearing.spec.units import Address

__all__ = ["Actors", "Broker", "actors", "co_sign", "key_of"]


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker: the account that owns its ledger, and the key that signs its channel states."""

    account: LocalSigner
    signer: LocalSigner

    @property
    def address(self) -> Address:
        """The account's address."""
        return self.account.address


@dataclass(frozen=True, slots=True)
class Actors:
    """Everybody; the brokers in ascending order of their addresses."""

    deployer: Address
    timelock: Address
    guardian: Address
    outsider: Address
    low: Broker
    high: Broker

    def broker(self, side: Side) -> Broker:
        """Return the broker of a side."""
        return self.high if side else self.low


def key_of(role: str) -> LocalSigner:
    """Return the key of a role: the hash of its name."""
    return LocalSigner(keccak256(role.encode()))


def actors() -> Actors:
    """Return the roles of every test on the embedded chain."""
    brokers = sorted(
        (Broker(key_of(f"broker {i}"), key_of(f"signer {i}")) for i in range(2)),
        key=lambda broker: broker.address,
    )
    return Actors(
        deployer=key_of("deployer").address,
        timelock=key_of("timelock").address,
        guardian=key_of("guardian").address,
        outsider=key_of("outsider").address,
        low=brokers[0],
        high=brokers[1],
    )


def co_sign(digest: bytes, low: LocalSigner, high: LocalSigner) -> tuple[Signature, Signature]:
    """Return both signatures of a digest, in the order that the contract wants."""
    return low.sign(digest), high.sign(digest)
