"""Name what goes wrong in the daemon.

::

    ClearportError                 one line: what is wrong, then the fix; `code` for machines
     ├─ ConfigError                a field of the configuration; names it
     ├─ StoreError                 the store did not take or give it; nothing is half done
     │   ├─ StoreDamagedError      what is stored cannot be read back
     │   ├─ ReplayedError          an operator call's nonce is used
     │   └─ RepeatedError          an idempotency key is used; carries the first result
     ├─ SignerError                the key did not sign
     │   └─ SecondDigestError      another digest is signed for this version: never again
     ├─ PeerError                  a peer, its certificate, its words
     │   ├─ PeerGoneError          the stream is gone
     │   ├─ PeerSlowError          the queue to the peer is full
     │   └─ PeerLiedError          what it sent is not what it may send; names the field
     ├─ WireError                  bytes that are no value of the protocol; names the field
     ├─ RefusedError               the operator's call does not fit; names the field
     │   ├─ UnknownError           no such channel, peer, request
     │   ├─ UnauthenticatedError   no token, or not a good one
     │   └─ ForbiddenError         the key lacks the scope
     └─ UnavailableError           not now: starting, stopping, chain or peer out of reach
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "ClearportError",
    "ConfigError",
    "ForbiddenError",
    "PeerError",
    "PeerGoneError",
    "PeerLiedError",
    "PeerSlowError",
    "RefusedError",
    "RepeatedError",
    "ReplayedError",
    "SecondDigestError",
    "SignerError",
    "StoreDamagedError",
    "StoreError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnknownError",
    "WireError",
]


class ClearportError(Exception):
    """Say in one line what is wrong and what fixes it. `field` names what is meant, if anything."""

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, problem: str, fix: str = "", *, field: str = "") -> None:
        self.problem = problem
        self.fix = fix
        self.field = field
        named = f"{field}: {problem}" if field else problem
        super().__init__(f"{named}: {fix}" if fix else named)


class ConfigError(ClearportError):
    """Name the field of the configuration that cannot be used."""

    code = "CONFIG"


class StoreError(ClearportError):
    """Say that the store did not take it; nothing is half done."""

    code = "STORE"


class StoreDamagedError(StoreError):
    """Say what cannot be read back."""

    code = "STORE_DAMAGED"


class ReplayedError(StoreError):
    """Say that the nonce of an operator's call is used."""

    code = "REPLAYED"


class RepeatedError(StoreError):
    """Carry what the first call under this idempotency key returned."""

    code = "REPEATED"

    def __init__(self, result: bytes) -> None:
        self.result = result
        super().__init__("this idempotency key is used", "take the first result")


class SignerError(ClearportError):
    """Say why the key did not sign."""

    code = "SIGNER"


class SecondDigestError(SignerError):
    """Say that another digest is signed for this version."""

    code = "SECOND_DIGEST"


class PeerError(ClearportError):
    """Say what is wrong with a peer."""

    code = "PEER"


class PeerGoneError(PeerError):
    """Say that the stream is gone."""

    code = "PEER_GONE"


class PeerSlowError(PeerError):
    """Say that the peer does not take what is queued for it."""

    code = "PEER_SLOW"


class PeerLiedError(PeerError):
    """Name the field in which a peer said what it may not say."""

    code = "PEER_LIED"


class WireError(ClearportError):
    """Name the field of bytes that are no value of the protocol."""

    code = "WIRE"


class RefusedError(ClearportError):
    """Name the field of an operator's call that does not fit."""

    code = "REFUSED"


class UnknownError(RefusedError):
    """Say what is not there."""

    code = "UNKNOWN"


class UnauthenticatedError(RefusedError):
    """Say what is wrong with the credentials."""

    code = "UNAUTHENTICATED"


class ForbiddenError(RefusedError):
    """Say which scope the key lacks."""

    code = "FORBIDDEN"


class UnavailableError(ClearportError):
    """Say what is out of reach now."""

    code = "UNAVAILABLE"
