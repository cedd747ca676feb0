"""Deploy the protocol: `ape run deploy --network optimism:sepolia:node --account ALIAS …`.

The parameters come from deployments/params/<network>.yaml; `--role name=0x…` names each account
that they leave open. What was begun is in deployments/journal, what stands where in
deployments/registry: run again, it goes on where it stopped, and does nothing once all is done.
`--plan` rehearses it on an embedded chain and prints each step with its gas and fee.

On Ape's local network its test accounts stand for all roles, and the channels alone are deployed;
`make deploy-local` deploys everything on an embedded chain.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import ape
import click
from ape.cli import ConnectedProviderCommand
from eth_account import Account

from clearing.chain.artifacts import require_current
from clearing.chain.contract import as_address, as_text
from clearing.chain.deploy import deploy
from clearing.chain.deployment import Deployment, chain_key_of, registry_path
from clearing.chain.errors import ChainError
from clearing.chain.node import HttpNode
from clearing.chain.params import Parameters, read_parameters
from clearing.chain.sender import Sender
from clearing.deploy.checks import inspect_deployment, inspect_network, require_all
from clearing.deploy.executor import Executor, plan_of, wait_by_hand
from clearing.deploy.journal import Journal, journal_path
from clearing.deploy.rehearsal import rehearse, table
from clearing.spec.units import Address
from scripts._ape import ApeKey, network_name, owner_of

__all__ = ["ApeKey", "cli"]

ROLES = ("timelock", "guardian", "treasury")
EXPLORER_KEYS = ("ETHERSCAN_API_KEY", "OPTIMISTIC_ETHERSCAN_API_KEY")


def accounts_of(given: Sequence[str], parameters: Parameters) -> dict[str, Address]:
    """Return who stands for each `@role`. Raises UsageError if one is missing or too many."""
    named = dict(each.partition("=")[::2] for each in given)
    missing = [role for role in parameters.roles if role not in named]
    unknown = [role for role in named if role not in parameters.roles]
    if missing or unknown:
        wanted = " ".join(f"--role {role}=0x…" for role in parameters.roles)
        raise click.UsageError(f"name exactly these accounts: {wanted}")
    try:
        return {role: as_address(address) for role, address in named.items()}
    except ValueError as error:
        raise click.UsageError(f"--role takes name=0x and 40 hex digits ({error})") from error


@click.command(cls=ConnectedProviderCommand)
@click.option("--account", default=None, help="Alias of the deployer among Ape's accounts.")
@click.option("--role", multiple=True, help="Who stands for a role: name=0x…; repeat it.")
@click.option(
    "--plan", is_flag=True, help="Rehearse on an embedded chain, print each step and its fee."
)
def cli(provider: Any, account: str | None, role: tuple[str, ...], *, plan: bool) -> None:
    """Deploy everything that the network's parameters say, and prove what stands there."""
    name = network_name(provider)
    try:
        require_current()
        parameters = read_parameters(name)
        node = HttpNode(provider.http_uri)
        if name == "local":
            tell(_on_test_chain(node, parameters))
            return
        if account is None:
            raise click.UsageError(
                "name the deployer with --account ALIAS; see `ape accounts list`"
            )
        accounts = accounts_of(role, parameters)
        owner = owner_of(account, node)
        require_all(inspect_network(node, parameters), "correct the parameters, or the network")
        if plan:
            steps = rehearse(node, parameters, as_address(str(owner.address)), accounts)
            click.echo("\n".join(table(node, steps)))
            return
        made = _for_real(node, name, parameters, Sender(node, ApeKey(owner)), accounts)
    except ChainError as error:
        raise click.ClickException(str(error)) from error
    tell(made)
    _publish(provider, made)


def tell(made: Deployment) -> None:
    """Print what stands where."""
    for role, contract in made.contracts.items():
        click.echo(f"{role:17} {contract.address}  {contract.contract}, block {contract.block}")


def _on_test_chain(node: HttpNode, parameters: Parameters) -> Deployment:
    """Deploy the channels with Ape's test accounts in all roles."""
    senders = [
        Sender(node, Account.from_key(each.private_key)) for each in ape.accounts.test_accounts[:4]
    ]
    roles = dict(zip(ROLES, senders[1:], strict=True))
    return deploy(
        node,
        parameters,
        senders[0],
        roles={role: sender.address for role, sender in roles.items()},
        timelock=roles["timelock"],
    )


def _for_real(
    node: HttpNode,
    name: str,
    parameters: Parameters,
    sender: Sender,
    accounts: Mapping[str, Address],
) -> Deployment:
    """Deploy everything from an account of Ape, record it, and read it all again."""
    journal = Journal(journal_path(name, chain_key_of(node)))
    plan = plan_of(node, parameters, sender, journal, accounts)
    executor = Executor(node, sender, plan, journal, parameters, wait_by_hand, report=click.echo)
    made = executor.run()
    made.write(registry_path(name))
    require_all(
        inspect_deployment(node, parameters, made, sender.address), "look at the chain before use"
    )
    click.echo(f"{as_text(sender.address)} holds no role any more")
    return made


def _publish(provider: Any, made: Deployment) -> None:
    """Hand every contract's source to the explorer if there is a key for it."""
    explorer = provider.network.explorer
    if explorer is None or not any(os.environ.get(key) for key in EXPLORER_KEYS):
        click.echo(f"not published: set one of {', '.join(EXPLORER_KEYS)}")
        return
    for role, contract in made.contracts.items():
        try:
            explorer.publish_contract(contract.address)
        except Exception as error:  # noqa: BLE001 - whatever an explorer says, the rest goes on
            click.echo(f"{role} was not published: {error}")
