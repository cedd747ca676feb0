"""The same calls on the contract and on the specification, compared after each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

from clearing.channel.requests import Request, validate
from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, events_of
from clearing.spec.registry import Broker as Seat
from clearing.spec.registry import Registry
from clearing.spec.types import MAX_ASSETS, IdentifiedDef, Params, Status
from clearing.spec.units import Address
from clearing.spec.world import Channel, Env, World, channel_of
from tests.harness.contract import Contract, Receipt
from tests.harness.deployment import Deployment
from tests.harness.errors import Refused

__all__ = ["Twin", "Verdict", "read_channel", "read_ledgers", "read_registry", "read_world"]

Event = tuple[str, tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a call: the refusal, or None for its name and the events."""

    refusal: str | None
    values: tuple[object, ...] = ()
    events: tuple[Event, ...] = ()


def read_channel(deployment: Deployment, channel_id: bytes) -> Channel:
    """Return what the contract stores of a channel."""
    adjudicator = deployment.adjudicator
    view = adjudicator.read("channelOf", channel_id)
    nets = tuple(adjudicator.read("netOf", channel_id, asset) for asset in range(MAX_ASSETS))
    return replace(Channel(Status(view[0]), *view[1:]), nets=nets)


def read_ledgers(deployment: Deployment) -> dict[tuple[Address, Address], int]:
    """Return both brokers' ledgers; an empty one is absent, as in the specification."""
    ledgers = {
        (broker.address, token.address): deployment.adjudicator.read(
            "balanceOf", broker.address, token.address
        )
        for broker in (deployment.roles.low, deployment.roles.high)
        for token in deployment.tokens.values()
    }
    return {key: amount for key, amount in ledgers.items() if amount}


def read_registry(deployment: Deployment) -> Registry:
    """Return what the registry stores of both brokers."""
    registry, seats = deployment.registry, {}
    for broker in (deployment.roles.low, deployment.roles.high):
        pending, available_at = registry.read("unstake_of", broker.address)
        seats[broker.address] = Seat(
            signer=registry.read("signer_of", broker.address),
            stake=registry.read("stake_of", broker.address),
            used=registry.read("slots_used", broker.address),
            pending=pending,
            available_at=available_at,
        )
    return Registry(deployment.yellow.address, deployment.adjudicator.address, seats)


def read_world(deployment: Deployment, channels: Sequence[bytes] = ()) -> World:
    """Return the contract's storage as the specification holds it, without its ghosts."""
    adjudicator, given = deployment.adjudicator, deployment.parameters
    return World(
        params=Params(
            chain_id=deployment.chain.chain_id,
            adjudicator=adjudicator.address,
            timelock=deployment.roles.timelock,
            guardian=deployment.roles.guardian,
            min_challenge=given.min_challenge,
            max_challenge=given.max_challenge,
            grace=given.grace,
        ),
        registry=read_registry(deployment),
        ledgers=read_ledgers(deployment),
        caps={
            token.address: adjudicator.read("capOf", token.address)
            for token in deployment.tokens.values()
        },
        channels={each: read_channel(deployment, each) for each in channels},
        paused_until=adjudicator.read("openingsPausedUntil"),
    )


class Twin:
    """A deployment and the specification's world of it, kept in step."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.world = read_world(deployment)

    @property
    def now(self) -> int:
        """Time of the next call, Unix seconds."""
        return self.deployment.chain.now

    def channel(self, identified: IdentifiedDef) -> Channel:
        """Return the specification's channel."""
        return channel_of(self.world, identified.channel_id)

    def send(self, request: Request, sender: Address) -> tuple[Verdict, Verdict]:
        """Make the call on both and return the verdicts: specification, contract.

        The world follows the specification; whoever finds the verdicts equal knows that it also
        follows the contract.
        """
        expected = self._judge(request, sender)
        return expected, self._send(request, sender)

    def storage(self, identified: IdentifiedDef) -> tuple[World, World]:
        """Return all storage of both, ghosts left out: specification, contract."""
        channels = (identified.channel_id,)
        expected = World(
            params=self.world.params,
            registry=self.world.registry,
            ledgers=self.world.ledgers,
            caps=self.world.caps,
            channels={each: channel_of(self.world, each) for each in channels},
            paused_until=self.world.paused_until,
        )
        return expected, read_world(self.deployment, channels)

    def _judge(self, request: Request, sender: Address) -> Verdict:
        try:
            self.world, effects = validate(self.world, Env(self.now, sender), request)
        except SpecError as refusal:
            return Verdict(refusal.name, refusal.args_)
        return Verdict(None, events=_expected(effects))

    def _send(self, request: Request, sender: Address) -> Verdict:
        adjudicator = self.deployment.adjudicator
        try:
            receipt = adjudicator.send(request.function, *request.arguments, sender=sender)
        except Refused as refusal:
            return Verdict(refusal.name, refusal.args_)
        return Verdict(None, events=_told(receipt, adjudicator))


def _expected(effects: Effects) -> tuple[Event, ...]:
    return tuple((type(event).__name__, astuple(event)) for event in events_of(effects))


def _told(receipt: Receipt, adjudicator: Contract) -> tuple[Event, ...]:
    return tuple((log.event, log.args) for log in receipt.of(adjudicator))
