"""Two brokers on an embedded chain of the module; each test goes back to where the chain began."""

from collections.abc import Iterator

import pytest

from clearing.chain.anvil import run_anvil
from clearing.demo.market import COLLATERAL_RAW
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage, set_up


@pytest.fixture(scope="module")
def module_stage() -> Iterator[Stage]:
    """Both brokers are registered and hold 30,000 USDT."""
    with run_anvil() as anvil:
        stage = set_up(anvil)
        for broker in (stage.low, stage.high):
            stage.register(broker)
            stage.give("USDT", broker.address, 3 * COLLATERAL_RAW)
        yield stage


@pytest.fixture
def stage(module_stage: Stage) -> Iterator[Stage]:
    snapshot = module_stage.anvil.snapshot()
    senders = (
        module_stage.faucet,
        *(broker.sender for broker in (module_stage.low, module_stage.high, module_stage.outsider)),
    )
    nonces = [sender._next_nonce for sender in senders]
    yield module_stage
    module_stage.anvil.node.request("evm_setAutomine", [True])
    module_stage.anvil.revert(snapshot)
    for sender, nonce in zip(senders, nonces, strict=True):
        sender._next_nonce = nonce
    for broker in (module_stage.low, module_stage.high):
        broker.log._states.clear()


@pytest.fixture
def pair(stage: Stage) -> Pair:
    """An open channel with 10,000 USDT from each side."""
    usdt = stage.contracts.address_of("USDT")
    for broker in (stage.low, stage.high):
        stage.treasury(broker).allow_opening(usdt, COLLATERAL_RAW)
    pair = Pair.of(stage, stage.definition("USDT", nonce=1))
    pair.low_hand.open(pair.agree_opening(COLLATERAL_RAW))
    return pair
