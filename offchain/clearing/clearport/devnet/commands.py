"""The command `clearing devnet`. What it needs is imported by it."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated, NoReturn

import typer

__all__ = ["devnet"]


def devnet(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIR]...", help="Brokers' folders, as clearport init made them."),
    ] = None,
    *,
    market: Annotated[
        Path, typer.Option(help="The prices, ASSET=USD a line; made if it is not there.")
    ] = Path("market.txt"),
) -> None:
    """Run a chain to try on: contracts, money and prices for brokers, until it is interrupted."""
    from clearing.clearport.devnet.run import run_devnet  # noqa: PLC0415 - loads a chain's client

    signal.signal(signal.SIGTERM, _interrupt)
    try:
        run_devnet(folders or [], market, typer.echo)
    except KeyboardInterrupt:
        typer.echo("The chain is gone.")


def _interrupt(_number: int, _frame: object) -> NoReturn:
    """Let SIGTERM do what Ctrl-C does."""
    raise KeyboardInterrupt
