"""Log one JSON object a line: a constant event name, fields, a time. Nothing secret is a field."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any, Final, cast

import structlog
from structlog.typing import EventDict, WrappedLogger

from clearing.clearport.daemon.world import Log
from clearing.clearport.errors import ConfigError

__all__ = ["make_log"]

HIDDEN: Final = ("passphrase", "pin", "secret", "token", "authorization", "private")
LONGEST: Final = 2_000


def make_log(level: str, file: Path | None, **always: object) -> Log:
    """Return a log that writes to a file, or to stderr. Raises ConfigError.

    Levels below `level` cost nothing. `always` are fields of every line.
    """
    try:
        stream = sys.stderr if file is None else file.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        problem = f"cannot write {file} ({error.strerror})"
        raise ConfigError(problem, "name a file that can be written", field="log.file") from error
    threshold = logging.getLevelNamesMapping()[level.upper()]
    log = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _guard,
            structlog.processors.JSONRenderer(default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        cache_logger_on_first_use=True,
    )
    return cast("Log", log.bind(**always))


def _guard(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide what is named like a secret, and cut what a stranger may have made long."""
    return {key: _shown(key, value) for key, value in event.items()}


def _shown(key: str, value: Any) -> Any:
    if any(word in key.lower() for word in HIDDEN):
        return "(hidden)"
    if isinstance(value, bytes):
        value = value.hex()
    if isinstance(value, str) and len(value) > LONGEST:
        return value[:LONGEST] + "…"
    return value
