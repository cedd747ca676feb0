"""Show what leaving a market that has ended would bring, and what it brought."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from clearing.oracle.views import usd_text, utc_text
from clearing.perp.client import Perp
from clearing.perp.ending import LeavePlan, Left
from clearing.perp.figures import exact, exact_size, money, size_text
from clearing.perp.views import Json, head, head_json, table_of

__all__ = ["leave_json", "leave_view", "left_json", "left_view"]


def leave_view(perp: Perp, plan: LeavePlan) -> RenderableType:
    """Return what it would bring, for people."""
    market = plan.market
    rows = [("Settled at", f"{usd_text(market.quote.mid)} USD")]
    if plan.size:
        rows += [
            ("Position", f"{size_text(plan.size, signed=True)} {market.unit}"),
            ("Profit" if plan.profit >= 0 else "Loss", f"{money(abs(plan.profit))} USD"),
        ]
    else:
        rows.append(("Claim", f"{money(plan.claim)} USD, cut as far as the losers could not pay"))
    table = table_of((f"Account {plan.account} leaves {market.name}",), ("",))
    for row in rows:
        table.add_row(*map(Text, row))
    return Group(Text(head(perp)), table)


def leave_json(perp: Perp, plan: LeavePlan) -> Json:
    """Return what it would bring, for programs."""
    return {
        **head_json(perp),
        "account": plan.account,
        "market": plan.market.market,
        "name": plan.market.name,
        "settled_at_usd": exact(plan.market.quote.mid),
        "size": exact_size(plan.size),
        "profit_usd": exact(plan.profit),
        "claim_usd": exact(plan.claim),
    }


def left_view(plan: LeavePlan, left: Left) -> RenderableType:
    """Return what it brought, for people."""
    if left.not_before:
        until = f"{utc_text(left.not_before)} UTC"
        return Text(
            f"Not closed: its other positions need the gain as margin. Close them or deposit, or "
            f"try again from {until} on."
        )
    if not left.is_done:
        return Text("Somebody else did it meanwhile; leave again for what there is to be paid.")
    if not plan.size:
        kept = f"; {money(left.kept)} USD went to insurance, which covered as much for it"
        return Text(f"Paid {money(left.paid)} USD{kept if left.kept else ''}.")
    if left.claim:
        gain = f"Its gain of {money(left.claim)} USD is paid when everybody is out: leave again."
        return Text(f"Closed. {gain}")
    owed = f" The market owes {money(left.debt)} USD of it." if left.debt else ""
    verb = "Won" if left.profit > 0 else "Lost"
    return Text(f"Closed. {verb} {money(abs(left.profit))} USD.{owed}")


def left_json(left: Left) -> Json:
    """Return what it brought, for programs."""
    return {
        "done": left.is_done,
        "profit_usd": exact(left.profit),
        "claim_usd": exact(left.claim),
        "debt_usd": exact(left.debt),
        "paid_usd": exact(left.paid),
        "kept_usd": exact(left.kept),
        "not_before": left.not_before or None,
    }
