"""The machines of `clearing fuzz`: where each is, and how its steps are cut into schedules."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Final, Protocol, cast

from tests.invariants.played import Played, Seen

__all__ = ["MACHINES", "Machine", "MachineMissing", "Playable"]


class Playable(Protocol):
    """What a machine's module has.

    It may have more: `keep(seed, steps, path) -> int`, which writes a failing schedule cut down to
    what matters and tells how many actions are left, and `fault_in(path) -> str | None`, which
    plays that again.
    """

    def play(self, seed: str, steps: int) -> Played:
        """Play one schedule."""

    def unseen(self, seen: Seen) -> list[str]:
        """Return what a long run should have met and did not."""


class MachineMissing(Exception):
    """A machine of the table has no module; a run without it would look complete."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One row of the table."""

    name: str
    module: str
    schedule: int
    """Steps of one schedule; the next one begins from an untouched deployment."""
    share: int
    """Steps it gets of 100 that all machines share."""
    long: int
    """Steps after which everything must have been met: the rarest outcome then some seven times."""

    def load(self) -> Playable:
        """Import the module. Raises MachineMissing if it is not there or cannot play."""
        try:
            module = import_module(self.module)
        except ModuleNotFoundError as error:
            raise MachineMissing(
                f"machine {self.name}: {error}; {self.module} must be there and import"
            ) from error
        lacking = [name for name in ("play", "unseen") if not callable(getattr(module, name, None))]
        if lacking:
            raise MachineMissing(
                f"machine {self.name}: {self.module} has no {' and no '.join(lacking)}; "
                "tests/invariants/played.py says what a machine answers"
            )
        return cast("Playable", module)


MACHINES: Final = {
    machine.name: machine
    for machine in (
        Machine("channels", "tests.invariants.channels", schedule=300, share=30, long=100_000),
        Machine("oracle", "tests.invariants.oracle", schedule=2_000, share=30, long=100_000),
        Machine("swaps", "tests.invariants.swaps", schedule=400, share=15, long=400_000),
        Machine(
            "governance",
            "tests.invariants.governance_machine",
            schedule=300,
            share=10,
            long=20_000,
        ),
        Machine(
            "system", "tests.invariants.system_machine", schedule=4_000, share=15, long=500_000
        ),
    )
}
