"""Keep what a day may cost, durably: wad USD, days of UTC."""

from __future__ import annotations

from collections.abc import Callable

from clearing.keeper.store import Store
from clearing.spec.units import DAY_S

__all__ = ["DayPurse"]


class DayPurse:
    """What may be spent each day under a name of the store's."""

    def __init__(self, store: Store, name: str, day_wad: int, clock_s: Callable[[], float]) -> None:
        self._store = store
        self._name = name
        self._day_wad = day_wad
        self._clock_s = clock_s

    @property
    def left_wad(self) -> int:
        """What today may still cost."""
        return max(0, self._day_wad - self._used()[1])

    def spend(self, wad: int) -> None:
        """Note a cost."""
        if wad:
            today, used = self._used()
            self._store.put_fact(self._name, [today, str(used + wad)])

    def _used(self) -> tuple[int, int]:
        today = int(self._clock_s()) // DAY_S  # floor: a day's number
        known = self._store.fact(self._name) or [today, "0"]
        return today, int(known[1]) if known[0] == today else 0
