"""Roles: who acts in a test. Accounts come from Ape's test mnemonic, each with ether."""

import ape
import pytest
from ape.api import AccountAPI

__all__: list[str] = []


def _account(index: int) -> AccountAPI:
    return ape.accounts.test_accounts[index]


@pytest.fixture(scope="session")
def deployer() -> AccountAPI:
    """Deploys; has no power afterwards."""
    return _account(0)


@pytest.fixture(scope="session")
def broker_low() -> AccountAPI:
    """The broker with the lower address of the two."""
    return min(_account(1), _account(2), key=lambda account: int(account.address, 16))


@pytest.fixture(scope="session")
def broker_high() -> AccountAPI:
    """The broker with the higher address of the two."""
    return max(_account(1), _account(2), key=lambda account: int(account.address, 16))


@pytest.fixture(scope="session")
def outsider() -> AccountAPI:
    """Anybody else: no broker, no signer."""
    return _account(3)


@pytest.fixture(scope="session")
def recipient() -> AccountAPI:
    """Receives a payout; has done nothing before."""
    return _account(4)
