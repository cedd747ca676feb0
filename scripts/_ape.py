"""What the scripts share: networks and accounts of Ape as the package knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import ape
import click
from ape.api import AccountAPI

from clearing.chain.node import Node
from clearing.channel.keccak import keccak256

TEST = "TEST::"


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


def network_name(provider: Any) -> str:
    """Return the name by which parameters and registry know a network of Ape."""
    network = provider.network
    if network.name == "local":
        return "local"
    return f"{network.ecosystem.name}-{network.name}".removesuffix("-fork")


def owner_of(alias: str, node: Node) -> AccountAPI:
    """Return an account of Ape by its alias; TEST::0 and so on on embedded chains alone.

    Raises UsageError.
    """
    place = alias.removeprefix(TEST)
    if alias.startswith(TEST) and place.isdecimal():
        if not str(node.request("web3_clientVersion", [])).startswith("anvil"):
            raise click.UsageError(f"everybody has the key of {alias}: use it on anvil alone")
        return ape.accounts.test_accounts[int(place)]
    try:
        return ape.accounts.load(alias)
    except KeyError:
        raise click.UsageError(f"Ape knows no account {alias}; see `ape accounts list`") from None
