"""Say which gRPC status a refusal of a peer is: here and nowhere else."""

from __future__ import annotations

from typing import Final

import grpc

from clearing.clearport.errors import (
    ClearportError,
    PeerGoneError,
    PeerLiedError,
    PeerSlowError,
    SignerError,
    UnavailableError,
    WireError,
)
from clearing.clearport.peers.hello import VersionError
from clearing.clearport.peers.limits import FloodError
from clearing.clearport.peers.stream import Ending

__all__ = ["ending_of"]

CODES: Final = (
    (WireError, grpc.StatusCode.INVALID_ARGUMENT),
    (VersionError, grpc.StatusCode.FAILED_PRECONDITION),
    (PeerLiedError, grpc.StatusCode.UNAUTHENTICATED),
    (FloodError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (PeerSlowError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (PeerGoneError, grpc.StatusCode.UNAVAILABLE),
    (SignerError, grpc.StatusCode.UNAVAILABLE),
    (UnavailableError, grpc.StatusCode.UNAVAILABLE),
)


def ending_of(error: ClearportError) -> Ending:
    """Return what the peer is told of an error."""
    for kind, code in CODES:
        if isinstance(error, kind):
            return Ending(code, str(error))
    return Ending(grpc.StatusCode.INTERNAL, error.code)
