"""The command `clearing`: every bad input ends in one line on stderr and exit code 2."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from clearing.chain.errors import ChainError, ProjectNotFoundError
from clearing.chain.project import ROOT_VARIABLE, project_root
from clearing.clearport.api.commands import channel
from clearing.clearport.daemon.commands import clearport
from clearing.clearport.devnet.commands import devnet
from clearing.clearport.errors import ClearportError
from clearing.clearport.signer.cli import key
from clearing.clearport.watchtower.commands import watchtower
from clearing.govern.commands import govern
from clearing.keeper.commands import keeper
from clearing.perp.commands import perp
from clearing.risk import daily_closes, factors, terms, views
from clearing.risk.errors import InputError, TermsError
from clearing.risk.printing import print_json, print_view
from clearing.spec.liabilities import Liabilities
from clearing.spec.risk import FactorTable, risk_of

__all__ = ["app"]

BAD_INPUT = 2
KILLED = 128
"""What a shell adds to the number of the signal that ended a command."""
FUZZ = Path("tests/invariants/fuzz.py")
INVARIANT_VIEW = Path("tools/invariant_view.py")


class OneLineErrors(TyperGroup):
    """A group of commands that tells a bad input in one line: what is wrong, then what to do."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002 - the signature is typer's
        windows_expand_args: bool = True,  # noqa: FBT001, FBT002 - the same
        **extra: Any,
    ) -> Any:
        """Run the command and leave with its exit code."""
        try:
            code = super().main(
                args,
                prog_name,
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except (TyperException, InputError, ChainError, ClearportError) as error:
            if not standalone_mode:
                raise
            typer.echo(f"clearing: {_one_line(error)}", err=True)
            sys.exit(BAD_INPUT)
        if not standalone_mode:
            return code
        sys.exit(code if isinstance(code, int) else 0)


def _one_line(error: TyperException | InputError | ChainError | ClearportError) -> str:
    """Return the error's text; what typer words itself gets the fix that it lacks."""
    if isinstance(error, InputError | ChainError | ClearportError):
        return str(error)
    return f"{' '.join(error.format_message().split()).rstrip('.')}; see clearing --help"


app = typer.Typer(
    cls=OneLineErrors,
    name="clearing",
    help="Clear trades between brokers.",
    add_completion=False,
    pretty_exceptions_enable=False,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command("risk-factors")
def risk_factors(
    file: Annotated[Path, typer.Argument(help="CSV of daily closes: date,BTC_usd,ETH_usd,…")],
    window: Annotated[
        int, typer.Option(min=1, help="Number of daily changes the median is taken over.")
    ] = factors.DEFAULT_WINDOW,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Compute each asset's risk factor, the median absolute daily change, from daily closes."""
    report = factors.factors_of(daily_closes.read_closes(file), window)
    if as_json:
        print_json(views.factors_json(report))
    else:
        print_view(views.factors_table(report))


@app.command("risk")
def risk(
    liabilities: Annotated[
        Path | None,
        typer.Option(help='JSON or YAML: {"low": {"ETH": "10"}, "high": {"BTC": "1"}}.'),
    ] = None,
    owes: Annotated[
        list[str] | None, typer.Option(help="SIDE:ASSET:QUANTITY, like low:ETH:10. Repeatable.")
    ] = None,
    price: Annotated[
        list[str] | None, typer.Option(help="ASSET=USD, like BTC=52500. Repeatable.")
    ] = None,
    factor: Annotated[
        list[str] | None, typer.Option(help="ASSET=PERCENT%, like BTC=2.09%. Repeatable.")
    ] = None,
    factors_file: Annotated[
        Path | None, typer.Option("--factors", help="What risk-factors --json printed.")
    ] = None,
    moved: Annotated[
        str | None, typer.Option(help="SIDE:USD: variation margin this side has already paid.")
    ] = None,
    collateral: Annotated[
        list[str] | None, typer.Option(help="SIDE:USD: what a side's split is worth. Both sides.")
    ] = None,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Compute a channel's risk by asset and side: who must cover how much."""
    owed = _read_owed(liabilities, owes or [])
    prices = terms.parse_prices(price or [])
    base = terms.read_factors(factors_file) if factors_file is not None else FactorTable()
    table = terms.parse_factors(factor or [], base)
    held = terms.parse_collateral(collateral or [])
    terms.require_known(owed, prices, "--price", "add --price {}=USD")
    terms.require_known(owed, table, "--factor", "add --factor {}=PERCENT% or --factors FILE")
    report = risk_of(owed, prices, table, terms.parse_moved(moved))
    if as_json:
        print_json(views.risk_json(report, held))
    else:
        print_view(views.risk_view(report, held))


@app.command("demo")
def demo(
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
    keep: Annotated[
        Path | None, typer.Option(help="A new folder for what the daemons leave: logs, stores.")
    ] = None,
) -> None:
    """Play channels and swaps on an embedded chain, good days, bad days and attacks."""
    from clearing.demo.command import run  # noqa: PLC0415 - only this command needs a chain

    run(as_json=as_json, keep=keep)


@app.command("invariant")
def invariant(
    asked: Annotated[
        list[str] | None,
        typer.Argument(help="IDs like PERP-12, a family like PERP, or a word. None: the list."),
    ] = None,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Show what must hold, the code that makes it so and the tests; needs the checkout."""
    root = project_root()
    if not (root / INVARIANT_VIEW).is_file():
        raise ProjectNotFoundError(
            f"{root} holds no {INVARIANT_VIEW}", "run it in a whole checkout"
        )
    sys.path.insert(0, str(root))  # tools/ is not installed
    from tools.invariant_view import show  # noqa: PLC0415 - only there

    show(root, asked or [], as_json=as_json)


@app.command(
    "fuzz",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
def fuzz(context: typer.Context) -> None:
    """Play the protocol's state machines at random, for as long as there is patience."""
    root = project_root()
    if not (root / FUZZ).is_file():
        raise ProjectNotFoundError(
            f"{root} holds no {FUZZ}", "run it inside the checkout: its tests hold the machines"
        )
    paths = filter(None, (str(root), os.environ.get("PYTHONPATH")))
    with subprocess.Popen(  # noqa: S603 - our own module, with the user's own arguments
        [sys.executable, "-P", "-m", "tests.invariants.fuzz", *context.args],
        env={**os.environ, ROOT_VARIABLE: str(root), "PYTHONPATH": os.pathsep.join(paths)},
    ) as child:
        # Both signals are the child's to answer: it tells what it saw.
        to_end = signal.signal(signal.SIGTERM, lambda _number, _frame: child.terminate())
        interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            code = child.wait()
        finally:
            signal.signal(signal.SIGTERM, to_end)
            signal.signal(signal.SIGINT, interrupt)
    raise typer.Exit(code if code >= 0 else KILLED - code)


oracle = typer.Typer(help="Look into the price oracle.")
app.add_typer(keeper, name="keeper")
app.add_typer(oracle, name="oracle")
app.add_typer(perp, name="perp")
app.add_typer(govern, name="govern")
app.add_typer(channel, name="channel")
app.add_typer(clearport, name="clearport")
app.add_typer(key, name="key")
app.add_typer(watchtower, name="watchtower")
app.command("devnet")(devnet)


@oracle.command("replay")
def oracle_replay(
    file: Annotated[
        Path, typer.Argument(help="CSV of readings: time,cl_round,cl_usd,cl_updated_at,pyth_usd,…")
    ],
    plot: Annotated[
        Path | None, typer.Option(help="Draw the prices and states into this PNG file.")
    ] = None,
    limit: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, like softDev=40. Repeatable.")
    ] = None,
    keep_latched: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--keep-latched", help="Leave the breaker be once it has tripped.")
    ] = False,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Play a file of source readings through the oracle's rules, one poke per row."""
    from clearing.oracle import limits, readings, views  # noqa: PLC0415 - see oracle_status
    from clearing.oracle.replay import replay  # noqa: PLC0415 - the same

    rows = readings.read_readings(file)
    moments = replay(rows, limits.parse_limits(limit or []), resets=not keep_latched)
    if plot is not None:
        from clearing.oracle.plot import write_plot  # noqa: PLC0415 - loads a drawing library

        write_plot(plot, file.name, moments)
    if as_json:
        print_json(views.replay_json(moments))
    else:
        print_view(views.replay_view(moments))


@oracle.command("status")
def oracle_status(
    network: Annotated[
        str, typer.Option(help="Whose record in deployments/registry names the oracle.")
    ] = "local",
    url: Annotated[
        str, typer.Option(help="The node's JSON-RPC address.", envvar="CLEARING_NODE_URL")
    ] = "http://127.0.0.1:8545",
    address: Annotated[
        str | None, typer.Option(help="Where the oracle stands, instead of the record.")
    ] = None,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Show every feed: its sources, their ages, state, bounds, and why an action is blocked."""
    from clearing.chain.node import HttpNode  # noqa: PLC0415 - only commands that need a chain
    from clearing.oracle import status, views  # noqa: PLC0415 - the same

    node = HttpNode(url)
    where = status.parse_address(address) if address is not None else status.locate(node, network)
    report = status.read_status(node, where)
    if as_json:
        print_json(views.status_json(report))
    else:
        print_view(views.status_view(report))


def _read_owed(file: Path | None, options: Sequence[str]) -> Liabilities:
    """Return the liabilities from the one place that gives them."""
    if (file is None) == (not options):
        problem = "are given twice" if options else "are not given"
        raise TermsError("liabilities", problem, "give either --liabilities FILE or --owes")
    return terms.parse_owed(options) if file is None else terms.read_liabilities(file)
