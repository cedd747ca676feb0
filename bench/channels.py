"""Gas beside bar, floor and best peer; speed of the property engine and of the codec."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.rate import machine, rate
from clearing.channel.codec import hash_state, signing_digest
from clearing.channel.signatures import recover
from clearing.spec.types import AssetSplit, ClearingState, Condition, ConditionKind, Intent
from tests.harness.actors import key_of
from tests.harness.deployment import Deployment, deploy
from tests.harness.revm import Revm

__all__ = ["main"]

BENCH = Path(__file__).resolve().parent
PEERS = BENCH / "peers.json"
RESULTS = BENCH / "results" / "channels.json"
GAS = BENCH.parent / "snapshots" / "gas.json"
DATA = BENCH.parent / "snapshots" / "data.json"
DATA_BARS = {"match.packed.pairs50": 165, "match.packed.makers50": 90}
"""Most FastLZ bytes that a fill may take."""
MACHINE = "tests.invariants.channels"
"""Has `play(seed, steps)`: the state machine on contract and specification."""
MACHINE_STEPS = 300
MIN_WIDTH = 110
"""Columns below which the tables would break their lines."""


@dataclass(frozen=True, slots=True)
class Speed:
    """One number of the results: its key, what it counts, the least we promise."""

    key: str
    what: str
    least: int | None
    measure: Callable[[], int | None]


def main() -> None:
    """Measure, print, and write bench/results/channels.json."""
    console = Console(width=max(Console().width, MIN_WIDTH))
    console.print(gas_table(json.loads(PEERS.read_text("utf-8")), _snapshot(GAS)))
    console.print(data_table(_snapshot(DATA)))
    results: dict[str, Any] = {}
    table = Table(title="Speed, each on one core", title_justify="left")
    table.add_column("what")
    table.add_column("a second", justify="right")
    table.add_column("at least", justify="right")
    deployment = deploy(Revm())
    for speed in _speeds(deployment):
        with console.status(speed.what):
            results[speed.key] = speed.measure()
        table.add_row(speed.what, _number(results[speed.key]), _number(speed.least))
    console.print(table)
    results |= {"machine": machine(), "date": datetime.now(UTC).date().isoformat()}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    console.print(f"written: {RESULTS.relative_to(BENCH.parent)}")


def gas_table(peers: Mapping[str, Any], snapshot: Mapping[str, int]) -> Table:
    """Return ours beside bar, floor and best peer; what has no counterpart stays empty."""
    table = Table(title="Gas of whole transactions", title_justify="left", caption=peers["source"])
    table.add_column("operation")
    for column in ("ours", "bar", "floor", "best peer"):
        table.add_column(column, justify="right")
    table.add_column("which")
    for row in peers["rows"]:
        ours = snapshot.get(row["key"])
        style = "red" if ours is not None and ours > row["bar"] else "green"
        table.add_row(
            row["what"],
            f"[{style}]{_number(ours)}[/{style}]",
            _number(row["bar"]),
            _number(row["floor"]),
            _number(row["gas"]),
            row["peer"] or "",
        )
    return table


def data_table(data: Mapping[str, int]) -> Table:
    """Return what a signed fill's data costs in each encoding; no peer publishes such figures."""
    table = Table(title="Data of a signed fill, batches of 50, bytes", title_justify="left")
    table.add_column("batch")
    for column in ("raw", "FastLZ", "Fjord's estimate", "bar"):
        table.add_column(column, justify="right")
    for key in sorted(key for key in data if f"{key}.raw" in data):
        sizes = (data[f"{key}.raw"], data[key], data[f"{key}.fjord"], DATA_BARS.get(key))
        table.add_row(key, *map(_number, sizes))
    return table


def _snapshot(path: Path) -> Mapping[str, int]:
    snapshot: Mapping[str, int] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return snapshot


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _speeds(deployment: Deployment) -> tuple[Speed, ...]:
    return (
        Speed(
            "property_calls_per_s_per_core",
            "contract calls on revm: encode, call, decode",
            20_000,
            lambda: _calls(deployment),
        ),
        Speed(
            "machine_steps_per_s_per_core",
            "steps of the channel machine, contract beside specification, real signatures",
            500,
            _steps,
        ),
        Speed(
            "codec_states_per_s", "states to digests (EIP-712)", None, lambda: _codec(deployment)
        ),
        Speed("sign_per_s", "digests signed", None, lambda: _sign(deployment)),
        Speed("verify_per_s", "signatures verified", None, lambda: _verify(deployment)),
    )


def _calls(deployment: Deployment) -> int:
    call = deployment.adjudicator.call("balanceOf", 2)
    broker = deployment.roles.low.address
    token = next(iter(deployment.tokens.values())).address

    def run(times: int) -> None:
        for _ in range(times):
            call.read(broker, token)

    return rate(run, 100)


def _steps() -> int | None:
    """Return None in a checkout without the machine."""
    try:
        play = importlib.import_module(MACHINE).play
    except ModuleNotFoundError:
        return None
    seeds = count(1)
    return rate(lambda steps: play(f"bench/{next(seeds)}", steps), MACHINE_STEPS)


def _state(deployment: Deployment) -> ClearingState:
    """Return a state as brokers sign them all day: one asset, a hash lock."""
    return ClearingState(
        channel_id=b"\xc1" * 32,
        epoch=1,
        version=1_000,
        intent=Intent.OPERATE,
        splits=(AssetSplit(10**10, 10**10, 9 * 10**9, 11 * 10**9),),
        condition=Condition(ConditionKind.HASHLOCK, b"\x5e" * 32, deployment.chain.now, (5,)),
        liabilities_root=b"\x11" * 32,
        risk_hash=b"\x12" * 32,
        signed_at=deployment.chain.now,
    )


def _codec(deployment: Deployment) -> int:
    state, separator = _state(deployment), deployment.separator

    def run(times: int) -> None:
        for _ in range(times):
            signing_digest(separator, hash_state(state))

    return rate(run, 100)


def _sign(deployment: Deployment) -> int:
    digest = signing_digest(deployment.separator, hash_state(_state(deployment)))
    signer = key_of("bench")

    def run(times: int) -> None:
        for _ in range(times):
            signer.sign(digest)

    return rate(run, 100)


def _verify(deployment: Deployment) -> int:
    digest = signing_digest(deployment.separator, hash_state(_state(deployment)))
    signer = key_of("bench")
    signature = signer.sign(digest)

    def run(times: int) -> None:
        for _ in range(times):
            recover.__wrapped__(digest, signature)  # what is remembered is not measured

    return rate(run, 100)
