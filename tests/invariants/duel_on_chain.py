"""Play the honest broker's game on the contracts: every call of a duel, signed for real.

The duel (tests/property/spec_duel.py) names accounts by small numbers and hashes with SHA-256. Here
each of its values has its real counterpart: accounts with keys, EIP-712 hashes, signatures. The
contracts must take exactly what the duel's world takes, and whenever a channel ends the brokers'
tokens on chain must be, to the unit, those of the duel, which has judged them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any

from clearing.channel import requests
from clearing.channel.codec import channel_id
from clearing.channel.requests import Request
from clearing.channel.signatures import LocalSigner
from clearing.spec import calls
from clearing.spec.calls import Call
from clearing.spec.registry import broker_of
from clearing.spec.types import (
    ClearingState,
    IdentifiedDef,
    SettlementOrder,
    Side,
    SignedState,
    Status,
)
from clearing.spec.units import Address
from tests.harness.actors import key_of
from tests.harness.deployment import Deployment, Parameters, deploy
from tests.harness.errors import Refused
from tests.harness.revm import Revm
from tests.invariants.actions import Deposit, Withdraw
from tests.invariants.book import Entry, Notary
from tests.property import spec_world as small
from tests.property.spec_duel import Duel

__all__ = ["ChainDuel", "stage"]

TOKENS = ("MockERC20", "BlocklistToken", "FalseReturningToken", "FeeOnTransferToken")


@dataclass(frozen=True, slots=True)
class Stage:
    """The contracts, and the real counterpart of each of the duel's accounts and tokens."""

    deployment: Deployment
    counterpart: dict[Address, Address]
    keys: dict[Address, LocalSigner]


@cache
def stage() -> Stage:
    """Return the one stage of this process, in the first state of a duel."""
    parameters = Parameters(small.DURATION, 5 * small.DURATION, small.GRACE)
    deployment = deploy(Revm(now=small.GENESIS), *TOKENS, parameters=parameters)
    brokers = (deployment.roles.low, deployment.roles.high)
    spare = tuple(key_of(f"spare signer {side.name}") for side in Side)
    tokens = [token.address for token in deployment.tokens.values()]
    real = (
        *(broker.address for broker in brokers),
        *(broker.signer.address for broker in brokers),
        *(key.address for key in spare),
        *tokens,
        deployment.roles.outsider,
    )
    fake = (
        *small.BROKERS,
        *small.SIGNERS,
        *small.OTHER_SIGNERS,
        *small.TOKENS,
        small.OUTSIDER,
    )
    for broker in brokers:
        for token in tokens:
            deployment.adjudicator.send("deposit", token, small.WEALTH, sender=broker.address)
    keys = (*(key for broker in brokers for key in (broker.account, broker.signer)), *spare)
    return Stage(deployment, dict(zip(fake, real, strict=True)), {key.address: key for key in keys})


class ChainDuel(Duel):
    """A duel whose every transaction is also sent to the contracts; enter `isolated` first."""

    def __init__(self, rng: Random, on: Stage) -> None:
        super().__init__(rng)
        self._on = on
        self._notary = Notary(on.deployment.separator, on.keys)
        self._entries: dict[bytes, Entry] = {}
        self._real = self._definition(self.identified)
        self._signers: tuple[Address, ...] = small.SIGNERS
        self._wallets = self._balances()

    def act(self, sender: Address, call: Call) -> bool:
        """Send a transaction to both; they must agree on whether it is accepted."""
        self._follow()
        is_accepted = super().act(sender, call)
        refusal = self._send(sender, call)
        self.require(
            is_accepted is (refusal is None), f"ENC-02 the contract says {refusal} to {call}"
        )
        if is_accepted and self.channel.status is Status.IDLE:
            self._compare()
        return is_accepted

    def hand_over_a_coin(self) -> None:
        """Give the honest broker on chain what the duel knows nothing of."""
        broker = self._of(small.BROKERS[self.honest])
        token = next(iter(self._on.deployment.tokens.values()))
        token.send("mint", broker, 1, sender=broker)

    # TO THE CONTRACTS

    def _follow(self) -> None:
        """Bring the contracts' time and named keys to where the duel's are."""
        chain, registry = self._on.deployment.chain, self._on.deployment.registry
        if chain.now != self.now:
            chain.warp(self.now)
        signers = tuple(broker_of(self.world.registry, each).signer for each in small.BROKERS)
        for broker, before, after in zip(small.BROKERS, self._signers, signers, strict=True):
            if before != after:
                registry.send("set_signer", self._of(after), sender=self._of(broker))
        self._signers = signers

    def _send(self, sender: Address, call: Call) -> str | None:
        request = self._request(call)
        adjudicator = self._on.deployment.adjudicator
        method = adjudicator.call(request.function, len(request.arguments))
        try:
            method.raw(method.method.encode(*request.arguments), sender=self._of(sender))
        except Refused as refusal:
            return refusal.name
        return None

    def _compare(self) -> None:
        """ADJ-13: on chain the honest broker owns what the duel says, to the unit."""
        broker = small.BROKERS[self.honest]
        deployment, wealth = self._on.deployment, self.wealth()
        for token in small.TOKENS:
            ledger = deployment.adjudicator.read("balanceOf", self._of(broker), self._of(token))
            moved = self._balances()[token] - self._wallets[token]
            self.require(ledger + moved == wealth[token], "ADJ-13 the contracts pay something else")
        self.seen["compared"] += 1

    def _balances(self) -> dict[Address, int]:
        broker = self._of(small.BROKERS[self.honest])
        by_address = {each.address: each for each in self._on.deployment.tokens.values()}
        return {
            token: by_address[self._of(token)].read("balanceOf", broker) for token in small.TOKENS
        }

    # COUNTERPARTS

    def _of(self, address: Address) -> Address:
        return self._on.counterpart[address]

    def _definition(self, identified: IdentifiedDef) -> IdentifiedDef:
        fake = identified.definition
        params = self._on.deployment
        real = replace(
            fake,
            chain_id=params.chain.chain_id,
            adjudicator=params.adjudicator.address,
            broker_low=self._of(fake.broker_low),
            broker_high=self._of(fake.broker_high),
            signer_low=self._of(fake.signer_low),
            signer_high=self._of(fake.signer_high),
            assets=tuple(self._of(asset) for asset in fake.assets),
        )
        return IdentifiedDef(real, channel_id(real))

    def _order(self, order: SettlementOrder) -> SettlementOrder:
        legs = tuple(replace(leg, token=self._of(leg.token)) for leg in order.legs)
        return replace(order, channel_id=self._real.channel_id, legs=legs)

    def _entry(self, signed: SignedState) -> Entry:
        known = self._entries.get(signed.state_hash)
        if known is None:
            order = next((each.order for each in self.book if each.signed is signed), None)
            state = replace(signed.state, channel_id=self._real.channel_id)
            if order is not None:
                ref = self._notary.hash(self._order(order.order))
                state = replace(state, condition=replace(state.condition, ref=ref))
            known = self._notary.entry(self._real, state)
            self._entries[signed.state_hash] = known
        return known

    def _state(self, fake: ClearingState) -> ClearingState:
        entry = next(each for each in self.book if each.state == fake)
        return self._entry(entry.signed).state

    def _request(self, call: Call) -> Request:
        """Return the real counterpart of a call."""
        definition = self._real.definition
        match call:
            case calls.Deposit(token, amount):
                return Deposit(self._of(token), amount)
            case calls.Withdraw(token, amount, to):
                return Withdraw(self._of(token), amount, self._of(to))
            case calls.DepositCollateral(_, token, amount):
                return requests.DepositCollateral(definition, self._of(token), amount)
            case calls.RefundOrder(_, order):
                return requests.RefundOrder(definition, self._order(order.order))
            case calls.Finalize(_, hashed):
                return requests.Finalize(definition, self._state(hashed.state))
            case _:
                return self._signed_request(call)

    def _signed_request(self, call: Any) -> Request:
        entry = self._entry(call.signed)
        given = (self._real.definition, entry.state, entry.signatures)
        match call:
            case calls.Settle(_, _, order):
                return requests.Settle(*given, self._order(order.order))
            case calls.FundOrder(_, _, order, side):
                return requests.FundOrder(*given, self._order(order.order), side)
            case calls.Reveal(_, _, preimage):
                return requests.Reveal(*given, preimage)
            case calls.Challenge(intent_signed=True):
                signer = self._real.definition.signer(self.peer)
                return requests.ChallengeByIntent(*given, self._notary.intent(entry, signer))
            case _:
                kind = getattr(requests, type(call).__name__)
                request: Request = kind(*given)
                return request
