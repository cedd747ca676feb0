"""Name what the chain side keeps: durable values by name."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Facts"]


class Facts(Protocol):
    """Durable values by name."""

    async def fact(self, name: str) -> bytes | None:
        """Return a value, None if it was never put. Raises StoreError."""

    async def put_fact(self, name: str, value: bytes) -> None:
        """Keep a value in place of what it was. Raises StoreError."""
