"""The stage of an attack: a fresh chain, one where the channel is open, the perpetual swaps."""

from collections.abc import Iterator

import pytest

from tests.attacks.duel import Duel, duel_over
from tests.attacks.perp_stage import Market, market_of

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


@pytest.fixture(scope="module")
def market_stage() -> Market:
    """The perpetual swaps; a vault of 10,000,000 USD."""
    return market_of()


@pytest.fixture
def market(market_stage: Market) -> Iterator[Market]:
    """The same; what happens is undone after the test."""
    with market_stage.rig.chain.isolated():
        yield market_stage
