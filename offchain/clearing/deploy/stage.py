"""Deploy the whole protocol on an embedded chain: for `make deploy-local` and for tests.

Keys are derived from public names; they guard nothing and exist on embedded chains only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eth_account import Account
from eth_account.signers.local import LocalAccount

from clearing.chain.anvil import Anvil
from clearing.chain.contract import Contract
from clearing.chain.deployment import Deployment
from clearing.chain.params import Parameters
from clearing.chain.sender import Sender
from clearing.channel.keccak import keccak256
from clearing.deploy.checks import inspect_network, require_all
from clearing.deploy.executor import Executor, StepCost, plan_of
from clearing.deploy.journal import Journal
from clearing.deploy.local import StandIns, plant
from clearing.spec.units import Address

__all__ = ["LocalStage", "key_of", "sender_of", "set_up"]

ETHER_WEI = 1_000 * 10**18


@dataclass(frozen=True, slots=True)
class LocalStage:
    """The chain, what stands on it, who is there, and what each step of deploying used."""

    anvil: Anvil
    parameters: Parameters
    made: Deployment
    prices: StandIns
    deployer: Sender
    costs: tuple[StepCost, ...]

    def contract(self, role: str) -> Contract:
        """Return a contract of the deployment."""
        made = self.made.contracts[role]
        return Contract(self.anvil.node, made.contract, self.made.address_of(role))


def key_of(name: str) -> LocalAccount:
    """Return an account whose key is the hash of a public name."""
    account: LocalAccount = Account.from_key(keccak256(f"embedded chains: {name}".encode()))
    return account


def sender_of(anvil: Anvil, name: str) -> Sender:
    """Return a named account of an embedded chain, with ether."""
    key = key_of(name)
    anvil.give_ether(key.address, ETHER_WEI)
    return Sender(anvil.node, key)


def set_up(
    anvil: Anvil,
    parameters: Parameters,
    accounts: Mapping[str, Address] | None = None,
    journal: Journal | None = None,
) -> LocalStage:
    """Deploy everything. Accounts that `accounts` does not give are named after their role.

    Raises ChainError.
    """
    prices, remembered = plant(anvil, parameters), journal or Journal()
    prices.refresh()
    require_all(inspect_network(anvil.node, parameters), "look at the stand-ins")
    named = {role: sender_of(anvil, role).address for role in parameters.roles}
    deployer = sender_of(anvil, "deployer")
    plan = plan_of(anvil.node, parameters, deployer, remembered, named | dict(accounts or {}))
    executor = Executor(anvil.node, deployer, plan, remembered, parameters, anvil.travel_to, prices)
    made = executor.run()
    return LocalStage(anvil, parameters, made, prices, deployer, tuple(executor.costs))
