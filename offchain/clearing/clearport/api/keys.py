"""Keep the list of operator keys, and end what a key has begun once it is taken off the list."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from clearing.clearport.errors import ConfigError
from clearing.spec.units import ADDRESS_BYTES, Address

__all__ = ["MOST_CHANNELS", "OperatorKey", "Scope", "Whitelist"]

MOST_CHANNELS = 32
"""How many channels a token lists: it travels with every call, in 8 KiB of headers."""


class Scope(StrEnum):
    """What a key may do: look, record and settle trades, open, close and move money."""

    READ = "read"
    TRADE = "trade"
    TREASURY = "treasury"


@dataclass(frozen=True, slots=True)
class OperatorKey:
    """A key that may log in. Scopes do not contain each other: list every one that is meant.

    `channels` limits the key to these ids; None: all, and all that come. A limited key opens no
    channel and touches nothing that is not one of its channels. `margin_limit_wad` is the most
    available margin per channel that the key is told of, WAD USD; None: what is there.
    """

    address: Address
    name: str
    scopes: frozenset[Scope]
    channels: frozenset[bytes] | None = None
    margin_limit_wad: int | None = None


@dataclass(slots=True)
class _Holder:
    """A key on the list; `ended` is set once it is off it or another entry has its address."""

    key: OperatorKey
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Whitelist:
    """The operator keys by address. `reload` takes effect at once."""

    def __init__(self, keys: Iterable[OperatorKey] = ()) -> None:
        """Take the first list. Raises ConfigError."""
        self._holders: dict[Address, _Holder] = {}
        self._ended_at: dict[Address, int] = {}
        self.reload(keys, 0)

    @property
    def keys(self) -> Mapping[Address, OperatorKey]:
        """The keys by address."""
        return MappingProxyType({address: held.key for address, held in self._holders.items()})

    def find(self, address: Address) -> OperatorKey | None:
        """Return the key of an address, None if it is not on the list."""
        held = self._holders.get(address)
        return held.key if held else None

    def ended(self, address: Address) -> asyncio.Event:
        """Return what is set once the key's entry is gone. KeyError for a key that is not there."""
        return self._holders[address].ended

    def ended_at(self, address: Address) -> int:
        """Return when an entry of this address was last removed; 0: never in this process.

        No token issued up to then is good, even if the address is listed again.
        """
        return self._ended_at.get(address, 0)

    def reload(self, keys: Iterable[OperatorKey], now: int) -> None:
        """Replace the list. Tokens and streams of a key that is gone or changed end here.

        Raises ConfigError; the old list stays then.
        """
        wanted = _checked(keys)
        for address, held in tuple(self._holders.items()):
            if wanted.get(address) != held.key:
                held.ended.set()
                self._ended_at[address] = max(now, self.ended_at(address))
                del self._holders[address]
        for address, key in wanted.items():
            self._holders.setdefault(address, _Holder(key))


def _checked(keys: Iterable[OperatorKey]) -> dict[Address, OperatorKey]:
    wanted: dict[Address, OperatorKey] = {}
    for key in keys:
        where = f"operators.{key.name or '0x' + key.address.hex()}"
        if len(key.address) != ADDRESS_BYTES:
            raise ConfigError("is not an address", "write 0x and 40 hex digits", field=where)
        if key.address in wanted:
            raise ConfigError("its address is listed twice", "list each key once", field=where)
        if not key.scopes:
            raise ConfigError("has no scope", "give read, trade or treasury", field=where)
        if key.channels is not None and len(key.channels) > MOST_CHANNELS:
            fix = f"list at most {MOST_CHANNELS}, or none for all"
            raise ConfigError("is limited to too many channels", fix, field=where)
        wanted[key.address] = key
    return wanted
