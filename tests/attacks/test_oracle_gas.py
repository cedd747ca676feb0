"""A caller who brings too little gas decides nothing; sources that burn all of theirs stop nobody.

[ORA-02] [ORA-03]
"""

from itertools import product

import pytest

from clearing.spec.oracle_types import Action, PriceState
from tests.attacks.oracle_market import AMPLE_GAS, Market, Mode, market_with_a_feed
from tests.harness.errors import Halted, Refused
from tests.harness.oracle import FEED

APPETITE = 150_000
"""Gas without which a hungry source fails, at once and cheaply, as a proxy does."""
SWEEP = range(30_000, 900_000, 1_777)
HOSTILE = (Mode.HONEST, Mode.BURN_GAS, Mode.REJECT_HUGE, Mode.ANSWER_HUGE, Mode.HUNGRY)


@pytest.fixture
def market() -> Market:
    return market_with_a_feed()


def misbehave(market: Market, which: int, mode: Mode) -> None:
    """Let one of the sources behave like this."""
    source = market.sources[which]
    if mode is Mode.HUNGRY:
        source.send("becomeHungry", APPETITE, sender=market.keeper)
    else:
        source.send("setMode", mode, sender=market.keeper)


def verdict_of(market: Market, action: Action) -> str:
    """Ask for the price of an action; return whether there is one, or the refusal's name."""
    try:
        market.oracle.send("priceFor", FEED, action, True, sender=market.keeper)
    except Refused as refusal:
        return refusal.name
    return "priced"


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("mode", HOSTILE)
def test_poke__any_gas_limit__refused_or_as_with_all_the_gas(
    market: Market, which: int, mode: Mode
) -> None:
    misbehave(market, which, mode)
    before = market.memo()
    with market.chain.isolated():
        expected = market.poke()
    assert expected[1] != before, "with all the gas something is stored"

    names = set()
    for gas in SWEEP:
        with market.chain.isolated():
            outcome = market.poke(gas)
        if outcome != expected:
            assert outcome[0] in {"halted", "InsufficientGas"}, f"{gas} gas decided {outcome[0]}"
            assert outcome[1] == before
            names.add(outcome[0])
        last = outcome

    assert names, "some of the limits are too low"
    assert last == expected, "some are not"
    if mode in {Mode.BURN_GAS, Mode.HUNGRY}:
        assert "InsufficientGas" in names


def test_poke__hungry_chainlink_starved_while_pyth_lies__does_not_accept_pyth(
    market: Market,
) -> None:
    """The attack that the gas rule is for: silence the source that contradicts."""
    market.chain.warp(market.chain.now + 60)
    market.transmit()
    data = [market.update(2_000 * 10**8 * 102 // 100)]
    fee = market.pyth.read("getUpdateFee", data)
    market.pyth.send("updatePriceFeeds", data, sender=market.keeper, value=fee)
    misbehave(market, 0, Mode.HUNGRY)

    states = set()
    for gas in SWEEP:
        try:
            price = market.oracle.call("getPrice", 1)
            answer = price.raw(
                price.method.encode(FEED), sender=market.keeper, gas=gas, is_static=True
            )
        except (Halted, Refused) as failure:
            states.add(type(failure).__name__)
            continue
        states.add(PriceState(price.method.decode(answer)[4]).name)

    assert PriceState.DIVERGED.name in states
    assert states <= {PriceState.DIVERGED.name, "Refused", "Halted"}


def test_views__sources_in_every_manner__answer(market: Market) -> None:
    """Whatever three sources do at once: no look reverts for it, and poking goes on."""
    for modes in product(Mode, repeat=3):
        with market.chain.isolated():
            for which, mode in enumerate(modes):
                misbehave(market, which, mode)
            oracle = market.oracle
            _, lo, hi, _, _, _ = oracle.read("getPrice", FEED)
            oracle.read("readingOf", FEED)
            low, high = oracle.read("peekQuote", FEED)[4:6]
            for action in Action:
                oracle.read("isAllowed", FEED, action)
                assert verdict_of(market, action) in {"priced", "OracleActionBlocked"}
            oracle.send("poke", FEED, sender=market.keeper, gas=AMPLE_GAS)

        assert 0 < lo <= hi
        assert 0 < low <= high
