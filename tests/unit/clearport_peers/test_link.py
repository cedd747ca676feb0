"""What a proven peer may send, how much of it, and what becomes of the rest."""

import asyncio
import contextlib
from dataclasses import replace

import grpc
import pytest

from clearing.clearport.core.messages import Rejection
from clearing.clearport.errors import PeerGoneError, PeerSlowError, WireError
from clearing.clearport.peers.limits import MAX_FRAME, QUEUE
from clearing.peer.v1 import peer_pb2
from tests.unit.clearport_peers.caller import calling, greet, greeting
from tests.unit.clearport_peers.rig import (
    CHANNEL,
    IMPATIENT,
    QUICK,
    broker,
    pair_of_brokers,
    until,
    word,
)

INVALID = grpc.StatusCode.INVALID_ARGUMENT


def consent(channel_id=CHANNEL, size=16) -> peer_pb2.Message:
    return peer_pb2.Message(channel_id=channel_id, consent=peer_pb2.Consent(request_id=bytes(size)))


@contextlib.asynccontextmanager
async def proven(low, high):
    """Run high's hub; yield low's stream to it, past the Hellos."""
    async with high.running(low), calling(low, high) as line:
        assert await greet(line, greeting(low, high), low.key) is not None
        await until(lambda: high.links and high.link_to(low))
        yield line


async def speak_on(link, count: int = 100_000) -> None:
    """Say more than any buffer on the way can hold."""
    for number in range(count):
        await link.say(CHANNEL, Rejection(number.to_bytes(16, "big"), "x" * 256))


async def is_served(low, high) -> bool:
    """Say whether the hub takes a good message of the peer over a new stream."""
    before = len(high.heard)
    async with calling(low, high) as line:
        assert await greet(line, greeting(low, high), low.key) is not None
        await line.send(peer_pb2.Frame(messages=[consent()]))
        await until(lambda: len(high.heard) == before + 1)
    return True


@pytest.mark.parametrize(
    ("frame", "field"),
    [
        (b"\xff" * 100, "frame"),
        (peer_pb2.Frame(messages=[consent(b"\xcc" * 31)]), "channel_id"),
        (peer_pb2.Frame(messages=[peer_pb2.Message(channel_id=CHANNEL)]), "body"),
        (peer_pb2.Frame(messages=[consent(size=15)]), "request_id"),
        (peer_pb2.Frame(hello=peer_pb2.Hello()), "hello"),
        (peer_pb2.Frame(messages=[consent()] * (QUEUE + 1)), "messages"),
    ],
    ids=["garbage", "channel id", "no body", "request id", "hello", "too many"],
)
def test_said__malformed_frame__the_stream_ends_naming_the_field(frame, field):
    async def scene():
        low, high = pair_of_brokers()
        async with proven(low, high) as line:
            await line.send(frame)
            code, reason = await line.status()
            assert code is INVALID
            assert field in reason.partition(" ")[0]
            assert high.heard == []
            assert high.hub.tally.malformed == high.links[0].tally.malformed == 1
            assert await is_served(low, high)

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (10, grpc.StatusCode.ABORTED),
        (0, grpc.StatusCode.UNKNOWN),
        (999, grpc.StatusCode.UNKNOWN),
    ],
)
def test_said__goodbye__the_stream_ends_with_its_code_and_reason(code, told):
    async def scene():
        low, high = pair_of_brokers()
        async with proven(low, high) as line:
            goodbye = peer_pb2.Goodbye(code=code, reason="good\nnight" + "!" * 10_000)
            await line.send(peer_pb2.Frame(goodbye=goodbye))
            assert (await line.status())[0] is told
            assert (await high.links[0].wait_over()).reason == ("good?night" + "!" * 10_000)[:300]
            assert high.hub.tally.malformed == 0
            assert await is_served(low, high)

    asyncio.run(scene())


def test_said__malformed_after_good__the_good_is_heard():
    async def scene():
        low, high = pair_of_brokers()
        async with proven(low, high) as line:
            await line.send(peer_pb2.Frame(messages=[consent(), consent(b""), consent()]))
            assert (await line.status())[0] is INVALID
            assert len(high.heard) == 1

    asyncio.run(scene())


def test_said__two_mebibytes__refused_and_one_is_taken():
    async def scene():
        low, high = pair_of_brokers()
        async with proven(low, high) as line:
            fitting = peer_pb2.Frame(messages=[consent()]).SerializeToString()
            # an unknown field of 1 MiB less what is around it: taken, and passed over
            padding = MAX_FRAME - len(fitting) - 8
            filler = b"\xba\x01" + bytes([padding & 127 | 128, padding >> 7 & 127 | 128])
            filler += bytes([padding >> 14]) + bytes(padding)
            await line.send(fitting + filler)
            await until(lambda: len(high.heard) == 1)

            await line.send(fitting + filler + fitting + filler)
            assert (await line.status())[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert len(high.heard) == 1
            assert await is_served(low, high)

    asyncio.run(scene())


def test_said__flood__the_stream_ends_and_another_peer_is_served():
    """CLP-16: one peer's flood is no other's business."""

    async def scene():
        low, high = pair_of_brokers()
        other = broker("other", 3, low.registry)
        high.config = replace(
            high.config, limits=replace(QUICK, messages_per_s=1, messages_burst=300)
        )
        async with proven(low, high) as line, other.running(high):
            await high.hub.add(await other.record())
            await until(lambda: high.link_to(other) and other.link_to(high))
            for _ in range(4):
                await line.send(peer_pb2.Frame(messages=[consent()] * 100))
            code, reason = await line.status()
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert reason.startswith("more than 1 messages")
            assert high.hub.tally.flooded == 1
            assert len(high.heard) == 300  # the burst is taken, what is above it is not
            await other.link_to(high).say(CHANNEL, word(5))
            await until(lambda: high.heard[-1] == (CHANNEL, word(5)))
            await high.link_to(other).say(CHANNEL, word(6))
            await until(lambda: other.heard == [(CHANNEL, word(6))])

    asyncio.run(scene())


def test_said__flood_of_bytes_in_few_frames__counted_by_the_kibibyte():
    async def scene():
        low, high = pair_of_brokers()
        high.config = replace(
            high.config, limits=replace(QUICK, messages_per_s=1, messages_burst=300)
        )
        async with proven(low, high) as line:
            filler = b"\xba\x01\x80\xc0\x0c" + bytes(204_800)  # an unknown field of 200 KiB
            frame = peer_pb2.Frame(messages=[consent()]).SerializeToString() + filler
            await line.send(frame)
            await until(lambda: len(high.heard) == 1)
            await line.send(frame)
            assert (await line.status())[0] is grpc.StatusCode.RESOURCE_EXHAUSTED

    asyncio.run(scene())


def test_say__peer_that_reads_nothing__slow_after_the_queue_and_others_are_served():
    async def scene():
        low, high = pair_of_brokers()
        other = broker("other", 3, low.registry)
        high.config = replace(high.config, limits=IMPATIENT)
        low.hears.clear()
        async with high.running(low, other), low.running(high), other.running(high):
            await until(lambda: high.link_to(low) and high.link_to(other))
            link = high.link_to(low)
            with pytest.raises(PeerSlowError, match="256 messages wait"):
                await speak_on(link)
            assert link.tally.messages_out > 0
            assert high.hub.tally.slow == 1
            assert link.ending.code is grpc.StatusCode.RESOURCE_EXHAUSTED
            with pytest.raises(PeerGoneError):
                await link.say(CHANNEL, word(1))
            await high.link_to(other).say(CHANNEL, word(6))
            await until(lambda: other.heard == [(CHANNEL, word(6))])

    asyncio.run(scene())


def test_say__slow_peer_comes_back__is_served_over_a_new_link():
    async def scene():
        low, high = pair_of_brokers()
        high.config = replace(high.config, limits=IMPATIENT)
        low.hears.clear()
        async with high.running(low), low.running(high):
            await until(lambda: high.link_to(low))
            link = high.link_to(low)
            with pytest.raises(PeerSlowError):
                await speak_on(link)
            low.hears.set()
            await until(lambda: high.link_to(low) not in (None, link))
            await high.link_to(low).say(CHANNEL, word(1))
            await until(lambda: low.heard[-1:] == [(CHANNEL, word(1))])

    asyncio.run(scene())


def test_say__a_thousand_lanes_at_once__nobody_is_slow():
    """More wait at once than the queue holds, and the peer takes them all the same."""

    async def scene():
        low, high = pair_of_brokers()
        low.config = replace(low.config, limits=replace(QUICK, patience_s=10.0))
        async with low.running(high), high.running(low):
            await until(lambda: low.link_to(high) and high.link_to(low))
            link = low.link_to(high)
            async with asyncio.TaskGroup() as lanes:
                for number in range(1000):
                    lanes.create_task(link.say(CHANNEL, word(number)))
            await until(lambda: len(high.heard) == 1000)

            assert {message for _, message in high.heard} == {word(n) for n in range(1000)}

    asyncio.run(scene())


def test_said__consumer_that_lags__the_peer_waits_and_nothing_is_lost():
    async def scene():
        low, high = pair_of_brokers()
        go = asyncio.Event()
        serve = high.on_link

        async def lagging(link):
            await go.wait()
            await serve(link)

        high.on_link = lagging
        low.config = replace(low.config, limits=replace(QUICK, patience_s=5.0))
        async with low.running(high), high.running(low):
            await until(lambda: low.link_to(high))
            link, said = low.link_to(high), 0

            async def speak():
                nonlocal said
                for number in range(20_000):
                    await link.say(CHANNEL, Rejection(number.to_bytes(16, "big"), "x" * 256))
                    said += 1

            speaking = asyncio.create_task(speak())
            await asyncio.sleep(0.5)
            held_back = said
            go.set()
            await speaking
            await until(lambda: len(high.heard) == 20_000)

            assert held_back < 20_000
            assert [int.from_bytes(m.request_id, "big") for _, m in high.heard] == [*range(20_000)]

    asyncio.run(scene())


def test_say__message_above_a_frame__wire_error_and_the_link_stays(monkeypatch):
    async def scene():
        low, high = pair_of_brokers()
        async with low.running(high), high.running(low):
            await until(lambda: low.link_to(high) and high.link_to(low))
            link = low.link_to(high)
            with monkeypatch.context() as patch:
                patch.setattr("clearing.clearport.peers.link.MAX_FRAME", 40)
                with pytest.raises(WireError, match="message"):
                    await link.say(CHANNEL, word(1))
            await link.say(CHANNEL, word(2))
            await until(lambda: high.heard == [(CHANNEL, word(2))])

    asyncio.run(scene())


@pytest.mark.parametrize("who", ["dialling", "accepting"])
def test_close__either_end__the_peer_hears_what_was_queued_and_why(who):
    async def scene():
        low, high = pair_of_brokers()
        async with low.running(high), high.running(low):
            await until(lambda: low.link_to(high) and high.link_to(low))
            closing, other = (low, high) if who == "dialling" else (high, low)
            link, their_link = closing.links[0], other.links[0]
            await link.say(CHANNEL, word(3))
            await link.close("enough for today")

            assert (await their_link.wait_over()).reason == "enough for today"
            assert (await link.wait_over()).reason == "enough for today"
            await until(lambda: other.heard == [(CHANNEL, word(3))])
            with pytest.raises(PeerGoneError):
                await link.say(CHANNEL, word(4))

    asyncio.run(scene())
