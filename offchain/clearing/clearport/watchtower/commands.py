"""The commands `clearing watchtower …`. What a command needs is imported by it."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["watchtower"]

watchtower = typer.Typer(help="Answer stale challenges for a broker that is away.")


@watchtower.command("key")
def key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file for the secret key.")],
) -> None:
    """Make a tower's key pair: FILE stays here, FILE.pub goes to the daemon that exports states."""
    from clearing.clearport.watchtower.sealed import write_key_pair  # noqa: PLC0415 - see above

    public = write_key_pair(file)
    typer.echo(f"Made {file}. Give {public} to the daemon: [watchtower] key.")


@watchtower.command("run")
def run(
    config: Annotated[Path, typer.Option(help="The tower's configuration, TOML.")] = Path(
        "watchtower.toml"
    ),
) -> None:
    """Run a tower until it is interrupted; see deployments/examples/watchtower.toml."""
    from clearing.clearport.watchtower.build import run_tower  # noqa: PLC0415 - see above
    from clearing.clearport.watchtower.config import read_config  # noqa: PLC0415 - the same

    asyncio.run(run_tower(read_config(config), _say))


def _say(event: str, /, **fields: object) -> None:
    """Write a line of JSON to stderr."""
    typer.echo(json.dumps({"event": event, "at": int(time.time()), **fields}), err=True)
