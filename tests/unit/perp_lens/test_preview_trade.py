"""previewTrade: what a trade would do is what it does."""

from functools import partial

import pytest

from tests.harness.errors import Refused
from tests.harness.perp import BTC, ETH, LOT, VAULT, usd
from tests.unit.perp_engine.scene import (
    FOR_LIQUIDATE,
    FOR_OPEN,
    VAULT_ROLE,
    assert_only_fails_for,
    fresh,
    refusal_of,
    set_cash,
    set_market,
)
from tests.unit.perp_lens.scene import preview_of

FAR = 2**64
TEN = 10 * LOT
HOUR = 3_600
MARGIN = {"UnderInitialMargin", "Bankrupt"}


def trading(rig, trader, size, limit, market=ETH):
    account, owner = trader
    return partial(rig.vault.send, "trade", account, market, size, limit, FAR, sender=owner.address)


def stand(rig, trader, held, cash=None, *, slope=0):
    """Hold a position for an hour, so that funding is due and a premium is there."""
    account, owner = trader
    if slope:
        set_market(rig, ETH, slope=slope, imMax=800_000)
        rig.wait(86_400)
        fresh(rig)
    rig.trade(account, owner, BTC, LOT)
    if held:
        rig.trade(account, owner, ETH, held)
    rig.wait(HOUR)
    fresh(rig)
    if cash is not None:
        set_cash(rig, account, cash)


@pytest.mark.parametrize("slope", [0, 500_000])
@pytest.mark.parametrize("size", [TEN, -TEN, 3 * LOT + 7, -(3 * LOT + 7), -25 * LOT, 25 * LOT])
@pytest.mark.parametrize("held", [0, TEN, -TEN])
def test_preview_trade__any_trade__is_what_happens(rig, lens, trader, held, size, slope):
    """[PERP-26] Opening, increasing, reducing, closing, turning; funding due; two markets."""
    account, _ = trader
    stand(rig, trader, held, usd(35_000), slope=slope)
    said = preview_of(lens, account, ETH, size)
    assert said.passes

    receipt = trading(rig, trader, size, said.price)()

    traded = next(log.args for log in receipt.logs if log.event == "Traded")
    assert traded == (account, ETH, size, said.quote, said.fee)
    assert rig.size(account, ETH) == said.size == held + size
    assert rig.cash(account) == said.cash
    for purpose, health in ((FOR_OPEN, said.open), (FOR_LIQUIDATE, said.liquidate)):
        assert rig.engine.read("healthOf", account, purpose) == health, "PERP-26"
    # 35,000 USD alone cover ten units and the other market, whatever their price
    assert (said.liquidation_price > 0) == (said.size < 0 or said.size > TEN)
    assert rig.risk.read("liquidationPrice", account, ETH) == said.liquidation_price, "PERP-26"


@pytest.mark.parametrize("size", [TEN, -TEN, 3 * LOT + 7, -(3 * LOT + 7)])
def test_preview_trade__price__is_the_tightest_limit(rig, lens, trader, size):
    said = preview_of(lens, trader[0], ETH, size)
    tighter = said.price - 1 if size > 0 else said.price + 1

    refusal, _ = refusal_of(trading(rig, trader, size, tighter))
    trading(rig, trader, size, said.price)()

    assert refusal == "PriceLimit"


def test_preview_trade__ten_bought__is_the_worked_numbers(rig, lens, trader):
    """10 · 3,000.3 · 1.0001 · (1 + 10 / 200,000) = 30,007.500600015 USD, and 0.05 % of it."""
    said = preview_of(lens, trader[0], ETH, TEN)

    assert (said.quote, said.fee) == (-30_007_500_600_015_000, 15_003_750_300_008)
    assert said.price == 3_000_750_060_001_500_000_000
    assert (said.size, said.cash) == (TEN, usd(100_000) - 15_003_750_300_008 * 10**6)


def test_preview_trade__nothing_left__has_no_liquidation_price(rig, lens, trader):
    account, _ = trader
    stand(rig, trader, TEN, usd(9_000))
    assert preview_of(lens, account, ETH, -TEN // 2).liquidation_price > 0

    said = preview_of(lens, account, ETH, -TEN)

    assert (said.size, said.liquidation_price) == (0, 0)


@pytest.mark.parametrize("size", [TEN, -TEN, 5 * LOT, -5 * LOT, -15 * LOT])
@pytest.mark.parametrize("held", [TEN, -TEN])
@pytest.mark.parametrize("equity", [-500, -1, 0, 20, 1_000, 5_000, 7_990, 8_030, 11_000])
def test_preview_trade__passes__is_the_engines_gate(rig, lens, trader, equity, held, size):
    """[PERP-26] Refused by margin exactly when the view says so; nothing else refuses here."""
    account, _ = trader
    stand(rig, trader, held)
    worth = rig.engine.read("healthOf", account, 2)[0]
    set_cash(rig, account, rig.cash(account) - worth + usd(equity))
    said = preview_of(lens, account, ETH, size)

    try:
        trading(rig, trader, size, said.price)()
        refusal = None
    except Refused as error:
        refusal = error.name

    assert (refusal is None) == said.passes, "PERP-26: the view judges as the engine does"
    assert refusal is None or refusal in MARGIN


def test_preview_trade__it_passes__says_nothing_of_pauses(rig, lens, trader):
    """The view is of prices and margin; what a pause forbids is told by the trade itself."""
    said = preview_of(lens, trader[0], ETH, TEN)
    rig.admin.send("setPause", ETH, 1, sender=rig.roles.timelock)

    assert preview_of(lens, trader[0], ETH, TEN) == said
    assert refusal_of(trading(rig, trader, TEN, said.price))[0] == "Paused"


@pytest.mark.parametrize("account", [VAULT, 1, 2, 3])
def test_preview_trade__an_account_of_the_protocol__is_refused(rig, lens, trader, account):
    assert preview_of(lens, trader[0], ETH, TEN).passes

    refused = refusal_of(lambda: preview_of(lens, account, ETH, TEN))

    assert refused == ("NoTrader", (account,))


def test_preview_trade__nothing_there__is_refused(rig, lens, trader):
    account, _ = trader
    preview_of(lens, account, ETH, TEN)

    def refusal(*asked):
        return refusal_of(lambda: preview_of(lens, *asked))

    assert refusal(account + 1, ETH, TEN) == ("UnknownAccount", (account + 1,))
    assert refusal(account, 2, TEN) == ("UnknownMarket", (2,))
    assert refusal(account, ETH, 0) == ("ZeroSize", ())


def test_preview_trade__no_vault_module__is_refused(rig, lens, trader):
    def asking(is_named):
        if not is_named:
            rig.engine.send("setModule", VAULT_ROLE, bytes(20), sender=rig.roles.timelock)
        return lambda: preview_of(lens, trader[0], ETH, TEN)

    assert_only_fails_for(rig, asking, broken=False, fixed=True, error=("NoModule", (VAULT_ROLE,)))
