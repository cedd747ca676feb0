"""The commands `clearing perp …`.

What reaches a chain is imported by the command that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clearing.risk.printing import print_json, print_view

if TYPE_CHECKING:
    from clearing.perp.client import Perp

__all__ = ["perp"]

LAST_ACCOUNT = 2**32 - 1

perp = typer.Typer(help="Trade perpetual swaps, and look at them.")

Network = Annotated[str, typer.Option(help="Whose record in deployments/registry names the lens.")]
Url = Annotated[str, typer.Option(help="The node's JSON-RPC address.", envvar="CLEARING_NODE_URL")]
Address = Annotated[str | None, typer.Option(help="Where the lens stands, instead of the record.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
AccountId = Annotated[int, typer.Option(min=0, max=LAST_ACCOUNT, help="Number of the account.")]

LOCAL = "local"
LOCAL_URL = "http://127.0.0.1:8545"


def _connect(url: str, network: str, address: str | None) -> Perp:
    from clearing.chain.node import HttpNode  # noqa: PLC0415 - only commands that need a chain
    from clearing.perp.client import connect  # noqa: PLC0415 - the same

    return connect(HttpNode(url), network, address)


@perp.command("markets")
def markets(
    network: Network = LOCAL,
    url: Url = LOCAL_URL,
    address: Address = None,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Show every market: status, prices, premium, funding, open interest, terms."""
    from clearing.perp import views  # noqa: PLC0415 - see _connect

    swaps = _connect(url, network, address)
    found = swaps.markets()
    if as_json:
        print_json(views.markets_json(swaps, found))
    else:
        print_view(views.markets_view(swaps, found))


@perp.command("position")
def position(
    account: AccountId,
    network: Network = LOCAL,
    url: Url = LOCAL_URL,
    address: Address = None,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Show an account: cash, equity, margin, and each position with its liquidation price."""
    from clearing.perp import views  # noqa: PLC0415 - see _connect

    swaps = _connect(url, network, address)
    asked = swaps.account(account), swaps.positions(account), [m.name for m in swaps.markets()]
    if as_json:
        print_json(views.account_json(swaps, *asked))
    else:
        print_view(views.account_view(swaps, *asked))
