"""Show what funding was charged: a table for people, JSON with exact text for programs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from clearing.oracle.views import utc_text
from clearing.perp.answers import MarketNow
from clearing.perp.client import Perp
from clearing.perp.figures import (
    PICO_DECIMALS,
    exact_pico,
    percent_of_pico,
    signed_pico,
)
from clearing.perp.funding_history import Charge, Span
from clearing.perp.views import NONE, Json, head, head_json, table_of
from clearing.risk.decimal_text import rounded_text
from clearing.spec.units import DAY_S, div_trunc

__all__ = ["funding_json", "funding_view"]

YEAR_S = 365 * DAY_S
YEAR_PLACES = 2


def funding_view(
    perp: Perp, market: MarketNow, span: Span, charges: Sequence[Charge]
) -> RenderableType:
    """Return a table of charges for people, then what is due and not written down yet."""
    table = table_of(
        ("Time (UTC)",),
        ("Block", "Intervals", "Rate", "A year", "A long paid", "Index of longs", "of shorts"),
    )
    for charge in charges:
        table.add_row(
            utc_text(charge.time),
            str(charge.block),
            str(charge.intervals),
            percent_of_pico(charge.rate),
            _yearly(charge.rate, market.limit.interval),
            NONE if charge.paid is None else signed_pico(charge.paid),
            exact_pico(charge.f_long),
            exact_pico(charge.f_short),
        )
    title = f"{market.name}, blocks {span.first} to {span.last}; USD per {market.unit}"
    rows: list[RenderableType] = [Text(f"{head(perp)}: {title}")]
    rows.append(table if charges else Text("Nothing was charged in these blocks."))
    return Group(*rows, Text(_now(market, charges)))


def _now(market: MarketNow, charges: Sequence[Charge]) -> str:
    """Return the index now, and what nobody has written down yet."""
    due = "" if not charges else f", {signed_pico(market.f_long - charges[-1].f_long)} of it due"
    return f"Now the index of longs is {exact_pico(market.f_long)}{due}; longs pay where it rises."


def _yearly(rate: int, interval_s: int) -> str:
    """Return what the rate of an interval comes to in a year, truncated, not compounded."""
    year = div_trunc(rate * YEAR_S, interval_s)
    return rounded_text(year, PICO_DECIMALS - 2, YEAR_PLACES) + " %"


def funding_json(perp: Perp, market: MarketNow, span: Span, charges: Sequence[Charge]) -> Json:
    """Return charges for programs."""
    return {
        **head_json(perp),
        "market": market.market,
        "name": market.name,
        "from_block": span.first,
        "to_block": span.last,
        "interval_s": market.limit.interval,
        "charges": [_charge_json(charge) for charge in charges],
        "now": {
            "index_long_usd": exact_pico(market.f_long),
            "index_short_usd": exact_pico(market.f_short),
            "rate": exact_pico(market.rate),
        },
    }


def _charge_json(charge: Charge) -> Json:
    return {
        "time": charge.time,
        "block": charge.block,
        "intervals": charge.intervals,
        "rate": exact_pico(charge.rate),
        "index_long_usd": exact_pico(charge.f_long),
        "index_short_usd": exact_pico(charge.f_short),
        "paid_usd": None if charge.paid is None else exact_pico(charge.paid),
    }
