"""Turn an error into what gRPC carries: the one place where that is decided.

A known error goes out with google.rpc.ErrorInfo (domain "clearport", reason: the error's code) and,
where it names a field, google.rpc.BadRequest. Anything else is INTERNAL and says nothing: what it
would say may be secret, and is logged instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]

from clearing.chain.errors import CallRefusedError, ChainError
from clearing.channel.errors import CodecError
from clearing.clearport import errors
from clearing.client.errors import ClientError
from clearing.spec.errors import SpecError

__all__ = ["DOMAIN", "Log", "code_of", "grpc_status", "status_of"]

DOMAIN: Final = "clearport"

INTERNAL: Final = "internal error: see the daemon's log"

Code = grpc.StatusCode

CODES: Final[Mapping[type[errors.ClearportError], Code]] = MappingProxyType(
    {
        errors.ClearportError: Code.FAILED_PRECONDITION,
        errors.ConfigError: Code.FAILED_PRECONDITION,
        errors.StoreError: Code.UNAVAILABLE,
        errors.StoreDamagedError: Code.DATA_LOSS,
        errors.ReplayedError: Code.ALREADY_EXISTS,
        errors.RepeatedError: Code.ALREADY_EXISTS,
        errors.SignerError: Code.UNAVAILABLE,
        errors.SecondDigestError: Code.FAILED_PRECONDITION,
        errors.PeerError: Code.FAILED_PRECONDITION,
        errors.PeerGoneError: Code.UNAVAILABLE,
        errors.PeerSlowError: Code.RESOURCE_EXHAUSTED,
        errors.PeerLiedError: Code.INVALID_ARGUMENT,
        errors.WireError: Code.INVALID_ARGUMENT,
        errors.RefusedError: Code.FAILED_PRECONDITION,
        errors.UnknownError: Code.NOT_FOUND,
        errors.UnauthenticatedError: Code.UNAUTHENTICATED,
        errors.ForbiddenError: Code.PERMISSION_DENIED,
        errors.UnavailableError: Code.UNAVAILABLE,
    }
)
"""By class; a class that is not here has its nearest parent's."""


class Log(Protocol):
    """Where what must not be told to callers goes; structlog's loggers fit."""

    def error(self, event: str, **fields: Any) -> Any:
        """Write one event."""


def code_of(error: errors.ClearportError) -> Code:
    """Return the code of an error of the daemon; a refusal that names a field is the argument's."""
    if type(error) is errors.RefusedError and error.field:
        return Code.INVALID_ARGUMENT
    return next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)


def status_of(error: BaseException, log: Log) -> status_pb2.Status:
    """Return what a caller is told; what is not foreseen is logged."""
    match error:
        case errors.ClearportError():
            return _status(code_of(error), str(error), error.code, field=error.field)
        case SpecError():
            return _status(Code.FAILED_PRECONDITION, str(error), "SPEC", name=error.name)
        case CodecError():
            return _status(Code.INVALID_ARGUMENT, str(error), "CODEC", field=error.field)
        case ClientError():
            return _status(Code.FAILED_PRECONDITION, str(error), "CLIENT")
        case CallRefusedError():
            return _status(Code.FAILED_PRECONDITION, str(error), "CHAIN_REFUSED", name=error.name)
        case ChainError():
            return _status(Code.UNAVAILABLE, str(error), "CHAIN")
        case _:
            log.error("operator_call_failed", error=type(error).__name__, exc_info=error)
            return status_pb2.Status(code=Code.INTERNAL.value[0], message=INTERNAL)


def grpc_status(status: status_pb2.Status) -> grpc.Status:
    """Return a status as a call is aborted with it."""
    made: grpc.Status = rpc_status.to_status(status)
    return made


def _status(
    code: Code, message: str, reason: str, *, field: str = "", name: str = ""
) -> status_pb2.Status:
    line = " ".join(message.split())
    info = error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN)
    if name:
        info.metadata["name"] = name
    details = [_packed(info)]
    if field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=line)
        details.append(_packed(error_details_pb2.BadRequest(field_violations=[violation])))
    return status_pb2.Status(code=code.value[0], message=line, details=details)


def _packed(detail: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(detail)
    return packed
