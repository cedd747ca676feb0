"""A day of minute prices in which everything happens to a feed once; docs/protocol shows it.

`python -m tests.scenarios.oracle_day` prints the CSV. Nothing in it is drawn: the market's steps
come from a hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

__all__ = ["HEADER", "MIDNIGHT", "day_csv"]

MIDNIGHT = 1_795_132_800
"""2026-11-20 00:00 UTC."""
HEADER = (
    "time,cl_round,cl_usd,cl_updated_at,pyth_usd,pyth_conf_usd,pyth_published_at,"
    "sequencer,sequencer_since"
)
CENTS = 100
OPENING = 3_000 * CENTS
FIRST_ROUND = 2**64 + 1
HEARTBEAT_S = 1_200
"""Chainlink speaks at least so often, and when the market has moved by 15 basis points."""


def at(hour: int, minute: int = 0) -> int:
    return hour * 60 + minute


def is_within(minute: int, first: int, last: int) -> bool:
    """Whether the minute lies in [first, last)."""
    return first <= minute < last


def market() -> Iterator[int]:
    """Yield the market's price by minute, in cents: steps of at most 0.06 %, and one crash."""
    price = OPENING
    for minute in range(at(24)):
        step = int.from_bytes(sha256(f"minute {minute}".encode()).digest()[:4]) % 121 - 60
        price += price * step // 100_000
        if minute == at(21, 30):
            price = price * 82 // 100
        yield price


def pyth_speaks(minute: int) -> bool:
    """Somebody pays for Pyth in the morning, through Chainlink's outage, and in the evening."""
    return (
        is_within(minute, 0, at(5))
        or is_within(minute, at(8), at(9, 10))
        or is_within(minute, at(14), at(20))
    )


def pyth_error(minute: int) -> int:
    """Return by how many basis points Pyth is wrong."""
    if is_within(minute, at(15), at(15, 20)):
        return 150
    if is_within(minute, at(17), at(17, 15)):
        return 450
    return 0


def sequencer(minute: int) -> tuple[str, int]:
    """Return the sequencer's state and the minute since when: it is down from 12:00 to 12:20."""
    if minute < at(12):
        return "up", -at(24)
    return ("down", at(12)) if minute < at(12, 20) else ("up", at(12, 20))


def usd(cents: int) -> str:
    return f"{cents // CENTS}.{cents % CENTS:02}"


def day_csv() -> str:
    """Return the whole day as the replay reads it."""
    lines = [HEADER]
    round_id, answer, updated = FIRST_ROUND, OPENING, -HEARTBEAT_S
    pyth, published = OPENING, 0
    for minute, price in enumerate(market()):
        is_silent = is_within(minute, at(8), at(9, 30))
        is_due = (minute - updated) * 60 >= HEARTBEAT_S or abs(
            price - answer
        ) * 10_000 >= 15 * answer
        # after the crash the feed reports each minute, as it does when the market moves
        is_due = is_due or is_within(minute, at(21, 30), at(21, 45))
        if is_due and not is_silent:
            round_id, answer, updated = round_id + 1, price, minute
        if pyth_speaks(minute):
            pyth, published = price + price * pyth_error(minute) // 10_000, minute
        state, since = sequencer(minute)
        cells = (
            MIDNIGHT + minute * 60,
            round_id,
            usd(answer),
            MIDNIGHT + updated * 60,
            usd(pyth),
            usd(pyth // 2_000),
            MIDNIGHT + published * 60 - 2,
            state,
            MIDNIGHT + since * 60,
        )
        lines.append(",".join(map(str, cells)))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(day_csv(), end="")  # noqa: T201 - the CSV is what it is run for
