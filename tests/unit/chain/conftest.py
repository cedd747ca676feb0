"""An embedded chain of our own, and accounts with ether on it."""

from collections.abc import Callable, Iterator

import pytest
from eth_account import Account

from clearing.chain.anvil import Anvil, run_anvil
from clearing.chain.sender import Sender


@pytest.fixture(scope="module")
def anvil() -> Iterator[Anvil]:
    with run_anvil() as running:
        yield running


@pytest.fixture
def sender_of(anvil: Anvil) -> Callable[[int], Sender]:
    def make(key: int) -> Sender:
        account = Account.from_key(key.to_bytes(32, "big"))
        anvil.give_ether(account.address, 10**21)
        return Sender(anvil.node, account)

    return make
