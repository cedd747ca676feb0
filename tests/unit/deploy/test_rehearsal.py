"""What a deployment costs and where it will stand, without a key and without sending anything."""

from clearing.chain.anvil import run_anvil
from clearing.chain.contract import as_text
from clearing.chain.deploy import predict_address
from clearing.chain.fees import l1_fee_wei
from clearing.deploy.executor import StepCost
from clearing.deploy.fee import GAS_CAP, GAS_PRICE_ORACLE, fee_wei
from clearing.deploy.rehearsal import Rehearsed, rehearse, table

DEPLOYER = b"\xde" * 20
COST = StepCost("a step", 100_000, 5_000)


def test_rehearse__a_network__shows_each_step_and_the_real_accounts_addresses(anvil, parameters):
    before = anvil.node.request("eth_blockNumber", [])
    accounts = {role: bytes([place + 1]) * 20 for place, role in enumerate(parameters.roles)}

    steps = rehearse(anvil.node, parameters, DEPLOYER, accounts)

    assert [it.cost.step for it in steps][:2] == ["deploy Yellow", "deploy ProtocolTimelock"]
    assert steps[-1].cost.step == "renounce DEFAULT_ADMIN_ROLE"
    assert steps[0].address == as_text(predict_address(DEPLOYER, 0))
    assert all(0 < it.cost.gas_used < GAS_CAP // 2 for it in steps)
    assert anvil.node.request("eth_blockNumber", []) == before


def test_fee_wei__the_chain_has_a_fee_oracle__asks_it(anvil):
    price = int(anvil.node.request("eth_gasPrice", []), 16)
    per_byte = l1_fee_wei(1_000) // 1_000

    assert fee_wei(anvil.node, COST) == 100_000 * price + 5_000 * per_byte


def test_fee_wei__none_is_there__assumes_prices():
    with run_anvil() as bare:
        price = int(bare.node.request("eth_gasPrice", []), 16)

        assert fee_wei(bare.node, COST) == 100_000 * price + l1_fee_wei(5_000)


def test_table__a_step_over_the_cap__is_marked_and_all_are_summed(anvil):
    over = StepCost("too much", GAS_CAP + 1, 100)

    lines = list(table(anvil.node, [Rehearsed(COST, "0xabc"), Rehearsed(over)]))

    assert "0xabc" in lines[0]
    assert "OVER THE CAP" not in lines[0]
    assert "OVER THE CAP" in lines[1]
    assert f"{GAS_CAP + 100_001:,} gas" in lines[2]
    assert GAS_PRICE_ORACLE.startswith("0x42")
