"""Do what a broker does with its own account: stake, name its signer, pay in, take out.

Every function sends transactions and returns their receipts; they raise what `Sender.send` raises.
"""

from __future__ import annotations

from clearing.chain.contract import Call
from clearing.chain.sender import Receipt
from clearing.client.broker import Broker
from clearing.client.contracts import Contracts
from clearing.spec.units import Address

__all__ = ["Treasury", "allowance_calls"]


def allowance_calls(
    contracts: Contracts, owner: Address, token: Address, spender: Address, amount_raw: int
) -> tuple[Call, ...]:
    """Return what sets an allowance, through 0 where the token may insist on that."""
    contract = contracts.token(token)
    have = contract.call("allowance", owner, spender)
    if have == amount_raw:
        return ()
    steps = (0, amount_raw) if have and amount_raw else (amount_raw,)
    return tuple(contract.transact("approve", spender, step) for step in steps)


class Treasury:
    """One broker's account on one chain."""

    def __init__(self, broker: Broker, contracts: Contracts) -> None:
        self.broker = broker
        self.contracts = contracts

    def stake(self, amount_raw: int) -> tuple[Receipt, ...]:
        """Stake YELLOW, raw units; it is pulled from an allowance of exactly that."""
        registry = self.contracts.registry
        yellow = self.contracts.address_of("YELLOW")
        allowed = self.allow(yellow, registry.address, amount_raw)
        return (*allowed, self.broker.sender.send(registry.transact("stake", amount_raw)))

    def name_signer(self) -> Receipt:
        """Name the broker's state signer in the registry."""
        call = self.contracts.registry.transact("set_signer", self.broker.signer.address)
        return self.broker.sender.send(call)

    def allow_opening(self, token: Address, amount_raw: int) -> tuple[Receipt, ...]:
        """Let the Adjudicator pull exactly one opening's collateral."""
        return self.allow(token, self.contracts.adjudicator.address, amount_raw)

    def allow(self, token: Address, spender: Address, amount_raw: int) -> tuple[Receipt, ...]:
        """Set an allowance, through 0 where the token may insist on that."""
        calls = allowance_calls(self.contracts, self.broker.address, token, spender, amount_raw)
        return tuple(map(self.broker.sender.send, calls))

    def deposit(self, token: Address, amount_raw: int) -> tuple[Receipt, ...]:
        """Pay raw units from the broker's account into its ledger."""
        allowed = self.allow_opening(token, amount_raw)
        call = self.contracts.adjudicator.transact("deposit", token, amount_raw)
        return (*allowed, self.broker.sender.send(call))

    def withdraw(self, token: Address, amount_raw: int, to: Address | None = None) -> Receipt:
        """Take raw units out of the broker's ledger, to its own account unless told otherwise."""
        to = self.broker.address if to is None else to
        call = self.contracts.adjudicator.transact("withdraw", token, amount_raw, to)
        return self.broker.sender.send(call)
