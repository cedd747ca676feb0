"""Deploy the protocol: `ape run deploy --network ethereum:local:foundry`.

The parameters come from deployments/params/<network>.yaml. On a test chain Ape's test accounts
stand for the parameters' roles; elsewhere `--account` names the deployer, every other address is
in the parameters, and what stands where is recorded in deployments/registry/<network>.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import ape
import click
from ape.api import AccountAPI
from ape.cli import ConnectedProviderCommand
from eth_account import Account

from clearing.chain.deploy import deploy
from clearing.chain.deployment import Deployment, registry_path
from clearing.chain.errors import ChainError
from clearing.chain.node import HttpNode
from clearing.chain.params import Parameters, read_parameters
from clearing.chain.sender import Sender
from clearing.channel.keccak import keccak256

ROLES = ("timelock", "guardian", "treasury")


class Signed(NamedTuple):
    """A transaction that an account of Ape has signed."""

    raw_transaction: bytes
    hash: bytes


class ApeKey:
    """An account of Ape, as a Sender's key: Ape asks for its passphrase or device."""

    def __init__(self, account: AccountAPI) -> None:
        """Take the account."""
        self._account = account
        self.address = str(account.address)

    def sign_transaction(self, transaction: Mapping[str, Any], /) -> Signed:
        """Sign; raises ClickException if the owner declines."""
        # Ape takes a creation to be a transaction without `to`, and checks who signed by `from`.
        fields = {name: value for name, value in transaction.items() if name != "to" or value}
        ecosystem = self._account.provider.network.ecosystem
        signed = self._account.sign_transaction(
            ecosystem.create_transaction(**fields, **{"from": self.address})
        )
        if signed is None:
            raise click.ClickException(f"{self.address} did not sign; run it again and confirm")
        raw = bytes(signed.serialize_transaction())
        return Signed(raw, keccak256(raw))


@click.command(cls=ConnectedProviderCommand)
@click.option("--account", default=None, help="Alias of the deployer among Ape's accounts.")
def cli(provider: Any, account: str | None) -> None:
    """Deploy YELLOW, the registry, the Adjudicator and the hash time lock, and list the tokens."""
    network = provider.network
    is_local = network.name == "local"
    name = "local" if is_local else f"{network.ecosystem.name}-{network.name}"
    try:
        parameters = read_parameters(name)
        node = HttpNode(provider.http_uri)
        made = (
            _on_test_chain(node, parameters) if is_local else _for_real(node, parameters, account)
        )
        if not is_local:
            made.write(registry_path(name))
    except ChainError as error:
        raise click.ClickException(str(error)) from error
    for role, contract in made.contracts.items():
        click.echo(f"{role:16} {contract.address}  {contract.contract}, block {contract.block}")


def _on_test_chain(node: HttpNode, parameters: Parameters) -> Deployment:
    """Deploy with Ape's test accounts in all roles."""
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


def _for_real(node: HttpNode, parameters: Parameters, alias: str | None) -> Deployment:
    """Deploy from an account of Ape; the timelock lists the tokens by proposal."""
    if alias is None:
        raise click.UsageError("name the deployer with --account ALIAS; see `ape accounts list`")
    return deploy(node, parameters, Sender(node, ApeKey(ape.accounts.load(alias))))
