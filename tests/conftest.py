"""Roles: who acts in a test. Accounts come from Ape's test mnemonic, each with ether."""

import os

import ape
import pytest
from ape.api import AccountAPI
from ape.contracts import ContractContainer
from hypothesis import HealthCheck, Phase, settings

__all__: list[str] = []

_SLOW_SETUP = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("dev", deadline=None, max_examples=50, suppress_health_check=_SLOW_SETUP)
settings.register_profile("ci", settings.get_profile("dev"), max_examples=100, derandomize=True)
settings.register_profile("nightly", settings.get_profile("dev"), max_examples=5_000)
# For tools/mutants.py, which asks whether a test fails and not on how little.
settings.register_profile(
    "mutants",
    settings.get_profile("dev"),
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


class Compiled:
    """The compiled contracts by name.

    Ape's own project looks through the first 500 files below contracts/, its copies of the
    dependencies among them, and calls a contract missing that comes later.
    """

    def __getattr__(self, name: str) -> ContractContainer:
        """Return a contract. Raises AttributeError if none is called so."""
        contract = (ape.project.manifest.contract_types or {}).get(name)
        if contract is None:
            raise AttributeError(f"no compiled contract is called {name}: run `make compile`")
        return ContractContainer(contract)


@pytest.fixture(scope="session")
def project() -> Compiled:
    """Stands in for Ape's fixture of that name."""
    return Compiled()


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
