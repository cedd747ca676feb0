"""Let operator keys in: a challenge, the key's signature of it, and a token for 15 minutes.

A challenge is made of its own expiry, a random part and a MAC over both and the address, so nothing
is kept until somebody answers well: a stranger who asks for challenges costs no memory. An answered
challenge is remembered until it expires and is not taken again.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import jwt

from clearing.channel.signatures import Signature, is_signed_by
from clearing.clearport.api.keys import MOST_CHANNELS, OperatorKey, Scope, Whitelist
from clearing.clearport.api.text import address_text, hex_text
from clearing.clearport.api.typed import Domain
from clearing.clearport.errors import ConfigError, ForbiddenError, UnauthenticatedError
from clearing.risk.decimal_text import WAD_DECIMALS, scaled_text
from clearing.spec.units import ADDRESS_BYTES, Address

__all__ = ["Clock", "Gate", "Margins", "Session", "SystemClock", "read_secret"]

CHALLENGE_S: Final = 60
TOKEN_S: Final = 15 * 60
DEFAULT_SKEW_S: Final = 2
ALGORITHM: Final = "HS256"
SECRET_BYTES: Final = 32
EXPIRY_BYTES: Final = 8
RANDOM_BYTES: Final = 8
MAC_BYTES: Final = 16
REQUIRED: Final = ["sub", "aud", "scopes", "iat", "exp"]

Margins = Mapping[bytes, int]
"""What is available by channel id, WAD USD."""


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> int:
        """Return Unix seconds, rounded down."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Return Unix seconds, rounded down."""
        return int(time.time())


@dataclass(frozen=True, slots=True)
class Session:
    """Who calls, by a good token. `ended` is set once the key is off the list."""

    key: OperatorKey
    scopes: frozenset[Scope]
    expires_at: int
    ended: asyncio.Event

    @property
    def subject(self) -> Address:
        """The key's address."""
        return self.key.address

    def require_scope(self, scope: Scope) -> None:
        """Go on if the key has the scope. Raises ForbiddenError."""
        if scope not in self.scopes:
            problem = f"the key {self.key.name} lacks the scope {scope}"
            raise ForbiddenError(problem, "call with a key that has it")

    def may_see(self, channel_id: bytes) -> bool:
        """Say whether a channel is one of the key's; the empty id stands for the whole broker."""
        return self.key.channels is None or channel_id in self.key.channels

    def require_channel(self, channel_id: bytes) -> None:
        """Go on if the channel is one of the key's. Raises ForbiddenError."""
        if not self.may_see(channel_id):
            problem = f"the key {self.key.name} is limited to other channels"
            raise ForbiddenError(problem, "call with a key that has this one", field="channel_id")


class Gate:
    """Issues challenges and tokens, and tells what a token is worth now."""

    def __init__(
        self,
        domain: Domain,
        whitelist: Whitelist,
        *,
        secret: bytes | None = None,
        clock: Clock | None = None,
        skew_s: int = DEFAULT_SKEW_S,
    ) -> None:
        """Use `secret` for tokens, or one of this process alone. Raises ConfigError if it is short.

        `skew_s`: by how much the clocks of the callers may differ.
        """
        if secret is not None and len(secret) < SECRET_BYTES:
            problem = f"has fewer than {SECRET_BYTES} bytes"
            raise ConfigError(problem, "make it of random bytes", field="operator.secret_file")
        self.domain = domain
        self.whitelist = whitelist
        self.skew_s = skew_s
        self._clock = clock or SystemClock()
        self._secret = secret or secrets.token_bytes(SECRET_BYTES)
        self._challenge_secret = secrets.token_bytes(SECRET_BYTES)
        self._answered: dict[bytes, int] = {}

    def now(self) -> int:
        """Return Unix seconds."""
        return self._clock.now()

    # CHALLENGE

    def challenge(self, operator: Address) -> tuple[bytes, int]:
        """Return a challenge for an address and when it expires, whether it is listed or not."""
        expiry = self.now() + CHALLENGE_S
        head = expiry.to_bytes(EXPIRY_BYTES, "big") + secrets.token_bytes(RANDOM_BYTES)
        return head + self._mac(head, operator), expiry

    def answer(self, operator: Address, challenge: bytes, rsv: bytes) -> OperatorKey:
        """Return the key that has signed its challenge, which is used up then.

        Raises UnauthenticatedError.
        """
        head, mac = challenge[:-MAC_BYTES], challenge[-MAC_BYTES:]
        is_ours = hmac.compare_digest(mac, self._mac(head, operator))
        if len(operator) != ADDRESS_BYTES or not is_ours:
            raise _refused("the challenge is not one for this address")
        expiry = int.from_bytes(head[:EXPIRY_BYTES], "big")
        if expiry <= self.now():
            raise _refused("the challenge has expired")
        signature = Signature.from_expanded(rsv)
        digest = self.domain.login_digest(operator, challenge, expiry)
        if signature is None or not is_signed_by(digest, signature, operator):
            raise _refused("the signature is not this address's")
        key = self.whitelist.find(operator)
        if key is None:
            raise _refused("the key is not on the list of operators")
        self._use_up(challenge, expiry)
        return key

    def _use_up(self, challenge: bytes, expiry: int) -> None:
        now = self.now()
        self._answered = {known: until for known, until in self._answered.items() if until > now}
        if challenge in self._answered:
            raise _refused("the challenge is used up")
        self._answered[challenge] = expiry

    def _mac(self, head: bytes, operator: Address) -> bytes:
        whole = hmac.digest(self._challenge_secret, operator + head, hashlib.sha256)
        return whole[:MAC_BYTES]

    # TOKEN

    def issue(self, key: OperatorKey, margins: Margins) -> tuple[str, int]:
        """Return a token of a key and when it expires.

        Its `channels` are those that the key is limited to, null for none; its `margin` lists
        [channel, available USD] of at most 32 channels, lowest ids first.
        """
        issued_at = max(self.now(), self.whitelist.ended_at(key.address) + 1)
        expires_at = issued_at + TOKEN_S
        claims: dict[str, object] = {
            "sub": address_text(key.address),
            "aud": self.domain.daemon_id,
            "scopes": sorted(key.scopes),
            "channels": None if key.channels is None else sorted(map(hex_text, key.channels)),
            "margin": [
                [hex_text(channel_id), scaled_text(available, WAD_DECIMALS)]
                for channel_id, available in sorted(margins.items())[:MOST_CHANNELS]
            ],
            "iat": issued_at,
            "exp": expires_at,
        }
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM), expires_at

    def session(self, token: str) -> Session:
        """Return whose token it is. Raises UnauthenticatedError."""
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                audience=self.domain.daemon_id,
                options={"require": REQUIRED, "verify_exp": False, "verify_iat": False},
            )
            subject = Address(bytes.fromhex(str(claims["sub"]).removeprefix("0x")))
            issued_at, expires_at = int(claims["iat"]), int(claims["exp"])
            scopes = frozenset(Scope(name) for name in claims["scopes"])
        except (jwt.PyJWTError, ValueError, TypeError):
            raise _refused("the token is not one of this daemon's") from None
        if expires_at + self.skew_s <= self.now():
            raise _refused("the token has expired")
        if issued_at > self.now() + max(self.skew_s, 1):
            raise _refused("the token is from the future")
        key = self.whitelist.find(subject)
        if key is None or issued_at <= self.whitelist.ended_at(subject):
            raise _refused("the key is off the list of operators")
        return Session(
            key=key,
            scopes=scopes & key.scopes,
            expires_at=expires_at,
            ended=self.whitelist.ended(subject),
        )


def read_secret(path: Path) -> bytes:
    """Return the secret of tokens that outlive a restart. Raises ConfigError."""
    place = "operator.secret_file"
    try:
        secret = path.read_bytes().strip()
        mode = path.stat().st_mode
    except OSError as error:
        problem = (error.strerror or "cannot be read").lower()
        raise ConfigError(problem, "name a file of random bytes", field=place) from None
    if mode & 0o077:
        raise ConfigError("can be read by others", "chmod 600 it", field=place)
    return secret


def _refused(problem: str) -> UnauthenticatedError:
    return UnauthenticatedError(problem, "log in (again) with a listed key")
