"""Draw arguments of any function of any contract: what looks right, and the ends of every type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from clearing.channel.abi import AbiEntry, Method
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import WAD, Address
from tests.invariants.system_books import TOKENS
from tests.invariants.system_desk import Sent
from tests.invariants.system_stage import FEED_OF, FEEDS, LOT, RAW
from tests.invariants.system_town import Town

__all__ = ["Arguments", "Draw"]

LOTS: Final = 10**8
SMALL: Final = 12
ACCOUNTS: Final = ("account", "accounts", "from", "to", "liquidator", "keeper")
TIMES: Final = ("until", "deadline", "expiry", "timelock", "newdelay", "duration")
CHOICES: Final = ("mask", "kind", "role", "status", "side", "support", "action", "purpose")
CALLS: Final = ("payload", "data", "calldatas", "payloads")
RECEIVERS: Final = ("to", "receiver", "delegatee", "spender")
Draw = Callable[[str, str], Any]
"""From an argument's name and type to a value."""


class Arguments:
    """Draws arguments in one town."""

    def __init__(self, town: Town) -> None:
        self.town, self.random = town, town.random
        stage = town.stage
        self.rogues = stage.rogues
        self.addresses: tuple[Address, ...] = (
            *(contract.address for contract in stage.contracts.values()),
            *(broker.address for broker in stage.brokers),
            *(owner.address for owner, _ in stage.traders),
            *(key.address for key in stage.roles.values()),
            *self.rogues.addresses,
            Address(b"\0" * 19 + b"\1"),
            ZERO_ADDRESS,
        )

    # VALUES OF A TYPE

    def encoded(self, method: Method, inputs: Sequence[AbiEntry], draw: Draw) -> bytes:
        """Return calldata."""
        return method.encode(*(self.value(entry, draw) for entry in inputs))

    def value(self, entry: AbiEntry, draw: Draw) -> Any:
        """Return a value of an ABI type."""
        type_: str = entry["type"]
        if type_.endswith("]"):
            item, _, length = type_.removesuffix("]").rpartition("[")
            count = int(length) if length else self.random.randrange(4)
            return [self.value({**entry, "type": item}, draw) for _ in range(count)]
        if type_ == "tuple":
            return tuple(self.value(member, draw) for member in entry["components"])
        return draw(str(entry["name"]), type_)

    def changed(self, value: Any, entry: AbiEntry, draw: Draw) -> Any:
        """Return a value with one leaf of it drawn anew."""
        if entry["type"] == "tuple" and isinstance(value, tuple) and value:
            at = self.random.randrange(len(value))
            leaf = self.changed(value[at], entry["components"][at], draw)
            return (*value[:at], leaf, *value[at + 1 :])
        return self.value(entry, draw)

    def extreme(self, name: str, type_: str) -> Any:
        """Return an end of a type."""
        del name
        if type_ == "address":
            return self.town.pick((ZERO_ADDRESS, Address(b"\xff" * 20), *self.addresses))
        if type_ == "bool":
            return self.town.chance(50)
        if type_ == "string":
            return self.town.pick(("", "#", "a" * 100))
        if type_ == "bytes":
            return self.town.pick((b"", b"\0", b"\xff" * 65, self.random.randbytes(100)))
        if type_.startswith("bytes"):
            size = int(type_.removeprefix("bytes"))
            return self.town.pick((bytes(size), b"\xff" * size))
        bits = int(type_.lstrip("uint"))
        if type_.startswith("u"):
            return self.town.pick((0, 1, 2**bits - 1, 2 ** (bits - 1)))
        return self.town.pick((0, -1, 1, 2 ** (bits - 1) - 1, -(2 ** (bits - 1))))

    def plausible(self, name: str, type_: str) -> Any:
        """Return what an argument of this name may well be."""
        match type_:
            case "address":
                return self._address(name)
            case "bool":
                return self.town.chance(50)
            case "string":
                return self.town.pick(("", "# More for me", "ETH / USD"))
            case "bytes":
                return self._bytes(name)
            case "bytes16":
                return self.town.pick(FEEDS)
        if type_.startswith("bytes"):
            return self._word()[: int(type_.removeprefix("bytes"))]
        return self._integer(name, type_)

    def _address(self, name: str) -> Address:
        if name == "token":
            return self.town.address(self.town.pick(TOKENS))
        if name in RECEIVERS and self.town.chance(60):
            return self.town.pick(self.rogues.addresses)
        return self.town.pick(self.addresses)

    def _bytes(self, name: str) -> bytes:
        """Return a call that somebody has made, Pyth's word, or as many bytes as a signature."""
        sent = self.sent()
        if name == "updates":
            return self.town.update(0)
        return sent.calldata if name in CALLS and sent else self.random.randbytes(65)

    def _integer(self, name: str, type_: str) -> int:
        bits = int(type_.lstrip("uint"))
        value, is_signed = self._number(name.lower()), not type_.startswith("u")
        if is_signed and self.town.chance(50):
            value = -value
        least = -(1 << bits - 1) if is_signed else 0
        most = (1 << bits - is_signed) - 1
        return min(max(value, least), most)

    def _number(self, name: str) -> int:
        town, now = self.town, self.town.now
        if name in ACCOUNTS:
            return town.pick((self.rogues.account, self.rogues.account, self.account()))
        if name in TIMES:
            return now + town.pick((-1, 0, 1, 60, 86_400, 30 * 86_400))
        if name in CHOICES:
            return self.random.randrange(9)
        fixed: dict[str, tuple[int, ...]] = {
            "market": tuple(range(len(FEED_OF))),
            "size": (1, LOTS // 10, LOTS, 20 * LOTS, 10**15),
            "lots": (1, LOTS // 10, LOTS, 20 * LOTS, 10**15),
            "values": (0,),
        }
        return town.pick(fixed[name]) if name in fixed else self._amount(name)

    def _amount(self, name: str) -> int:
        town = self.town
        if "price" in name:
            return town.pick((0, 10**27, town.prices[0] * 10**10))
        if "wad" in name or name in ("shares", "minshares"):
            return town.part(10**4 * WAD)
        if "amount" in name or name in ("value", "cap"):
            return town.pick((0, 1, town.part(10**3 * RAW), LOT, 2**128 - 1))
        return town.pick((0, 1, self.random.randrange(SMALL), self.random.getrandbits(64)))

    # WHAT IS KNOWN

    def _word(self) -> bytes:
        """Return a word that somebody may know: a channel, a lock."""
        known = [*self.town.lines, *self.town.locks]
        if self.town.chance(70) and known:
            return self.town.pick(known[-12:])
        return self.town.word()

    def sent(self) -> Sent | None:
        """Return a call that somebody has made, if anybody has."""
        memory = self.town.desk.memory
        return memory[self.random.randrange(len(memory))] if memory else None

    def account(self) -> int:
        """Return an account of the engine, or the one after the last."""
        return self.random.randrange(self.town.books.accounts + 1)
