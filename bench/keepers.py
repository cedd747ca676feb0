"""Keepers: scan, replica, from detection to submission, gas, and whether anything went twice.

The scan is over 100,000 accounts in 8 markets with about 1,000 of them under water. The rest runs
against the real contracts on an embedded chain: a crash puts 1,000 accounts under water at once.
"""

# ruff: noqa: S311 - chance that can be repeated is what a benchmark wants

from __future__ import annotations

import contextlib
import json
import statistics
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.rate import machine
from clearing.chain.cursor import Log
from clearing.chain.errors import ChainError
from clearing.keeper.book import Book, Indices
from clearing.keeper.columns import Columns
from clearing.keeper.decoding import Decoder
from clearing.keeper.errors import KeeperError
from clearing.keeper.exact import Terms
from clearing.keeper.scan import brute_force, scan
from clearing.spec.perp_types import FIRST_OWNED, Funding, Position, RiskNow
from clearing.spec.units import WAD, mul_div_up
from tests.unit.keeper.faults import FaultyNode, storm
from tests.unit.keeper.rig import KEEPER, Rig, rigged

__all__ = ["main"]

RESULTS: Final = Path(__file__).resolve().parent / "results" / "keepers.json"
ACCOUNTS: Final = 100_000
PRICES_USD: Final = (3_000, 50_000, 150, 2, 30, 7, 12, 400)
RUNS: Final = 15
THIN: Final = 0.02
"""Share of the accounts with little margin: half of them are under water."""
CROWD: Final = 1_000
CRASH_USD: Final = 2_750
STORM_CROWD: Final = 200
STORM_TURNS: Final = 30
BATCH_CHARS: Final = 1_000
"""Transactions whose data is longer are liquidations."""
EVENTS: Final = 60_000
BARS: Final = {"scan_100k_ms": 60, "detect_to_submit_s": 2, "duplicate_sends": 0}


def main() -> None:
    """Measure, print, and write bench/results/keepers.json."""
    console = Console(width=max(Console().width, 100))
    results: dict[str, Any] = {}
    with console.status("scan of 100,000 accounts"):
        results |= scanned()
    with console.status("replica from logs"):
        results["catchup_events_per_s"] = caught_up()
    with console.status("a crash with 1,000 accounts"), tempfile.TemporaryDirectory() as folder:
        results |= crashed(Path(folder))
    table = Table(title="Keepers", title_justify="left")
    for column in ("what", "measured", "bar"):
        table.add_column(column)
    for name, value in results.items():
        table.add_row(name, f"{value:,}", str(BARS.get(name, "–")))
    console.print(table)
    results |= {"machine": machine(), "date": datetime.now(UTC).date().isoformat()}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


# SCAN


def scanned() -> dict[str, Any]:
    """Return the median of scans, with a hundredth of the accounts under water and changed."""
    chance = Random(1)
    book, terms, columns = _population(chance), _terms(Random(2)), Columns()
    columns.follow(book)
    times = []
    found = scan(book, columns, terms)
    for _ in range(RUNS):
        book.dirty |= set(chance.sample(range(FIRST_OWNED, ACCOUNTS), 100))
        start = time.perf_counter()
        found = scan(book, columns, terms)
        times.append(time.perf_counter() - start)
    if found != brute_force(book, terms):
        raise AssertionError("the scan does not find whom brute force finds")
    return {
        "scan_100k_ms": round(statistics.median(times) * 1_000, 1),
        "scan_100k_found": len(found),
    }


def _population(chance: Random) -> Book:
    book = Book(6)
    book.markets = {market: Indices() for market in range(len(PRICES_USD))}
    for account in range(FIRST_OWNED, ACCOUNTS):
        held, total = {}, 0.0
        for market in chance.sample(range(len(PRICES_USD)), chance.choice((1, 1, 1, 2, 2, 3, 8))):
            usd = chance.uniform(100, 50_000)
            lots = int(usd / PRICES_USD[market] * 1e8) * chance.choice((1, -1))
            entry = chance.uniform(0.97, 1.03)
            quote = -int(lots * PRICES_USD[market] * 1e4 * entry)
            held[market] = Position(lots, quote, chance.randrange(10**9))
            total += usd
        book.held[account] = held
        share = 0.06 if chance.random() < THIN else chance.choice((0.15, 0.3, 0.5, 0.8))
        book.cash[account] = int(total * share * 1e6) * 10**12
    book.dirty = set(book.cash)
    return book


def _terms(chance: Random) -> dict[int, Terms]:
    def price(usd: float) -> int:
        return int(usd * 1e6) * 10**12

    return {
        market: Terms(
            market=market,
            long_price=price(usd * 1.0005),
            short_price=price(usd * 0.9995),
            long_open=price(usd * 0.9995),
            short_open=price(usd * 1.0005),
            mid=price(usd),
            funding=Funding(chance.randrange(10**9), chance.randrange(10**9), 0, 0),
            risk=RiskNow(100_000, 6_000, 0, 100_000, 25_000),
            least_wad=10 * WAD,
            priced=True,
            liquidates=True,
        )
        for market, usd in enumerate(PRICES_USD)
    }


# REPLICA


def caught_up() -> int:
    """Return how many events a second are decoded and taken up, as a node's logs give them."""
    decoder = Decoder()
    topics = dict(zip(("AccountCreated", "Booked"), _topics(decoder), strict=True))
    chance, people = Random(3), 1_000
    logs = [
        _log(topics["AccountCreated"], (account, 1), ())
        for account in range(FIRST_OWNED, FIRST_OWNED + people)
    ]
    for _ in range(EVENTS - people):
        account, lots = chance.randrange(FIRST_OWNED, FIRST_OWNED + people), chance.randrange(10**9)
        quote, cash = -lots * 30, -chance.randrange(10**18)
        logs.append(_log(topics["Booked"], (0, account), (lots, quote, 0, cash, 0)))
    book = Book(6)
    book.markets[0] = Indices()
    start = time.perf_counter()
    for number in range(0, len(logs), 20):
        book.take(number, decoder.decode(logs[number : number + 20]))
    return int(len(logs) / (time.perf_counter() - start))


def _topics(decoder: Decoder) -> tuple[bytes, bytes]:
    names = {decoder.name_of(topic): topic for topic in decoder.topics}
    return names["AccountCreated"], names["Booked"]


def _log(topic: bytes, indexed: tuple[int, ...], words: tuple[int, ...]) -> Log:
    topics = (topic, *(each.to_bytes(32, "big") for each in indexed))
    data = b"".join(each.to_bytes(32, "big", signed=True) for each in words)
    return Log(_ADDRESS, topics, data, 0, b"", b"", 0)


_ADDRESS: Final[Any] = bytes(20)


# CRASH


def crashed(folder: Path) -> dict[str, Any]:
    """Return what a crash with 1,000 accounts takes, from a block's appearance to all sent."""
    with rigged(folder) as rig:
        crowd = list(rig.people(CROWD))
        keeper = rig.keeper()
        keeper.job.turn()
        rig.prices(CRASH_USD)
        rig.anvil.node.request("evm_setAutomine", [False])
        start = time.perf_counter()
        keeper.job.turn()
        elapsed = time.perf_counter() - start
        while keeper.lane.open_offers:
            rig.mine()
            keeper.job.turn()
        rig.anvil.node.request("evm_setAutomine", [True])
        gas, sent = _gas(rig), int(keeper.meters.counts["sent"])
        keeper.store.close()
        crowd += _stormed(rig)
        named = Counter(rig.named_by(KEEPER))
        if set(named) != set(crowd) or rig.due(crowd):
            raise AssertionError("somebody is left under water")
        return {
            "detect_to_submit_s": round(elapsed, 2),
            "gas_per_liquidation": mul_div_up(gas, 1, CROWD),
            "duplicate_sends": sum(times - 1 for times in named.values()),
            "transactions": sent,
        }


def _stormed(rig: Rig) -> list[int]:
    """Let 200 accounts be liquidated through a node that fails one request in six."""
    rig.prices(3_000)
    people = list(rig.people(STORM_CROWD))
    node = FaultyNode(rig.anvil.node)
    keeper = rig.keeper(nodes=[node])
    rig.prices(CRASH_USD)
    node.before = node.after = storm(Random(5), 0.08)
    for _ in range(STORM_TURNS):
        with contextlib.suppress(ChainError, KeeperError, ValueError):
            keeper.job.turn()
        rig.mine()
    node.before = node.after = None
    while keeper.lane.open_offers or rig.due(people):
        keeper.job.turn()
        rig.mine(2)
    return people


def _gas(rig: Rig) -> int:
    node, total = rig.anvil.node, 0
    head = int(node.request("eth_blockNumber", []), 16)
    for number in range(head + 1):
        block = node.request("eth_getBlockByNumber", [hex(number), True])
        for each in block["transactions"]:
            if each["from"].lower() == KEEPER.address.lower() and len(each["input"]) > BATCH_CHARS:
                receipt = node.request("eth_getTransactionReceipt", [each["hash"]])
                total += int(receipt["gasUsed"], 16)
    return total


if __name__ == "__main__":
    main()
