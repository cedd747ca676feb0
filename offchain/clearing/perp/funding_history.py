"""Read what funding was charged: the engine's FundingTicked events between two blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any, Final

from clearing.chain.artifacts import abi_of
from clearing.chain.contract import as_text
from clearing.chain.errors import NodeRefusedError
from clearing.chain.log_source import log_of
from clearing.chain.node import Node, as_int
from clearing.channel.abi import Event
from clearing.perp.client import Perp
from clearing.perp.errors import HistoryError
from clearing.spec.units import DAY_S, div_floor

__all__ = ["Charge", "Span", "charges_in", "span_of"]

EVENT: Final = "FundingTicked"
WIDEST: Final = 10_000
"""Blocks asked for at once; halved while the node declines."""
WORD_DIGITS: Final = 64


@dataclass(frozen=True, slots=True)
class Span:
    """Blocks, both ends included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Charge:
    """Funding brought up to date in a block of `time`.

    `rate` pico of the newest of `intervals`; `f_long` and `f_short` pico per unit; `paid`: what a
    unit of a long paid since the charge before, pico, None for the first of a span.
    """

    time: int
    block: int
    intervals: int
    rate: int
    f_long: int
    f_short: int
    paid: int | None = None


def span_of(perp: Perp, *, first: int | None, last: int | None, days: int) -> Span:
    """Return the blocks to read: the last `days` unless a first block is given.

    Raises HistoryError for an empty span, or one beyond the newest block.
    """
    head = as_int(perp.block)
    end = head if last is None else last
    if end > head:
        problem = f"block {end} is not there yet"
        raise HistoryError("--to-block", problem, f"the newest is {head}")
    start = _block_at(perp.node, perp.now - days * DAY_S, end) if first is None else first
    if start > end:
        raise HistoryError("--from-block", f"{start} is after {end}", "write an earlier one")
    return Span(start, end)


def _block_at(node: Node, time: int, last: int) -> int:
    """Return the first block of that time or later, `last` if there is none before it."""
    low, high = 0, last
    while low < high:
        middle = div_floor(low + high, 2)
        low, high = (low, middle) if _time_of(node, middle) >= time else (middle + 1, high)
    return low


def _time_of(node: Node, block: int) -> int:
    return as_int(node.request("eth_getBlockByNumber", [hex(block), False])["timestamp"])


def charges_in(perp: Perp, market: int, span: Span) -> tuple[Charge, ...]:
    """Return a market's charges in their order. Raises what asking the node raises."""
    time_of = cache(lambda block: _time_of(perp.node, block))
    logs = (log_of(log) for log in _logs(perp, market, span))
    found = [
        Charge(
            time=time_of(event.log.block_number),
            block=event.log.block_number,
            intervals=event.fields["intervals"],
            rate=event.fields["rate"],
            f_long=event.fields["fLong"],
            f_short=event.fields["fShort"],
        )
        for event in perp.engine.happened(logs)
    ]
    paid = (replace(now, paid=now.f_long - then.f_long) for then, now in pairwise(found))
    return (*found[:1], *paid)


def _logs(perp: Perp, market: int, span: Span) -> Iterator[dict[str, Any]]:
    """Yield the logs of a span, asked for in pieces that the node accepts."""
    wanted = {
        "address": as_text(perp.engine.address),
        "topics": ["0x" + _topic().hex(), f"0x{market:0{WORD_DIGITS}x}"],
    }
    start, width = span.first, WIDEST
    while start <= span.last:
        end = min(span.last, start + width - 1)
        piece = {**wanted, "fromBlock": hex(start), "toBlock": hex(end)}
        try:
            yield from perp.node.request("eth_getLogs", [piece])
        except NodeRefusedError:
            if width == 1:
                raise
            width = div_floor(width, 2)
        else:
            start = end + 1


def _topic() -> bytes:
    entries = (entry for entry in abi_of("DerivativesEngine") if entry["type"] == "event")
    return Event.of(next(entry for entry in entries if entry["name"] == EVENT)).topic
