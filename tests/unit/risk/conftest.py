"""The worked example of the protocol's first description: two trades, then prices that moved."""

import pytest

from clearing.spec.assets import asset_id
from clearing.spec.liabilities import Liabilities
from clearing.spec.risk import FactorTable, PriceSet
from clearing.spec.units import WAD

BTC, ETH, USDC = asset_id("BTC"), asset_id("ETH"), asset_id("USDC")


@pytest.fixture
def owed():
    """Low owes 10 ETH and 20,000 USDC, high owes 1 BTC."""
    return Liabilities.of({ETH: 10 * WAD, USDC: 20_000 * WAD, BTC: -WAD})


@pytest.fixture
def prices():
    """BTC has risen to 52,500, ETH to 3,300."""
    return PriceSet.of({BTC: 52_500 * WAD, ETH: 3_300 * WAD, USDC: WAD})


@pytest.fixture
def opening_prices():
    """The prices of the two trades."""
    return PriceSet.of({BTC: 50_000 * WAD, ETH: 3_000 * WAD, USDC: WAD})


@pytest.fixture
def factors():
    """2.09 %, 2.68 % and 0.027 %."""
    return FactorTable.of({BTC: 209 * 10**14, ETH: 268 * 10**14, USDC: 27 * 10**13})
