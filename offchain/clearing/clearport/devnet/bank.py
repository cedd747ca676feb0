"""Deploy to a chain of our own and give brokers what they need: ether, YELLOW, test tokens.

The keys are derived from public labels: they guard nothing and exist on embedded chains only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from eth_account import Account

from clearing.chain.anvil import Anvil
from clearing.chain.contract import Contract, as_text
from clearing.chain.deploy import deploy
from clearing.chain.deployment import Deployment
from clearing.chain.params import read_parameters
from clearing.chain.sender import Sender
from clearing.channel.keccak import keccak256
from clearing.clearport.devnet.place import NETWORK
from clearing.spec.units import Address

__all__ = ["GIFT", "Bank", "found_bank"]

GIFT: Final = 1_000_000
"""Whole units of each token; of ether, a thousandth of it."""
WEI: Final = 10**18
ROLES: Final = ("timelock", "guardian", "treasury")


@dataclass(frozen=True, slots=True)
class Bank:
    """Whoever holds the YELLOW, and may mint the test tokens."""

    anvil: Anvil
    deployment: Deployment
    treasury: Sender

    def give(self, to: Address) -> None:
        """Set an account's ether and send it a gift of each token. Raises ChainError."""
        self.anvil.give_ether(as_text(to), GIFT // 1_000 * WEI)
        for symbol in self.deployment.tokens:
            # All of them are mocks that anybody may mint, but for YELLOW, whose supply we hold.
            token = Contract(self.anvil.node, "MockERC20", self.deployment.address_of(symbol))
            amount_raw = GIFT * 10 ** token.call("decimals")
            method = "transfer" if symbol == "YELLOW" else "mint"
            self.treasury.send(token.transact(method, to, amount_raw))


def found_bank(anvil: Anvil) -> Bank:
    """Deploy the protocol as the local parameters say. Raises ChainError."""
    deployer, *others = (_sender(anvil, role) for role in ("deployer", *ROLES))
    roles = dict(zip(ROLES, others, strict=True))
    deployment = deploy(
        anvil.node,
        read_parameters(NETWORK),
        deployer,
        roles={role: sender.address for role, sender in roles.items()},
        timelock=roles["timelock"],
    )
    return Bank(anvil, deployment, roles["treasury"])


def _sender(anvil: Anvil, role: str) -> Sender:
    account = Account.from_key(keccak256(f"clearing, embedded chain only: {role}".encode()))
    anvil.give_ether(account.address, GIFT // 1_000 * WEI)
    return Sender(anvil.node, account)
