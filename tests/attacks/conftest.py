"""The stage of an attack: a fresh chain, or one where the channel is open."""

import pytest

from tests.attacks.duel import Duel, duel_over

__all__: list[str] = []


@pytest.fixture
def duel() -> Duel:
    """Nothing is open; the channel has one plain asset, both brokers have approved it."""
    return duel_over()


@pytest.fixture
def opened(duel: Duel) -> Duel:
    """Open at version 1, each side with STAKE."""
    duel.open()
    return duel
