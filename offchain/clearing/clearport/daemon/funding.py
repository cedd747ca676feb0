"""Plan the transactions of our own account: what an opening, a deposit or a stake takes.

What is planned is exact: an allowance beyond what one call pulls would wait for the next signature
that our signer is made to give. Reads the chain in a thread; sends nothing itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from clearing.chain.contract import Call
from clearing.chain.errors import ChainError
from clearing.channel.policy import approvals
from clearing.clearport.errors import RefusedError, UnavailableError
from clearing.clearport.ports import Intent
from clearing.client.contracts import Contracts
from clearing.spec.types import ChannelDef, ClearingState, Side
from clearing.spec.units import Address

__all__ = ["Funding"]

TIMEOUT_S: Final = 60.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Funding:
    """Our account on the chain. Every key is made of `ref`, which is unique for each order."""

    contracts: Contracts
    account: Address
    signer: Address

    async def opening(
        self, ref: str, definition: ChannelDef, opening: ClearingState, side: Side
    ) -> tuple[Intent, ...]:
        """Return the approvals of one opening: what our ledger lacks, no more.

        Raises RefusedError if the account has not got it, UnavailableError.
        """
        return await _in_thread(lambda: self._opening(ref, definition, opening, side))

    async def deposit(self, ref: str, token: Address, amount_raw: int) -> tuple[Intent, ...]:
        """Return approvals and the deposit into our ledger. Raises RefusedError."""
        return await _in_thread(lambda: self._deposit(ref, token, amount_raw))

    async def collateral(
        self, ref: str, definition: ChannelDef, token: Address, amount_raw: int
    ) -> tuple[Intent, ...]:
        """Return the deposit into a channel; what the ledger lacks is paid into it before."""
        return await _in_thread(lambda: self._collateral(ref, definition, token, amount_raw))

    async def stake(self, ref: str, amount_raw: int) -> tuple[Intent, ...]:
        """Return approvals, the stake, and the naming of our signer if it is not named."""
        return await _in_thread(lambda: self._stake(ref, amount_raw))

    def withdrawal(self, ref: str, token: Address, amount_raw: int, to: Address) -> Intent:
        """Return the withdrawal from our ledger."""
        call = self.contracts.adjudicator.transact("withdraw", token, amount_raw, to)
        return _intents(ref, (call,))[0]

    # PLANS, in a thread

    def _opening(
        self, ref: str, definition: ChannelDef, opening: ClearingState, side: Side
    ) -> tuple[Intent, ...]:
        ledgers: Mapping[tuple[Address, Address], int] = {
            (self.account, token): self.contracts.ledger(self.account, token)
            for token in definition.assets
        }
        calls: list[Call] = []
        for token, lacking in approvals(definition, opening, side, ledgers).items():
            self._require_wallet(token, lacking)
            calls += self._allow(token, self.contracts.adjudicator.address, lacking)
        return _intents(ref, tuple(calls))

    def _deposit(self, ref: str, token: Address, amount_raw: int) -> tuple[Intent, ...]:
        self._require_wallet(token, amount_raw)
        adjudicator = self.contracts.adjudicator
        allowed = self._allow(token, adjudicator.address, amount_raw)
        return _intents(ref, (*allowed, adjudicator.transact("deposit", token, amount_raw)))

    def _collateral(
        self, ref: str, definition: ChannelDef, token: Address, amount_raw: int
    ) -> tuple[Intent, ...]:
        lacking = amount_raw - self.contracts.ledger(self.account, token)
        before = self._deposit(f"{ref}:ledger", token, lacking) if lacking > 0 else ()
        adjudicator = self.contracts.adjudicator
        call = adjudicator.transact("depositCollateral", definition, token, amount_raw)
        return (*before, *_intents(ref, (call,)))

    def _stake(self, ref: str, amount_raw: int) -> tuple[Intent, ...]:
        registry = self.contracts.registry
        yellow = self.contracts.address_of("YELLOW")
        self._require_wallet(yellow, amount_raw)
        calls = [*self._allow(yellow, registry.address, amount_raw)]
        calls.append(registry.transact("stake", amount_raw))
        if registry.call("signer_of", self.account) != self.signer:
            calls.append(registry.transact("set_signer", self.signer))
        return _intents(ref, tuple(calls))

    def _require_wallet(self, token: Address, amount_raw: int) -> None:
        have = self.contracts.wallet(self.account, token)
        if have < amount_raw:
            problem = f"the account has {have} raw of 0x{token.hex()}, {amount_raw} are needed"
            raise RefusedError(problem, "fund the account", field="amount")

    def _allow(self, token: Address, spender: Address, amount_raw: int) -> tuple[Call, ...]:
        """Return the approvals that set an allowance, through 0 where a token insists on that."""
        contract = self.contracts.token(token)
        have = contract.call("allowance", self.account, spender)
        if have == amount_raw:
            return ()
        steps = (0, amount_raw) if have and amount_raw else (amount_raw,)
        return tuple(contract.transact("approve", spender, step) for step in steps)


def _intents(ref: str, calls: tuple[Call, ...]) -> tuple[Intent, ...]:
    """Return the calls as intents, in their order; the last has the order's own key."""
    return tuple(
        Intent(
            key=ref if number == len(calls) else f"{ref}:{number}",
            to=_to(call),
            data=call.data,
            what=call.what,
        )
        for number, call in enumerate(calls, start=1)
    )


def _to(call: Call) -> Address:
    if call.to is None:
        raise RefusedError("a daemon creates no contract")
    return call.to


async def _in_thread(read: Callable[[], T]) -> T:
    """Return what a read of the chain returns. Raises UnavailableError."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await asyncio.to_thread(read)
    except (ChainError, TimeoutError) as error:
        problem = str(error) or "the node does not answer in time"
        raise UnavailableError(problem, "check the node", field="chain") from error
