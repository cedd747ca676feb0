"""The harness itself: what its answers are worth."""

import pytest

from clearing.spec.units import Address
from tests.harness.actors import key_of
from tests.harness.contract import Contract
from tests.harness.deployment import deploy
from tests.harness.errors import Halted, Refused
from tests.harness.revm import START, Revm

HOLDER = key_of("holder").address
OTHER = key_of("other").address


@pytest.fixture
def chain() -> Revm:
    return Revm()


@pytest.fixture
def token(chain: Revm) -> Contract:
    return chain.deploy("MockERC20", "Token", "TKN", 6, sender=HOLDER)


def test_isolated__left__undoes_storage_and_time(chain: Revm, token: Contract) -> None:
    token.send("mint", HOLDER, 5, sender=HOLDER)

    with chain.isolated():
        token.send("mint", HOLDER, 6, sender=HOLDER)
        chain.warp(START + 100)
        with chain.isolated():
            token.send("mint", HOLDER, 7, sender=HOLDER)
            assert token.read("balanceOf", HOLDER) == 18
        assert (token.read("balanceOf", HOLDER), chain.now) == (11, START + 100)

    assert (token.read("balanceOf", HOLDER), chain.now) == (5, START)


def test_read__state_changing_function__keeps_nothing(token: Contract) -> None:
    with pytest.raises(Halted, match="StateChangeDuringStaticCall"):
        token.read("mint", HOLDER, 5)

    assert token.read("balanceOf", HOLDER) == 0


def test_send__event__names_emitter_and_fields(token: Contract) -> None:
    receipt = token.send("mint", HOLDER, 5, sender=OTHER)

    [log] = receipt.of(token)
    assert (log.event, log.args) == ("Transfer", (bytes(20), HOLDER, 5))


def test_send__refused__has_name_and_values_and_no_effect(token: Contract) -> None:
    token.send("mint", HOLDER, 5, sender=HOLDER)
    token.send("transfer", OTHER, 5, sender=HOLDER)

    with pytest.raises(Refused) as refusal:
        token.send("transfer", HOLDER, 6, sender=OTHER)

    assert refusal.value.name == "ERC20InsufficientBalance"
    assert refusal.value.args_ == (OTHER, 5, 6)
    assert token.read("balanceOf", OTHER) == 5


def test_send__refused_by_a_called_contract__is_named_by_its_abi() -> None:
    deployment = deploy(Revm())
    [token] = deployment.tokens.values()
    adjudicator, broker = deployment.adjudicator, deployment.roles.low.address
    adjudicator.send("deposit", token.address, 1, sender=broker)
    token.send("approve", adjudicator.address, 0, sender=broker)

    with pytest.raises(Refused) as refusal:
        adjudicator.send("deposit", token.address, 1, sender=broker)

    assert refusal.value.name == "ERC20InsufficientAllowance"


def test_send__text_of_a_vyper_contract__is_the_name() -> None:
    deployment = deploy(Revm())

    with pytest.raises(Refused) as refusal:
        deployment.registry.send("set_signer", bytes(20), sender=HOLDER)

    assert (refusal.value.name, refusal.value.args_) == ("registry: zero signer", ())


def test_send__one_after_the_other__each_is_its_own_transaction(chain: Revm) -> None:
    """Revm alone would keep transient storage, and every transient lock would be tested wrongly."""
    returns_and_sets_transient_slot = bytes.fromhex("5f5c5f5260075f5d60205ff3")
    output = {"name": "", "type": "uint256"}
    swap = {"type": "function", "name": "swap", "inputs": [], "outputs": [output]}
    chain.set_code(OTHER, returns_and_sets_transient_slot)
    contract = chain.at(OTHER, [swap])

    assert [contract.send("swap", sender=HOLDER).output for _ in range(2)] == [0, 0]


def test_next_address__asked_twice__is_where_the_next_contract_stands(chain: Revm) -> None:
    expected: Address = chain.next_address(HOLDER)
    assert chain.next_address(HOLDER) == expected

    assert chain.deploy("MockERC20", "Token", "TKN", 6, sender=HOLDER).address == expected
