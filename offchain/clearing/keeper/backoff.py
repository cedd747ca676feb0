"""Wait longer each time: for each subject a pause that doubles. Pure: the caller says the time."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["Backoff"]


class Backoff:
    """Pauses of `first_s`, twice that, and so on, `longest_s` at most; seconds of one clock."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._pauses: dict[int, tuple[float, float]] = {}
        """How long each waits, and until when."""

    def holds(self, who: int, now_s: float) -> bool:
        """Return whether somebody is not to be tried again yet."""
        return who in self._pauses and now_s < self._pauses[who][1]

    def again(self, who: int, now_s: float) -> None:
        """Begin a pause, twice as long as the last."""
        known = self._pauses.get(who)
        pause_s = self._first_s if known is None else min(self._longest_s, 2 * known[0])
        self._pauses[who] = (pause_s, now_s + pause_s)

    def forget(self, who: int) -> None:
        """Let the next pause be the first."""
        self._pauses.pop(who, None)

    def keep(self, whom: Collection[int]) -> None:
        """Forget all others."""
        self._pauses = {who: pause for who, pause in self._pauses.items() if who in whom}

    def forgive(self, who: int, now_s: float) -> None:
        """Forget somebody whose pause has been over for as long as it was."""
        pause_s, until_s = self._pauses.get(who, (0.0, now_s))
        if now_s >= until_s + pause_s:
            self.forget(who)
