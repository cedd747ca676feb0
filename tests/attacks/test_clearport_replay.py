"""Frames that a peer has sent before, or of another life of the channel, over real streams.

A real hub over mutual TLS brings them to a real lane; the peer is played by hand.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import grpc

from clearing.clearport.codec import decode_message, encode_message
from clearing.clearport.core.events import Heard, Lost
from clearing.clearport.core.messages import (
    Answer,
    Message,
    Proposal,
    Refusal,
    TradeReport,
)
from clearing.clearport.core.reestablish import standing
from clearing.clearport.daemon.inbox import connected
from clearing.clearport.peers.link import Link
from clearing.peer.v1 import peer_pb2
from clearing.spec.types import Side
from tests.attacks.liar_cases import TRADES, booking, recorded
from tests.harness.clearport_liar import Scene
from tests.unit.clearport_core.chain import BROKERS
from tests.unit.clearport_peers.caller import Caller, calling, greet, greeting
from tests.unit.clearport_peers.rig import (
    CHANNEL,
    Broker,
    broker,
    pair_of_brokers,
    until,
    word,
)


@dataclass
class Stage:
    """High's hub and lane; low's streams are opened by hand."""

    scene: Scene
    low: Broker
    high: Broker

    async def serve(self, link: Link) -> None:
        """Bring a stream's messages to the lane, as the daemon does."""
        self.high.links.append(link)
        if link.broker != BROKERS[Side.LOW]:
            async for item in link.said():
                self.high.heard.append(item)
            return
        await self.scene.lane.inbox.put(connected(link))
        async for _, message in link.said():
            await self.scene.lane.inbox.put(Heard(message))
        await self.scene.lane.inbox.put(Lost())

    @contextlib.asynccontextmanager
    async def stream(self) -> AsyncIterator[Caller]:
        """Yield a stream of low's, past the Hellos."""
        seen = len(self.high.links)
        async with calling(self.low, self.high) as line:
            assert await greet(line, greeting(self.low, self.high), self.low.key) is not None
            await until(lambda: len(self.high.links) > seen)
            yield line

    def frame(self, *messages: Message) -> peer_pb2.Frame:
        channel_id = self.scene.before.channel_id
        return peer_pb2.Frame(messages=[encode_message(channel_id, each) for each in messages])

    @property
    def version(self) -> int:
        return self.scene.lane.phase.line.position.live.version


async def answers(line: Caller, count: int) -> list[Message]:
    """Return the next proposals' answers that high says, whatever else it says."""
    found: list[Message] = []
    async with asyncio.timeout(5):
        while len(found) < count:
            frame = await line.hear()
            assert frame is not None
            said = [decode_message(each)[1] for each in frame.messages]
            found += [each for each in said if isinstance(each, Answer | Refusal)]
    return found


@contextlib.asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    low, high = pair_of_brokers()
    low, high = (
        replace(each, address=BROKERS[side]) for each, side in zip((low, high), Side, strict=True)
    )
    for each in (low, high):
        each.registry.signers[each.address] = each.key.address
    stage = Stage(Scene(recorded(), Side.HIGH), low, high)
    high.on_link = stage.serve  # type: ignore[method-assign]
    stage.scene.task = asyncio.create_task(stage.scene.lane.run())
    async with high.running(low):
        yield stage
    await stage.scene.stop()


def test_serve__frames_of_an_earlier_stream__get_the_same_answer_and_no_other_signature() -> None:
    """CLP-01, CLP-08: whatever is replayed, and in whatever order, nothing new is signed."""

    async def play() -> None:
        async with staged() as stage:
            proposal = booking(stage.scene)
            hello = standing(stage.scene.pair.low.line)
            frames = [stage.frame(hello), stage.frame(TradeReport(TRADES)), stage.frame(proposal)]
            async with stage.stream() as line:
                for frame in frames:
                    await line.send(frame)
                (first,) = await answers(line, 1)
            assert isinstance(first, Answer)
            assert stage.version == first.version
            signed = len(stage.scene.signer.permits)
            assert signed == 1

            for order in (frames, frames[::-1], [frames[0], frames[2], frames[2]]):
                async with stage.stream() as line:
                    for frame in order:
                        await line.send(frame)
                    again = await answers(line, 1)
                assert again == [first]

            assert len(stage.scene.signer.permits) == signed
            assert stage.version == first.version
            assert stage.scene.lane.halted == stage.scene.lane.phase.line.alarm == ""

    asyncio.run(play())


def test_serve__frames_of_another_epoch__are_passed_over_and_this_one_goes_on() -> None:
    async def play() -> None:
        async with staged() as stage, stage.stream() as line:
            proposal = booking(stage.scene)
            hello = standing(stage.scene.pair.low.line)
            assert isinstance(proposal, Proposal)
            stale = (
                replace(hello, epoch=7),
                replace(proposal, epoch=7),
                Answer(7, proposal.version, proposal.signature),
                Refusal(7, proposal.version, "MOVE", ""),
            )
            await line.send(stage.frame(*stale))
            await line.send(stage.frame(hello, proposal))

            (answer,) = await answers(line, 1)

            assert isinstance(answer, Answer)
            assert answer.epoch == 0
            assert len(stage.scene.signer.permits) == 1
            assert stage.scene.lane.phase.line.burnt == 0

    asyncio.run(play())


def test_serve__a_lie_that_is_no_value__ends_the_stream_and_another_peer_is_served() -> None:
    """CLP-16: the reason names the field; nothing is signed of what came with it."""

    async def play() -> None:
        async with staged() as stage:
            other = broker("other", 0x30, stage.low.registry)
            async with stage.stream() as line, other.running(stage.high):
                await stage.high.hub.add(await other.record())
                proposal = booking(stage.scene)
                frame = stage.frame(proposal)
                frame.messages[0].proposal.move.book.trades[0].base_wad = "01"
                await line.send(frame)
                code, reason = await line.status()
                assert code is grpc.StatusCode.INVALID_ARGUMENT
                assert "base_wad" in reason
                assert not stage.scene.signer.permits

                await until(lambda: other.link_to(stage.high))
                await other.link_to(stage.high).say(CHANNEL, word(5))
                await until(lambda: stage.high.heard == [(CHANNEL, word(5))])

    asyncio.run(play())
