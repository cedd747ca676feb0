"""Read `host:port`, and say whether it is this machine's own loopback."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

from clearing.clearport.errors import ConfigError

__all__ = ["Endpoint", "require_encrypted"]

HOST: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\Z")
PORT: Final = re.compile(r"[1-9][0-9]{0,4}\Z")
MAX_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host (a name, or an address without brackets) and a TCP port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Return what `host:port` or `[v6]:port` means; one spelling. Raises ValueError."""
        host, _, port = text.rpartition(":")
        is_bracketed = host.startswith("[") and host.endswith("]")
        if not PORT.match(port) or int(port) > MAX_PORT:
            raise ValueError(f"no port in {text!r}: want host:port")
        found = cls(host[1:-1] if is_bracketed else host, int(port))
        if not (found._is_v6() if is_bracketed else HOST.match(host)):
            raise ValueError(f"no host in {text!r}: want host:port")
        return found

    def __str__(self) -> str:
        """Spell it as `parse` reads it."""
        return f"[{self.host}]:{self.port}" if self._is_v6() else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether nothing leaves this machine. A name may be resolved to anything, so none is."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def _is_v6(self) -> bool:
        try:
            return isinstance(ip_address(self.host), IPv6Address)
        except ValueError:
            return False


def require_encrypted(endpoint: Endpoint, *, insecure_loopback: bool, field: str) -> None:
    """Allow plain TCP on loopback alone, and only if it is asked for. Raises ConfigError."""
    if insecure_loopback and not endpoint.is_loopback:
        raise ConfigError(
            f"plain TCP to {endpoint} would be read by others",
            "unset insecure_loopback, or use an address of 127.0.0.0/8 or [::1]",
            field=field,
        )
