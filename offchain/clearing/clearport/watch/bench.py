"""Keep at hand what sending needs: the account, the store, clocks, and how statuses change."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ParamSpec, Protocol, TypeVar

from clearing.chain.offer import REPLACEABLE
from clearing.clearport.ports import Intent, IntentStatus
from clearing.clearport.watch.account import Account, OfferPolicy
from clearing.clearport.watch.asking import ask_in_thread
from clearing.clearport.watch.facts import Facts
from clearing.clearport.watch.finality import Finality
from clearing.clearport.watch.offers import Offers

__all__ = ["Bench", "IntentStore", "Item", "OutboxPolicy"]

P = ParamSpec("P")
T = TypeVar("T")
Item = tuple[Intent, IntentStatus]

USUAL = (*REPLACEABLE, "already imported")
"""A node's words for bytes that it has, or whose nonce is used: no reason to worry."""


class IntentStore(Facts, Protocol):
    """What the outbox needs of the store."""

    async def intents(self, states: Sequence[str]) -> tuple[Item, ...]:
        """Return the intents in these states, in the order they were wanted."""

    async def set_intent_status(self, status: IntentStatus) -> None:
        """Make durable how far an intent is. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class OutboxPolicy:
    """When to look and when to offer more, seconds. `final_at` is what counts as final.

    `give_up_s`: for how long a node may refuse to estimate an intent in words of its own, before
    the intent is refused and the next has its turn.
    """

    final_at: Finality = field(default_factory=Finality)
    offer: OfferPolicy = field(default_factory=OfferPolicy)
    poll_s: float = 1
    replace_after_s: float = 30
    repeat_after_s: float = 10
    receipt_lag_s: float = 30
    give_up_s: float = 3_600
    timeout_s: float = 60
    max_backoff_s: float = 15


class Bench:
    """Shared by what looks after transactions under way and what sends the next."""

    def __init__(
        self,
        account: Account,
        store: IntentStore,
        policy: OutboxPolicy,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.account = account
        self.store = store
        self.policy = policy
        self.offers = Offers(store, account.address)
        self.least_nonce = 0
        self._clock_s = clock_s
        self._timers: dict[tuple[str, str], float] = {}

    async def note(self, status: IntentStatus, **changes: Any) -> IntentStatus:
        """Make a changed status durable, and return it. Raises StoreError."""
        after = replace(status, **changes)
        if after != status:
            await self.store.set_intent_status(after)
            self.reserve(after)
        return after

    def reserve(self, status: IntentStatus) -> None:
        """Never give this nonce to another intent."""
        if status.nonce is not None:
            self.least_nonce = max(self.least_nonce, status.nonce + 1)

    async def broadcast(self, status: IntentStatus, raw: bytes) -> IntentStatus:
        """Send the bytes; keep the node's words if it does not want them."""
        words = await self.ask(self.account.broadcast, raw)
        is_usual = any(word in words.lower() for word in USUAL)
        return await self.note(status, reason="" if is_usual else words)

    async def ask(self, ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask the node; see `ask_in_thread`."""
        return await ask_in_thread(self.policy.timeout_s, ask, *args, **kwargs)

    def waited_s(self, key: str, what: str) -> float:
        """Return how long ago this was asked first, seconds; 0 starts the clock."""
        now_s = self._clock_s()
        return now_s - self._timers.setdefault((key, what), now_s)

    def restart(self, key: str, what: str) -> None:
        """Let a clock begin anew."""
        self._timers[key, what] = self._clock_s()

    def is_running(self, key: str, what: str) -> bool:
        """Say whether a clock was started."""
        return (key, what) in self._timers

    def stop(self, key: str) -> None:
        """Stop all clocks of an intent."""
        self._timers = {timer: at_s for timer, at_s in self._timers.items() if timer[0] != key}
