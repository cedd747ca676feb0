"""Say at which prices an account's positions are liquidated, now or after a trade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from clearing.chain.errors import CallRefusedError
from clearing.oracle.views import usd_text
from clearing.perp.answers import MarketNow
from clearing.perp.client import Perp
from clearing.perp.errors import PositionError
from clearing.perp.figures import exact, exact_size, size_text
from clearing.perp.refusals import Options, translated
from clearing.perp.views import NONE, Json, distance_text, head, head_json, price_json, table_of

__all__ = ["Trigger", "liquidation_json", "liquidation_view", "trigger_after", "triggers_of"]


@dataclass(frozen=True, slots=True)
class Trigger:
    """A position of `size` lots and the prices, wad, at which it ends; 0: there is none.

    `liquidation`: the account is at maintenance margin. `bankruptcy`: the position's share of the
    equity is used up; None where it was not asked for.
    """

    market: MarketNow
    size: int
    liquidation: int
    bankruptcy: int | None


def triggers_of(perp: Perp, account: int, market: MarketNow | None) -> tuple[Trigger, ...]:
    """Return an account's positions, or that in one market. Raises AccountError, PositionError."""
    perp.account(account)
    markets = perp.markets()
    found = tuple(
        Trigger(markets[p.market], p.size, p.liquidation_price, p.bankruptcy_price)
        for p in perp.positions(account)
        if market is None or p.market == market.market
    )
    if market is not None and not found:
        problem = f"account {account} has no position in {market.name}"
        raise PositionError("--market", problem, "add --by SIZE to ask about one it could have")
    return found


def trigger_after(perp: Perp, account: int, market: MarketNow, by: int) -> Trigger:
    """Return the position after a trade against the vault. Raises TradeRefusedError."""
    try:
        preview = perp.preview(account, market.market, by)
    except CallRefusedError as refusal:
        raise translated(refusal, Options("--by", unit=market.unit)) from refusal
    return Trigger(market, preview.size, preview.liquidation_price, None)


def liquidation_view(perp: Perp, triggers: Sequence[Trigger]) -> RenderableType:
    """Return a table for people."""
    if not triggers:
        return Group(Text(head(perp)), Text("The account has no position."))
    table = table_of(("Market",), ("Size", "Mark", "Liquidation at", "Away", "Bankrupt at"))
    for t in triggers:
        table.add_row(
            Text(t.market.name),
            size_text(t.size, signed=True),
            usd_text(t.market.mark),
            usd_text(t.liquidation) if t.liquidation else NONE,
            distance_text(t.liquidation, t.market.mark),
            usd_text(t.bankruptcy) if t.bankruptcy else NONE,
        )
    return Group(Text(head(perp)), table)


def liquidation_json(perp: Perp, account: int, triggers: Sequence[Trigger]) -> Json:
    """Return the same for programs."""
    return {
        **head_json(perp),
        "account": account,
        "positions": [
            {
                "market": t.market.market,
                "name": t.market.name,
                "size": exact_size(t.size),
                "mark_usd": exact(t.market.mark),
                "liquidation_price_usd": price_json(t.liquidation),
                "bankruptcy_price_usd": price_json(t.bankruptcy or 0),
            }
            for t in triggers
        ],
    }
