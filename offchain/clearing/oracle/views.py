"""Show a replay and a deployment's feeds: tables for people, JSON with exact text for programs."""

from __future__ import annotations

from datetime import UTC, datetime

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clearing.oracle.explain import (
    age_text,
    blockers,
    chainlink_text,
    pyth_text,
    why,
)
from clearing.oracle.replay import Moment, Transition, seconds_by_state, transitions
from clearing.oracle.status import FeedStatus, OracleStatus
from clearing.risk.decimal_text import WAD_DECIMALS, rounded_text, scaled_text
from clearing.spec.oracle_types import Action, Gate, Reading, TripReason

__all__ = [
    "replay_json",
    "replay_view",
    "status_json",
    "status_view",
    "usd_text",
    "utc_text",
]

PRICE_PLACES = 2
SHORTEST_PRICE = 10 ** (WAD_DECIMALS + 1)
FINE_PLACES = 6

Json = dict[str, object]


def replay_view(moments: tuple[Moment, ...]) -> RenderableType:
    """Return the transitions for people, then how long each state lasted."""
    table = Table(box=box.SIMPLE)
    for heading in ("Time (UTC)", "State", "Gates"):
        table.add_column(heading)
    for heading in ("Mid", "Lo", "Hi"):
        table.add_column(heading, justify="right")
    table.add_column("Why")
    for step in transitions(moments):
        reading = step.moment.reading
        table.add_row(
            Text(utc_text(step.moment.time)),
            Text(reading.state.name),
            Text(_gates(reading.gates)),
            *_prices(reading),
            Text(_story(step)),
        )
    lasted = seconds_by_state(moments)
    ranked = sorted(lasted.items(), key=lambda item: -item[1])
    spent = " · ".join(f"{state.name} {age_text(seconds)}" for state, seconds in ranked)
    span = f"{len(moments)} rows, {utc_text(moments[0].time)} to {utc_text(moments[-1].time)}"
    return Group(Text(span), table, Text(f"Time spent: {spent or 'none, there is one row'}"))


def replay_json(moments: tuple[Moment, ...]) -> Json:
    """Return the transitions for programs: times in Unix seconds, prices as exact decimal text."""
    return {
        "rows": len(moments),
        "first_time": moments[0].time,
        "last_time": moments[-1].time,
        "seconds_by_state": {
            state.name: seconds for state, seconds in seconds_by_state(moments).items()
        },
        "transitions": [_transition_json(step) for step in transitions(moments)],
    }


def status_view(status: OracleStatus) -> RenderableType:
    """Return a table of feeds for people, then each feed's sources, ring and blocked actions."""
    table = Table(box=box.SIMPLE)
    for heading in ("Feed", "State", "Gates"):
        table.add_column(heading)
    for heading in ("Mid", "Lo", "Hi"):
        table.add_column(heading, justify="right")
    for heading in ("Chainlink", "Pyth", "Sequencer", "Ring"):
        table.add_column(heading)
    for feed in status.feeds:
        reading = feed.reading
        table.add_row(
            Text(feed.name),
            Text(reading.state.name),
            Text(_gates(reading.gates)),
            *_prices(reading),
            Text(chainlink_text(reading, status.now)),
            Text(pyth_text(reading, status.now)),
            Text(_sequencer(feed, status.now)),
            Text(_ring(feed)),
        )
    if not status.feeds:
        return Text("The oracle has no feed.")
    lines = [line for feed in status.feeds for line in _remarks(feed, status.now)]
    title = f"Block {status.block}, {utc_text(status.now)} UTC"
    return Group(Text(title), table, *(Text(line) for line in lines))


def status_json(status: OracleStatus) -> Json:
    """Return the feeds for programs."""
    return {
        "oracle": "0x" + status.oracle.hex(),
        "block": status.block,
        "time": status.now,
        "feeds": [_feed_json(feed, status.now) for feed in status.feeds],
    }


def _transition_json(step: Transition) -> Json:
    reading = step.moment.reading
    return {
        "time": step.moment.time,
        "from": None if step.before is None else step.before.name,
        "to": reading.state.name,
        "gates": _gate_names(reading.gates),
        **_prices_json(reading),
        "tripped": None if step.tripped is None else step.tripped.reason.name,
        "reset": None if step.reset is None else step.reset.reason.name,
        "why": _story(step),
    }


def _feed_json(feed: FeedStatus, now: int) -> Json:
    reading = feed.reading
    return {
        "feed": feed.name,
        "state": reading.state.name,
        "gates": _gate_names(reading.gates),
        "why": why(reading, now),
        **_prices_json(reading),
        "updated_at": reading.mid_at,
        "chainlink": {
            "grade": reading.cl_grade.name,
            "usd": _exact(reading.c),
            "updated_at": reading.cl_at,
        },
        "pyth": {
            "grade": reading.py_grade.name,
            "usd": _exact(reading.p),
            "conf_usd": _exact(reading.conf),
            "published_at": reading.py_at,
            "opens": reading.pyth_opens,
        },
        "sequencer": {"status": reading.sequencer.name, "since": reading.sequencer_since},
        "ring": {
            "is_fit": reading.ring_fit,
            "count": feed.memo.count,
            "twap_usd": _exact(reading.twap),
        },
        "last_good": {"usd": _exact(reading.last_good), "at": reading.last_good_at},
        "latch": None if feed.memo.latch is TripReason.NONE else feed.memo.latch.name,
        "blocked": {
            action.name: list(found)
            for action in Action
            if (found := blockers(reading, feed.params, feed.memo, action, now))
        },
    }


def _remarks(feed: FeedStatus, now: int) -> list[str]:
    """Return what the table has no room for: why, the latch, and what is blocked by what."""
    reading, memo = feed.reading, feed.memo
    lines = [f"{feed.name}: {reading.state.name}: {why(reading, now)}"]
    if memo.latch is not TripReason.NONE:
        since = f"{age_text(now - memo.tripped_at)} ago"
        evidence = f"{memo.pokes} agreeing pokes, {memo.rounds} rounds in line"
        lines.append(f"  latched by {memo.latch.name} {since}; {evidence}")
    for action in Action:
        found = blockers(reading, feed.params, memo, action, now)
        if found:
            lines.append(f"  {action.name} is blocked by {', '.join(found)}")
    return lines


def _story(step: Transition) -> str:
    """Return what happened to the breaker, then why the state is what it is."""
    parts = []
    if step.tripped is not None:
        parts.append(f"tripped: {step.tripped.reason.name}")
    if step.reset is not None:
        parts.append(f"reset after {step.reset.reason.name}")
    return "; ".join([*parts, why(step.moment.reading, step.moment.time)])


def _sequencer(feed: FeedStatus, now: int) -> str:
    if not feed.has_sequencer:
        return "not checked"
    reading = feed.reading
    age = f" ({age_text(now - reading.sequencer_since)})" if reading.sequencer_since else ""
    return f"{reading.sequencer.name}{age}"


def _ring(feed: FeedStatus) -> str:
    fit = f"fit, TWAP {usd_text(feed.reading.twap)}" if feed.reading.ring_fit else "unfit"
    return f"{feed.memo.count} prices, {fit}"


def _prices(reading: Reading) -> tuple[str, str, str]:
    return usd_text(reading.mid), usd_text(reading.lo), usd_text(reading.hi)


def _prices_json(reading: Reading) -> Json:
    return {
        "mid_usd": _exact(reading.mid),
        "lo_usd": _exact(reading.lo),
        "hi_usd": _exact(reading.hi),
    }


def _gate_names(gates: Gate) -> list[str]:
    return [str(gate.name) for gate in Gate if gate & gates]


def _gates(gates: Gate) -> str:
    return " ".join(_gate_names(gates)) or "–"


def utc_text(time: int) -> str:
    """Return a time, Unix seconds, for people."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _exact(price_wad: int) -> str:
    return scaled_text(price_wad, WAD_DECIMALS)


def usd_text(price_wad: int) -> str:
    """Return USD to the nearest cent, and small prices finer."""
    places = PRICE_PLACES if price_wad >= SHORTEST_PRICE else FINE_PLACES
    return rounded_text(price_wad, WAD_DECIMALS, places)
