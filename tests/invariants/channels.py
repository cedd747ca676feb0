"""The channel machine as `clearing fuzz` plays it: by seed, and a failing schedule cut down."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from clearing.chain.artifacts import load as load_artifact
from tests.harness.results import ACCEPTED
from tests.invariants.actions import Action
from tests.invariants.arena import arena
from tests.invariants.chain import Chain
from tests.invariants.drawer import RandomDrawer
from tests.invariants.lockstep import Divergence
from tests.invariants.machine import ChannelMachine
from tests.invariants.played import Fault, Played, Seen
from tests.invariants.trace import dump, fault_of, load, shrunk

__all__ = ["fault_in", "keep", "kind_of", "play", "record", "shorten", "unseen"]

NAMED: Final = re.compile(r"(?:ADJ|SET|REG|ENC)-\d\d")
ENOUGH: Final = 40
"""Characters by which messages without an invariant's ID are told apart."""
NEVER_ACCEPTED: Final = {"pushTransfer": "only the contract itself may call it"}
NEVER_RAISED: Final = {
    "BadParameter": "of the constructor",
    "InvalidShortString": "of a library, for names that are stored, which the domain's are not",
    "RegistryNotOurs": "of the constructor",
    "StringTooLong": "of a library, for names that are stored, which the domain's are not",
}
REGISTRY: Final = (
    "cancel_unstake",
    "complete_unstake",
    "request_unstake",
    "set_signer",
    "stake",
)


def play(seed: str, steps: int) -> Played:
    """Play one schedule on contracts and specification."""
    return record(seed, steps)[0]


def record(seed: str, steps: int, *, on_chain: bool = True) -> tuple[Played, list[Action]]:
    """Play one schedule, on the specification alone if told so, and return its actions too."""
    here = arena()
    fault: Fault | None = None
    with here.deployment.chain.isolated():
        machine = ChannelMachine(here, Chain(here) if on_chain else None, RandomDrawer(seed))
        try:
            for _ in range(steps):
                machine.step()
            machine.lock.check_everything()
        except Divergence as divergence:
            fault = Fault(str(divergence), len(machine.actions) - 1)
    return Played(len(machine.actions), machine.lock.seen, fault), machine.actions


def unseen(seen: Seen) -> list[str]:
    """Return the functions that were never accepted and the errors that were never raised."""
    abi = load_artifact("Adjudicator").abi
    changing = {
        entry["name"]
        for entry in abi
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    }
    errors = {entry["name"] for entry in abi if entry["type"] == "error"}
    raised = {result for _, result in seen}
    missed = {
        f"{name} accepted"
        for name in (changing | {*REGISTRY}) - NEVER_ACCEPTED.keys()
        if not seen[name, ACCEPTED]
    }
    return sorted(missed | (errors - raised - NEVER_RAISED.keys()))


# A FAILING SCHEDULE


def keep(seed: str, steps: int, path: Path) -> int:
    """Write a failing schedule, cut down to what matters, as JSON; return how many actions it has.

    Raises ValueError if the schedule does not fail.
    """
    played, schedule = record(seed, steps)
    if played.fault is None:
        raise ValueError(f"{seed} of {steps} steps does not fail")
    short = shorten(schedule, played.fault)
    dump(path, short, fault_of(arena(), short) or played.fault.message)
    return len(short)


def fault_in(path: Path) -> str | None:
    """Play a schedule that `keep` wrote; return how it fails, None if it does not."""
    return fault_of(arena(), load(path))


def shorten(schedule: list[Action], fault: Fault) -> list[Action]:
    """Leave out what the same fault does not need: the same invariant, or else the same words."""
    kind = kind_of(fault.message)
    return shrunk(schedule, lambda shorter: kind in (fault_of(arena(), shorter) or ""))


def kind_of(message: str) -> str:
    """Return what the message of a like fault holds too: the invariant, or the last words."""
    return next(iter(NAMED.findall(message)), message[-ENOUGH:])
