"""Streams resume by cursor, and end with the token, the key or the server."""

import asyncio

import grpc
import pytest

from clearing.clearport.api.streams import MOST_STREAMS
from clearing.operator.v1 import operator_pb2 as pb
from tests.harness.fake_desk import CHANNEL, OTHER_CHANNEL
from tests.unit.clearport_api.scene import NOW, REQUESTS, keys, running, until

END_S = 5
STREAMS = ["SubscribeEvents", "SubscribeMargin"]


def listen(scene, method, token, request=None):
    call = getattr(scene.stub, method)
    return call(request or REQUESTS[method], metadata=scene.bearer(token))


async def end_of(stream):
    """Return the code with which a stream ends, waiting for it."""
    try:
        async with asyncio.timeout(END_S):
            while await stream.read() is not grpc.aio.EOF:
                pass
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def until_left(scene):
    """Wait until the desk has no listener."""
    await until(lambda: not scene.desk.listeners)


def after(cursor):
    return pb.SubscribeEventsRequest(after=cursor)


def test_subscribe_events__cursor__resumes_after_it_and_goes_on():
    async def play():
        async with running() as scene:
            token = await scene.login()
            await scene.desk.happen("booked", trade="t-1")
            await scene.desk.happen("booked", trade="t-2")
            first = listen(scene, "SubscribeEvents", token, after(0))
            seen = [(await first.read()).cursor for _ in range(2)]
            first.cancel()
            again = listen(scene, "SubscribeEvents", token, after(seen[-1]))
            rest = [await again.read()]
            await scene.desk.happen("closed")
            rest.append(await again.read())
            again.cancel()
            return seen, rest

    seen, (third, fourth) = asyncio.run(play())
    assert seen == [1, 2]
    assert (third.cursor, third.kind, dict(third.fields)) == (3, "booked", {"trade": "t-2"})
    assert (fourth.cursor, fourth.kind, fourth.channel_id) == (4, "closed", "0x" + CHANNEL.hex())


def test_subscribe_events__limited_key__sees_its_channels_alone():
    async def play():
        mine = keys(channels=frozenset({OTHER_CHANNEL}))
        async with running(operators=mine) as scene:
            token = await scene.login()
            await scene.desk.happen("stopping", b"")
            await scene.desk.happen("booked", OTHER_CHANNEL)
            stream = listen(scene, "SubscribeEvents", token)
            event = await stream.read()
            stream.cancel()
            return event.cursor

    assert asyncio.run(play()) == 3


def test_subscribe_margin__seq_rises_with_each_view():
    async def play():
        async with running() as scene:
            token = await scene.login()
            stream = listen(scene, "SubscribeMargin", token)
            seen = [(await stream.read()).seq]
            for _ in range(2):
                await scene.desk.tick()
                seen.append((await stream.read()).seq)
            stream.cancel()
            await until_left(scene)
            return seen

    first, second, third = asyncio.run(play())
    assert first < second < third


@pytest.mark.parametrize("method", STREAMS)
def test_stream__key_taken_off_the_list__ends_at_once(method):
    async def play():
        async with running() as scene:
            token = await scene.login()
            stream = listen(scene, method, token)
            await stream.read()
            scene.whitelist.reload(keys()[1:], NOW)
            code = await end_of(stream)
            await until_left(scene)
            return code

    assert asyncio.run(play()) is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("method", STREAMS)
def test_stream__another_key_taken_off_the_list__goes_on(method):
    async def play():
        async with running() as scene:
            token = await scene.login()
            stream = listen(scene, method, token)
            await stream.read()
            scene.whitelist.reload(keys()[:1], NOW)
            await scene.desk.happen("booked")
            reply = await stream.read()
            stream.cancel()
            return reply

    assert asyncio.run(play()) is not grpc.aio.EOF


@pytest.mark.parametrize("method", STREAMS)
def test_stream__token_expires__ends(method):
    async def play():
        async with running() as scene:
            token = await scene.login()
            stream = listen(scene, method, token)
            await stream.read()
            scene.clock.at = NOW + 15 * 60 + 2
            code = await end_of(stream)
            await until_left(scene)
            return code

    assert asyncio.run(play()) is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("method", STREAMS)
def test_stream__what_comes_after_the_removal__is_not_told(method):
    """The removal and the news fall together: the key is gone first, so nothing is told."""

    async def play():
        async with running() as scene:
            token = await scene.login()
            stream = listen(scene, method, token)
            await stream.read()
            await scene.desk.happen("secret")
            scene.whitelist.reload([], NOW)
            try:
                async with asyncio.timeout(END_S):
                    return await stream.read()
            except grpc.aio.AioRpcError as error:
                return error.code()

    assert asyncio.run(play()) is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("method", STREAMS)
def test_stream__server_stops__ends_without_waiting(method):
    async def play():
        async with running() as scene:
            token = await scene.login()
            stream = listen(scene, method, token)
            await stream.read()
            async with asyncio.timeout(END_S - 1):
                await scene.server.stop()
            code = await end_of(stream)
            return code, scene.desk.listeners

    assert asyncio.run(play()) == (grpc.StatusCode.UNAVAILABLE, 0)


def test_stream__one_too_many_of_a_key__is_refused_and_after_one_ends_succeeds():
    async def play():
        async with running() as scene:
            token = await scene.login()
            streams = [listen(scene, "SubscribeEvents", token) for _ in range(MOST_STREAMS)]
            for stream in streams:
                await stream.read()
            code = await end_of(listen(scene, "SubscribeEvents", token))
            streams.pop().cancel()
            await until(lambda: scene.desk.listeners < MOST_STREAMS)
            event = await listen(scene, "SubscribeEvents", token).read()
            return code, event.cursor

    assert asyncio.run(play()) == (grpc.StatusCode.UNAVAILABLE, 1)


def test_stream__unknown_channel__is_not_found():
    async def play():
        async with running() as scene:
            token = await scene.login()
            request = pb.ChannelRef(channel_id="0x" + "ab" * 32)
            return await end_of(listen(scene, "SubscribeMargin", token, request))

    assert asyncio.run(play()) is grpc.StatusCode.NOT_FOUND
