"""A chain for two cores: the specification's Adjudicator, and finality some blocks later."""

from __future__ import annotations

from dataclasses import replace

from clearing.channel import requests
from clearing.channel.policy import ChainView
from clearing.clearport.core.channel import Line
from clearing.clearport.core.events import Observed
from clearing.spec import registry
from clearing.spec.errors import SpecError
from clearing.spec.types import Params, Side, Status
from clearing.spec.units import Address
from clearing.spec.world import Channel, Env, World, balance_of, channel_of

HOUR = 3_600
GENESIS = 1_700_000_000
GRACE = 2 * HOUR
DURATION = 4 * HOUR
WEALTH = 10**30


def address(number: int) -> Address:
    return Address(number.to_bytes(20, "big"))


ADJUDICATOR, YELLOW = address(0xA1), address(0xA4)
BROKERS = (address(0x10), address(0x20))
PARAMS = Params(
    chain_id=31_337,
    adjudicator=ADJUDICATOR,
    timelock=address(0xA2),
    guardian=address(0xA3),
    min_challenge=HOUR,
    max_challenge=24 * HOUR,
    grace=GRACE,
)


class SpecChain:
    """The chain. `pending` are wanted transactions; each block takes all of them, in order.

    `refused` notes what the contract would not have; `depth` blocks are not final.
    """

    def __init__(
        self, signers: tuple[Address, Address], tokens: tuple[Address, ...], *, depth: int = 2
    ) -> None:
        seats = registry.Registry(YELLOW, ADJUDICATOR)
        for broker, signer in zip(BROKERS, signers, strict=True):
            seats, _ = registry.stake(seats, broker, registry.LOT)
            seats, _ = registry.set_signer(seats, broker, signer)
        world = World(
            params=PARAMS,
            registry=seats,
            ledgers={(broker, token): WEALTH for broker in BROKERS for token in tokens},
            caps=dict.fromkeys(tokens, WEALTH),
        )
        self.depth = depth
        self.blocks: list[tuple[World, int]] = [(world, GENESIS)]
        self.pending: list[tuple[Side, requests.Request]] = []
        self.done: list[tuple[Side, str]] = []
        self.refused: list[tuple[Side, str, str]] = []

    @property
    def world(self) -> World:
        return self.blocks[-1][0]

    @property
    def now(self) -> int:
        return self.blocks[-1][1]

    def mine(self, seconds: int = 12) -> None:
        world, now = self.world, self.now + seconds
        for side, request in self.pending:
            try:
                world, _ = requests.validate(world, Env(now, BROKERS[side]), request)
            except SpecError as error:
                self.refused.append((side, request.function, str(error)))
            else:
                self.done.append((side, request.function))
        self.pending.clear()
        self.blocks.append((world, now))

    def edit(self, world: World) -> None:
        """Put another world in the newest block's place."""
        self.blocks[-1] = (world, self.now)

    def act(self, side: Side, request: requests.Request) -> None:
        """Have a transaction in a block of its own, or raise."""
        world, now = self.world, self.now + 1
        world, _ = requests.validate(world, Env(now, BROKERS[side]), request)
        self.blocks.append((world, now))

    def drain(self, side: Side, token: Address) -> None:
        """Empty a broker's ledger of a token."""
        ledgers = {**self.world.ledgers, (BROKERS[side], token): 0}
        self.edit(replace(self.world, ledgers=ledgers))

    def channel(self, channel_id: bytes) -> Channel:
        return channel_of(self.world, channel_id)

    def observed(self, line: Line) -> Observed:
        """Return what a watcher would say of a channel now."""
        final = max(0, len(self.blocks) - 1 - self.depth)
        world, now = self.blocks[final]
        later = [channel_of(each, line.channel_id) for each, _ in self.blocks[final:]]
        order = line.position.order
        ledgers = () if order is None else tuple(map(self._pair, (x.token for x in order.legs)))
        return Observed(
            latest=later[-1],
            now=self.now,
            view=ChainView(
                channel_of(world, line.channel_id),
                now,
                is_challenged=any(each.status is Status.CHALLENGED for each in later),
            ),
            ledgers_raw=ledgers,
        )

    def _pair(self, token: Address) -> tuple[int, int]:
        ledgers = self.world.ledgers
        low, high = (balance_of(ledgers, broker, token) for broker in BROKERS)
        return low, high
