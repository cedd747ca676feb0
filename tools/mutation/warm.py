"""A process that has imported what tests import, and forks for each run of pytest.

Started in a copy of the project, it reads one JSON object a line from standard input,
{"args": [...], "log": path, "seconds": limit}, and answers each with pytest's exit code, or -1 when
the time was up.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final

TIME_UP: Final = -1


def main() -> None:
    """Serve until standard input ends."""
    # Imported for the forks; nothing here loads an artifact or opens a connection.
    import ape  # noqa: F401, PLC0415
    import hypothesis  # noqa: F401, PLC0415
    import pytest  # noqa: PLC0415

    import tests.harness.match_twin  # noqa: PLC0415
    import tests.harness.perp_resolution_twin  # noqa: F401, PLC0415

    for line in sys.stdin:
        print(_forked(pytest.main, json.loads(line)), flush=True)


def _forked(run: Any, told: dict[str, Any]) -> int:
    child = os.fork()
    if child == 0:
        os.setsid()
        log = os.open(told["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        code = 3
        try:
            code = int(run(told["args"]))
        finally:
            sys.stdout.flush()
            os._exit(code)
    return _waited(child, time.monotonic() + float(told["seconds"]))


def _waited(child: int, deadline: float) -> int:
    code = None
    while code is None and time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if done else None
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # the node that a test may have started, too
    if code is None:
        os.waitpid(child, 0)
        return TIME_UP
    return code


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    main()
