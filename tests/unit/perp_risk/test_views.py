"""What RiskManager says of an account: the same that liquidations do."""

import pytest

from tests.harness.perp import BACKSTOP, BTC, ETH, INSURANCE, LOT, VAULT, usd
from tests.unit.perp_engine.scene import FOR_LIQUIDATE, WAD, set_cash, set_market, told

E8 = 10**8
BIG = 2**255 - 1


@pytest.fixture
def keeper(rig):
    return rig.trader("keeper", 1_000_000)


def stand_at(rig, account, equity, price_usd=2_900):
    """Bring ETH to a price without a premium, and the account to an equity there."""
    rig.wait(300)
    rig.set_price(ETH, price_usd * E8)
    health = rig.engine.read("healthOf", account, FOR_LIQUIDATE)
    set_cash(rig, account, rig.cash(account) - health[0] + equity)


@pytest.mark.parametrize("equity", [0, 600, 1_600, 1_740])
@pytest.mark.parametrize("size", [10 * LOT, -10 * LOT])
def test_preview__an_account_to_liquidate__is_what_happens(rig, trader, keeper, equity, size):
    """[PERP-26] Views = effects."""
    account, owner = trader
    rig.trade(account, owner, ETH, size)
    stand_at(rig, account, usd(equity) if equity < 1_700 else usd(equity) - WAD)
    lots, price, penalty = rig.risk.read("preview", account, ETH)
    assert lots != 0

    id_, by = keeper
    receipt = rig.risk.send("liquidate", account, ETH, id_, sender=by.address)

    expected = ("Liquidated", (account, ETH, id_, lots, price, penalty))
    assert told(receipt, rig.risk) == (expected,), "PERP-26: the preview is the liquidation"


def test_preview__a_healthy_account__is_zeros(rig, trader):
    account, owner = trader
    assert rig.risk.read("preview", account, ETH) == (0, 0, 0)

    rig.trade(account, owner, ETH, LOT)

    assert rig.risk.read("preview", account, ETH) == (0, 0, 0)
    assert not rig.risk.read("isLiquidatable", account)


@pytest.mark.parametrize("account", [VAULT, BACKSTOP, INSURANCE, 3])
def test_preview__an_account_of_the_protocol__is_zeros(rig, account):
    assert rig.risk.read("preview", account, ETH) == (0, 0, 0)
    assert not rig.risk.read("isLiquidatable", account)


def test_liquidation_price__ten_at_a_hundred__is_the_worked_example(rig, trader):
    """10 units at 100, equity 150, mm 6 %: 90.425531914893617022; here at 2,999.7 and 30 times it.

    C = E - s·px = 4,500 - 30,003 = -25,503 -> P = 25,503 / (10 · 0.94) = 2,713.08510638297872340...
    """
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * LOT)
    stand_at(rig, account, usd(4_500), 3_000)

    price = rig.risk.read("liquidationPrice", account, ETH)

    assert price == -(-25_503 * WAD * 100 // 940)
    assert price == 2_713_085_106_382_978_723_405


def test_liquidation_price__a_short__is_rounded_down(rig, trader):
    """C = 4,500 + 29,997 = 34,497 -> P = 34,497 / (10 · 1.06) = 3,254.43396226415094339..."""
    account, owner = trader
    rig.trade(account, owner, ETH, -10 * LOT)
    stand_at(rig, account, usd(4_500), 3_000)

    price = rig.risk.read("liquidationPrice", account, ETH)

    assert price == 34_497 * WAD * 100 // 1_060


@pytest.mark.parametrize("size", [10 * LOT, -10 * LOT])
@pytest.mark.parametrize("slope", [0, 500_000])
def test_liquidation_price__a_tick_beyond__flips(rig, trader, size, slope):
    """[PERP-27] At the first price of 1e-8 USD that is safe nobody is liquidated, one on he is."""
    account, owner = trader
    set_market(rig, ETH, slope=slope, imMax=800_000 if slope else 100_000)
    rig.wait(86_400)
    rig.set_price(ETH, 3_000 * E8)
    rig.trade(account, owner, ETH, size)
    stand_at(rig, account, usd(4_000), 3_000)
    target = rig.risk.read("liquidationPrice", account, ETH)
    # the favourable edge at a price p (1e-8) is p ± p // 10,000, exactly, in 1e-8 USD
    sign = 1 if size > 0 else -1

    def edge(p):
        return (p + sign * (p // 10_000)) * 10**10

    low, high = 1, 10_000 * E8
    while low < high:  # the least p whose edge is at the target or above
        middle = (low + high) // 2
        low, high = (low, middle) if edge(middle) >= target else (middle + 1, high)
    safe, beyond = (low, low - 1) if size > 0 else (low - 1, low)

    answers = []
    for p in (safe, beyond):
        with rig.chain.isolated():
            rig.wait(1)
            rig.set_price(ETH, p)
            answers.append(rig.risk.read("isLiquidatable", account))

    assert answers == [False, True], "PERP-27: at P* ± one tick the predicate flips"


def test_liquidation_price__covered_by_cash_alone__is_zero(rig, trader):
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * LOT)
    assert rig.cash(account) > usd(90_000)

    assert rig.risk.read("liquidationPrice", account, ETH) == 0
    assert rig.risk.read("liquidationPrice", account, BTC) == 0


def test_bankruptcy_price__a_long__is_where_equity_is_used_up(rig, trader):
    """3,000.3 - 4,500 / 10."""
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * LOT)
    stand_at(rig, account, usd(4_500), 3_000)

    assert rig.risk.read("bankruptcyPrice", account, ETH) == 2_550_300 * 10**15
    assert rig.risk.read("bankruptcyPrice", account, BTC) == 0


def test_bankruptcy_price__a_short__is_where_equity_is_used_up(rig, trader):
    """2,999.7 + 450."""
    account, owner = trader
    rig.trade(account, owner, ETH, -10 * LOT)
    stand_at(rig, account, usd(4_500), 3_000)

    assert rig.risk.read("bankruptcyPrice", account, ETH) == 3_449_700 * 10**15


def test_margin_ratio__a_position__is_equity_over_notional(rig, trader):
    """4,500 / 30,003, down."""
    account, owner = trader
    assert rig.risk.read("marginRatio", account) == BIG
    rig.trade(account, owner, ETH, 10 * LOT)
    stand_at(rig, account, usd(4_500), 3_000)

    assert rig.risk.read("marginRatio", account) == 4_500 * WAD // 30_003
    stand_at(rig, account, -usd(1), 3_000)
    assert rig.risk.read("marginRatio", account) == -(WAD // 30_003 + 1)
