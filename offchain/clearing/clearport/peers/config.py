"""What the daemon says of itself to its peers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from clearing.clearport.peers.endpoint import Endpoint, require_encrypted
from clearing.clearport.peers.hello import Side, Versions
from clearing.clearport.peers.limits import Limits
from clearing.clearport.peers.tls import KeyPair
from clearing.clearport.peers.typed import DigestSigner, Domain, SignerOf
from clearing.spec.units import Address

__all__ = ["HubConfig", "Identity", "Log", "Silent"]


class Log(Protocol):
    """Where it is written what peers did; structlog's loggers are one."""

    def info(self, event: str, **fields: str) -> object:
        """Write what is as it should be."""

    def warning(self, event: str, **fields: str) -> object:
        """Write what somebody should look at."""


class Silent:
    """Write nothing."""

    def info(self, event: str, **fields: str) -> None:
        """Write nothing."""

    def warning(self, event: str, **fields: str) -> None:
        """Write nothing."""


@dataclass(frozen=True, slots=True)
class HubConfig:
    """Where peers are waited for. Raises ConfigError for plain TCP off loopback."""

    listen: Endpoint
    insecure_loopback: bool = False
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        """Refuse plain TCP where others could listen."""
        require_encrypted(
            self.listen, insecure_loopback=self.insecure_loopback, field="peers.listen"
        )


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are, with which keys, and how a peer's signer is asked for.

    `clock` is Unix seconds.
    """

    broker: Address
    pair: KeyPair
    signer: DigestSigner
    domain: Domain
    signer_of: SignerOf
    clock: Callable[[], int]
    versions: Versions = field(default_factory=Versions)

    @property
    def side(self) -> Side:
        """Our end of every stream."""
        return Side(self.broker, self.pair.certificate_hash)
