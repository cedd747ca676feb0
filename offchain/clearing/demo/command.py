"""Run `clearing demo`: start the chain, play both acts on it, tell or print facts."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from rich.console import Console
from rich.panel import Panel

from clearing.chain.anvil import run_anvil
from clearing.demo.attacks import play_attacks
from clearing.demo.bad_day import play_bad_day
from clearing.demo.good_day import play_good_day
from clearing.demo.market import DECIMALS
from clearing.demo.stage import Stage, set_up
from clearing.demo.swaps_story import play_swaps
from clearing.demo.teller import WIDTH, Teller

__all__ = ["run"]


def run(*, as_json: bool, keep: Path | None = None) -> None:
    """Play the demo; for programs only the chapters are told, on stderr, line by line.

    `keep` is where the daemons' folders go that are to stay.
    Raises ChainError if the chain cannot be set up, ConfigError if a folder is there already.
    """
    console = Console(quiet=as_json, width=max(WIDTH, Console().width), highlight=False)
    teller = Teller(console, sys.stderr if as_json else None)
    with _stopped_by_terminate(), run_anvil() as anvil, _folder(keep) as folder:
        console.print(
            Panel("First act: two brokers clear their trades on an embedded chain", expand=False)
        )
        teller.say("Each step shows its transactions, gas, and estimated fee on OP Mainnet in USD.")
        stage = set_up(anvil)
        life = play_good_day(stage, teller, folder)
        play_bad_day(stage, teller)
        play_attacks(stage, teller, life)
        _count(stage, teller)
        teller.show(Panel("Second act: perpetual swaps, on the same chain", expand=False))
        play_swaps(stage, teller)
    if as_json:
        sys.stdout.write(json.dumps(teller.facts.to_json(), indent=2) + "\n")
    else:
        teller.conclude()


def _count(stage: Stage, teller: Teller) -> None:
    """Note what each broker owns: wallet, ledger, stake, and what stands in the open channel."""
    contracts = stage.contracts
    for broker in (stage.low, stage.high):
        owned = {}
        for symbol, decimals in DECIMALS.items():
            token = contracts.address_of(symbol)
            held = contracts.wallet(broker.address, token) + contracts.ledger(broker.address, token)
            if symbol == "YELLOW":
                held += contracts.registry.call("stake_of", broker.address)
            owned[symbol] = (held, decimals)
        teller.facts.balances[broker.name] = owned


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Yield where the daemons' folders go: away afterwards, unless they are to be kept."""
    if keep is not None:
        yield keep.resolve()
        return
    with TemporaryDirectory(prefix="clearing-demo-") as folder:
        yield Path(folder)


@contextmanager
def _stopped_by_terminate() -> Iterator[None]:
    """Let SIGTERM unwind the stack, so that the chain is stopped, as Ctrl-C does."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
