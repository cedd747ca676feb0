"""The commands `clearing clearport …`: make, check, run, back up a broker's daemon.

What a command needs is imported by it: `clearing --help` need not load a database and gRPC.
"""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from clearing.clearport.errors import ClearportError, ConfigError
from clearing.risk.printing import print_json, print_view

__all__ = ["clearport"]

clearport = typer.Typer(help="Make, check, run and back up a broker's clearing daemon.")

ConfigFile = Annotated[Path, typer.Option(help="The daemon's configuration.")]
DEFAULT = Path("clearport.toml")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
NOT_MET = 1


@clearport.command("init")
def init(  # noqa: PLR0913 - an option each
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder for the daemon.")],
    *,
    name: Annotated[
        str, typer.Option(help="The broker's name, as peers see it.", show_default="DIR")
    ] = "",
    url: Annotated[
        str, typer.Option(help="The node's JSON-RPC address.", envvar="CLEARING_NODE_URL")
    ] = "http://127.0.0.1:8545",
    network: Annotated[
        str, typer.Option(help="Whose record in deployments/registry names the contracts.")
    ] = "local",
    deployment: Annotated[
        Path | None,
        typer.Option(
            help="A deployment's record, instead of --network.", envvar="CLEARING_DEPLOYMENT"
        ),
    ] = None,
    finality: Annotated[
        str,
        typer.Option(
            help="finalized, safe, or a number of blocks.",
            show_default="finalized; 0 on the network local",
        ),
    ] = "",
    port: Annotated[
        int,
        typer.Option(min=1, max=65_533, help="For peers; operators and metrics take the next two."),
    ] = 7_401,
    peer_listen: Annotated[
        str, typer.Option(help="Where peers reach us.", show_default="127.0.0.1:PORT")
    ] = "",
    peer_endpoint: Annotated[
        str | None, typer.Option(help="What our record tells them, if it is not --peer-listen.")
    ] = None,
    operator_listen: Annotated[
        str, typer.Option(help="Where our own systems call.", show_default="127.0.0.1:PORT+1")
    ] = "",
    metrics_listen: Annotated[
        str, typer.Option(help="Where Prometheus asks.", show_default="127.0.0.1:PORT+2")
    ] = "",
    passphrase_file: Annotated[
        Path | None,
        typer.Option(help="The keystores' passphrase; a random one is made if it is not there."),
    ] = None,
) -> None:
    """Make keys, a certificate, factors and a configuration in a new folder."""
    from clearing.chain.contract import as_text  # noqa: PLC0415 - see above
    from clearing.clearport.daemon.making import Answers, make_folder  # noqa: PLC0415 - the same
    from clearing.clearport.signer.secret import SecretSource  # noqa: PLC0415 - the same

    answers = Answers(
        name=name or folder.resolve().name,
        url=url,
        network=network,
        deployment=deployment,
        # Embedded chains finalize nothing, and nobody takes their blocks back.
        finality=finality or ("0" if network == "local" else "finalized"),
        peer_listen=peer_listen or f"127.0.0.1:{port}",
        peer_endpoint=peer_endpoint or peer_listen or f"127.0.0.1:{port}",
        operator_listen=operator_listen or f"127.0.0.1:{port + 1}",
        metrics_listen=metrics_listen or f"127.0.0.1:{port + 2}",
    )
    made = make_folder(folder, answers, SecretSource("passphrase", file=passphrase_file))
    where = made.config
    caller = made.operator_file
    is_local = network == "local" and deployment is None
    money = f"clearing devnet {folder} [OTHER]: a chain to try on, and money for it"
    money = money if is_local else "send it ether and YELLOW"
    typer.echo(f"Made {where} and, for those who call the daemon, {caller}.")
    typer.echo(f"The broker's account is {as_text(made.account)}. Next:")
    typer.echo(f"  1. {money}")
    typer.echo(f"  2. clearing clearport check --config {where}")
    typer.echo(f"  3. clearing clearport run --config {where}")
    typer.echo(f"  4. clearing channel stake 250000 --wait --as {caller}: YELLOW for 4 channels")
    typer.echo(f"  5. clearing clearport record --config {where} > record.json, for your peers")


@clearport.command("run")
def run(config: ConfigFile = DEFAULT) -> None:
    """Run the daemon until it is interrupted; one line of JSON says when it is ready."""
    # gRPC's own log says of every strange certificate what ours says of every peer.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from clearing.clearport.daemon.build import run_daemon  # noqa: PLC0415 - see above
    from clearing.clearport.daemon.config import read_config  # noqa: PLC0415 - the same

    try:
        asyncio.run(run_daemon(read_config(config), lambda ready: typer.echo(json.dumps(ready))))
    except ExceptionGroup as group:
        # What the daemon's tasks raise together is one fault, told in one line as any other.
        known = group.subgroup(ClearportError)
        if known is None:
            raise
        raise _first_of(known) from None


def _first_of(group: ExceptionGroup[ClearportError]) -> ClearportError:
    """Return the first error of a group, or of a group in it."""
    first = group.exceptions[0]
    return _first_of(first) if isinstance(first, ExceptionGroup) else first


@clearport.command("record")
def record(config: ConfigFile = DEFAULT) -> None:
    """Print our signed record, as JSON: peers add it to reach us."""
    from clearing.clearport.daemon.config import read_config  # noqa: PLC0415 - see above
    from clearing.clearport.daemon.introducing import our_record  # noqa: PLC0415 - the same

    typer.echo(asyncio.run(our_record(read_config(config))))


@clearport.command("check")
def check(
    config: ConfigFile = DEFAULT,
    *,
    as_json: AsJson = False,
) -> None:
    """Look at every prerequisite; exit code 1 if one is not met. The daemon must not run."""
    from clearing.clearport.daemon.checks import run_checks  # noqa: PLC0415 - see above
    from clearing.clearport.daemon.config import read_config  # noqa: PLC0415 - the same

    checks = run_checks(read_config(config))
    if as_json:
        rows = {each.name: {"is_met": each.is_met, "detail": each.detail} for each in checks}
        print_json({"checks": rows})
    else:
        table = Table(box=box.SIMPLE)
        for heading in ("Prerequisite", "", "Detail"):
            table.add_column(heading)
        for each in checks:
            table.add_row(each.name, "ok" if each.is_met else "NO", Text(each.detail))
        print_view(table)
    if not all(each.is_met for each in checks):
        raise typer.Exit(NOT_MET)


@clearport.command("backup")
def backup(
    file: Annotated[Path, typer.Argument(help="A new file; a manifest is put beside it.")],
    *,
    config: ConfigFile = DEFAULT,
) -> None:
    """Copy everything that the daemon keeps into one file; it may run meanwhile."""
    from clearing.clearport.daemon.config import read_config  # noqa: PLC0415 - see above
    from clearing.clearport.daemon.opening import owner_of  # noqa: PLC0415 - the same
    from clearing.clearport.store.backup import backup as copy  # noqa: PLC0415 - the same

    known = read_config(config)
    manifest = copy(known.store_url, file, owner_of(known))
    typer.echo(f"Wrote {file}, sha256 {manifest.sha256}.")


@clearport.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(help="What backup wrote, its manifest beside it.")],
    *,
    config: ConfigFile = DEFAULT,
) -> None:
    """Begin an empty store with a backup; every channel is recovering then."""
    from clearing.clearport.daemon.config import read_config  # noqa: PLC0415 - see above
    from clearing.clearport.daemon.opening import owner_of  # noqa: PLC0415 - the same
    from clearing.clearport.store.backup import restore as fill  # noqa: PLC0415 - the same

    known = read_config(config)
    manifest = fill(known.store_url, file, owner_of(known))
    kept_at = datetime.fromtimestamp(manifest.created_at, UTC).isoformat(" ")
    typer.echo(f"Restored what was kept at {kept_at}. What was signed later is not")
    typer.echo("known: channels wait for their peers, and nothing is challenged by itself.")


@clearport.command("sign-prices")
def sign_prices(
    prices: Annotated[list[str], typer.Argument(metavar="ASSET=USD...", help="Like BTC=52500.")],
    *,
    out: Annotated[Path, typer.Option(help="The feed's file, replaced in one step.")],
    key: Annotated[Path, typer.Option(help="The keystore of a key in [prices] signers.")],
    config: ConfigFile = DEFAULT,
    passphrase_file: Annotated[
        Path | None, typer.Option(help="File of the passphrase, readable by its owner alone.")
    ] = None,
    at: Annotated[int | None, typer.Option(help="Unix seconds; now, if left out.")] = None,
) -> None:
    """Write a signed feed, for demos and for a broker whose prices come from elsewhere."""
    from clearing.clearport.daemon.config import read_config  # noqa: PLC0415 - see above
    from clearing.clearport.daemon.signing_prices import write_feed  # noqa: PLC0415 - the same
    from clearing.risk.terms import parse_prices  # noqa: PLC0415 - the same

    if not prices:
        raise ConfigError("names no price", "write ASSET=USD", field="prices")
    write_feed(read_config(config), parse_prices(prices), out, key, passphrase_file, at)
