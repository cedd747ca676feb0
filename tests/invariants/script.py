"""Write a fault down as a test that plays it again: it fails until the fault is mended."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Final

from tests.invariants import channels
from tests.invariants.campaign import Result, Schedule
from tests.invariants.machines import MACHINES

__all__ = ["TRACES", "write"]

TRACES: Final = Path(".reports") / "traces"
WIDTH: Final = 98
LONGEST: Final = 2_000
"""Characters of a fault's message that the script tells; replaying tells all."""
BY_SEED: Final = '''\
"""Found by `clearing fuzz` in machine {machine}, schedule {seed}, at step {step}.

It fails until that is mended; then name it for the fault and keep it in tests/regressions.
"""

{imports}

# What did not hold:
{message}


def test_{machine}__schedule_{name}__finds_nothing():
    assert play("{seed}", {steps}).fault is None
'''
CUT_DOWN: Final = '''

def test_{machine}__schedule_{name}_cut_down__finds_nothing():
    """The JSON beside holds the {actions} actions that are enough."""
    assert fault_in(Path(__file__).with_suffix(".json")) is None
'''


def write(found: Result, folder: Path = TRACES) -> Path:
    """Write the script of a result with a fault, and for channels the schedule cut down beside it.

    Returns the script's path.
    """
    schedule, fault = found.schedule, found.played.fault
    if fault is None:
        raise ValueError(f"{schedule} has no fault to tell")
    module = MACHINES[schedule.machine].module
    name = re.sub(r"\W+", "_", schedule.seed)
    path = folder / f"test_{schedule.machine}_{name}.py"
    folder.mkdir(parents=True, exist_ok=True)
    actions = _cut_down(schedule, path.with_suffix(".json"))
    text, imports = BY_SEED, f"from {module} import play"
    if actions:
        text += CUT_DOWN
        imports = f"from pathlib import Path\n\nfrom {module} import fault_in, play"
    path.write_text(
        text.format(
            machine=schedule.machine,
            seed=schedule.seed,
            steps=schedule.steps,
            step=fault.step,
            name=name,
            actions=actions,
            imports=imports,
            message=_comment(fault.message),
        ),
        encoding="utf-8",
    )
    return path


def _cut_down(schedule: Schedule, path: Path) -> int:
    """Write a schedule of the channels cut down; return how many actions are left, 0 if none is.

    None is written of another machine, and of a schedule whose fault is in the machine itself.
    """
    if schedule.machine != "channels":
        return 0
    try:
        return channels.keep(schedule.seed, schedule.steps, path)
    except Exception:  # noqa: BLE001 - the seed remains, and shows whatever it is
        return 0


def _comment(message: str) -> str:
    """Return the message as lines of a comment."""
    shown = message if len(message) <= LONGEST else f"{message[:LONGEST]} …"
    lines = [
        part for line in shown.splitlines() for part in textwrap.wrap(ascii(line)[1:-1], WIDTH - 2)
    ]
    return "\n".join(f"# {line}" for line in lines or ["nothing was said"])
