"""The machine of `toy` under another name, in which nothing is planted."""

from tests.invariants.played import Played

__all__ = ["play", "unseen"]


def play(_seed, steps):
    return Played(steps)


def unseen(_seen):
    return []
