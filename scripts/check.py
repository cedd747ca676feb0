"""Read a deployment again: `ape run check --network optimism:sepolia:node`.

Every code, setting and role of deployments/registry/<network>.json is compared with the parameters
and with the chain; nothing is sent. The exit code is 1 if anything is not as it should be.
"""

from __future__ import annotations

from typing import Any

import click
from ape.cli import ConnectedProviderCommand

from clearing.chain.contract import as_address
from clearing.chain.deployment import chain_key_of, read_deployment, registry_path
from clearing.chain.errors import ChainError
from clearing.chain.node import HttpNode
from clearing.chain.params import read_parameters
from clearing.deploy.checks import inspect_deployment
from scripts._ape import network_name


@click.command(cls=ConnectedProviderCommand)
@click.option("--deployer", default=None, help="Whose roles must be gone; told if left out, too.")
def cli(provider: Any, deployer: str | None) -> None:
    """Compare what stands on chain with the parameters and the record."""
    name = network_name(provider)
    try:
        node = HttpNode(provider.http_uri)
        made = read_deployment(registry_path(name), chain_key_of(node))
        whose = as_address(deployer) if deployer is not None else None
        found = list(inspect_deployment(node, read_parameters(name), made, whose))
    except ChainError as error:
        raise click.ClickException(str(error)) from error
    problems = [it for it in found if it.problem]
    for it in problems:
        click.echo(f"{it.what}: {it.problem}")
    click.echo(f"{len(found)} looked at, {len(problems)} not as they should be")
    if problems:
        raise click.exceptions.Exit(1)
