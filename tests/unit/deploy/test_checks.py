"""What is not as it should be is found: each check has been seen to fail."""

import pytest

from clearing.chain.contract import as_text
from clearing.chain.errors import ChainError
from clearing.deploy.checks import holders_of, inspect_deployment, inspect_network, require_all
from clearing.deploy.local import send
from clearing.deploy.plan import role_id
from clearing.deploy.stage import sender_of

STRANGER = b"\x57" * 20


def problems_of(stage):
    found = inspect_deployment(
        stage.anvil.node, stage.parameters, stage.made, stage.deployer.address
    )
    return [it.what for it in found if it.problem]


def as_timelock(stage, role, method, *args):
    """Call as the timelock, which no key can."""
    timelock = as_text(stage.made.address_of("ProtocolTimelock"))
    stage.anvil.node.request("anvil_impersonateAccount", [timelock])
    stage.anvil.give_ether(timelock, 10**18)
    call = stage.contract(role).transact(method, *args)
    send(stage.anvil, timelock, as_text(call.to), call.data)


def test_inspect_deployment__as_deployed__finds_no_problem(stage):
    assert problems_of(stage) == []


def test_inspect_deployment__the_end_of_a_deployment__nobody_but_the_governor_has_a_role(stage):
    """[GOV-17] The deployer granted and renounced; the events tell both."""
    governor = stage.made.address_of("ProtocolGovernor")

    held = holders_of(stage.anvil.node, stage.made)

    assert held == {
        "PROPOSER_ROLE": {governor},
        "CANCELLER_ROLE": {governor},
        "EXECUTOR_ROLE": {governor},
        "DEFAULT_ADMIN_ROLE": {stage.made.address_of("ProtocolTimelock")},
    }


@pytest.mark.parametrize("name", ["PROPOSER_ROLE", "EXECUTOR_ROLE", "DEFAULT_ADMIN_ROLE"])
def test_inspect_deployment__a_role_given_to_somebody__is_found(stage, name):
    as_timelock(stage, "ProtocolTimelock", "grantRole", role_id(name), STRANGER)

    assert problems_of(stage) == [f"timelock's {name}"]


def test_inspect_deployment__the_deployer_has_a_role_again__is_found(stage):
    """[GOV-17] The check can say no."""
    role = role_id("CANCELLER_ROLE")
    as_timelock(stage, "ProtocolTimelock", "grantRole", role, stage.deployer.address)

    assert problems_of(stage) == ["timelock's CANCELLER_ROLE", "roles of the deployer"]


@pytest.mark.parametrize(
    ("role", "method", "args", "what"),
    [
        ("DerivativesEngine", "setModule", (3, STRANGER), "module RISK"),
        ("ProtocolTimelock", "updateDelay", (86_400,), "timelock's delay"),
        ("ProtocolGovernor", "setVotingPeriod", (3 * 86_400,), "governor's votingPeriod"),
        ("ProposalTypes", "setTerms", (4, (900, 6_667, 432_000)), "what kind 4 asks"),
    ],
)
def test_inspect_deployment__a_setting_was_changed__is_found(stage, role, method, args, what):
    if role == "ProtocolGovernor":
        # its own functions are called by what the timelock executes for it alone
        slot = _slot_of_voting_period(stage)
        stage.anvil.node.request("anvil_setStorageAt", slot)
    else:
        as_timelock(stage, role, method, *args)

    assert problems_of(stage) == [what]


def _slot_of_voting_period(stage):
    """Return the arguments that write another voting period into the governor's storage."""
    at = as_text(stage.made.address_of("ProtocolGovernor"))
    period = stage.parameters.protocol.governance.voting_period_s.value.to_bytes(4, "big").hex()
    for slot in range(32):
        word = stage.anvil.node.request("eth_getStorageAt", [at, hex(slot), "latest"])
        if period in word:
            changed = word.replace(period, (3 * 86_400).to_bytes(4, "big").hex())
            return [at, "0x" + slot.to_bytes(32, "big").hex(), changed]
    raise AssertionError("no slot has the voting period")


def test_inspect_deployment__other_code__is_found(stage):
    at = as_text(stage.made.address_of("HashTimeLock"))
    code = stage.anvil.node.request("eth_getCode", [at, "latest"])
    stage.anvil.node.request("anvil_setCode", [at, code + "00"])

    assert problems_of(stage) == ["code of HashTimeLock"]


# BEFORE


def test_inspect_network__the_stand_ins__answer(anvil, parameters):
    assert [it for it in inspect_network(anvil.node, parameters) if it.problem] == []


def test_inspect_network__contracts_are_missing__names_each(anvil, parameters):
    oracle = parameters.protocol.oracle
    for at in (oracle.pyth.value, oracle.feeds[1].aggregator, parameters.tokens[0].address):
        anvil.node.request("anvil_setCode", [at, "0x"])

    found = [it.what for it in inspect_network(anvil.node, parameters) if it.problem]

    assert found == ["token USDC", "Pyth's ETH / USD", "aggregator BTC / USD", "Pyth's BTC / USD"]


def test_inspect_network__another_feed_stands_there__is_found(anvil, parameters):
    eth, btc = parameters.protocol.oracle.feeds
    swapped = [
        eth.model_copy(update={"aggregator": btc.aggregator}),
        btc.model_copy(update={"pyth_id": "0x" + "77" * 32}),
    ]
    oracle = parameters.oracle.model_copy(update={"feeds": swapped})
    other = parameters.model_copy(update={"oracle": oracle})

    found = [it.what for it in inspect_network(anvil.node, other) if it.problem]

    assert found == ["aggregator ETH / USD", "Pyth's BTC / USD"]


def test_inspect_network__pyth_has_been_silent__is_found(anvil, parameters):
    anvil.travel(3_700)

    found = [it for it in inspect_network(anvil.node, parameters) if it.problem]

    assert {it.what for it in found} == {"Pyth's ETH / USD", "Pyth's BTC / USD"}
    assert all("deliver an update" in it.problem for it in found)


def test_inspect_network__the_wrong_chain__is_found(anvil, parameters):
    other = parameters.model_copy(update={"chain_ids": [10]})

    with pytest.raises(ChainError, match="chain id: 11155420"):
        require_all(inspect_network(anvil.node, other), "use the right node")
    assert sender_of(anvil, "anybody")
