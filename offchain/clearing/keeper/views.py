"""Show keepers' status and replays: tables for people, JSON for programs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clearing.keeper.path import Moment
from clearing.oracle.views import usd_text, utc_text

__all__ = ["replay_json", "replay_view", "status_json", "status_view"]

STALE_S: Final = 60
MOST_ROWS: Final = 40
WEI: Final = 1e18


def status_json(said: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a keeper's status for programs."""
    if said is None:
        return {"running": False, "jobs": []}
    age_s = time.time() - said["at"]
    return {**said, "age_s": age_s, "running": said["running"] and age_s < STALE_S}


def status_view(said: Mapping[str, Any] | None) -> RenderableType:
    """Return a table of jobs."""
    if said is None:
        return Text("No keeper has run from this folder.")
    now = status_json(said)
    state = "runs" if now["running"] else "does not run"
    role = "standby" if said["standby"] else "primary"
    table = Table(box=box.SIMPLE)
    for heading in ("Job", "State"):
        table.add_column(heading)
    for heading in (
        "Lag",
        "Turn",
        "Sent",
        "Mined",
        "Won",
        "Lost",
        "Reverted",
        "Profit",
        "Gas paid",
    ):
        table.add_column(heading, justify="right")
    for job in said["jobs"]:
        counts, gauges = Counter(job["counts"]), job["gauges"]
        table.add_row(
            Text(job["job"]),
            Text(job["last_error"] or "ok"),
            f"{gauges.get('lag_blocks', 0):.0f}",
            f"{job['last_turn_s'] * 1_000:.0f} ms",
            *(f"{counts[name]:,}" for name in ("sent", "mined", "won", "lost", "reverted")),
            f"{job['profit_usd']:,.2f} USD",
            f"{job['spent_wei'] / WEI:.6f} ETH",
        )
    head = f"The keeper {state} ({role}, process {said['pid']}), said {now['age_s']:.0f} s ago."
    return Group(Text(head), table)


def replay_json(moments: Sequence[Moment]) -> dict[str, Any]:
    """Return a replay for programs, USD as exact text in wei of a USD."""
    return {
        "rows": [
            {
                "time": each.time,
                "liquidatable": [it.account for it in each.found],
                "taken_over": [[it.account, it.market, it.size] for it in each.takeovers],
                "absorbed": list(each.absorbed),
                "left": {str(account): reason for account, reason in each.left.items()},
                "reward_wad": str(each.reward),
                "cost_wad": str(each.cost),
                "bad_debt_wad": str(each.bad_debt),
                "liquidator_equity_wad": str(each.equity),
            }
            for each in moments
        ],
        "reward_wad": str(sum(each.reward for each in moments)),
        "cost_wad": str(sum(each.cost for each in moments)),
    }


def replay_view(moments: Sequence[Moment]) -> RenderableType:
    """Return the rows in which something was to be done, and what all came to."""
    table = Table(box=box.SIMPLE)
    table.add_column("Time, UTC")
    for heading in ("Under water", "Taken over", "Absorbed", "Left", "Reward", "Cost", "Bad debt"):
        table.add_column(heading, justify="right")
    busy = [each for each in moments if each.found]
    for each in busy[:MOST_ROWS]:
        table.add_row(
            utc_text(each.time),
            f"{len(each.found):,}",
            f"{len(each.takeovers):,}",
            f"{len(each.absorbed):,}",
            f"{len(each.left):,}",
            usd_text(each.reward),
            usd_text(each.cost),
            usd_text(each.bad_debt),
        )
    reward, cost = sum(each.reward for each in moments), sum(each.cost for each in moments)
    lines: list[RenderableType] = [table]
    if len(busy) > MOST_ROWS:
        lines.append(Text(f"… and {len(busy) - MOST_ROWS:,} rows more; --json shows them all."))
    lines.append(
        Text(
            f"{len(moments):,} rows, something to do in {len(busy):,}. "
            f"Earned {usd_text(reward)} USD, gas {usd_text(cost)} USD. "
            f"The liquidator's account ends at {usd_text(moments[-1].equity)} USD."
            if moments
            else "The path is empty."
        )
    )
    return Group(*lines)
