"""The pause guardian and the books that its targets keep themselves, as models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from clearing.spec.errors import SpecError
from clearing.spec.governance import (
    PAUSE_GAP_S,
    PAUSE_MAX_S,
    PAUSE_TOTAL_S,
    Kind,
    PauseWindow,
)
from clearing.spec.units import Address
from tests.harness.pauses import OPENINGS, TRADING

if TYPE_CHECKING:
    from tests.harness.governance_draft import Draft
    from tests.harness.governance_state import GovernanceState

__all__ = ["TRADING_MASK", "PauseBooks"]

TRADING_MASK: Final = 1 | 16
"""Openings and settlements, as the engine numbers them."""
FEED_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Book:
    """What a target knows of its last pause, Unix seconds."""

    since: int = 0
    until: int = 0


class PauseBooks:
    """`windows` are the guardian's by scope; `books` the targets' by scope."""

    def __init__(self, world: GovernanceState, feeds: tuple[bytes, ...]) -> None:
        self._world = world
        self._feeds = feeds
        self.windows: dict[bytes, PauseWindow] = {}
        self.books: dict[bytes, Book] = {}

    def window(self, scope: bytes) -> PauseWindow:
        """Return the last pause that went through the guardian."""
        return self.windows.get(scope, PauseWindow())

    def book(self, scope: bytes) -> Book:
        """Return what the target of a scope knows."""
        return self.books.get(scope, Book())

    # THE GUARDIAN

    def pause(self, sender: Address, scope: bytes, duration: int) -> None:
        """Pause as the wallet."""
        self._require_owner(sender)
        new = self.window(scope).paused(duration, self._world.now)
        feed, rest = scope[:FEED_BYTES], scope[FEED_BYTES:]
        if scope not in {OPENINGS, TRADING} and (any(rest) or not any(feed)):
            raise SpecError("pause: bad scope")
        self._world.put(self.windows, scope, new)
        self._world.tell(self._guardian, "Paused", scope, new.ends_at)
        self._stop(scope, new.ends_at)

    def extend(self, sender: Address, scope: bytes, draft: Draft | None, action: int) -> None:
        """Let a running pause go on; `draft` is None for bytes that no proposal has."""
        self._require_owner(sender)
        if scope == OPENINGS:
            raise SpecError("pause: cannot be extended")
        window, world = self.window(scope), self._world
        entry = world.proposals.get(draft.id) if draft else None
        is_live = entry is not None and entry.proposal.kind is Kind.UPGRADE and world.is_live(entry)
        if world.now < window.ends_at and is_live and draft:
            mends = action < len(draft.targets) and self._mends(scope, draft.targets[action])
            if not mends:
                raise SpecError("pause: acts on something else")
        new = window.extended(is_mending=is_live, now=world.now)
        world.put(self.windows, scope, new)
        assert draft is not None, "a live proposal is a known one"
        world.tell(self._guardian, "Extended", scope, new.ends_at, draft.id)
        self._stop(scope, new.ends_at)

    @property
    def _guardian(self) -> Address:
        return self._world.address("pauses")

    def _require_owner(self, sender: Address) -> None:
        if sender != self._world.stage.wallet:
            raise SpecError("pause: not the owner")

    def _mends(self, scope: bytes, target: Address) -> bool:
        address = self._world.address
        return target == address("engine") or (scope != TRADING and target == address("oracle"))

    def _stop(self, scope: bytes, until: int) -> None:
        if scope == OPENINGS:
            self.pause_openings(self._guardian, until)
        elif scope == TRADING:
            self.pause_all(self._guardian, TRADING_MASK, until)
        else:
            self.pause_feed(self._guardian, scope[:FEED_BYTES], until)

    # ITS TARGETS

    def pause_openings(self, sender: Address, until: int) -> None:
        """Pause openings; only the guardian."""
        self._require_guardian(sender)
        now, book = self._world.now, self.book(OPENINGS)
        if now < book.until + PAUSE_GAP_S:
            raise SpecError("PauseTooSoon", book.until + PAUSE_GAP_S)
        if until <= now:
            raise SpecError("PauseInPast", until)
        end = min(until, now + PAUSE_MAX_S)
        self._world.put(self.books, OPENINGS, Book(now, end))
        self._world.tell(self._world.address("adjudicator"), "OpeningsPaused", end)

    def pause_all(self, sender: Address, mask: int, until: int) -> None:
        """Pause trading; only the guardian, who knows one mask."""
        self._require_guardian(sender)
        new = self._paused(TRADING, until)
        self._world.put(self.books, TRADING, new)
        self._world.tell(self._world.address("engine"), "GuardianPaused", mask, new.until)

    def pause_feed(self, sender: Address, feed: bytes, until: int) -> None:
        """Pause a feed; only the guardian."""
        self._require_guardian(sender)
        self._require_feed(feed)
        scope = feed.ljust(32, b"\0")
        new = self._paused(scope, until)
        self._world.put(self.books, scope, new)
        self._world.tell(self._world.address("oracle"), "FeedPaused", feed, new.until)

    def lift_openings(self, sender: Address) -> None:
        """Let openings go on; only the timelock."""
        self._require_timelock(sender)
        if self._lifted(OPENINGS):
            target = self._world.address("adjudicator")
            self._world.tell(target, "OpeningsPaused", self._world.now)

    def lift_trading(self, sender: Address) -> None:
        """Let trading go on; only the timelock."""
        self._require_timelock(sender)
        if self._lifted(TRADING):
            target = self._world.address("engine")
            self._world.tell(target, "GuardianPaused", 0, self._world.now)

    def lift_feed(self, sender: Address, feed: bytes) -> None:
        """Let a feed go on; only the timelock."""
        self._require_timelock(sender)
        self._require_feed(feed)
        if self._lifted(feed.ljust(32, b"\0")):
            self._world.tell(self._world.address("oracle"), "FeedPaused", feed, self._world.now)

    def _paused(self, scope: bytes, until: int) -> Book:
        """Return the book after a pause or its extension: 72 hours from now, 19 days in all."""
        now, book = self._world.now, self.book(scope)
        is_running = now < book.until
        if book.until and not is_running and now < book.until + PAUSE_GAP_S:
            raise SpecError("PauseTooSoon", book.until + PAUSE_GAP_S)
        if until <= now:
            raise SpecError("PauseInPast", until)
        since = book.since if is_running else now
        end = min(until, now + PAUSE_MAX_S, since + PAUSE_TOTAL_S)
        if end <= book.until:
            raise SpecError("PauseTooSoon", book.until + PAUSE_GAP_S)
        return Book(since, end)

    def _lifted(self, scope: bytes) -> bool:
        """Let a pause end now if it runs; return whether it did."""
        book, now = self.book(scope), self._world.now
        if now >= book.until:
            return False
        self._world.put(self.books, scope, Book(book.since, now))
        return True

    def _require_guardian(self, sender: Address) -> None:
        if sender != self._guardian:
            raise SpecError("NotGuardian", sender)

    def _require_timelock(self, sender: Address) -> None:
        if sender != self._world.timelock:
            raise SpecError("NotTimelock", sender)

    def _require_feed(self, feed: bytes) -> None:
        if feed not in self._feeds:
            raise SpecError("UnknownFeed", feed)
