"""Say in one line why a call to a daemon did not succeed."""

from __future__ import annotations

import grpc

from clearing.clearport.errors import ClearportError

__all__ = ["CallError"]


class CallError(ClearportError):
    """What the daemon answered, or that it did not.

    `status` is gRPC's code, `reason` the daemon's ("REFUSED", "UNKNOWN", …), empty if it gave none.
    """

    code = "CALL"

    def __init__(
        self,
        problem: str,
        fix: str = "",
        *,
        status: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        reason: str = "",
    ) -> None:
        self.status = status
        self.reason = reason
        super().__init__(problem, fix)
