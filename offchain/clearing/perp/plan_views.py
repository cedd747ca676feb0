"""Show what a transaction would do before it is sent, and what it did."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clearing.chain.sender import Receipt
from clearing.oracle.views import usd_text, utc_text
from clearing.perp.cash import CashPlan
from clearing.perp.client import Perp
from clearing.perp.figures import (
    exact,
    exact_pico,
    exact_size,
    money,
    percent_of_wad,
    size_text,
)
from clearing.perp.trading import Done, TradePlan
from clearing.perp.views import (
    NONE,
    Json,
    distance_text,
    head,
    head_json,
    health_json,
    price_json,
    table_of,
)
from clearing.risk.decimal_text import scaled_text
from clearing.spec.perp_ledger import HealthView
from clearing.spec.perp_margin import Health, ratio
from clearing.spec.perp_units import PICO_TO_WAD

__all__ = [
    "cash_json",
    "cash_view",
    "done_json",
    "done_view",
    "sent_json",
    "sent_view",
    "trade_json",
    "trade_view",
]


# TRADES


def trade_view(perp: Perp, plan: TradePlan) -> RenderableType:
    """Return what the trade would come to, for people."""
    m, p = plan.market, plan.preview
    verb = "Buy" if plan.size > 0 else "Sell"
    least = "most" if plan.size > 0 else "least"
    rows = (
        ("Average price", f"{usd_text(p.price)} USD, at {least} {usd_text(plan.limit_price)}"),
        ("Comes to", f"{money(abs(p.quote) * PICO_TO_WAD)} USD"),
        ("Fee", f"{money(p.fee * PICO_TO_WAD)} USD"),
        ("Position afterwards", f"{size_text(p.size, signed=True)} {m.unit}"),
        ("Cash afterwards", f"{money(p.cash)} USD"),
        *_margin(p.open, p.liquidate),
        ("Liquidation at", _liquidation(p.liquidation_price, m.mark)),
        ("Runs until", f"{utc_text(plan.deadline)} UTC"),
    )
    title = f"{verb} {size_text(abs(plan.size))} {m.unit} for account {plan.account}"
    return Group(Text(head(perp)), _rows(title, rows))


def trade_json(perp: Perp, plan: TradePlan) -> Json:
    """Return what the trade would come to, for programs."""
    p = plan.preview
    return {
        **head_json(perp),
        "account": plan.account,
        "market": plan.market.market,
        "name": plan.market.name,
        "size": exact_size(plan.size),
        "preview": {
            "average_price_usd": exact(p.price),
            "quote_usd": exact_pico(p.quote),
            "fee_usd": exact_pico(p.fee),
            "size": exact_size(p.size),
            "cash_usd": exact(p.cash),
            "open": health_json(p.open),
            "liquidate": health_json(p.liquidate),
            "liquidation_price_usd": price_json(p.liquidation_price),
        },
        "limit_price_usd": exact(plan.limit_price),
        "deadline": plan.deadline,
    }


def done_view(plan: TradePlan, done: Done) -> RenderableType:
    """Return what the trade came to, for people."""
    verb = "Bought" if done.size > 0 else "Sold"
    return Text(
        f"{verb} {size_text(abs(done.size))} {plan.market.unit} at {usd_text(done.price)} USD, "
        f"fee {money(done.fee * PICO_TO_WAD)} USD."
    )


def done_json(done: Done) -> Json:
    """Return what the trade came to, for programs."""
    return {
        "size": exact_size(done.size),
        "average_price_usd": exact(done.price),
        "quote_usd": exact_pico(done.quote),
        "fee_usd": exact_pico(done.fee),
    }


# CASH


def cash_view(perp: Perp, plan: CashPlan) -> RenderableType:
    """Return what a deposit or withdrawal would do, for people."""
    after = plan.preview
    owner, way = ("Owner", "into") if plan.to is None else ("Goes to", "out of")
    rows = [
        (owner, f"0x{(plan.to or plan.account.owner).hex()}"),
        ("Cash", f"{money(plan.account.cash)} USD, {money(after.cash)} afterwards"),
        *_margin(after.open, after.liquidate),
    ]
    rows += [
        (
            f"{plan.markets[market].name} liquidation at",
            _liquidation(price, plan.markets[market].mark),
        )
        for market, price in after.liquidation_prices.items()
    ]
    amount = scaled_text(plan.raw, perp.raw_decimals)
    title = f"{amount} USD {way} account {plan.account.account}"
    return Group(Text(head(perp)), _rows(title, rows))


def cash_json(perp: Perp, plan: CashPlan) -> Json:
    """Return what a deposit or withdrawal would do, for programs."""
    after = plan.preview
    return {
        **head_json(perp),
        "account": plan.account.account,
        "amount_usd": scaled_text(plan.raw, perp.raw_decimals),
        "to": None if plan.to is None else f"0x{plan.to.hex()}",
        "preview": {
            "cash_usd": exact(after.cash),
            "open": health_json(after.open),
            "liquidate": health_json(after.liquidate),
            "liquidation_prices_usd": {
                plan.markets[market].name: price_json(price)
                for market, price in after.liquidation_prices.items()
            },
        },
    }


# SENT


def sent_view(receipts: Sequence[Receipt]) -> RenderableType:
    """Return which transactions were mined, for people."""
    return Group(
        *(
            Text(f"{r.what}: 0x{r.hash.hex()}, block {r.block_number}, {r.gas_used:,} gas")
            for r in receipts
        )
    )


def sent_json(receipts: Sequence[Receipt]) -> list[Json]:
    """Return which transactions were mined, for programs."""
    return [
        {
            "call": r.what,
            "hash": f"0x{r.hash.hex()}",
            "block": r.block_number,
            "gas_used": r.gas_used,
        }
        for r in receipts
    ]


def _rows(title: str, rows: Sequence[tuple[str, str]]) -> Table:
    table = table_of((title,), ("",))
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    return table


def _margin(opening: HealthView, liquidate: HealthView) -> tuple[tuple[str, str], ...]:
    """Return the requirements, each with the equity that it is held against."""
    return (
        ("Initial margin", f"{money(opening.im)} of {money(opening.equity)} USD"),
        ("Maintenance margin", f"{money(liquidate.mm)} of {money(liquidate.equity)} USD"),
        ("Margin ratio", _ratio(liquidate)),
    )


def _ratio(health: HealthView) -> str:
    if not health.notional:
        return NONE
    return percent_of_wad(ratio(Health(health.equity, health.notional)))


def _liquidation(price: int, mark: int) -> str:
    return f"{usd_text(price)} USD ({distance_text(price, mark)})" if price else NONE
