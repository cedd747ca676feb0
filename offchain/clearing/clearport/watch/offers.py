"""Keep the signed transactions that may still be sent again, by the intent's key."""

from __future__ import annotations

import json

from clearing.clearport.errors import StoreDamagedError
from clearing.clearport.watch.facts import Facts
from clearing.spec.units import Address

__all__ = ["Offers"]


class Offers:
    """Of each intent that is not final yet, the latest bytes; durable before they are sent."""

    def __init__(self, facts: Facts, account: Address) -> None:
        self._facts = facts
        self._name = f"outbox.{account.hex()}"
        self._raws: dict[str, bytes] = {}

    async def load(self) -> None:
        """Read what is stored. Raises StoreError."""
        stored = await self._facts.fact(self._name)
        if stored is None:
            return
        try:
            self._raws = {key: bytes.fromhex(raw) for key, raw in json.loads(stored).items()}
        except (ValueError, AttributeError, TypeError) as error:
            raise StoreDamagedError(f"{self._name} cannot be read ({error})") from error

    def get(self, key: str) -> bytes | None:
        """Return an intent's transaction."""
        return self._raws.get(key)

    async def put(self, key: str, raw: bytes) -> None:
        """Keep a transaction. Raises StoreError."""
        await self._store({**self._raws, key: raw})

    async def drop(self, key: str) -> None:
        """Forget an intent's transaction, once it is final. Raises StoreError."""
        if key in self._raws:
            await self._store({have: raw for have, raw in self._raws.items() if have != key})

    async def _store(self, raws: dict[str, bytes]) -> None:
        text = json.dumps({key: raw.hex() for key, raw in raws.items()}, separators=(",", ":"))
        await self._facts.put_fact(self._name, text.encode())
        self._raws = raws
