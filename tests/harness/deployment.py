"""The whole protocol on one embedded chain, with tokens listed and brokers ready to open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from clearing.channel.codec import domain_separator, hash_state, signing_digest
from clearing.channel.signatures import Signature
from clearing.spec.types import ChannelDef, ClearingState
from clearing.spec.units import DAY_S, Address
from tests.harness.actors import Actors, Broker, actors, co_sign
from tests.harness.contract import Contract
from tests.harness.revm import CHAIN_ID, Revm

__all__ = ["LOT", "Deployment", "Parameters", "deploy"]

LOT: Final = 250_000 * 10**18
"""YELLOW of four slots."""
CAP: Final = 2**127 - 1
"""The highest launch cap, raw units: caps are not what most tests are about."""
UNLIMITED: Final = 2**256 - 1
FURTHER: Final = {"FeeOnTransferToken": (0,)}
"""What constructors of tokens want after name, symbol and decimals: a fee of nothing."""
RICHES: Final = 2**100
"""Raw units of each token that each broker starts with; sums stay far below 2**127."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Constructor arguments of the Adjudicator: seconds and gas."""

    min_challenge: int = 3_600
    max_challenge: int = 7 * DAY_S
    grace: int = DAY_S
    push_gas: int = 100_000


@dataclass(frozen=True, slots=True)
class Deployment:
    """Addresses and roles; `tokens` by the name of their contract, ascending by address."""

    chain: Revm
    roles: Actors
    parameters: Parameters
    yellow: Contract
    registry: Contract
    adjudicator: Contract
    hash_time_lock: Contract
    tokens: Mapping[str, Contract]
    separator: bytes

    def definition(
        self, *assets: Address, challenge_duration: int = DAY_S, nonce: int = 0
    ) -> ChannelDef:
        """Return a channel of the two brokers; without assets, of all tokens there are."""
        every = assets or tuple(token.address for token in self.tokens.values())
        low, high = self.roles.low, self.roles.high
        return ChannelDef(
            chain_id=CHAIN_ID,
            adjudicator=self.adjudicator.address,
            broker_low=low.address,
            broker_high=high.address,
            signer_low=low.signer.address,
            signer_high=high.signer.address,
            assets=tuple(sorted(every)),
            challenge_duration=challenge_duration,
            nonce=nonce,
        )

    def signed(self, state: ClearingState) -> tuple[Signature, Signature]:
        """Return both brokers' signatures of a state."""
        digest = signing_digest(self.separator, hash_state(state))
        return co_sign(digest, self.roles.low.signer, self.roles.high.signer)


def deploy(
    chain: Revm,
    *tokens: str,
    parameters: Parameters | None = None,
    decimals: int = 6,
    others: Sequence[Broker] = (),
) -> Deployment:
    """Deploy and list everything; brokers have staked, named keys, and approved all tokens.

    `tokens` are contracts of contracts/mocks (name, symbol, decimals); by default one MockERC20.
    `others` are brokers beside the two that the roles know.
    """
    given = parameters or Parameters()
    roles = actors()
    deployer = roles.deployer
    brokers = (roles.low, roles.high, *others)

    supply = [2 * LOT] * len(brokers)
    yellow = chain.deploy(
        "YellowToken", [broker.address for broker in brokers], supply, sender=deployer
    )
    with chain.isolated():
        chain.deploy("MockERC20", "", "", 0, sender=deployer)  # stands for the registry
        predicted = chain.next_address(deployer)
    registry = chain.deploy("BrokerRegistry", yellow.address, predicted, sender=deployer)
    adjudicator = chain.deploy(
        "Adjudicator",
        registry.address,
        roles.timelock,
        roles.guardian,
        given.min_challenge,
        given.max_challenge,
        given.grace,
        given.push_gas,
        sender=deployer,
    )
    lock = chain.deploy("HashTimeLock", sender=deployer)
    listed = {
        name: chain.deploy(name, name, name, decimals, *FURTHER.get(name, ()), sender=deployer)
        for name in tokens or ("MockERC20",)
    }

    for token in listed.values():
        adjudicator.send("raiseCap", token.address, CAP, sender=roles.timelock)
    for broker in brokers:
        _prepare(broker, yellow, registry, adjudicator, listed)

    return Deployment(
        chain=chain,
        roles=roles,
        parameters=given,
        yellow=yellow,
        registry=registry,
        adjudicator=adjudicator,
        hash_time_lock=lock,
        tokens=dict(sorted(listed.items(), key=lambda item: item[1].address)),
        separator=domain_separator(CHAIN_ID, adjudicator.address),
    )


def _prepare(
    broker: Broker,
    yellow: Contract,
    registry: Contract,
    adjudicator: Contract,
    tokens: Mapping[str, Contract],
) -> None:
    """Stake one lot, name the key, hold tokens and approve the vault."""
    yellow.send("approve", registry.address, LOT, sender=broker.address)
    registry.send("stake", LOT, sender=broker.address)
    registry.send("set_signer", broker.signer.address, sender=broker.address)
    for token in tokens.values():
        token.send("mint", broker.address, RICHES, sender=broker.address)
        token.send("approve", adjudicator.address, UNLIMITED, sender=broker.address)
