"""A good day: stake, open, trade, risk, margin call, settlement, close."""

from __future__ import annotations

from clearing.chain.sender import Receipt
from clearing.client import moves
from clearing.client.broker import Broker
from clearing.client.position import risk_at
from clearing.client.session import CoSigned
from clearing.demo.market import (
    COLLATERAL_RAW,
    DECIMALS,
    TOKEN_OF,
    TRADES,
    market_at,
    real_factors,
    terms_of,
)
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage
from clearing.demo.teller import Teller
from clearing.risk.decimal_text import WAD_DECIMALS, rounded_text, scaled_text
from clearing.risk.views import risk_view
from clearing.spec.assets import symbol_of
from clearing.spec.liabilities import Liabilities
from clearing.spec.risk import RiskReport
from clearing.spec.types import SettlementOrder, Side

__all__ = ["deliverables_of", "play_good_day", "provide_legs"]


def play_good_day(stage: Stage, teller: Teller) -> Pair:
    """Play it; return the channel, closed."""
    teller.chapter("1 · Access: stake YELLOW, name a key for signing states")
    for broker in (stage.low, stage.high):
        teller.step(
            f"{broker.name} stakes 250,000 YELLOW and names its signer", *stage.register(broker)
        )
    teller.say("  A lot of 250,000 gives four slots; every open channel holds one of each broker.")

    pair = Pair.of(stage, stage.definition("USDT", nonce=1))
    opening = _open(stage, teller, pair)
    _trade(stage, teller, pair)
    _move_prices(stage, teller, pair)
    _settle(stage, teller, pair)
    closing = _close(teller, pair)
    teller.say(
        "  On the chain the channel's whole cooperative life was 2 transactions: open and "
        f"closeCooperative, {opening.gas_used + closing.gas_used:,} gas."
    )
    return pair


def deliverables_of(stage: Stage, order: SettlementOrder, side: Side) -> list[tuple[str, int]]:
    """Return which tokens a side delivers in an order, raw units."""
    symbols = {stage.contracts.address_of(symbol): symbol for symbol in TOKEN_OF.values()}
    return [(symbols[leg.token], leg.amount) for leg in order.legs if leg.payer is side]


def provide_legs(stage: Stage, broker: Broker, agreed: CoSigned, side: Side) -> list[Receipt]:
    """Let a broker, who has the tokens elsewhere, pay what it will deliver into its ledger."""
    receipts: list[Receipt] = []
    for symbol, amount_raw in deliverables_of(stage, agreed.require_order(), side):
        stage.give(symbol, broker.address, amount_raw)
        token = stage.contracts.address_of(symbol)
        receipts += stage.treasury(broker).deposit(token, amount_raw)
    return receipts


def _open(stage: Stage, teller: Teller, pair: Pair) -> Receipt:
    teller.chapter("2 · Opening: 10,000 USDT each, pulled from allowances in one transaction")
    usdt = stage.contracts.address_of("USDT")
    approvals: list[Receipt] = []
    for broker in (stage.low, stage.high):
        stage.give("USDT", broker.address, 2 * COLLATERAL_RAW)
        approvals += stage.treasury(broker).allow_opening(usdt, COLLATERAL_RAW)
    teller.step("each approves exactly one opening's collateral", *approvals)
    receipt = pair.low_hand.open(pair.agree_opening(COLLATERAL_RAW))
    teller.step("open", receipt)
    return receipt


def _trade(stage: Stage, teller: Teller, pair: Pair) -> None:
    teller.chapter("3 · Trades: co-signed states, nothing on the chain")
    market = pair.observe(market_at(50_000, 3_000, stage.contracts.now()))
    names = {Side.LOW: stage.low.name, Side.HIGH: stage.high.name}
    for trade in TRADES:
        pair.agree(moves.Book((trade,), market))
        teller.say(
            f"  {names[trade.seller]} sells {names[trade.seller.other]} "
            f"{scaled_text(trade.base_wad, WAD_DECIMALS)} {symbol_of(trade.base)} for "
            f"{rounded_text(trade.quote_wad, WAD_DECIMALS, 0)} {symbol_of(trade.quote)}: "
            f"version {pair.low.position.live.version}, signed by both"
        )
    owed = _by_broker(stage, pair.low.position.liabilities)
    teller.facts.liabilities = owed
    for name, debts in owed.items():
        listed = ", ".join(
            f"{rounded_text(quantity, WAD_DECIMALS, 0)} {symbol}"
            for symbol, quantity in debts.items()
        )
        teller.say(f"  {name} owes {listed}.")


def _move_prices(stage: Stage, teller: Teller, pair: Pair) -> None:
    teller.chapter("4 · Prices move: BTC 52,500, ETH 3,300. What is at risk?")
    now = stage.contracts.now()
    market = pair.observe(market_at(52_500, 3_300, now))
    seed = _risk(stage, pair)
    teller.facts.risk_usd_seed_wad = seed.risk_wad
    teller.say("  With the agreed factors (A is the low side, B the high side):")
    teller.show(risk_view(seed, None))
    real = risk_at(
        pair.low.position, terms_of(stage), market_at(52_500, 3_300, now, real_factors())
    )
    teller.facts.risk_usd_real_wad = real.risk_wad
    teller.say("  With factors computed from a year of real daily closes:")
    teller.show(risk_view(real, None))

    teller.chapter("5 · Margin call: the split moves by the mark-to-market difference")
    before = pair.low.position.live
    called = pair.agree(moves.CallMargin(market)).state
    moved_raw = before.splits[0].low - called.splits[0].low
    teller.say(
        f"  {stage.low.name} pays {stage.high.name} {_usdt(moved_raw)} USDT inside the channel: "
        f"version {called.version}, signed by both, no transaction."
    )
    teller.table(
        "Split, USDT",
        stage.low.name,
        stage.high.name,
        rows=[
            (f"version {state.version}", _usdt(state.splits[0].low), _usdt(state.splits[0].high))
            for state in (before, called)
        ],
    )
    left = _risk(stage, pair)
    teller.say(
        f"  What {stage.low.name} must still cover: "
        f"{rounded_text(left.low.required_wad, WAD_DECIMALS, 2)} USD."
    )


def _settle(stage: Stage, teller: Teller, pair: Pair) -> None:
    teller.chapter("6 · Settlement: delivery versus payment in one transaction")
    market = pair.observe(market_at(52_500, 3_300, stage.contracts.now()))
    agreed = pair.agree(moves.Settle(pair.soon(), market))
    for broker, side in ((stage.low, Side.LOW), (stage.high, Side.HIGH)):
        legs = deliverables_of(stage, agreed.require_order(), side)
        listed = " and ".join(
            f"{rounded_text(raw, DECIMALS[symbol], 0)} {symbol}" for symbol, raw in legs
        )
        receipts = provide_legs(stage, broker, agreed, side)
        teller.step(f"{broker.name} pays {listed} into its ledger", *receipts)
    teller.step(
        "settle: 10 WETH and 20,000 USDC against 1 WBTC",
        pair.high_hand.settle(agreed),
    )
    pair.agree(moves.Conclude(is_delivered=True, market=market))
    teller.say("  Nothing is owed any more, so the margin goes back: each owns 10,000 USDT again.")


def _close(teller: Teller, pair: Pair) -> Receipt:
    teller.chapter("7 · Cooperative close: both are paid out at once")
    closing = pair.agree(moves.Close(pair.soon()))
    receipt = pair.low_hand.close_cooperative(closing)
    teller.step("closeCooperative", receipt)
    return receipt


def _risk(stage: Stage, pair: Pair) -> RiskReport:
    market = market_at(52_500, 3_300, stage.contracts.now())
    return risk_at(pair.low.position, terms_of(stage), market)


def _by_broker(stage: Stage, liabilities: Liabilities) -> dict[str, dict[str, int]]:
    """Return what each broker owes, WAD of whole units."""
    owed: dict[str, dict[str, int]] = {stage.low.name: {}, stage.high.name: {}}
    for asset, quantity in liabilities.rows:
        debtor = stage.low if quantity > 0 else stage.high
        owed[debtor.name][symbol_of(asset)] = abs(quantity)
    return owed


def _usdt(raw: int) -> str:
    return rounded_text(raw, DECIMALS["USDT"], 2)
