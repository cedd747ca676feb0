"""Deployment: what stands where, who is refused, what is recorded."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clearing.chain.anvil import Anvil, run_anvil
from clearing.chain.contract import Call, Contract, as_text
from clearing.chain.deploy import Deployer, deploy, predict_address
from clearing.chain.deployment import chain_key_of, read_deployment
from clearing.chain.errors import (
    CallRefusedError,
    MockRefusedError,
    ParameterInvalidError,
    RegistryInvalidError,
)
from clearing.chain.params import Parameters, read_parameters
from clearing.chain.sender import Sender
from clearing.channel.keccak import keccak256
from clearing.spec.units import Address

SenderOf = Callable[[int], Sender]


def _roles(timelock: Sender) -> dict[str, Address]:
    return {
        "timelock": timelock.address,
        "guardian": Address(b"\x44" * 20),
        "treasury": Address(b"\x55" * 20),
    }


def _parameters(**changes: Any) -> Parameters:
    return read_parameters("local").model_copy(update=changes)


def test_deploy__local_parameters__every_contract_stands_and_names_the_others(
    anvil: Anvil, sender_of: SenderOf
) -> None:
    timelock = sender_of(2)

    made = deploy(
        anvil.node, _parameters(), sender_of(1), roles=_roles(timelock), timelock=timelock
    )

    adjudicator = Contract(anvil.node, "Adjudicator", made.address_of("Adjudicator"))
    registry = Contract(anvil.node, "BrokerRegistry", made.address_of("BrokerRegistry"))
    yellow = Contract(anvil.node, "YellowToken", made.address_of("YELLOW"))
    assert registry.call("adjudicator") == adjudicator.address
    assert registry.call("yellow") == yellow.address
    assert adjudicator.call("parameters") == (
        registry.address,
        timelock.address,
        Address(b"\x44" * 20),
        86_400,
        604_800,
        86_400,
        100_000,
    )
    assert yellow.call("balanceOf", Address(b"\x55" * 20)) == 10**10 * 10**18
    assert adjudicator.call("capOf", made.address_of("USDT")) == 10**12
    assert adjudicator.call("capOf", made.address_of("YELLOW")) == 10**6 * 10**18


def test_deploy__each_contract__is_recorded_with_its_code_arguments_and_block(
    anvil: Anvil, sender_of: SenderOf
) -> None:
    made = deploy(anvil.node, _parameters(), sender_of(3), roles=_roles(sender_of(2)))

    for role, contract in made.contracts.items():
        code = anvil.node.request("eth_getCode", [contract.address, "latest"])
        assert contract.code_hash == "0x" + keccak256(bytes.fromhex(code[2:])).hex(), role
    registry = made.contracts["BrokerRegistry"]
    adjudicator = made.contracts["Adjudicator"]
    words = [made.contracts["Yellow"].address, adjudicator.address]
    assert registry.args == "0x" + "".join(word[2:].lower().zfill(64) for word in words)
    assert adjudicator.block == registry.block + 1


def test_deploy__timelock_is_not_ours__lists_nothing(anvil: Anvil, sender_of: SenderOf) -> None:
    made = deploy(anvil.node, _parameters(), sender_of(3), roles=_roles(sender_of(2)))

    adjudicator = Contract(anvil.node, "Adjudicator", made.address_of("Adjudicator"))
    assert adjudicator.call("capOf", made.address_of("USDT")) == 0


def test_deploy__nobody_for_a_role__is_refused(anvil: Anvil, sender_of: SenderOf) -> None:
    with pytest.raises(ParameterInvalidError, match="nobody stands for @treasury"):
        deploy(anvil.node, _parameters(), sender_of(3))


def test_deploy__parameters_of_another_chain__are_refused(
    anvil: Anvil, sender_of: SenderOf
) -> None:
    with pytest.raises(ParameterInvalidError, match="chain_ids of local lacks 31337"):
        deploy(anvil.node, _parameters(chain_ids=[1_337]), sender_of(3), roles=_roles(sender_of(2)))


def test_deploy__mock_off_a_test_chain__is_refused_before_it_exists(sender_of: SenderOf) -> None:
    with run_anvil(chain_id=10) as elsewhere:
        account = sender_of(1)._key
        elsewhere.give_ether(account.address, 10**21)
        maker = Deployer(elsewhere.node, Sender(elsewhere.node, account), 10)
        assert maker.create("Lock", "HashTimeLock")

        with pytest.raises(MockRefusedError, match="MockERC20 is a mock and chain 10 is no test"):
            maker.create("USDT", "MockERC20", "USDT", "USDT", 6)

        assert list(maker.made) == ["Lock"]


def test_deploy__someone_else_uses_the_nonce__the_pair_is_given_up(
    anvil: Anvil, sender_of: SenderOf
) -> None:
    deployer = sender_of(6)
    nowhere = Call(Address(b"\x99" * 20), b"", "intruder")

    class Interrupted(Sender):
        def send(self, call: Call) -> Any:
            receipt = super().send(call)
            if call.what == "deploy BrokerRegistry":
                super().send(nowhere)
            return receipt

    interrupted = Interrupted(anvil.node, deployer._key)
    with pytest.raises(CallRefusedError, match="RegistryNotOurs"):
        deploy(anvil.node, _parameters(), interrupted, roles=_roles(sender_of(2)))


def test_predict_address__next_creation__stands_there(anvil: Anvil, sender_of: SenderOf) -> None:
    sender = sender_of(7)
    expected = predict_address(sender.address, sender.next_nonce())
    maker = Deployer(anvil.node, sender, 31_337)

    assert maker.create("Lock", "HashTimeLock") == expected


def test_write__then_read__gives_the_same_deployment(
    anvil: Anvil, sender_of: SenderOf, tmp_path: Path
) -> None:
    made = deploy(anvil.node, _parameters(), sender_of(8), roles=_roles(sender_of(2)))
    path = tmp_path / "registry" / "local.json"

    made.write(path)

    assert read_deployment(path, chain_key_of(anvil.node)) == made


def test_write__other_chains_deployments__are_kept(
    anvil: Anvil, sender_of: SenderOf, tmp_path: Path
) -> None:
    made = deploy(anvil.node, _parameters(), sender_of(8), roles=_roles(sender_of(2)))
    elsewhere = replace(made, chain=replace(made.chain, genesis=b"\x01" * 32))
    path = tmp_path / "local.json"

    made.write(path)
    elsewhere.write(path)

    assert read_deployment(path, made.chain) == made
    assert read_deployment(path, elsewhere.chain) == elsewhere


def test_read_deployment__nothing_on_this_chain__names_the_chain(
    anvil: Anvil, sender_of: SenderOf, tmp_path: Path
) -> None:
    made = deploy(anvil.node, _parameters(), sender_of(8), roles=_roles(sender_of(2)))
    path = tmp_path / "local.json"
    made.write(path)
    assert read_deployment(path, made.chain)

    with pytest.raises(RegistryInvalidError, match="records nothing on chain 5:0x"):
        read_deployment(path, replace(made.chain, chain_id=5))


@pytest.mark.parametrize(("text", "message"), [(None, "deploy first"), ("{", "deploy first")])
def test_read_deployment__no_or_broken_file__names_the_fix(
    anvil: Anvil, tmp_path: Path, text: str | None, message: str
) -> None:
    path = tmp_path / "local.json"
    if text is not None:
        path.write_text(text)

    with pytest.raises(RegistryInvalidError, match=message):
        read_deployment(path, chain_key_of(anvil.node))


def test_as_text__address__is_checksummed() -> None:
    text = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"

    assert as_text(Address(bytes.fromhex(text[2:]))) == text
