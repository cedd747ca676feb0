"""Remember which refusals were said, so that a log hears of each once."""

from __future__ import annotations

from typing import Final

__all__ = ["Refusals"]

Call = tuple[str, tuple[str, ...]]
"""A method, and whom it names."""
QUIET_S: Final = 600.0
"""What was not refused for so long is news again."""


class Refusals:
    """What was refused, by call and kind of error: amounts in its words change each time."""

    def __init__(self) -> None:
        self._said_s: dict[tuple[Call, str], float] = {}

    def is_news(self, call: Call, reason: str, now_s: float) -> bool:
        """Note a refusal; return whether it was not known."""
        self._said_s = {each: at for each, at in self._said_s.items() if now_s - at < QUIET_S}
        key = (call, reason.partition("(")[0])
        is_new = key not in self._said_s
        self._said_s[key] = now_s
        return is_new

    def forget(self, call: Call) -> None:
        """Note that a call is not refused any more."""
        self._said_s = {each: at for each, at in self._said_s.items() if each[0] != call}
