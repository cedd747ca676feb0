"""Stand before every method: who calls, may they, and what are they told if it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextvars import ContextVar
from typing import Any, Final

import grpc

from clearing.clearport.api.auth import Gate, Session
from clearing.clearport.api.scopes import OPEN_SERVICES, scope_of
from clearing.clearport.api.status import Log, grpc_status, status_of
from clearing.clearport.errors import ClearportError, UnauthenticatedError, UnavailableError

__all__ = ["Guard", "current_session"]

SCHEME: Final = "Bearer "
READ_TIMEOUT_S: Final = 30

_SESSION: ContextVar[Session] = ContextVar("session")

Context = grpc.aio.ServicerContext[Any, Any]
Handler = Any  # grpc's stubs know the handlers of its synchronous server alone


def current_session() -> Session:
    """Return who makes the call that runs now. LookupError in a method that anybody may call."""
    return _SESSION.get()


class Guard(grpc.aio.ServerInterceptor):
    """Lets a call through to its method if its token and scope are good, and words its errors."""

    def __init__(self, gate: Gate, log: Log) -> None:
        self._gate = gate
        self._log = log

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Return the method, guarded, or None as it came. A refused request is not even parsed."""
        path = handler_call_details.method
        handler = await continuation(handler_call_details)
        if handler is None or path.split("/")[1] in OPEN_SERVICES:
            return handler
        try:
            session = self._admit(path, handler_call_details.invocation_metadata or ())
        except ClearportError as refusal:
            return self._refusing(handler, refusal)
        return self._guarded(handler, session)

    def _admit(self, path: str, metadata: Iterable[tuple[str, str | bytes]]) -> Session | None:
        is_served, scope = scope_of(path)
        if not is_served:
            raise UnauthenticatedError("this method is for nobody", "look at the API's description")
        if scope is None:
            return None
        session = self._gate.session(_bearer(metadata))
        session.require_scope(scope)
        return session

    def _refusing(self, handler: Handler, refusal: ClearportError) -> Handler:
        async def refuse(_request: object, context: Context) -> None:
            await self._abort(context, refusal)

        async def refuse_stream(_request: object, context: Context) -> AsyncIterator[None]:
            await self._abort(context, refusal)
            yield

        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(refuse_stream)
        return grpc.unary_unary_rpc_method_handler(refuse)

    def _guarded(self, handler: Handler, session: Session | None) -> Handler:
        async def call(request: object, context: Context) -> Any:
            _enter(session)
            try:
                async with asyncio.timeout(READ_TIMEOUT_S):
                    return await handler.unary_unary(request, context)
            except TimeoutError:
                await self._abort(context, UnavailableError("no answer in time", "ask again"))
            except Exception as error:  # noqa: BLE001 - status_of logs what is not foreseen
                await self._abort(context, error)

        async def stream(request: object, context: Context) -> AsyncIterator[Any]:
            _enter(session)
            try:
                async for reply in handler.unary_stream(request, context):
                    yield reply
            except Exception as error:  # noqa: BLE001 - the same
                await self._abort(context, error)

        how = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(stream, **how)
        return grpc.unary_unary_rpc_method_handler(call, **how)

    async def _abort(self, context: Context, error: Exception) -> None:
        if isinstance(error, grpc.aio.AbortError):
            raise error
        status = grpc_status(status_of(error, self._log))
        await context.abort(status.code, status.details, status.trailing_metadata or ())


def _enter(session: Session | None) -> None:
    if session is not None:
        _SESSION.set(session)


def _bearer(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """Return the token of a call. Raises UnauthenticatedError."""
    found = [value for key, value in metadata if key.lower() == "authorization"]
    if len(found) != 1 or not isinstance(found[0], str) or not found[0].startswith(SCHEME):
        raise UnauthenticatedError("no token", "log in and send authorization: Bearer TOKEN")
    return found[0].removeprefix(SCHEME)
