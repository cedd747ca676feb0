"""Draw the next action of a schedule: mostly what would be accepted, often what almost would."""

from __future__ import annotations

from typing import Final

from clearing.channel.codec import channel_id
from clearing.spec.rules import PAUSE_GAP_S
from clearing.spec.types import (
    ChannelDef,
    ClearingState,
    IdentifiedDef,
    Intent,
    Side,
    Status,
    WithdrawAuth,
)
from clearing.spec.units import DAY_S, Address
from clearing.spec.world import Channel, channel_of
from tests.invariants.actions import Send
from tests.invariants.arena import Arena, Member
from tests.invariants.book import Entry, Notary
from tests.invariants.drawer import Drawer
from tests.invariants.lockstep import Lockstep

__all__ = ["Player"]

DURATIONS: Final = (100, 101, 300, 1_000)
PAIRS: Final = ((0, 1), (0, 1), (1, 2), (0, 2))
REMEMBERED: Final = 48
"""Calls that may be sent once more."""
NEAR: Final = 16
"""States whose times are worth waiting for."""


class Player:
    """Everybody who acts in a schedule, and what they remember of it."""

    def __init__(self, lock: Lockstep, draw: Drawer) -> None:
        self.lock = lock
        self.draw = draw
        self.arena: Arena = lock.arena
        self.notary = Notary(self.arena.deployment.separator, self.arena.keys)
        self.assets: tuple[Address, ...] = tuple(token.address for token in self.arena.tokens)
        self.channels = tuple(self._new_channel(nonce) for nonce in range(draw.integer(2, 8)))
        self.book: dict[bytes, list[Entry]] = {each.channel_id: [] for each in self.channels}
        """What the honest would still have; a crash empties it."""
        self.archive: list[Entry] = []
        """Everything ever signed: the adversary forgets nothing."""
        self.sent: list[Send] = []
        self.auths: list[tuple[WithdrawAuth, bytes]] = []

    def _new_channel(self, nonce: int) -> IdentifiedDef:
        draw = self.draw
        low, high = (self.arena.members[i] for i in draw.choose(PAIRS))
        definition = ChannelDef(
            chain_id=self.lock.world.params.chain_id,
            adjudicator=self.lock.world.params.adjudicator,
            broker_low=low.address,
            broker_high=high.address,
            signer_low=low.keys[draw.chance(10)].address,
            signer_high=high.keys[draw.chance(10)].address,
            assets=self.some_assets(),
            challenge_duration=draw.choose(DURATIONS),
            nonce=nonce,
        )
        return IdentifiedDef(definition, channel_id(definition))

    # WHO AND WHAT

    @property
    def now(self) -> int:
        """Time of the next call."""
        return self.lock.now

    def channel(self, identified: IdentifiedDef) -> Channel:
        """Return what is stored."""
        return channel_of(self.lock.world, identified.channel_id)

    def some_channel(self, *statuses: Status) -> IdentifiedDef | None:
        """Return one of the channels with one of these statuses."""
        fitting = [each for each in self.channels if self.channel(each).status in statuses]
        return self.draw.choose(fitting) if fitting else None

    def some_member(self) -> Member:
        """Return one of the brokers."""
        return self.draw.choose(self.arena.members)

    def some_broker(self, definition: ChannelDef) -> Address:
        """Return one of the channel's brokers."""
        return definition.broker(self.some_side())

    def some_side(self) -> Side:
        """Return a side."""
        return self.draw.choose((Side.LOW, Side.HIGH))

    def some_token(self) -> Address:
        """Return a token of the arena."""
        return self.draw.choose(self.assets)

    def some_assets(self) -> tuple[Address, ...]:
        """Return assets of a channel: few, and sometimes as many as there can be."""
        draw = self.draw
        count = draw.choose((1, 1, 2, 2, 3)) if draw.chance(95) else 8
        chosen = set(self.assets[draw.integer(0, len(self.assets) - 1) :][:count])
        while len(chosen) < count:
            chosen.add(self.assets[draw.integer(0, len(self.assets) - 1)])
        return tuple(sorted(chosen))

    def anybody(self) -> Address:
        """Return any caller there is: brokers, their keys, officials, an outsider."""
        roles, params = self.arena.deployment.roles, self.lock.world.params
        everybody = (roles.outsider, params.timelock, params.guardian, *self.arena.keys)
        return self.draw.choose(everybody)

    # HOW MUCH

    def amount(self, greatest: int) -> int:
        """Return an amount of at most this: small ones, all of it, and anything between."""
        draw = self.draw
        match draw.integer(0, 7):
            case 0:
                return min(1, greatest)
            case 1:
                return greatest
            case 2 | 3 | 4:
                return draw.integer(0, min(greatest, 1_000))
            case 5:
                return draw.integer(0, greatest)
            case _:
                return draw.integer(0, min(greatest, 2**64))

    def ledger(self, broker: Address, token: Address) -> int:
        """Return what stands in a ledger."""
        return self.lock.world.ledgers.get((broker, token), 0)

    def means(self, broker: Address, token: Address) -> int:
        """Return what an opening could take: the ledger, and the wallet as far as it is allowed."""
        shelf = self.lock.shelf
        wallet = shelf.wallets.get((token, broker), 0)
        return self.ledger(broker, token) + min(wallet, shelf.allowances.get((token, broker), 0))

    # WHEN

    def soon(self) -> int:
        """Return a time that is not far away."""
        return self.now + self.draw.choose((1, 2, 50, 100, 150, 400, 1_500, DAY_S))

    def boundaries(self) -> list[int]:
        """Return every second at which a rule turns, if it has not been reached."""
        world, grace = self.lock.world, self.lock.world.params.grace
        times = {world.paused_until, world.paused_until + PAUSE_GAP_S}
        times.update(self.channel(each).deadline for each in self.channels)
        times.update(seat.available_at for seat in world.registry.brokers.values())
        times.update(auth.valid_until for auth, _ in self.auths)
        for entry in self.archive[-NEAR:]:
            expiry = entry.state.condition.expiry
            times.update((entry.state.valid_until, expiry, expiry + grace))
        return sorted(time for time in times if time > self.now)

    # WHAT WAS SIGNED

    def sign(self, identified: IdentifiedDef, state: ClearingState, **extra: object) -> Entry:
        """Have both sides sign a state and remember it."""
        entry = self.notary.entry(identified, state, **extra)  # type: ignore[arg-type]
        self.archive.append(entry)
        self.book.setdefault(identified.channel_id, []).append(entry)
        return entry

    def known(self, identified: IdentifiedDef) -> list[Entry]:
        """Return what is remembered of the channel's present life."""
        epoch = self.channel(identified).epoch
        entries = self.book.get(identified.channel_id, ())
        return [entry for entry in entries if entry.state.epoch == epoch]

    def latest(self, identified: IdentifiedDef, *intents: Intent) -> Entry | None:
        """Return the highest remembered state of the present life with one of these intents."""
        fitting = [entry for entry in self.known(identified) if entry.state.intent in intents]
        return max(fitting, key=lambda entry: entry.state.version, default=None)

    def challenged(self, identified: IdentifiedDef) -> Entry | None:
        """Return the state behind the stored digest, if anybody remembers it."""
        digest = self.channel(identified).digest
        found = (entry for entry in reversed(self.archive) if entry.state_hash == digest)
        return next(found, None)

    def remember(self, send: Send) -> Send:
        """Keep a call, to send it again some time."""
        self.sent.append(send)
        del self.sent[:-REMEMBERED]
        return send
