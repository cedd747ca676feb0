"""A stream that ends is made anew, whether its end was told or not."""

import asyncio
import os
import socket
from dataclasses import replace

from clearing.clearport.peers.dialler import Backoff
from clearing.clearport.peers.endpoint import Endpoint
from clearing.clearport.peers.limits import Limits
from tests.unit.clearport_peers.proxy import Proxy
from tests.unit.clearport_peers.rig import CHANNEL, WAKEFUL, pair_of_brokers, until, word


async def talks(low, high, number: int) -> bool:
    """Say whether both say something over the links of now and hear it."""
    await until(lambda: low.link_to(high) and high.link_to(low))
    await low.link_to(high).say(CHANNEL, word(number))
    await high.link_to(low).say(CHANNEL, word(number))
    heard = (CHANNEL, word(number))
    await until(lambda: heard in low.heard and heard in high.heard)
    return True


def test_dial__accepting_peer_restarts__reconnected():
    async def scene():
        low, high = pair_of_brokers()
        async with low.running(high):
            async with high.running(low):
                assert await talks(low, high, 1)
            await until(lambda: low.link_to(high) is None)
            async with high.running(low):
                assert await talks(low, high, 2)

    asyncio.run(scene())


def test_dial__dialling_peer_restarts__reconnected():
    async def scene():
        low, high = pair_of_brokers()
        async with high.running(low):
            async with low.running(high):
                assert await talks(low, high, 1)
            await until(lambda: high.link_to(low) is None)
            async with low.running(high):
                assert await talks(low, high, 2)

    asyncio.run(scene())


def test_dial__a_try_fails_in_an_unknown_way__the_next_is_made():
    """A node that answers nonsense, say: without the hub no peer is met any more."""

    async def scene():
        low, high = pair_of_brokers()
        low.registry = replace(low.registry, fails=[])
        async with low.running(high):
            low.registry.fails = [ValueError("nonsense")]
            async with high.running(low):
                await until(lambda: not low.registry.fails)
                await until(lambda: low.link_to(high))
                assert await talks(low, high, 1)

    asyncio.run(scene())


def test_dial__peer_comes_late__connected():
    async def scene():
        low, high = pair_of_brokers()
        async with low.running(high):
            await until(lambda: "no TLS" in low.trouble_with(high))
            async with high.running(low):
                assert await talks(low, high, 1)

    asyncio.run(scene())


def test_dial__connection_goes_dead_without_a_word__noticed_by_both_and_made_anew():
    """Nothing is sent but keepalive pings: each end must find out by itself."""

    async def scene():
        low, high = pair_of_brokers()
        for one in (low, high):
            one.config = replace(one.config, limits=WAKEFUL)
        proxy = Proxy(high.port)
        async with proxy.running(), high.running(low), low.running() as hub:
            await hub.add(await high.record(endpoint=Endpoint("127.0.0.1", proxy.port)))
            assert await talks(low, high, 1)
            old = (low.links[0], high.links[0])
            proxy.freeze()
            await until(lambda: all(link.ending is not None for link in old))
            assert await talks(low, high, 2)

    asyncio.run(scene())


def test_serve__garbage_on_the_socket__the_peers_stay_and_come():
    async def scene():
        low, high = pair_of_brokers()
        async with high.running(low):
            strangers = []
            for garbage in (os.urandom(4096), b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" * 99, b""):
                reader, writer = await asyncio.open_connection("127.0.0.1", high.port)
                writer.write(garbage)
                strangers.append((reader, writer))
            async with low.running(high):
                assert await talks(low, high, 1)
                link = high.link_to(low)
                for _, writer in strangers[:3]:
                    writer.write(os.urandom(4096))
                for reader, _ in strangers:  # all are hung up on, the silent one by the time
                    await asyncio.wait_for(_end_of(reader), 8)
                assert high.link_to(low) is link
                assert await talks(low, high, 2)

    asyncio.run(scene())


def test_serve__resets_in_the_handshake__the_peers_come():
    async def scene():
        low, high = pair_of_brokers()
        async with high.running(low):
            for _ in range(50):
                with socket.create_connection(("127.0.0.1", high.port)) as stranger:
                    stranger.send(b"\x16\x03\x01\x02\x00\x01")
            async with low.running(high):
                assert await talks(low, high, 1)

    asyncio.run(scene())


def test_backoff__tries_that_fail__twice_as_long_each_until_one_lasts():
    limits = Limits(retry_least_s=1.0, retry_most_s=8.0)
    backoff = Backoff(limits)

    pauses = [backoff.pause(0.1) for _ in range(6)]

    for pause, middle in zip(pauses, (1, 2, 4, 8, 8, 8), strict=True):
        assert middle / 2 <= pause <= middle * 1.5
    assert 0.5 <= backoff.pause(8.0) <= 1.5
    assert len({*pauses}) == 6  # no two daemons knock in step


async def _end_of(reader) -> None:
    try:
        while await reader.read(65_536):
            pass
    except ConnectionError:
        pass
