"""What the pausing wallet does: `ape run ops status|pause|extend --network …`.

A wallet with several owners makes the call itself, so pause and extend print what it has to
confirm: the PauseGuardian's address and the call's bytes. With `--account` they are sent, which
works only if that account is the owner.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click
from ape.cli import ConnectedProviderCommand
from eth_abi.abi import encode

from clearing.chain.contract import Call, Contract, as_text
from clearing.chain.deployment import chain_key_of, read_deployment, registry_path
from clearing.chain.errors import ChainError
from clearing.chain.node import HttpNode
from clearing.chain.params import read_parameters
from clearing.chain.sender import Sender
from clearing.govern.errors import GovernInputError
from clearing.govern.governor import Governance, Proposal
from scripts._ape import ApeKey, network_name, owner_of

SCOPE_BYTES = 32
HOUR_S = 3_600
LONGEST_H = 72


def scopes_of(name: str) -> Mapping[str, bytes]:
    """Return what can be paused on a network: openings, trading, and each feed by its name."""
    feeds = read_parameters(name).protocol.oracle.feeds
    named = {feed.name.replace(" ", ""): feed.feed.ljust(SCOPE_BYTES, b"\0") for feed in feeds}
    return {
        "openings": (1).to_bytes(SCOPE_BYTES, "big"),
        "trading": (2).to_bytes(SCOPE_BYTES, "big"),
    } | named


def encoded(proposal: Proposal) -> bytes:
    """Return what the governor hashes into a proposal's id."""
    targets, values, calldatas, description_hash = proposal.arguments
    types = ["address[]", "uint256[]", "bytes[]", "bytes32"]
    return encode(types, [list(map(as_text, targets)), values, calldatas, description_hash])


class Desk:
    """The PauseGuardian of one network."""

    def __init__(self, provider: Any) -> None:
        """Find it in the record. Raises ChainError."""
        self.name = network_name(provider)
        self.node = HttpNode(provider.http_uri)
        self.made = read_deployment(registry_path(self.name), chain_key_of(self.node))
        self.guardian = Contract(self.node, "PauseGuardian", self.made.address_of("PauseGuardian"))
        self.scopes = scopes_of(self.name)

    def scope(self, name: str) -> bytes:
        """Return a scope by its name. Raises UsageError."""
        if name not in self.scopes:
            raise click.UsageError(f"'{name}' is no scope; write one of {', '.join(self.scopes)}")
        return self.scopes[name]

    def tell(self, call: Call, account: str | None) -> None:
        """Send a call, or print it for a wallet."""
        if account is None:
            click.echo(f"owner  {as_text(self.guardian.call('owner'))}")
            click.echo(f"to     {as_text(self.guardian.address)}")
            click.echo(f"data   0x{call.data.hex()}")
            return
        receipt = Sender(self.node, ApeKey(owner_of(account, self.node))).send(call)
        click.echo(f"{call.what}: block {receipt.block_number}")


@click.group()
def cli() -> None:
    """Look at pauses, begin one, or let one go on."""


@cli.command(cls=ConnectedProviderCommand)
def status(provider: Any) -> None:
    """Show every scope: until when it is paused, or from when on it can be."""
    try:
        desk = Desk(provider)
        now = int(desk.node.request("eth_getBlockByNumber", ["latest", False])["timestamp"], 16)
        for name, scope in desk.scopes.items():
            until = desk.guardian.call("ends_at", scope)
            again = desk.guardian.call("can_pause_at", scope)
            click.echo(f"{name:10} {_told(now, until, again)}")
    except ChainError as error:
        raise click.ClickException(str(error)) from error


@cli.command(cls=ConnectedProviderCommand)
@click.argument("scope")
@click.option("--hours", type=click.IntRange(1, LONGEST_H), default=LONGEST_H, show_default=True)
@click.option("--account", default=None, help="Alias of the owner among Ape's accounts.")
def pause(provider: Any, scope: str, hours: int, account: str | None) -> None:
    """Pause openings, trading, or a feed such as ETH/USD."""
    try:
        desk = Desk(provider)
        call = desk.guardian.transact("pause", desk.scope(scope), hours * HOUR_S)
        desk.tell(call, account)
    except ChainError as error:
        raise click.ClickException(str(error)) from error


@cli.command(cls=ConnectedProviderCommand)
@click.argument("scope")
@click.argument("proposal")
@click.option("--action", type=click.IntRange(0, 9), default=0, help="Which call mends the scope.")
@click.option("--account", default=None, help="Alias of the owner among Ape's accounts.")
def extend(provider: Any, scope: str, proposal: str, action: int, account: str | None) -> None:
    """Let a running pause go on while an upgrade that mends it is on its way."""
    try:
        desk = Desk(provider)
        found = Governance(desk.node, desk.made).find(proposal)
        call = desk.guardian.transact("extend", desk.scope(scope), encoded(found), action)
        desk.tell(call, account)
    except (ChainError, GovernInputError) as error:
        raise click.ClickException(str(error)) from error


def _told(now: int, until: int, again: int) -> str:
    if now < until:
        return f"paused until {_when(until)}"
    if now < again:
        return f"goes on; can be paused from {_when(again)} on"
    return "goes on; can be paused"


def _when(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M UTC")
