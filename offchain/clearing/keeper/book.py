"""Hold every account and position, as the engine's events tell them, with a way back.

`Book` is a reducer: `take` applies the events of one block and remembers what they overwrote, so
that `back` undoes exactly that block when the chain reorganises. Cash is wad, sizes lots, quotes
pico, indices pico per unit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clearing.keeper.decoding import Told
from clearing.spec.perp_types import BACKSTOP, FEES, FIRST_OWNED, NO_POSITION, Position
from clearing.spec.perp_units import PICO_TO_WAD

__all__ = ["MEMORY", "Book", "BookError", "Indices"]

MEMORY: Final = 256
"""Blocks that can be undone."""
WAD_DECIMALS: Final = 18

_Write = tuple[dict[Any, Any], Any, Any, int | None]
"""A mapping, a key in it, what stood there (None: nothing), the account it belongs to."""


class BookError(Exception):
    """Say that events do not fit what is known: some were missed."""


@dataclass(frozen=True, slots=True)
class Indices:
    """A market's funding indices as stored, the block of its last tick, and whether it settled."""

    f_long: int = 0
    f_short: int = 0
    ticked_in: int = 0
    status: int = 1

    def of(self, lots: int) -> int:
        """Return the index of the side that a size is on; nothing counts as short."""
        return self.f_long if lots > 0 else self.f_short


class Book:
    """The replica of the ledger."""

    def __init__(self, decimals: int) -> None:
        """Begin before the first block, with the protocol's accounts; `decimals` of the token."""
        self.decimals = decimals
        self.cash: dict[int, int] = dict.fromkeys(range(FIRST_OWNED), 0)
        self.held: dict[int, dict[int, Position]] = {}
        self.markets: dict[int, Indices] = {}
        self.guardian: dict[str, tuple[int, int]] = {}
        self.dirty: set[int] = set(self.cash)
        """Accounts that changed since whoever mirrors them has looked."""
        self.events = 0
        self._scale = 10 ** (WAD_DECIMALS - decimals)
        self._writes: list[_Write] = []
        self._blocks: deque[list[_Write]] = deque(maxlen=MEMORY)
        self._number = 0

    # BLOCKS

    def take(self, number: int, events: Iterable[Told]) -> None:
        """Apply the events of a block. Raises BookError, and the block is not applied then."""
        self._writes, self._number = [], number
        try:
            for told in events:
                getattr(self, f"_on_{told.name}")(*told.values)
                self.events += 1
        except (KeyError, ValueError) as error:
            self._unwind(self._writes)
            raise BookError(f"block {number} does not follow from what is known") from error
        except BookError:
            self._unwind(self._writes)
            raise
        self._blocks.append(self._writes)

    def back(self) -> None:
        """Undo the block that was taken last. Raises BookError if it is forgotten."""
        if not self._blocks:
            raise BookError("the block to be undone is forgotten")
        self._unwind(self._blocks.pop())

    def forget(self) -> None:
        """Give up the way back: what is known is taken for final."""
        self._blocks.clear()

    def _unwind(self, writes: list[_Write]) -> None:
        for mapping, key, old, account in reversed(writes):
            if old is None:
                mapping.pop(key, None)
            else:
                mapping[key] = old
            if account is not None:
                self.dirty.add(account)

    def _put(self, mapping: dict[Any, Any], key: Any, value: Any, account: int | None) -> None:
        self._writes.append((mapping, key, mapping.get(key), account))
        if value is None:
            mapping.pop(key, None)
        else:
            mapping[key] = value
        if account is not None:
            self.dirty.add(account)

    # LOOK

    def position(self, account: int, market: int) -> Position:
        """Return a position, an empty one if there is none."""
        return self.held.get(account, {}).get(market, NO_POSITION)

    def positions(self, account: int) -> Mapping[int, Position]:
        """Return an account's positions by market."""
        return self.held.get(account, {})

    def guardian_mask(self, now: int) -> int:
        """Return what the guardian has paused in all markets at a time."""
        mask, until = self.guardian.get("pause", (0, 0))
        return mask if now < until else 0

    def __len__(self) -> int:
        """Return how many accounts there are."""
        return len(self.cash)

    # CHECKPOINT

    def snapshot(self) -> dict[str, Any]:
        """Return everything as JSON can hold it, but for what `back` needs."""
        return {
            "decimals": self.decimals,
            "events": self.events,
            "cash": [[account, str(wad)] for account, wad in self.cash.items()],
            "held": [
                [account, market, p.size, str(p.quote), str(p.index)]
                for account, markets in self.held.items()
                for market, p in markets.items()
            ],
            "markets": [
                [market, str(m.f_long), str(m.f_short), m.ticked_in, m.status]
                for market, m in self.markets.items()
            ],
            "guardian": list(self.guardian.get("pause", ())),
        }

    @classmethod
    def restored(cls, data: Mapping[str, Any]) -> Book:
        """Return the book of a snapshot. Raises KeyError, TypeError, ValueError."""
        book = cls(int(data["decimals"]))
        book.events = int(data["events"])
        book.cash = {int(account): int(wad) for account, wad in data["cash"]}
        for account, market, size, quote, index in data["held"]:
            held = book.held.setdefault(int(account), {})
            held[int(market)] = Position(int(size), int(quote), int(index))
        book.markets = {
            int(market): Indices(int(f_long), int(f_short), int(block), int(status))
            for market, f_long, f_short, block, status in data["markets"]
        }
        if data["guardian"]:
            mask, until = data["guardian"]
            book.guardian = {"pause": (int(mask), int(until))}
        book.dirty = set(book.cash)
        return book

    def same_as(self, other: Book) -> bool:
        """Say whether two books hold the same ledger."""
        mine, theirs = self.snapshot(), other.snapshot()
        for each in (mine, theirs):
            del each["events"]
            for table in ("cash", "held", "markets"):
                each[table].sort()
        return mine == theirs

    # ACCOUNTS

    def _pay(self, account: int, wad: int) -> None:
        self._put(self.cash, account, self.cash[account] + wad, account)

    def _on_AccountCreated(self, account: int, _owner: int) -> None:  # noqa: N802 - the event's
        if account != len(self.cash):
            raise BookError(f"account {account} came after {len(self.cash)} accounts")
        self._put(self.cash, account, 0, account)

    def _on_Deposited(self, account: int, _from: int, raw: int) -> None:  # noqa: N802
        self._pay(account, raw * self._scale)

    def _on_Withdrawn(self, account: int, _to: int, raw: int) -> None:  # noqa: N802
        self._pay(account, -raw * self._scale)

    def _on_CashMoved(self, source: int, to: int, wad: int, _role: int) -> None:  # noqa: N802
        self._pay(source, -wad)
        self._pay(to, wad)

    # MARKETS

    def _on_Booked(  # noqa: N802
        self, market: int, account: int, lots: int, quote: int, _fee: int, cash: int, _kind: int
    ) -> None:
        self._pay(account, cash)
        held = self.held.setdefault(account, {})
        before = held.get(market, NO_POSITION)
        size = before.size + lots
        index = self.markets[market].of(size)
        after = Position(size, before.quote + quote, index) if size else None
        if after is not None or market in held:
            self._put(held, market, after, account)

    def _on_FundingTicked(  # noqa: N802
        self, market: int, f_long: int, f_short: int, _rate: int, _intervals: int
    ) -> None:
        known = self.markets[market]
        after = Indices(f_long, f_short, self._number, known.status)
        self._put(self.markets, market, after, None)

    def _on_FeesCollected(self, market: int, pico: int) -> None:  # noqa: N802
        if market not in self.markets:
            raise BookError(f"market {market} is not known")
        self._pay(FEES, pico * PICO_TO_WAD)

    def _on_TermsSet(self, market: int, *_words: int) -> None:  # noqa: N802
        if market not in self.markets:
            self._put(self.markets, market, Indices(ticked_in=self._number), None)

    def _on_StatusChanged(self, market: int, status: int, _price: int) -> None:  # noqa: N802
        known = self.markets[market]
        after = Indices(known.f_long, known.f_short, known.ticked_in, status)
        self._put(self.markets, market, after, None)

    def _on_LossShared(  # noqa: N802
        self, market: int, account: int, delta: int, wad: int, backstop: int
    ) -> None:
        known = self.markets[market]
        after = Indices(known.f_long + delta, known.f_short - delta, known.ticked_in, known.status)
        self._put(self.markets, market, after, None)
        self._pay(account, wad)
        self._pay(BACKSTOP, backstop)

    def _on_DebtMoved(self, _market: int, account: int, wad: int, _debt: int) -> None:  # noqa: N802
        self._pay(account, wad)

    def _on_GuardianPaused(self, mask: int, until: int) -> None:  # noqa: N802
        self._put(self.guardian, "pause", (mask, until), None)
