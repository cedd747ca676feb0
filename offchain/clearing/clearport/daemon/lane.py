"""Run one channel: take an event, let the core decide, perform what it says, in order.

All that one transition wants durable is one commit. Only then the key signs, and what it signed is
durable (in the commit of the next transition) before it is sent. A lane that cannot go on halts:
it signs and sends nothing more, the other lanes do not notice.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Final

from clearing.channel.codec import type_hash
from clearing.channel.typed_data import struct_of
from clearing.clearport.core.channel import Phase
from clearing.clearport.core.effects import Effect, Sign
from clearing.clearport.core.events import Connected, Event, Lost, Observed, Priced, Signed, Ticked
from clearing.clearport.core.messages import Message
from clearing.clearport.daemon.bell import Bell
from clearing.clearport.daemon.inbox import Ask, Consume, Inbox
from clearing.clearport.daemon.wanted import Wanted, sort_effects
from clearing.clearport.daemon.world import World
from clearing.clearport.errors import (
    ClearportError,
    PeerGoneError,
    PeerSlowError,
    RefusedError,
    RepeatedError,
    ReplayedError,
    SecondDigestError,
    StoreDamagedError,
    UnavailableError,
)
from clearing.clearport.ports import Intent, PeerLink, Permit, Record, Reservation, Used
from clearing.spec.types import ChannelDef, ClearingState
from clearing.spec.units import Address

__all__ = ["Lane"]

INBOX: Final = 1_024
SIGN_TIMEOUT_S: Final = 30.0
STATE_TYPE: Final = type_hash(struct_of(ClearingState))


class Lane:
    """One channel. `halted` says why it does not go on, empty while it does.

    `met` is the stream that the lane was told of last, whether it has taken that up yet or not.
    """

    def __init__(self, phase: Phase, world: World) -> None:
        self.phase = phase
        self.channel_id = phase.line.channel_id
        self.changed = Bell()
        self.halted = ""
        self.inbox = Inbox(INBOX)
        self.met: PeerLink | None = None
        self._world = world
        self._link: PeerLink | None = None
        self._unsigned: tuple[Permit, Sign] | None = None
        self._is_retried = False
        self._decided_s = time.perf_counter()

    @property
    def peer(self) -> Address:
        """The peer's broker."""
        line = self.phase.line
        return line.definition.broker(line.side.other)

    @property
    def definition(self) -> ChannelDef:
        """What both brokers agreed on once."""
        return self.phase.line.definition

    # WHAT HAPPENS

    async def ask(
        self, event: Event, consume: Consume | None = None, intents: tuple[Intent, ...] = ()
    ) -> tuple[Effect, ...]:
        """Have an event happen; return its effects once they are durable.

        Raises UnavailableError if the lane is halted or stopping, and what the commit raises.
        """
        if self.halted:
            raise self._unavailable()
        done: asyncio.Future[tuple[Effect, ...]] = asyncio.get_running_loop().create_future()
        if not await self.inbox.put(Ask(event, consume, intents, None, done)):
            raise self._unavailable()
        return await done

    def observe(self, event: Observed | Priced | Ticked) -> None:
        """Tell the lane of the chain, the market or the time: the newest is enough."""
        self.inbox.replace(event)

    # THE LOOP

    async def run(self) -> None:
        """Take events until the inbox is closed and empty."""
        while (item := await self.inbox.take()) is not None:
            if type(item) is Ask:
                await self._answer(item)
            else:
                await self._survive(item, None)  # type: ignore[arg-type]

    async def _answer(self, ask: Ask) -> None:
        """Perform an Ask, and tell whoever waits how it went."""
        if type(ask.event) is Connected:
            self._link = ask.link
        try:
            await self._survive(ask.event, ask)
        finally:
            ask.fail(self._unavailable())  # says nothing if it has succeeded

    async def _survive(self, event: Event, ask: Ask | None) -> None:
        """Let an event happen; whatever goes wrong stays in this lane."""
        if type(event) is Lost:
            self._link = None
        try:
            if self.halted and not (type(event) is Ticked and await self._has_recovered()):
                await self._stand_guard(event)
                return
            await self._happen(event, ask)
        except (ReplayedError, RepeatedError, RefusedError) as error:
            if ask is None or ask.consume is None:
                self._halt(error, is_retried=False)
            else:
                ask.fail(error)
        except (SecondDigestError, StoreDamagedError) as error:
            self._halt(error, is_retried=False)
        except (ClearportError, TimeoutError) as error:
            self._halt(error, is_retried=True)
        except Exception as error:  # noqa: BLE001 - a flaw in one channel must not stop the others
            self._halt(error, is_retried=False)

    async def _happen(self, event: Event, ask: Ask | None, signed: Permit | None = None) -> None:
        """Do one transition, and those that its signature leads to."""
        world = self._world
        while True:
            now = int(world.clock())
            phase, effects = world.step(self.phase, event, now=now)
            world.meters.transitions += 1
            wanted = sort_effects(effects, self.channel_id, world.outbox, now)
            used = None
            if ask is not None and ask.consume is not None:
                used = ask.consume(self.phase, effects)
            intents = wanted.intents if ask is None else ask.intents + wanted.intents
            decided_s = time.perf_counter()
            permit = await self._commit(wanted, signed, used, intents)
            self._adopt(phase, wanted)
            if wanted.sign is not None:
                self._decided_s = decided_s
            if ask is not None:
                ask.succeed(effects)
                ask = None
            for message in wanted.sends:
                await self._send(message)
            if wanted.sign is None:
                return
            if permit is None:
                raise StoreDamagedError("the store gave no permit for a reservation")
            signed, event = await self._sign(permit, wanted.sign)

    # THE EFFECTS

    async def _commit(
        self,
        wanted: Wanted,
        signed: Permit | None,
        used: Used | None,
        intents: tuple[Intent, ...],
    ) -> Permit | None:
        """Make everything that the transition wants durable, together; nothing if it wants none."""
        reserve = None if wanted.sign is None else self._reservation(wanted.sign)
        if not (wanted.line or reserve or used or intents or wanted.events or signed):
            return None
        record = Record(
            line=wanted.line,
            reserve=reserve,
            signed=signed,
            agreed=wanted.agreed,
            booked=wanted.booked,
            intents=intents,
            events=wanted.events,
            used=used,
        )
        start_s = time.perf_counter()
        permit = await self._world.store.commit(record)
        meters = self._world.meters
        meters.commits += 1
        meters.commit_s.add(time.perf_counter() - start_s)
        if signed is not None:
            self._unsigned = None
        if intents:
            self._world.outbox.wake()
        if wanted.events:
            self._world.news.ring()
        return permit

    def _reservation(self, sign: Sign) -> Reservation:
        return Reservation(
            key_id=self._world.signer.key_id,
            type_hash=STATE_TYPE,
            channel_id=self.channel_id,
            epoch=sign.epoch,
            version=sign.version,
            digest=sign.digest,
        )

    def _adopt(self, phase: Phase, wanted: Wanted) -> None:
        """Go on from a phase that is durable."""
        before, self.phase = self.phase, phase
        world = self._world
        line = phase.line
        if wanted.agreed is not None:
            world.meters.agreed += 1
            world.meters.agreed_at = world.clock()
            world.meters.agree_s.add(time.perf_counter() - self._decided_s)
            world.agreed(self.channel_id, wanted.agreed)
        if wanted.booked is not None:
            world.meters.booked += len(wanted.booked.trade_ids)
        if line.position.order is not before.line.position.order:
            world.watch(line)
        if line.alarm and line.alarm != before.line.alarm:
            world.meters.alarms[line.alarm] += 1
            world.log.error("channel_alarm", channel=self.channel_id.hex(), alarm=line.alarm)
        if line is not before.line or phase.link is not before.link:
            self.changed.ring()

    async def _sign(self, permit: Permit, sign: Sign) -> tuple[Permit, Signed]:
        """Return the permit with its signature, and the event that brings it.

        Raises SignerError; the key is asked again later.
        """
        self._unsigned = (permit, sign)
        async with asyncio.timeout(SIGN_TIMEOUT_S):
            signature = await self._world.signer.sign(permit)
        self._world.meters.signatures += 1
        return replace(permit, signature=signature), Signed(sign.version, signature)

    async def _send(self, message: Message) -> None:
        """Queue a message for the peer; without a stream it is dropped, Reestablish repeats it."""
        link = self._link
        if link is None:
            return
        try:
            await link.say(self.channel_id, message)
        except (PeerGoneError, PeerSlowError) as error:
            self._world.meters.dropped[error.code] += 1
            self._link = None
            await link.close("the peer takes no more")

    # TROUBLE

    def _halt(self, error: Exception, *, is_retried: bool) -> None:
        """Sign and send nothing more. `is_retried`: until the world is better again."""
        is_known = isinstance(error, ClearportError)
        code = error.code if isinstance(error, ClearportError) else type(error).__name__
        if not self.halted:
            self._world.meters.alarms[code] += 1
            self._world.log.error(
                "channel_halted",
                channel=self.channel_id.hex(),
                code=code,
                problem=str(error),
                is_retried=is_retried,
                exc_info=None if is_known else error,
            )
        self.halted = code
        self._is_retried = is_retried
        self.changed.ring()

    async def _has_recovered(self) -> bool:
        """Try what failed again: the store, then the key. Then start over with the peer.

        What was heard or recorded meanwhile is lost here; the peers' words are repeated after the
        stream is made anew, and the operator was told that his were not taken.
        """
        if not self._is_retried:
            return False
        try:
            await self._world.store.commit(Record(line=self.phase.line))
            if self._unsigned is not None:
                signed, event = await self._sign(*self._unsigned)
                await self._happen(event, None, signed)
        except SecondDigestError as error:
            self._halt(error, is_retried=False)
            return False
        except (ClearportError, TimeoutError):
            return False
        self.halted = ""
        self._world.log.info("channel_goes_on", channel=self.channel_id.hex())
        if self._link is not None:
            link, self._link = self._link, None
            await link.close("the channel starts over")
        return True

    async def _stand_guard(self, event: Event) -> None:
        """Do on the chain what is due, though the channel is halted: a challenge waits for nobody.

        What goes wrong is as it was when the lane halted, and is tried again at the next event.
        """
        if type(event) is not Observed and type(event) is not Ticked:
            return
        world = self._world
        now = int(world.clock())
        try:
            phase, effects = world.guard(self.phase, event, now=now)
            wanted = sort_effects(effects, self.channel_id, world.outbox, now)
            if wanted.intents or wanted.events:
                await world.store.commit(Record(intents=wanted.intents, events=wanted.events))
                world.outbox.wake()
                world.news.ring()
        except Exception:  # noqa: BLE001 - the lane is halted, which is said
            return
        self.phase = phase

    def _unavailable(self) -> UnavailableError:
        if self.halted:
            problem = f"the channel is halted: {self.halted}"
            return UnavailableError(problem, "see the daemon's log")
        return UnavailableError("the daemon is stopping", "ask again once it runs")
