"""A log that keeps what is said."""

from dataclasses import dataclass, field

__all__ = ["KeptLog"]


@dataclass
class KeptLog:
    """Lines as level, event and fields, the oldest first."""

    lines: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)

    def info(self, event: str, **fields: object) -> None:
        """Keep what is as it should be."""
        self.lines.append(("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        """Keep what somebody should see."""
        self.lines.append(("warning", event, fields))

    def error(self, event: str, **fields: object) -> None:
        """Keep what is wrong."""
        self.lines.append(("error", event, fields))

    def names(self, *levels: str) -> list[str]:
        """Return the events of some levels; of all without one."""
        return [event for level, event, _ in self.lines if not levels or level in levels]
