"""A registry whose Adjudicator is an account, so that tests can call what only it may."""

import ape
import pytest

from clearing.spec.registry import LOT


@pytest.fixture(scope="session")
def adjudicator():
    """The one account that takes and releases slots."""
    return ape.accounts.test_accounts[5]


@pytest.fixture(scope="session")
def signer_low():
    """The key that the low broker names. It never sends a transaction."""
    return ape.accounts.test_accounts[6].address


@pytest.fixture(scope="session")
def signer_high():
    """The key that the high broker names. It never sends a transaction."""
    return ape.accounts.test_accounts[7].address


@pytest.fixture(scope="session")
def yellow(project, deployer, broker_low, broker_high):
    """YELLOW; each broker holds 40 lots."""
    return project.YellowToken.deploy(
        [broker_low, broker_high], [40 * LOT, 40 * LOT], sender=deployer
    )


@pytest.fixture(scope="session")
def registry(project, deployer, yellow, adjudicator, broker_low, broker_high):
    """The registry, approved by both brokers for all they hold, with no stake."""
    registry = project.BrokerRegistry.deploy(yellow, adjudicator, sender=deployer)
    for broker in (broker_low, broker_high):
        yellow.approve(registry, 40 * LOT, sender=broker)
    return registry


@pytest.fixture
def staked(registry, broker_low, broker_high, signer_low, signer_high):
    """The registry; both brokers have staked one lot and named their signers."""
    for broker, signer in ((broker_low, signer_low), (broker_high, signer_high)):
        registry.stake(LOT, sender=broker)
        registry.set_signer(signer, sender=broker)
    return registry


@pytest.fixture
def take(registry, adjudicator, broker_low, broker_high, signer_low, signer_high):
    """Return a function that takes one slot of each broker, as an opening does."""
    return lambda: registry.take_slots(
        broker_low, signer_low, broker_high, signer_high, sender=adjudicator
    )


@pytest.fixture
def state_of(registry, yellow):
    """Return a function: all that the registry and YELLOW know of some accounts."""

    def read(*accounts):
        return [
            (
                registry.stake_of(account),
                registry.slots_of(account),
                registry.slots_used(account),
                tuple(registry.unstake_of(account)),
                registry.signer_of(account),
                yellow.balanceOf(account),
            )
            for account in (*accounts, registry)
        ]

    return read


@pytest.fixture
def events_of(registry):
    """Return a function: the events of the registry in a receipt, as (name, values)."""

    def read(receipt):
        return [
            (log.event_name, dict(log.event_arguments))
            for log in receipt.events
            if log.contract_address == registry.address
        ]

    return read
