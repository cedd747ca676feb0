"""Tell whether a process is still there."""

import time
from pathlib import Path

__all__ = ["is_alive", "wait_until_gone"]


def is_alive(pid: int) -> bool:
    """Say whether a process runs; a zombie, which only waits to be reaped, does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or read
        return False


def wait_until_gone(pid: int) -> bool:
    """Say whether a process is gone within thirty seconds."""
    for _ in range(600):
        if not is_alive(pid):
            return True
        time.sleep(0.05)
    return False
