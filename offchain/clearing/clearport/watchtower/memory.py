"""Keep a tower's intents and facts for as long as it runs.

A tower needs no more: whatever it has sent answers a challenge once, and the contract refuses it a
second time. After a restart it reads the states and the chain anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clearing.clearport.errors import StoreError
from clearing.clearport.ports import Intent, IntentStatus

__all__ = ["PassingStore"]


class PassingStore:
    """What the watcher and the outbox keep, in memory; `tell` is told of each change."""

    def __init__(self, tell: Callable[[IntentStatus], None]) -> None:
        self._tell = tell
        self._items: dict[str, tuple[Intent, IntentStatus]] = {}
        self._facts: dict[str, bytes] = {}

    def want(self, intent: Intent) -> None:
        """Have an intent sent, once for each key."""
        status = IntentStatus(intent.key, intent.what, "queued")
        self._items.setdefault(intent.key, (intent, status))

    def status(self, key: str) -> IntentStatus | None:
        """Return how far an intent is, None if it was never wanted."""
        item = self._items.get(key)
        return None if item is None else item[1]

    async def intents(self, states: Sequence[str]) -> tuple[tuple[Intent, IntentStatus], ...]:
        """Return the intents in these states, in the order they were wanted."""
        return tuple(item for item in self._items.values() if item[1].state in states)

    async def set_intent_status(self, status: IntentStatus) -> None:
        """Keep how far an intent is. Raises StoreError if it was never wanted."""
        if status.key not in self._items:
            raise StoreError(f"{status.key} was never wanted")
        self._items[status.key] = (self._items[status.key][0], status)
        self._tell(status)

    async def fact(self, name: str) -> bytes | None:
        """Return a value, None if it was never put."""
        return self._facts.get(name)

    async def put_fact(self, name: str, value: bytes) -> None:
        """Keep a value in place of what it was."""
        self._facts[name] = value
