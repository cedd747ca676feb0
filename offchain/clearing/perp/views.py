"""Show markets, accounts and positions: tables for people, JSON with exact text for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clearing.oracle.views import usd_text, utc_text
from clearing.perp.answers import AccountNow, MarketNow, PositionNow
from clearing.perp.client import Perp
from clearing.perp.figures import (
    exact,
    exact_pico,
    exact_size,
    money,
    percent_of_pico,
    percent_of_ppm,
    percent_of_wad,
    size_text,
)
from clearing.risk.decimal_text import scaled_text
from clearing.spec.perp_ledger import HealthView
from clearing.spec.perp_types import Pause
from clearing.spec.units import mul_div_down

__all__ = [
    "Json",
    "account_json",
    "account_view",
    "distance_text",
    "head",
    "head_json",
    "market_line",
    "markets_json",
    "markets_view",
    "position_json",
    "table_of",
]

Json = dict[str, object]

NONE = "–"
BPS_PER_PPM = 10_000
"""ppm · bps / bps."""


def head(perp: Perp) -> str:
    """Return which block is shown."""
    return f"Block {int(perp.block, 16)}, {utc_text(perp.now)} UTC"


def head_json(perp: Perp) -> Json:
    """Return which block is shown, for programs."""
    return {"block": int(perp.block, 16), "time": perp.now}


def table_of(texts: Sequence[str], numbers: Sequence[str]) -> Table:
    """Return an empty table: columns of text, then columns of numbers."""
    table = Table(box=box.SIMPLE)
    for heading in texts:
        table.add_column(heading)
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table


# MARKETS


def markets_view(perp: Perp, markets: Sequence[MarketNow]) -> RenderableType:
    """Return a table of markets, then each one's terms."""
    if not markets:
        return Text("There is no market yet.")
    table = table_of(
        ("Market", "Status", "Paused", "Feed"),
        ("Mid", "Mark", "Premium", "Funding rate", "Open interest", "Vault holds", "Fees"),
    )
    for m in markets:
        table.add_row(
            Text(f"{m.name} ({m.market})"),
            Text(m.status.name),
            Text(" ".join(_pauses(m.pauses)) or NONE),
            Text(m.quote.state.name),
            usd_text(m.quote.mid),
            usd_text(m.mark),
            percent_of_pico(m.premium),
            percent_of_pico(m.rate),
            f"{size_text(m.open_interest)} {m.unit}",
            f"{size_text(m.vault_size)} {m.unit}",
            money(m.fees * 10**6),
        )
    return Group(Text(head(perp)), table, *(Text(market_line(m)) for m in markets))


def market_line(m: MarketNow) -> str:
    """Return a market's terms in one line."""
    maintenance = mul_div_down(m.in_force.im, m.in_force.kappa, BPS_PER_PPM)
    return (
        f"{m.name}: initial margin {percent_of_ppm(m.in_force.im)}, "
        f"maintenance {percent_of_ppm(maintenance)}, "
        f"taker fee {percent_of_ppm(m.trade.taker_fee)}, "
        f"spread {percent_of_ppm(m.trade.vault_spread)}, "
        f"least position {m.trade.min_notional:,} USD, funding every {m.limit.interval:,} s"
    )


def markets_json(perp: Perp, markets: Sequence[MarketNow]) -> Json:
    """Return markets for programs."""
    return {**head_json(perp), "markets": [_market_json(m) for m in markets]}


def _market_json(m: MarketNow) -> Json:
    return {
        "market": m.market,
        "name": m.name,
        "status": m.status.name,
        "paused": _pauses(m.pauses),
        "feed_state": m.quote.state.name,
        "mid_usd": exact(m.quote.mid),
        "mark_usd": exact(m.mark),
        "open_lo_usd": exact(m.quote.open_lo),
        "open_hi_usd": exact(m.quote.open_hi),
        "premium": exact_pico(m.premium),
        "funding_rate": exact_pico(m.rate),
        "funding_index_long_usd": exact_pico(m.f_long),
        "funding_index_short_usd": exact_pico(m.f_short),
        "interval_began_at": m.funded_at,
        "open_interest": exact_size(m.open_interest),
        "vault_size": exact_size(m.vault_size),
        "fees_usd": exact_pico(m.fees),
        "margin_in_force": asdict(m.in_force),
        "risk": asdict(m.risk),
        "trade": {key: it for key, it in asdict(m.trade).items() if key != "feed"},
        "limit": asdict(m.limit),
    }


def _pauses(pauses: Pause) -> list[str]:
    return [str(bit.name) for bit in Pause if bit & pauses]


# ACCOUNTS


def account_view(
    perp: Perp, account: AccountNow, positions: Sequence[PositionNow], names: Sequence[str]
) -> RenderableType:
    """Return what an account is worth, then its positions; `names` are those of all markets."""
    owner = f"0x{account.owner.hex()}" if any(account.owner) else "the protocol"
    ratio = NONE if account.margin_ratio is None else percent_of_wad(account.margin_ratio)
    sums = table_of(("Account",), (str(account.account),))
    for name, value in (
        ("Owner", owner),
        ("Cash", f"{money(account.cash)} USD"),
        ("Equity", f"{money(account.mid.equity)} USD"),
        ("Initial margin", _of(account.open.im, account.open.equity)),
        ("Maintenance margin", _of(account.liquidate.mm, account.liquidate.equity)),
        ("Margin ratio", ratio),
        ("Can be withdrawn", f"{money(perp.wad(account.withdrawable))} USD"),
    ):
        sums.add_row(name, value)
    rows: list[RenderableType] = [Text(head(perp)), sums]
    if positions:
        rows.append(_positions_table(positions, names))
    if account.is_liquidatable:
        rows.append(Text("LIQUIDATABLE: deposit, or reduce, before somebody takes over."))
    return Group(*rows)


def _of(required: int, equity: int) -> str:
    return f"{money(required)} of {money(equity)} USD"


def _positions_table(positions: Sequence[PositionNow], names: Sequence[str]) -> Table:
    table = table_of(
        ("Market",),
        (
            "Size",
            "Notional",
            "Break-even",
            "Mark",
            "Profit",
            "Funding owed",
            "Liquidation at",
            "Away",
        ),
    )
    for p in positions:
        table.add_row(
            Text(names[p.market]),
            size_text(p.size, signed=True),
            money(p.notional),
            usd_text(p.break_even),
            usd_text(p.mark),
            money(p.pnl),
            money(p.owed),
            usd_text(p.liquidation_price) if p.liquidation_price else NONE,
            distance_text(p.liquidation_price, p.mark),
        )
    return table


def distance_text(price: int, mark: int) -> str:
    """Return how far a price is from the mark, signed, nothing for no price."""
    if not price or not mark:
        return NONE
    gap = price - mark
    share = mul_div_down(abs(gap), 10**18, mark)
    return ("+" if gap > 0 else "") + percent_of_wad(share if gap > 0 else -share)


def account_json(
    perp: Perp, account: AccountNow, positions: Sequence[PositionNow], names: Sequence[str]
) -> Json:
    """Return an account and its positions for programs."""
    ratio = account.margin_ratio
    return {
        **head_json(perp),
        "account": account.account,
        "owner": f"0x{account.owner.hex()}",
        "cash_usd": exact(account.cash),
        "equity_usd": exact(account.mid.equity),
        "open": health_json(account.open),
        "liquidate": health_json(account.liquidate),
        "margin_ratio": None if ratio is None else exact(ratio),
        "is_liquidatable": account.is_liquidatable,
        "withdrawable_usd": scaled_text(account.withdrawable, perp.raw_decimals),
        "positions": [position_json(p, names[p.market]) for p in positions],
    }


def health_json(health: HealthView) -> Json:
    """Return equity and requirements for programs."""
    return {
        "equity_usd": exact(health.equity),
        "notional_usd": exact(health.notional),
        "initial_margin_usd": exact(health.im),
        "maintenance_margin_usd": exact(health.mm),
    }


def position_json(p: PositionNow, name: str) -> Json:
    """Return a position for programs."""
    return {
        "market": p.market,
        "name": name,
        "size": exact_size(p.size),
        "quote_usd": exact_pico(p.quote),
        "notional_usd": exact(p.notional),
        "mark_usd": exact(p.mark),
        "break_even_usd": exact(p.break_even),
        "profit_usd": exact(p.pnl),
        "funding_owed_usd": exact(p.owed),
        "liquidation_price_usd": price_json(p.liquidation_price),
        "bankruptcy_price_usd": price_json(p.bankruptcy_price),
    }


def price_json(price: int) -> str | None:
    """Return a price, None where there is none."""
    return exact(price) if price else None
