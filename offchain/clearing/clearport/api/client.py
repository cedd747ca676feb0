"""Call a daemon's operator API: log in with a key, wrap calls into envelopes, word its errors."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]

from clearing.channel.signatures import Signature
from clearing.clearport.api.errors import CallError
from clearing.clearport.api.server import MESSAGE_BYTES, is_loopback
from clearing.clearport.api.status import DOMAIN
from clearing.clearport.api.text import address_text
from clearing.clearport.api.typed import Domain
from clearing.clearport.errors import ConfigError
from clearing.operator.v1 import operator_pb2 as pb
from clearing.operator.v1 import operator_pb2_grpc as rpc
from clearing.spec.units import Address

__all__ = ["DigestSigner", "Endpoint", "OperatorClient", "connect", "parse_endpoint"]

TIMEOUT_S: Final = 40
LIFETIME_S: Final = 45
"""For how long an envelope is good; the daemon takes 60 at most, and clocks differ."""
RENEW_S: Final = 60
"""How long before its end a token is renewed."""
NONCE_BYTES: Final = 32
LAST_PORT: Final = 65_535

T = TypeVar("T")


class DigestSigner(Protocol):
    """Whoever holds the operator key."""

    @property
    def address(self) -> Address:
        """The key's address."""

    def sign(self, digest: bytes) -> Signature:
        """Return the signature of a 32-byte digest."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a daemon listens. `ca` is the PEM certificate to trust.

    Without one, plain TCP is used to this machine; elsewhere the system's certificates are trusted.
    """

    host: str
    port: int
    ca: bytes | None = None

    @property
    def target(self) -> str:
        """The address as gRPC writes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_plain(self) -> bool:
        """Whether there is no TLS."""
        return self.ca is None and is_loopback(self.host)


def parse_endpoint(text: str, ca: bytes | None = None) -> Endpoint:
    """Return the endpoint of HOST:PORT. Raises ConfigError."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    is_port = port.isascii() and port.isdigit() and 0 < int(port) <= LAST_PORT
    if not host or not is_port or any(c in host for c in "/ @"):
        raise ConfigError(f"{text!r} is no endpoint", "write HOST:PORT", field="endpoint")
    return Endpoint(host, int(port), ca)


class OperatorClient:
    """A session with one daemon, as one operator key. Make it by `connect`."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        signer: DigestSigner,
        daemon_id: str = "",
        now: Callable[[], float] = time.time,
    ) -> None:
        """Speak to `daemon_id` alone, or to whichever answers if it is empty."""
        self._stub: Any = rpc.OperatorStub(channel)
        self._signer = signer
        self._daemon_id = daemon_id
        self._now = now
        self._domain: Domain | None = None
        self._token = ""
        self._renew_at = 0.0

    async def login(self) -> pb.LoginResponse:
        """Log in now, whatever is left of the token. Raises CallError."""
        address = address_text(self._signer.address)
        asked: pb.GetChallengeResponse = await _worded(
            self._stub.GetChallenge(pb.GetChallengeRequest(address=address), timeout=TIMEOUT_S)
        )
        if self._daemon_id and asked.daemon_id != self._daemon_id:
            problem = f"the daemon there is {asked.daemon_id!r}"
            raise CallError(problem, f"name the endpoint of {self._daemon_id!r}")
        domain = Domain(asked.daemon_id, asked.chain_id)
        digest = domain.login_digest(self._signer.address, asked.challenge, asked.expiry)
        request = pb.LoginRequest(
            address=address,
            challenge=asked.challenge,
            signature=self._signer.sign(digest).expanded(),
        )
        logged_in: pb.LoginResponse = await _worded(self._stub.Login(request, timeout=TIMEOUT_S))
        self._domain, self._token = domain, logged_in.token
        self._renew_at = logged_in.expires_at - RENEW_S
        return logged_in

    async def ask(self, method: str, request: Message) -> Any:
        """Return the reply of a method that changes nothing. Raises CallError."""
        metadata = await self._metadata()
        call = getattr(self._stub, method)
        return await _worded(call(request, metadata=metadata, timeout=TIMEOUT_S))

    async def act(self, method: str, request: Message, idempotency_key: str = "") -> Any:
        """Return the reply of a method that takes an envelope. Raises CallError.

        With an idempotency key the call may be repeated: the first one's reply comes again.
        """
        metadata = await self._metadata()
        envelope = self.seal(method, request.SerializeToString(), idempotency_key)
        call = getattr(self._stub, method)
        return await _worded(call(envelope, metadata=metadata, timeout=TIMEOUT_S))

    async def listen(self, method: str, request: Message) -> AsyncIterator[Any]:
        """Yield the replies of a stream. Raises CallError when it is cut off."""
        call = getattr(self._stub, method)(request, metadata=await self._metadata())
        try:
            async for reply in call:
                yield reply
        except grpc.aio.AioRpcError as error:
            raise _one_line(error) from None
        finally:
            call.cancel()

    def seal(self, method: str, body: bytes, idempotency_key: str = "") -> pb.Envelope:
        """Return the signed envelope of a request's bytes. Log in first."""
        if self._domain is None:
            raise CallError("not logged in", "log in first")
        nonce = secrets.token_bytes(NONCE_BYTES)
        expiry = int(self._now()) + LIFETIME_S
        digest = self._domain.call_digest(method, body, nonce, expiry)
        return pb.Envelope(
            body=body,
            nonce=nonce,
            expiry=expiry,
            signature=self._signer.sign(digest).expanded(),
            idempotency_key=idempotency_key,
        )

    async def _metadata(self) -> tuple[tuple[str, str], ...]:
        if self._now() >= self._renew_at:
            await self.login()
        return (("authorization", f"Bearer {self._token}"),)


@asynccontextmanager
async def connect(
    endpoint: Endpoint, signer: DigestSigner, daemon_id: str = ""
) -> AsyncIterator[OperatorClient]:
    """Yield a client, which logs in at its first call."""
    options = (
        ("grpc.max_receive_message_length", MESSAGE_BYTES),
        ("grpc.max_send_message_length", MESSAGE_BYTES),
        ("grpc.enable_http_proxy", 0),
    )
    if endpoint.is_plain:
        channel = grpc.aio.insecure_channel(endpoint.target, options=options)
    else:
        trust = grpc.ssl_channel_credentials(endpoint.ca)
        channel = grpc.aio.secure_channel(endpoint.target, trust, options=options)
    async with channel:
        yield OperatorClient(channel, signer, daemon_id)


async def _worded(call: Awaitable[T]) -> T:
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise _one_line(error) from None


def _one_line(error: grpc.aio.AioRpcError) -> CallError:
    """Return what the daemon said, or what keeps it from saying anything."""
    code = error.code()
    reason = _reason_of(error)
    text = " ".join((error.details() or code.name).split())
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    if reason:
        return CallError(text, status=code, reason=reason)
    match code:
        case grpc.StatusCode.UNAVAILABLE:
            problem, fix = f"no daemon answers ({text})", "check --endpoint, --ca and the daemon"
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            problem, fix = f"no answer within {TIMEOUT_S} s", "look at the daemon, then ask again"
        case _:
            problem, fix = f"{code.name.lower().replace('_', ' ')} ({text})", ""
    return CallError(problem, fix, status=code)


def _reason_of(error: grpc.aio.AioRpcError) -> str:
    try:
        status = rpc_status.from_call(error)
    except ValueError:
        return ""
    for detail in status.details if status else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN:
            return str(info.reason)
    return ""
