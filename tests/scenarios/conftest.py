"""Two registered brokers on an embedded chain of their own, and an open channel between them."""

from collections.abc import Iterator

import pytest

from clearing.chain.anvil import run_anvil
from clearing.client import moves
from clearing.client.session import CoSigned
from clearing.demo.legs import provide_legs
from clearing.demo.market import COLLATERAL_RAW, TRADES, market_at
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage, set_up
from clearing.spec.types import Side


@pytest.fixture
def bare_stage() -> Iterator[Stage]:
    """Each test has its own chain, so its time and its nonces are its own."""
    with run_anvil() as anvil:
        yield set_up(anvil)


@pytest.fixture
def stage(bare_stage: Stage) -> Stage:
    """Both brokers are registered and hold 30,000 USDT."""
    for broker in (bare_stage.low, bare_stage.high):
        bare_stage.register(broker)
        bare_stage.give("USDT", broker.address, 3 * COLLATERAL_RAW)
    return bare_stage


def fund_opening(stage: Stage) -> None:
    """Let each broker approve one opening's collateral."""
    usdt = stage.contracts.address_of("USDT")
    for broker in (stage.low, stage.high):
        stage.treasury(broker).allow_opening(usdt, COLLATERAL_RAW)


@pytest.fixture
def pair(stage: Stage) -> Pair:
    """An open channel with 10,000 USDT from each side."""
    return open_pair(stage, nonce=1)


def open_pair(stage: Stage, nonce: int) -> Pair:
    fund_opening(stage)
    pair = Pair.of(stage, stage.definition("USDT", nonce=nonce))
    pair.low_hand.open(pair.agree_opening(COLLATERAL_RAW))
    return pair


def book(stage: Stage, pair: Pair) -> CoSigned:
    """Book the two trades of the worked example at their prices."""
    market = pair.observe(market_at(50_000, 3_000, stage.contracts.now()))
    return pair.agree(moves.Book(TRADES, market))


def call_margin(stage: Stage, pair: Pair) -> CoSigned:
    """Prices move to 52,500 and 3,300; low pays 500 USDT inside the channel."""
    market = pair.observe(market_at(52_500, 3_300, stage.contracts.now()))
    return pair.agree(moves.CallMargin(market))


def agree_settlement(stage: Stage, pair: Pair) -> CoSigned:
    """Agree to settle within the hour, and let both have their legs in their ledgers."""
    market = pair.observe(market_at(52_500, 3_300, stage.contracts.now()))
    agreed = pair.agree(moves.Settle(pair.soon(), market))
    provide_legs(stage, stage.low, agreed, Side.LOW)
    provide_legs(stage, stage.high, agreed, Side.HIGH)
    return agreed


def owned(stage: Stage, symbol: str) -> tuple[int, int]:
    """Return what each broker has of a token in wallet and ledger, raw units, low and high."""
    contracts = stage.contracts
    token = contracts.address_of(symbol)
    low, high = (
        contracts.wallet(broker.address, token) + contracts.ledger(broker.address, token)
        for broker in (stage.low, stage.high)
    )
    return low, high
