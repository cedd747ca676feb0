"""What all players of the whole-system machine share: chance, prices, channels, what was signed."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, TypeVar

from clearing.channel.perp_batch import SignedFill
from clearing.channel.signatures import LocalSigner
from clearing.spec.perp_types import Purpose
from clearing.spec.rules import payouts
from clearing.spec.types import ConditionKind, IdentifiedDef, Intent, Net, Side, Status
from clearing.spec.units import Address
from tests.harness.actors import Broker
from tests.harness.contract import NOBODY
from tests.invariants.book import Entry, Notary
from tests.invariants.system_books import Books, Picture, signed
from tests.invariants.system_desk import Desk
from tests.invariants.system_stage import FEED_OF, PRICES_E8, Stage

__all__ = ["PREIMAGE", "Health", "Line", "Lock", "Town", "View"]

Item = TypeVar("Item")
PREIMAGE: Final = b"\x07" * 32
"""The adversary's secret: it needs no other."""
UINT40: Final = 2**40 - 1


@dataclass(frozen=True, slots=True)
class Health:
    """What an account is worth, wad."""

    equity: int
    notional: int
    mm: int


@dataclass(frozen=True, slots=True)
class View:
    """A channel as its storage says."""

    status: Status
    epoch: int
    enforced: int
    deadline: int
    order_version: int
    flags: int
    nets: tuple[Net, ...]


@dataclass(slots=True)
class Line:
    """A channel as its two brokers know it: all that they have signed."""

    identified: IdentifiedDef
    brokers: tuple[Broker, Broker]
    entries: list[Entry] = field(default_factory=list)

    @property
    def id(self) -> bytes:
        """The channel's id."""
        return self.identified.channel_id

    @property
    def assets(self) -> tuple[Address, ...]:
        """Its assets, ascending."""
        return self.identified.definition.assets

    def of(self, epoch: int) -> list[Entry]:
        """Return what was signed for one life of the channel."""
        return [entry for entry in self.entries if entry.state.epoch == epoch]

    def is_open_ended(self, view: View) -> bool:
        """Say whether a condition that can still be enforced decides over its money."""
        return any(
            entry.state.condition.kind != ConditionKind.NONE
            and entry.state.version >= view.enforced
            for entry in self.of(view.epoch)
        )


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock of the HashTimeLock: its terms as the contract takes them, and the secret."""

    terms: tuple[Any, ...]
    preimage: bytes


class Town:
    """One life of the system."""

    def __init__(self, stage: Stage, seed: str) -> None:
        self.stage = stage
        self.random = Random(seed)
        self.desk = Desk(stage)
        self.books = Books(stage)
        self.prices = [PRICES_E8[feed] for feed in FEED_OF]
        self.orders: deque[SignedFill] = deque(maxlen=60)
        self.lines: dict[bytes, Line] = {}
        self.locks: dict[bytes, Lock] = {}
        self.wanted: set[tuple[Address, bytes]] = set()
        """(target, calldata) of every action that the council has voted for."""
        keys: dict[Address, LocalSigner] = {}
        for broker in stage.brokers:
            keys |= {key.address: key for key in (broker.account, broker.signer)}
        self.notary = Notary(stage.separators["Adjudicator"], keys)
        for broker in stage.brokers:
            self.books.meet(broker.address)
        for key in stage.roles.values():
            self.books.meet(key.address)
        for owner, _ in stage.traders:
            self.books.meet(owner.address)
        for address in stage.rogues.addresses:
            self.books.meet(address)

    # CHANCE

    def chance(self, percent: float) -> bool:
        """Say yes so many times in a hundred."""
        return self.random.random() * 100 < percent

    def pick(self, items: Sequence[Item]) -> Item:
        """Return one of them."""
        return self.random.choice(items)

    def part(self, most: int) -> int:
        """Return an amount from 0 to this; the ends more often than chance has them."""
        if most <= 0:
            return 0
        match self.random.randrange(8):
            case 0:
                return most
            case 1:
                return min(1, most)
            case _:
                return self.random.randrange(most + 1)

    def word(self) -> bytes:
        """Return 32 bytes, not all zero."""
        return (self.random.getrandbits(255) + 1).to_bytes(32, "big")

    # WHAT THE CHAIN SAYS

    def market(self) -> int:
        """Return one of the markets that there are."""
        return self.random.randrange(self.markets)

    @property
    def markets(self) -> int:
        """How many markets there are."""
        return self.books.word(("core",)) >> 240 & 0xFFFF

    def update(self, market: int) -> bytes:
        """Return what Pyth says of a market now."""
        return self.stage.update(market, self.prices[market])

    @property
    def now(self) -> int:
        """Time of the next call."""
        return self.stage.chain.now

    def address(self, name: str) -> Address:
        """Return a contract's address."""
        return self.stage[name].address

    def name_of(self, token: Address) -> str:
        """Return a token's name on the stage."""
        (name,) = (n for n in ("USDC", "EURC", "Yellow") if self.address(n) == token)
        return name

    def look(self, line: Line, picture: Picture | None = None) -> View:
        """Return a channel as it stands, or as it stood in a picture."""
        word = self.books.word
        read = word if picture is None else picture.__getitem__
        meta = read(("meta", line.id))
        nets = [read(("net", line.id, at)) for at in range(len(line.assets))]
        return View(
            status=Status(meta & 0xFF),
            epoch=meta >> 8 & 2**32 - 1,
            enforced=meta >> 40 & 2**64 - 1,
            deadline=meta >> 104 & UINT40,
            order_version=meta >> 144 & 2**64 - 1,
            flags=meta >> 208 & 0xFF,
            nets=tuple((signed(net, 0, 128), signed(net, 128, 128)) for net in nets),
        )

    def claim(self, line: Line, view: View, side: Side) -> tuple[int, ...]:
        """Return what a side owns of each asset by the newest agreement, raw units."""
        if view.status not in (Status.OPEN, Status.CHALLENGED):
            return (0,) * len(line.assets)
        agreed = self.newest(line, view, is_plain=True)
        if agreed is None:
            return (0,) * len(line.assets)
        ends = payouts(agreed.state, view.nets)
        return tuple(end.high if side else end.low for end in ends)

    def health(self, account: int, purpose: Purpose) -> Health:
        """Return what an account is worth for a purpose, as the engine says."""
        call = self.stage["DerivativesEngine"].call("healthOf", 2)
        calldata = call.method.encode(account, int(purpose))
        data = call.raw(calldata, sender=NOBODY, is_static=True)
        equity, notional, _, mm = (
            int.from_bytes(data[at : at + 32], "big") for at in range(0, 128, 32)
        )
        return Health(signed(equity, 0, 256), notional, mm)

    def newest(self, line: Line, view: View, *, is_plain: bool = False) -> Entry | None:
        """Return the newest state that a challenge may name now; if asked, without a condition."""

        def serves(entry: Entry) -> bool:
            state = entry.state
            if state.intent == Intent.CLOSE or (is_plain and state.condition.kind):
                return False
            if state.intent == Intent.OPEN and state.version != view.enforced:
                return False
            return all(
                split.net_low <= low and split.net_high <= high
                for split, (low, high) in zip(state.splits, view.nets, strict=True)
            )

        usable = [entry for entry in line.of(view.epoch) if serves(entry)]
        return max(usable, key=lambda entry: entry.state.version, default=None)
