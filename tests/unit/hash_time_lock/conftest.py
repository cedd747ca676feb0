"""Locks of one plain token and of ether, and what a test needs to end them."""

from hashlib import sha256

import pytest
from eth_utils import to_checksum_address

ETH = to_checksum_address(bytes(20))
DAY_S = 86_400
PLENTY = 10**24


@pytest.fixture(scope="session")
def preimage():
    """The secret."""
    return sha256(b"the secret of a test").digest()


@pytest.fixture(scope="session")
def hashlock(preimage):
    """What is published of the secret."""
    return sha256(preimage).digest()


@pytest.fixture(scope="session")
def sender(broker_low):
    """Locks."""
    return broker_low


@pytest.fixture(scope="session")
def receiver(broker_high):
    """Is paid when the secret is shown in time."""
    return broker_high


@pytest.fixture(scope="session")
def htlc(project, deployer):
    """The contract, without a lock."""
    return project.HashTimeLock.deploy(sender=deployer)


@pytest.fixture(scope="session")
def fund(deployer, sender, htlc):
    """Return a function that gives the sender plenty of a token and approves the contract."""

    def give(token):
        token.mint(sender, PLENTY, sender=deployer)
        token.approve(htlc, PLENTY, sender=sender)
        return token

    return give


@pytest.fixture(scope="session")
def token(project, deployer, fund):
    """A plain token; the sender holds plenty and has approved the contract."""
    return fund(project.MockERC20.deploy("Mock", "MOCK", 18, sender=deployer))


@pytest.fixture(scope="session")
def account(project, deployer):
    """An account that batches calls and misbehaves when it is paid in ether, once told to."""
    return project.HostileAccount.deploy(sender=deployer)


@pytest.fixture
def timelock(chain):
    """A second one day ahead."""
    return chain.pending_timestamp + DAY_S


@pytest.fixture
def terms_of(htlc):
    """Return a function: the terms that the event Locked of a receipt publishes."""

    def read(receipt):
        (log,) = receipt.decode_logs(htlc.Locked)
        return tuple(value for name, value in log.event_arguments.items() if name != "id")

    return read


@pytest.fixture
def make(htlc, sender, receiver, hashlock, timelock, terms_of):
    """Return a function that locks an amount of a token (or ETH) and gives the terms."""

    def lock(token, amount=1_000, to=receiver):
        value = amount if token == ETH else 0
        return terms_of(
            htlc.lock(to, token, amount, hashlock, timelock, sender=sender, value=value)
        )

    return lock


@pytest.fixture
def locked(make, token):
    """The terms of a live lock of 1,000 raw units."""
    return make(token)


@pytest.fixture
def locked_eth(make):
    """The terms of a live lock of 1,000 wei."""
    return make(ETH)


@pytest.fixture
def state_of(htlc, token, sender, receiver):
    """Return a function: what the contract knows of a lock, and who holds what."""

    def read(terms):
        return (
            htlc.is_locked(htlc.lock_id(terms)),
            [
                (htlc.credit_of(account, token), htlc.credit_of(account, ETH))
                for account in (sender, receiver)
            ],
            [token.balanceOf(account) for account in (sender, receiver, htlc)],
            htlc.balance,
        )

    return read


@pytest.fixture
def events_of(htlc):
    """Return a function: the events of the contract in a receipt, as (name, values)."""

    def read(receipt):
        return [
            (log.event_name, dict(log.event_arguments))
            for log in receipt.events
            if log.contract_address == htlc.address
        ]

    return read
