"""Write a fault down as a test that plays it again: it fails until the fault is mended."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any, Final

from tests.invariants.campaign import Result, Schedule

__all__ = ["write"]

WIDTH: Final = 98
LONGEST: Final = 1_000
"""Characters of a fault's message that the script tells; replaying tells all."""
BY_SEED: Final = '''\
r"""Found by `clearing fuzz` in machine {machine}, schedule {seed}, at step {step}.

It fails until that is mended; then name it for the fault and keep it in tests/regressions.

{message}
"""

{imports}


def test_{machine}__schedule_{name}__finds_nothing():
    fault = play("{seed}", {steps}).fault
    assert fault is None, fault.message
'''
CUT_DOWN: Final = '''

def test_{machine}__schedule_{name}_cut_down__finds_nothing():
    """The JSON beside holds the {actions} actions that are enough."""
    fault = fault_in(Path(__file__).with_suffix(".json"))
    assert fault is None, fault
'''


def write(found: Result, folder: Path) -> Path:
    """Write the script of a result with a fault, and beside it the schedule cut down, if it can be.

    Returns the script's path.
    """
    schedule, fault = found.schedule, found.played.fault
    if fault is None:
        raise ValueError(f"{schedule} has no fault to tell")
    machine = schedule.machine
    name = re.sub(r"\W+", "_", schedule.seed)
    path = folder / f"test_{machine.name}_{name}.py"
    folder.mkdir(parents=True, exist_ok=True)
    actions = _cut_down(schedule, path.with_suffix(".json"))
    text, imports = BY_SEED, f"from {machine.module} import play"
    if actions:
        text += CUT_DOWN
        imports = f"from pathlib import Path\n\nfrom {machine.module} import fault_in, play"
    path.write_text(
        text.format(
            machine=machine.name,
            seed=schedule.seed,
            steps=schedule.steps,
            step=fault.step,
            name=name,
            actions=actions,
            imports=imports,
            message=_shown(fault.message),
        ),
        encoding="utf-8",
    )
    return path


def _cut_down(schedule: Schedule, path: Path) -> int:
    """Write a schedule of the channels cut down; return how many actions are left, 0 if none is.

    None is if the machine cannot cut down, or cannot tell what its fault needs.
    """
    module: Any = schedule.machine.load()
    if not hasattr(module, "keep"):
        return 0
    try:
        return int(module.keep(schedule.seed, schedule.steps, path))
    except Exception:  # noqa: BLE001 - the seed remains, and shows whatever it is
        return 0


def _shown(message: str) -> str:
    """Return the message as lines of a raw docstring, cut if long."""
    text = message if len(message) <= LONGEST else f"{message[:LONGEST]} ..."
    plain = "\n".join(map(_plain, text.splitlines())).replace('"""', "'''")
    return "\n".join(part for line in plain.splitlines() for part in textwrap.wrap(line, WIDTH))


def _plain(line: str) -> str:
    """Return what is not printable ASCII escaped."""
    return "".join(
        letter if letter.isascii() and letter.isprintable() else ascii(letter)[1:-1]
        for letter in line
    )
