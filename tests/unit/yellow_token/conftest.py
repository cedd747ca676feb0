"""A YellowToken whose whole supply two brokers hold."""

import pytest

WAD = 10**18


@pytest.fixture(scope="session")
def low_allocation():
    """Raw YELLOW of the low broker."""
    return 600_000 * WAD


@pytest.fixture(scope="session")
def high_allocation():
    """Raw YELLOW of the high broker."""
    return 400_000 * WAD


@pytest.fixture
def token(project, deployer, broker_low, broker_high, low_allocation, high_allocation):
    """The token, deployed anew."""
    return project.YellowToken.deploy(
        [broker_low, broker_high], [low_allocation, high_allocation], sender=deployer
    )


@pytest.fixture
def delegate(token):
    """Return a function (voter, to) -> receipt; Ape's `delegate` (EIP-7702) hides the token's."""
    return lambda voter, to: token.invoke_transaction("delegate", to, sender=voter)
