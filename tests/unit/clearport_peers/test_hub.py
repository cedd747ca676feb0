"""Two daemons that mean well, and the life of a peer's seat."""

import asyncio
from dataclasses import replace

import pytest

from clearing.clearport.errors import ConfigError, PeerGoneError, PeerLiedError
from clearing.clearport.peers.endpoint import Endpoint
from tests.unit.clearport_peers.caller import calling, greet, greeting
from tests.unit.clearport_peers.rig import (
    CHANNEL,
    NOW,
    Key,
    broker,
    free_port,
    pair_of,
    pair_of_brokers,
    until,
    word,
)


def test_hub__two_brokers__talk_both_ways_in_order():
    async def scene():
        low, high = pair_of_brokers()
        async with low.running(high), high.running(low):
            await until(lambda: low.link_to(high) and high.link_to(low))
            for number in range(600):
                await low.link_to(high).say(CHANNEL, word(number))
                await high.link_to(low).say(CHANNEL, word(number))
            await until(lambda: len(low.heard) == len(high.heard) == 600)

        assert low.heard == high.heard == [(CHANNEL, word(number)) for number in range(600)]
        assert low.links[0].broker == high.address
        assert low.hub.tally.messages_out == high.hub.tally.messages_in == 600

    asyncio.run(scene())


def test_hub__messages_that_wait__share_frames():
    async def scene():
        low, high = pair_of_brokers()
        async with low.running(high), high.running(low):
            await until(lambda: low.link_to(high) and high.link_to(low))
            for number in range(200):
                await low.link_to(high).say(CHANNEL, word(number))
            await until(lambda: len(high.heard) == 200)

            assert high.links[0].tally.messages_in == 200
            assert high.links[0].tally.frames_in <= 4

    asyncio.run(scene())


def test_hub__plain_tcp_on_loopback_if_asked_for__talks():
    async def scene():
        low, high = pair_of_brokers()
        for one in (low, high):
            one.config = replace(one.config, insecure_loopback=True)
        async with low.running(high), high.running(low):
            await until(lambda: low.link_to(high) and high.link_to(low))
            await low.link_to(high).say(CHANNEL, word(1))
            await until(lambda: high.heard == [(CHANNEL, word(1))])

    asyncio.run(scene())


@pytest.mark.parametrize("host", ["192.0.2.7", "0.0.0.0", "localhost", "2001:db8::1"])  # noqa: S104
def test_config__plain_tcp_off_loopback__refused(host):
    """A name is refused too: what it is resolved to is not known here."""
    low, _ = pair_of_brokers()

    with pytest.raises(ConfigError, match=r"peers\.listen: plain TCP"):
        replace(low.config, listen=Endpoint(host, 7401), insecure_loopback=True)

    assert replace(low.config, listen=Endpoint(host, 7401)).insecure_loopback is False
    for loopback in ("127.0.0.1", "127.8.9.10", "::1"):
        replace(low.config, listen=Endpoint(loopback, 7401), insecure_loopback=True)


def test_add__plain_tcp_to_a_peer_off_loopback__refused():
    async def scene():
        low, high = pair_of_brokers()
        low.config = replace(low.config, insecure_loopback=True)
        async with low.running() as hub:
            far = await high.record(endpoint=Endpoint("192.0.2.7", 7401))
            with pytest.raises(ConfigError, match="endpoint: plain TCP"):
                await hub.add(far)
            await hub.add(await high.record())
        low.config = replace(low.config, insecure_loopback=False)
        async with low.running() as hub:
            await hub.add(far)

    asyncio.run(scene())


def test_run__port_in_use__config_error():
    async def scene():
        low, high = pair_of_brokers()
        high.config = low.config
        async with low.running():
            with pytest.raises(BaseExceptionGroup) as caught:
                async with high.running():
                    pass
        assert caught.group_contains(ConfigError, match=r"peers\.listen: cannot listen")
        async with high.running() as hub:
            assert hub.ready.is_set()

    asyncio.run(scene())


def test_add__seq_not_rising__refused():
    async def scene():
        low, high = pair_of_brokers()
        async with high.running() as hub:
            await hub.add(await low.record(seq=5))
            for seq in (5, 4):
                with pytest.raises(PeerLiedError, match="seq"):
                    await hub.add(await low.record(seq=seq, name="another"))
            await hub.add(await low.record(seq=6, name="another"))
            assert [state.record.name for state in hub.peers()] == ["another"]

    asyncio.run(scene())


def test_add__dropped_peer__comes_back_with_its_record_and_with_none_older():
    async def scene():
        low, high = pair_of_brokers()
        async with high.running() as hub:
            old, new = await low.record(seq=1), await low.record(seq=2)
            await hub.add(old)
            await hub.add(new)
            hub.drop(low.address)
            assert hub.peers() == ()
            with pytest.raises(PeerLiedError, match="seq"):
                await hub.add(old)
            await hub.add(new)
            assert [state.record.seq for state in hub.peers()] == [2]

    asyncio.run(scene())


def test_add__not_signed_by_the_registrys_signer__refused():
    async def scene():
        low, high = pair_of_brokers()
        async with high.running() as hub:
            right, low.key = low.key, Key(99)
            with pytest.raises(PeerLiedError, match="signature"):
                await hub.add(await low.record())
            low.key = right
            await hub.add(await low.record())

    asyncio.run(scene())


def test_add__broker_not_registered__refused():
    async def scene():
        low, high = pair_of_brokers()
        async with high.running() as hub:
            record = await low.record()
            signer = low.registry.signers.pop(low.address)
            with pytest.raises(PeerLiedError, match="broker"):
                await hub.add(record)
            low.registry.signers[low.address] = signer
            await hub.add(record)

    asyncio.run(scene())


def test_add__certificate_of_another_peer__refused():
    async def scene():
        low, high = pair_of_brokers()
        third = broker("third", 3, low.registry, pair=low.pair)
        async with high.running(low) as hub:
            with pytest.raises(PeerLiedError, match="certificate"):
                await hub.add(await third.record())
            with pytest.raises(PeerLiedError, match="broker"):
                await hub.add(await high.record())
            third.pair = pair_of("third")
            await hub.add(await third.record())

    asyncio.run(scene())


def test_add__new_certificate_and_port__the_old_link_ends_and_the_new_one_stands():
    async def scene():
        low, high = pair_of_brokers()
        async with low.running(high) as hub:
            async with high.running(low):
                await until(lambda: low.links)
                high.pair, high.port = pair_of("renewed"), free_port()
                high.config = replace(high.config, listen=Endpoint("127.0.0.1", high.port))
                await hub.add(await high.record(seq=2))
                await until(lambda: low.links[0].ending is not None)
            async with high.running(low):
                await until(lambda: low.link_to(high))
                assert len(low.links) == 2

    asyncio.run(scene())


def test_add__same_place_new_name__the_link_stays():
    async def scene():
        low, high = pair_of_brokers()
        async with low.running(high) as hub, high.running(low):
            await until(lambda: low.link_to(high))
            await hub.add(await high.record(seq=2, name="renamed"))
            assert low.link_to(high) is low.links[0]

    asyncio.run(scene())


def test_add__later_end__dialled_by_the_renewed_record():
    async def scene():
        low, high = pair_of_brokers()
        async with low.running(high) as hub:
            await hub.add(await high.record(seq=2, valid_until=NOW + 5000))
            low.now = NOW + 2000
            async with high.running(low):
                await until(lambda: low.link_to(high))
                low.now = NOW + 5001
                await until(lambda: low.link_to(high) is None)
                await until(lambda: "validUntil" in low.trouble_with(high))

    asyncio.run(scene())


def test_drop__connected_peer__stays_away_until_added_again():
    async def scene():
        low, high = pair_of_brokers()
        async with low.running(high) as hub, high.running(low):
            await until(lambda: low.link_to(high) and high.link_to(low))
            link = low.links[0]
            hub.drop(high.address)
            assert hub.connected(high.address) is None
            with pytest.raises(PeerGoneError):
                await link.say(CHANNEL, word(1))
            await until(lambda: high.link_to(low) is None)
            await asyncio.sleep(0.3)  # several tries' time
            assert len(high.links) == 1
            await hub.add(await high.record())
            await until(lambda: low.link_to(high) and high.link_to(low))

    asyncio.run(scene())


def test_accept__second_connection__replaces_the_first_only_once_proven():
    async def scene():
        low, high = pair_of_brokers()
        async with high.running(low), calling(low, high) as first:
            assert await greet(first, greeting(low, high), low.key) is not None
            await until(lambda: high.link_to(low))
            standing = high.link_to(low)
            async with calling(low, high) as unproven:
                assert await greet(unproven, greeting(low, high), Key(99)) is None
                assert high.link_to(low) is standing
            async with calling(low, high) as second:
                assert await greet(second, greeting(low, high), low.key) is not None
                await until(lambda: high.link_to(low) not in (None, standing))
                _, reason = await first.status()
                assert reason == "a newer connection has taken its place"

    asyncio.run(scene())


def test_on_link__next_link__only_after_the_last_has_returned():
    async def scene():
        low, high = pair_of_brokers()
        order = []

        async def on_link(link):
            number = len([step for step in order if step[0] == "begin"])
            order.append(("begin", number))
            async for _ in link.said():
                pass
            await asyncio.sleep(0.1)  # there is something to put away
            order.append(("end", number))

        high.on_link = on_link
        async with high.running(low):
            for number in range(3):
                async with calling(low, high) as line:
                    assert await greet(line, greeting(low, high), low.key) is not None
                    await until(lambda begun=("begin", number): begun in order)
            await until(lambda: order[-1] == ("end", 2))

        assert order == [(what, number) for number in range(3) for what in ("begin", "end")]

    asyncio.run(scene())


def test_on_link__does_not_return__cancelled_for_the_next_link():
    async def scene():
        low, high = pair_of_brokers()
        serve, stuck, cancelled = high.on_link, [], []

        async def on_link(link):
            if stuck:
                await serve(link)
                return
            stuck.append(link)
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.append(link)

        high.on_link = on_link
        async with high.running(low):
            async with calling(low, high) as line:
                assert await greet(line, greeting(low, high), low.key) is not None
                await until(lambda: stuck)
            async with calling(low, high) as line:
                assert await greet(line, greeting(low, high), low.key) is not None
                await until(lambda: high.link_to(low))
                assert cancelled == stuck

    asyncio.run(scene())


def test_accept__dropped_between_hello_and_proof__no_link():
    async def scene():
        low, high = pair_of_brokers()
        async with high.running(low) as hub:
            for is_dropped in (True, False):
                low.registry.answers.clear()
                low.registry.asked = 0
                async with calling(low, high) as line:
                    greeted = asyncio.create_task(greet(line, greeting(low, high), low.key))
                    await until(lambda: low.registry.asked)
                    if is_dropped:
                        hub.drop(low.address)
                    low.registry.answers.set()
                    await greeted
                    if is_dropped:
                        assert (await line.status())[1] == "the peer is dropped"
                        assert high.links == []
                        await hub.add(await low.record())
                    else:
                        await until(lambda: high.link_to(low))

    asyncio.run(scene())


def test_on_link__raises__its_link_ends_and_the_hub_goes_on():
    async def scene():
        low, high = pair_of_brokers()
        serve = high.on_link

        async def broken(link):
            raise RuntimeError("no lane")

        high.on_link = broken
        async with high.running(low) as hub:
            async with calling(low, high) as line:
                await greet(line, greeting(low, high), low.key)
                _, reason = await line.status()
                assert reason == "the daemon failed to serve the link"
            hub._on_link = serve
            async with calling(low, high) as line:
                assert await greet(line, greeting(low, high), low.key) is not None
                await until(lambda: high.link_to(low))

    asyncio.run(scene())


def test_run__cancelled__what_is_queued_is_sent_and_the_peer_is_told():
    async def scene():
        low, high = pair_of_brokers()
        async with low.running(high):
            async with high.running(low):
                await until(lambda: low.link_to(high) and high.link_to(low))
                await high.link_to(low).say(CHANNEL, word(7))
            assert (await low.links[0].wait_over()).reason == "the daemon stops"
            await until(lambda: low.heard == [(CHANNEL, word(7))])

    asyncio.run(scene())
