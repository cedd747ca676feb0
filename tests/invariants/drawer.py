"""Where the machine's choices come from: a seed for speed, Hypothesis for shrinking."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Protocol, TypeVar

from hypothesis import strategies as st

__all__ = ["Drawer", "HypothesisDrawer", "RandomDrawer"]

T = TypeVar("T")
PERCENT = 100


class Drawer(Protocol):
    """Makes every choice of a schedule; the first option is what shrinking prefers."""

    def integer(self, least: int, greatest: int) -> int:
        """Return an integer of the closed range."""

    def choose(self, options: Sequence[T]) -> T:
        """Return one of the options."""

    def chance(self, percent: int) -> bool:
        """Say yes in so many of a hundred cases."""


class RandomDrawer:
    """Choices that follow from a seed."""

    def __init__(self, seed: int | str) -> None:
        rng = Random(seed)
        self._random = rng.random
        self._getrandbits = rng.getrandbits

    def integer(self, least: int, greatest: int) -> int:
        """Return an integer of the closed range, each as likely but for a bias below 2**-32."""
        size = greatest - least + 1
        return least + self._getrandbits(size.bit_length() + 32) % size

    def choose(self, options: Sequence[T]) -> T:
        """Return one of the options, each as likely."""
        return options[int(self._random() * len(options))]

    def chance(self, percent: int) -> bool:
        """Say yes in so many of a hundred cases."""
        return self._random() * PERCENT < percent


class HypothesisDrawer:
    """Choices of a Hypothesis example."""

    def __init__(self, data: st.DataObject) -> None:
        self._draw = data.draw

    def integer(self, least: int, greatest: int) -> int:
        """Return an integer of the closed range."""
        return self._draw(st.integers(least, greatest))

    def choose(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        return options[self._draw(st.integers(0, len(options) - 1))]

    def chance(self, percent: int) -> bool:
        """Say yes in so many of a hundred cases; no is the simpler answer."""
        return self._draw(st.integers(0, PERCENT - 1)) >= PERCENT - percent
