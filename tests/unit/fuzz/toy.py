"""A machine that counts: quick, and at fault where it is told to be."""

from collections import Counter
from random import Random

from tests.invariants.machines import Machine
from tests.invariants.played import Fault, Played

TOY = Machine("toy", __name__, schedule=10, share=1, long=1_000)
RARE = "rare"
"""A move that no schedule makes."""


def play(seed, steps):
    return _walk(seed, steps)


def unseen(seen):
    return [f"{move} accepted" for move in ("left", "right", RARE) if not seen[move, "accepted"]]


def at_fault_in(*seeds):
    """Return a `play` whose schedules of these seeds fail at the step before the last."""

    def faulty(seed, steps):
        if seed not in seeds:
            return _walk(seed, steps)
        fault = Fault('it says "no"\n"""{or}… \\ worse', steps - 2)
        return Played(steps - 1, _walk(seed, steps - 1).seen, fault)

    return faulty


def _walk(seed, steps):
    moves = Random(seed).choices(("left", "right"), k=steps)
    return Played(steps, Counter((move, "accepted") for move in moves))
