"""Where schedules play: three brokers, every kind of token, the protocol deployed, short clocks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from clearing.channel.signatures import LocalSigner
from clearing.spec.registry import Broker as Seat
from clearing.spec.registry import Registry
from clearing.spec.types import Params
from clearing.spec.units import Address
from clearing.spec.world import World
from tests.harness.actors import Broker, key_of
from tests.harness.contract import Contract
from tests.harness.deployment import CAP, LOT, RICHES, Deployment, Parameters, deploy
from tests.harness.revm import Revm
from tests.invariants.tokens import KINDS, UNLIMITED, Shelf, Token

__all__ = ["PARAMETERS", "SCARCE", "Arena", "Member", "arena"]

PARAMETERS: Final = Parameters(min_challenge=100, max_challenge=1_000, grace=300, push_gas=300_000)
PLENTY: Final = 2**126
"""Raw units of the MockERC20: sums of the brokers' wallets reach past an int128."""
SCARCE: Final = 1_000_000
"""Raw units of the NoReturnToken, which starts unlisted; its caps stay of this size."""


@dataclass(frozen=True, slots=True)
class Member:
    """A broker with all of its keys: the named one first, then the one to rotate to."""

    account: LocalSigner
    keys: tuple[LocalSigner, LocalSigner]

    @property
    def address(self) -> Address:
        """The account's address."""
        return self.account.address


@dataclass(frozen=True, slots=True)
class Arena:
    """The deployment, and its first state as the specification and the tokens' model have it."""

    deployment: Deployment
    members: tuple[Member, ...]
    tokens: tuple[Contract, ...]
    world: World
    shelf: Shelf

    @property
    def outsider(self) -> Address:
        """Anybody else."""
        return self.deployment.roles.outsider

    @property
    def keys(self) -> dict[Address, LocalSigner]:
        """Return every key by its address."""
        pairs = (key for member in self.members for key in (member.account, *member.keys))
        return {key.address: key for key in pairs}


def _members(deployment_brokers: tuple[Broker, ...]) -> tuple[Member, ...]:
    spare = (key_of(f"spare signer {i}") for i in range(len(deployment_brokers)))
    brokers = sorted(deployment_brokers, key=lambda broker: broker.address)
    return tuple(
        Member(broker.account, (broker.signer, key))
        for broker, key in zip(brokers, spare, strict=True)
    )


@cache
def arena() -> Arena:
    """Return the one arena of this process; whoever plays in it undoes what it did."""
    chain = Revm()
    third = Broker(key_of("broker 2"), key_of("signer 2"))
    listed = [kind for kind in KINDS if kind != "NoReturnToken"]
    deployment = deploy(chain, *listed, parameters=PARAMETERS, others=(third,))
    roles = deployment.roles
    members = _members((roles.low, roles.high, third))

    plain = deployment.tokens["MockERC20"]
    scarce = chain.deploy("NoReturnToken", "Scarce", "SCARCE", 6, sender=roles.deployer)
    vault = deployment.adjudicator.address
    for member in members:
        plain.send("mint", member.address, PLENTY, sender=member.address)
        scarce.send("mint", member.address, SCARCE, sender=member.address)
        scarce.send("approve", vault, UNLIMITED, sender=member.address)
        deployment.yellow.send(
            "approve", deployment.registry.address, UNLIMITED, sender=member.address
        )

    tokens = (*deployment.tokens.values(), scarce)
    return Arena(
        deployment=deployment,
        members=members,
        tokens=tuple(sorted(tokens, key=lambda token: token.address)),
        world=_world(deployment, members),
        shelf=_shelf(deployment, members, scarce),
    )


def _world(deployment: Deployment, members: tuple[Member, ...]) -> World:
    adjudicator, roles = deployment.adjudicator.address, deployment.roles
    return World(
        params=Params(
            chain_id=deployment.chain.chain_id,
            adjudicator=adjudicator,
            timelock=roles.timelock,
            guardian=roles.guardian,
            min_challenge=PARAMETERS.min_challenge,
            max_challenge=PARAMETERS.max_challenge,
            grace=PARAMETERS.grace,
        ),
        registry=Registry(
            deployment.yellow.address,
            adjudicator,
            {m.address: Seat(signer=m.keys[0].address, stake=LOT) for m in members},
        ),
        caps={token.address: CAP for token in deployment.tokens.values()},
    )


def _shelf(deployment: Deployment, members: tuple[Member, ...], scarce: Contract) -> Shelf:
    vault, yellow = deployment.adjudicator.address, deployment.yellow.address
    kinds = {token.address: name for name, token in deployment.tokens.items()}
    kinds |= {scarce.address: "NoReturnToken", yellow: "MockERC20"}
    riches = dict.fromkeys(kinds, RICHES)
    riches[deployment.tokens["MockERC20"].address] += PLENTY
    riches |= {scarce.address: SCARCE, yellow: LOT}
    return Shelf(
        vault=vault,
        tokens={address: Token(address, kind) for address, kind in kinds.items()},
        wallets={(token, m.address): riches[token] for token in kinds for m in members},
        allowances={(token, m.address): UNLIMITED for token in kinds for m in members},
    )
