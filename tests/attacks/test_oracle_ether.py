"""[ORA-17] Ether in `updateAndPoke`: exactly the fee is paid, the rest goes back last."""

import pytest

from tests.attacks.duel import refused
from tests.attacks.oracle_market import Market, market_with_a_feed
from tests.harness.contract import Contract
from tests.harness.oracle import FEED

FEE = 3 + 5
"""Wei: one price, one transaction."""
PAID = 10**15
MAX_FEE = 10**16
REJECT, REJECT_HUGE, BURN_GAS, CALL_BACK_OR_REJECT = 1, 2, 3, 5


@pytest.fixture
def market() -> Market:
    market = market_with_a_feed()
    market.chain.warp(market.chain.now + 60)
    market.transmit()
    return market


@pytest.fixture
def wallet(market: Market) -> Contract:
    """A contract that calls and is refunded; it holds what it pays with."""
    wallet = market.chain.deploy("HostileAccount", sender=market.keeper)
    market.chain.set_balance(wallet.address, 10 * PAID)
    return wallet


def payload(market: Market, price_e8: int = 2_001 * 10**8) -> bytes:
    """Return the calldata of one update and one poke."""
    method = market.oracle.call("updateAndPoke", 2).method
    return method.encode([market.update(price_e8)], [FEED])


def act(market: Market, wallet: Contract, paid: int = PAID) -> None:
    """Let the wallet update and poke."""
    call = (market.oracle.address, paid, payload(market))
    wallet.send("execute", [call], sender=market.keeper)


def balances(market: Market, *others: Contract) -> list[int]:
    """Return the ether of the oracle, of Pyth, and of others."""
    parties = (market.oracle, market.pyth, *others)
    return [market.chain.balance_of(party.address) for party in parties]


@pytest.mark.parametrize("paid", [FEE, FEE + 1, PAID])
def test_refund__anything_above_the_fee__comes_back(
    market: Market, wallet: Contract, paid: int
) -> None:
    oracle, pyth, own = balances(market, wallet)

    act(market, wallet, paid)

    assert balances(market, wallet) == [oracle, pyth + FEE, own - FEE]
    assert oracle == 0


def test_fee__not_paid_in_full__is_refused(market: Market, wallet: Contract) -> None:
    with refused("FeeNotPaid", FEE - 1, FEE):
        act(market, wallet, FEE - 1)

    act(market, wallet, FEE)


def test_fee__raised_by_pyth__is_never_above_a_cent_of_ether(
    market: Market, wallet: Contract
) -> None:
    market.chain.set_balance(wallet.address, 10**18)
    market.pyth.send("setFees", MAX_FEE + 1, 0, sender=market.keeper)
    with refused("FeeTooHigh", MAX_FEE + 1, MAX_FEE):
        act(market, wallet, 2 * MAX_FEE)

    market.pyth.send("setFees", MAX_FEE, 0, sender=market.keeper)
    act(market, wallet, 2 * MAX_FEE)
    assert market.chain.balance_of(wallet.address) == 10**18 - MAX_FEE


def test_refund__calls_back__is_a_second_call_with_its_own_ether(
    market: Market, wallet: Contract
) -> None:
    """The payload brings no value, so it is refused, and nothing of the first call is taken."""
    oracle, pyth, own = balances(market, wallet)
    wallet.send("arm", market.oracle.address, payload(market), sender=market.keeper)

    act(market, wallet)

    assert (wallet.read("calls"), wallet.read("succeeded")) == (1, False)
    assert balances(market, wallet) == [oracle, pyth + FEE, own - FEE]


def test_refund__pokes_back__finds_everything_done(market: Market, wallet: Contract) -> None:
    """A poke inside the refund is let in, and changes nothing that the first one has stored."""
    with market.chain.isolated():
        act(market, wallet)
        expected = market.memo()
    poke = market.oracle.call("poke", 1).method.encode(FEED)
    wallet.send("arm", market.oracle.address, poke, sender=market.keeper)

    act(market, wallet)

    assert (wallet.read("calls"), wallet.read("succeeded")) == (1, True)
    assert market.memo() == expected


@pytest.mark.parametrize("mode", [REJECT, REJECT_HUGE, BURN_GAS, CALL_BACK_OR_REJECT])
def test_refund__not_taken__undoes_everything(market: Market, wallet: Contract, mode: int) -> None:
    """Whoever cannot be refunded pays exactly the fee."""
    before, stored = balances(market, wallet), market.memo()
    if mode == CALL_BACK_OR_REJECT:
        wallet.send("arm", market.oracle.address, payload(market), sender=market.keeper)
    wallet.send("setMode", mode, sender=market.keeper)

    with refused("RefundFailed", wallet.address, PAID - FEE):
        act(market, wallet)

    assert (balances(market, wallet), market.memo()) == (before, stored)
    act(market, wallet, FEE)
    assert market.memo() != stored


def test_ether__sent_by_force__is_never_paid_out(market: Market, wallet: Contract) -> None:
    """What a selfdestruct leaves behind belongs to nobody, and helps nobody to pay."""
    market.chain.set_balance(market.oracle.address, PAID)
    with refused("FeeNotPaid", 0, FEE):
        act(market, wallet, 0)

    act(market, wallet)

    assert market.chain.balance_of(market.oracle.address) == PAID


def test_update__ninth_entry_or_seventeenth_feed__is_refused(market: Market) -> None:
    keeper, oracle = market.keeper, market.oracle
    for entries, feeds, count, most in ((9, 1, 9, 8), (1, 17, 17, 16)):
        with refused("TooManyUpdates", count, most):
            oracle.send(
                "updateAndPoke",
                [market.update()] * entries,
                [FEED] * feeds,
                sender=keeper,
                value=PAID,
            )
    oracle.send("updateAndPoke", [market.update()] * 8, [FEED] * 16, sender=keeper, value=PAID)
