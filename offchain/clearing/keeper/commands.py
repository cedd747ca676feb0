"""The commands `clearing keeper …`. What a command needs is imported by it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from clearing.chain.errors import ChainError
from clearing.clearport.errors import ConfigError
from clearing.keeper.config import JOBS, Config, JobName, read_config
from clearing.keeper.errors import KeeperError
from clearing.risk.printing import print_json, print_view

__all__ = ["keeper"]

keeper = typer.Typer(help="Do what anybody may do for the swaps: liquidate, tick, settle, poke.")

ConfigFile = Annotated[Path, typer.Option("--config", help="The keeper's configuration, TOML.")]
DEFAULT: Final = Path("keeper.toml")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
NOT_RUNNING: Final = 1


@keeper.command("run")
def run(
    jobs: Annotated[
        list[str], typer.Argument(metavar="JOB…", help=f"Some of {', '.join(JOBS)}; or all.")
    ],
    config: ConfigFile = DEFAULT,
    standby: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--standby", help="Act only on what the primary leaves for a while.")
    ] = False,
) -> None:
    """Run jobs until interrupted; see deployments/examples/keeper.toml."""
    from clearing.keeper.build import run_keeper  # noqa: PLC0415 - see above

    read = read_config(config)
    chosen = _chosen(jobs, read)
    if standby and read.standby is None:
        raise ConfigError("is not there", "add it, or leave out --standby", field="standby")
    try:
        asyncio.run(run_keeper(read, chosen, is_standby=standby))
    except KeeperError as error:
        raise ChainError(error.problem, error.fix) from error


def _chosen(names: Sequence[str], config: Config) -> list[JobName]:
    """Return the jobs that are meant, each once. Raises ConfigError."""
    if list(names) == ["all"]:
        return [job for job in JOBS if getattr(config, job) is not None]
    unknown = [name for name in names if name not in JOBS]
    if unknown:
        raise ConfigError(f"{unknown[0]!r} is no job", f"write some of {', '.join(JOBS)}")
    for job in JOBS:
        if job in names:
            config.signer_of(job)
    return [job for job in JOBS if job in names]


@keeper.command("status")
def status(config: ConfigFile = DEFAULT, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Show what a keeper's jobs do; exit 1 if it does not run."""
    from clearing.keeper.supervisor import read_status  # noqa: PLC0415 - see above
    from clearing.keeper.views import status_json, status_view  # noqa: PLC0415 - the same

    read = read_config(config)
    said = read_status(read.at(read.state))
    if as_json:
        print_json(status_json(said))
    else:
        print_view(status_view(said))
    if not status_json(said)["running"]:
        raise typer.Exit(NOT_RUNNING)


@keeper.command("snapshot")
def snapshot(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write.")],
    config: ConfigFile = DEFAULT,
) -> None:
    """Read all accounts and markets from the chain, and write them down for `replay`."""
    from clearing.keeper.recording import record  # noqa: PLC0415 - see above

    try:
        recorded = record(read_config(config))
    except KeeperError as error:
        raise ChainError(error.problem, error.fix) from error
    out.write_text(json.dumps(recorded.to_json()), encoding="utf-8")
    typer.echo(f"Wrote {len(recorded.book):,} accounts in {len(recorded.terms)} markets to {out}.")


@keeper.command("replay")
def replay(
    file: Annotated[Path, typer.Argument(help="Prices: CSV with time,ETH/USD,… in s and USD.")],
    *,
    book: Annotated[Path, typer.Option(help="What `clearing keeper snapshot` wrote.")],
    liquidator: Annotated[int, typer.Option(min=5, help="The account that takes over.")],
    band_bps: Annotated[
        int, typer.Option(min=0, max=500, help="How far the favourable price is from the index.")
    ] = 0,
    inventory_ppm: Annotated[int, typer.Option(min=0, help="What holding risks.")] = 1_000,
    min_profit_cents: Annotated[int, typer.Option(min=0, help="Of a transaction.")] = 5,
    gas_cents: Annotated[
        int, typer.Option(min=0, help="Of a transaction; a fifth an account.")
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Play a recorded price path without sending: what would have been done, and earned."""
    from clearing.keeper.path import read_path, read_recorded  # noqa: PLC0415 - see above
    from clearing.keeper.path import replay as play  # noqa: PLC0415 - the same
    from clearing.keeper.plan import Costs, PlanPolicy  # noqa: PLC0415 - the same
    from clearing.keeper.views import replay_json, replay_view  # noqa: PLC0415 - the same
    from clearing.risk.errors import InputError  # noqa: PLC0415 - the same

    recorded = read_recorded(book)
    if liquidator not in recorded.book.cash:
        problem = f"account {liquidator} is not in the book"
        raise InputError("--liquidator", problem, "name one that is")
    cent = 10**16
    costs = Costs(gas_cents * cent, gas_cents * cent // 5, 3 * gas_cents * cent)
    policy = PlanPolicy(min_profit_wad=min_profit_cents * cent, inventory_ppm=inventory_ppm)
    rows = read_path(file, recorded.names)
    moments = list(play(recorded, rows, liquidator, policy, costs, band_bps))
    if as_json:
        print_json(replay_json(moments))
    else:
        print_view(replay_view(moments))
