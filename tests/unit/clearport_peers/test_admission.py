"""Who gets in. Each refusal stands beside the same caller with the one thing right."""

import asyncio
from dataclasses import replace

import grpc
import pytest

from clearing.clearport.peers.hello import Versions
from clearing.clearport.peers.typed import Domain
from clearing.peer.v1 import peer_pb2
from clearing.spec.units import Address
from tests.unit.clearport_peers.caller import calling, greet, greeting
from tests.unit.clearport_peers.rig import (
    CHANNEL,
    DOMAIN,
    NOW,
    QUICK,
    Key,
    broker,
    pair_of,
    pair_of_brokers,
    until,
    word,
)

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED


async def admitted(caller, called, hello=None, key=None) -> tuple[grpc.StatusCode, str] | None:
    """Return the status that a caller is refused with, None if it is let in.

    The last Hello comes before the hub holds the link: whoever leaves at once may never be held.
    """
    before = called.hub.tally.links
    async with calling(caller, called) as line:
        if await greet(line, hello or greeting(caller, called), key or caller.key) is None:
            return await line.status()
        await until(lambda: called.hub.tally.links == before + 1)
        return None


def test_accept__certificate_of_no_peer__no_connection():
    async def scene():
        low, high = pair_of_brokers()
        async with high.running(low):
            async with calling(low, high, pair=pair_of("stranger")) as line:
                assert await greet(line, greeting(low, high), low.key) is None
                assert (await line.status())[0] is grpc.StatusCode.UNAVAILABLE
            assert await admitted(low, high) is None

    asyncio.run(scene())


def test_accept__certificate_added_while_running__let_in():
    async def scene():
        low, high = pair_of_brokers()
        async with high.running() as hub:
            assert (await admitted(low, high))[0] is grpc.StatusCode.UNAVAILABLE
            await hub.add(await low.record())
            assert await admitted(low, high) is None
            hub.drop(low.address)
            assert (await admitted(low, high))[0] is grpc.StatusCode.UNAVAILABLE

    asyncio.run(scene())


def test_accept__connection_of_a_dropped_peer__no_new_stream():
    async def scene():
        low, high = pair_of_brokers()
        async with high.running(low) as hub, calling(low, high) as line:
            assert await greet(line, greeting(low, high), low.key) is not None
            hub.drop(low.address)
            assert await line.status() == (grpc.StatusCode.UNAVAILABLE, "the peer is dropped")
            assert hub.connected(low.address) is None

    asyncio.run(scene())


def test_accept__wrong_signer__refused_for_signature():
    async def scene():
        low, high = pair_of_brokers()
        async with high.running(low):
            code, reason = await admitted(low, high, key=Key(99))
            assert (code, reason.partition(":")[0]) == (UNAUTHENTICATED, "signature")
            assert high.links == []
            assert high.trouble_with(low) == reason
            assert high.hub.tally.refused == 1
            async with calling(low, high) as line:
                assert await greet(line, greeting(low, high), low.key) is not None
                await until(lambda: high.trouble_with(low) == "")
                assert high.hub.tally.links == 1

    asyncio.run(scene())


def test_accept__signer_replaced_in_the_registry__the_new_one_is_asked_for():
    async def scene():
        low, high = pair_of_brokers()
        async with high.running(low):
            low.registry.signers[low.address] = Key(50).address
            code, reason = await admitted(low, high)
            assert (code, reason.partition(":")[0]) == (UNAUTHENTICATED, "signature")
            assert await admitted(low, high, key=Key(50)) is None

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("chain_id", {"domain": Domain(1, DOMAIN.adjudicator)}),
        ("adjudicator", {"domain": Domain(DOMAIN.chain_id, Address(b"\x01" * 20))}),
    ],
)
def test_accept__hello_for_another_place__refused_by_its_field(field, changed):
    async def scene():
        low, high = pair_of_brokers()
        async with high.running(low):
            code, reason = await admitted(low, high, greeting(low, high, **changed))
            assert (code, reason.partition(":")[0]) == (UNAUTHENTICATED, field)
            assert await admitted(low, high) is None

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("field", "side"), [("broker", "own"), ("peer", "peer")], ids=["from", "for"]
)
def test_accept__hello_of_or_for_another_broker__refused_by_its_field(field, side):
    """The certificate says who it is; a listed broker cannot pass for another one."""

    async def scene():
        low, high = pair_of_brokers()
        third = broker("third", 3, low.registry)
        async with high.running(low, third):
            hello = greeting(low, high)
            setattr(hello, side, replace(getattr(hello, side), broker=third.address))
            code, reason = await admitted(low, high, hello, third.key)
            assert (code, reason.partition(":")[0]) == (UNAUTHENTICATED, field)
            assert await admitted(low, high) is None

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("field", "side"), [("certificate_hash", "own"), ("peer_certificate_hash", "peer")]
)
def test_accept__hello_for_another_certificate__refused_by_its_field(field, side):
    async def scene():
        low, high = pair_of_brokers()
        async with high.running(low):
            hello = greeting(low, high)
            setattr(hello, side, replace(getattr(hello, side), certificate_hash=b"\x07" * 32))
            code, reason = await admitted(low, high, hello)
            assert (code, reason.partition(":")[0]) == (UNAUTHENTICATED, field)
            assert await admitted(low, high) is None

    asyncio.run(scene())


def test_accept__replayed_hello__refused_for_the_old_nonce():
    async def scene():
        low, high = pair_of_brokers()
        async with high.running(low):
            hello = greeting(low, high)
            async with calling(low, high) as line:
                assert await greet(line, hello, low.key) is not None
                await until(lambda: high.hub.tally.links == 1)
                signed = await hello.signed(low.key)
            async with calling(low, high) as line:
                hello.peer_nonce = b""
                await line.send(peer_pb2.Frame(hello=hello.unsigned()))
                assert (await line.hear()).hello.nonce != signed.peer_nonce
                await line.send(peer_pb2.Frame(hello=signed))
                code, reason = await line.status()
            assert (code, reason.partition(":")[0]) == (UNAUTHENTICATED, "peer_nonce")
            assert high.hub.tally.links == 1
            assert await admitted(low, high) is None
            assert high.hub.tally.links == 2

    asyncio.run(scene())


def test_accept__record_run_out__refused_and_a_standing_link_ends():
    async def scene():
        low, high = pair_of_brokers()
        async with high.running(low), calling(low, high) as line:
            assert await greet(line, greeting(low, high), low.key) is not None
            high.now = NOW + 1001
            code, reason = await line.status()
            assert (code, reason) == (UNAUTHENTICATED, "the peer's record has run out")
            code, reason = await admitted(low, high)
            assert (code, reason.partition(":")[0]) == (UNAUTHENTICATED, "validUntil")
            high.now = NOW
            assert await admitted(low, high) is None

    asyncio.run(scene())


def test_accept__higher_address_dials__refused():
    async def scene():
        low, high = pair_of_brokers()
        async with low.running(high):
            code, reason = await admitted(high, low)
            assert (code, reason.partition(":")[0]) == (UNAUTHENTICATED, "broker")
        async with high.running(low):
            assert await admitted(low, high) is None

    asyncio.run(scene())


def test_accept__no_common_version__refused_with_both_ranges():
    async def scene():
        low, high = pair_of_brokers()
        high.versions = Versions(2, 3)
        async with high.running(low):
            code, reason = await admitted(low, high)
            assert code is grpc.StatusCode.FAILED_PRECONDITION
            assert reason.startswith("protocol: the peer speaks up to 1, we speak 2 to 3")
            newer = greeting(low, high, versions=Versions(1, 2))
            assert await admitted(low, high, newer) is None
            await until(lambda: high.links)
            assert high.links[-1].protocol == 2

    asyncio.run(scene())


def test_accept__message_before_hello__refused():
    async def scene():
        low, high = pair_of_brokers()
        async with high.running(low):
            async with calling(low, high) as line:
                early = peer_pb2.Message(channel_id=CHANNEL, consent=peer_pb2.Consent())
                await line.send(peer_pb2.Frame(messages=[early]))
                code, reason = await line.status()
            assert (code, reason.partition(":")[0]) == (
                grpc.StatusCode.INVALID_ARGUMENT,
                "hello",
            )
            assert await admitted(low, high) is None

    asyncio.run(scene())


def test_accept__silence__stream_ends_in_time():
    async def scene():
        low, high = pair_of_brokers()
        async with high.running(low):
            async with calling(low, high) as line:
                code, reason = await line.status()
            assert (code, reason.partition(":")[0]) == (
                grpc.StatusCode.UNAVAILABLE,
                "the Hellos took too long",
            )
            assert await admitted(low, high) is None

    asyncio.run(scene())


def test_accept__hello_after_hello__the_rate_is_bounded():
    async def scene():
        low, high = pair_of_brokers()
        slow = replace(QUICK, hellos_per_minute=1, hellos_burst=3)
        high.config = replace(high.config, limits=slow)
        async with high.running(low):
            results = [await admitted(low, high) for _ in range(4)]
        assert results[:3] == [None, None, None]
        assert results[3][0] is grpc.StatusCode.RESOURCE_EXHAUSTED

    asyncio.run(scene())


def test_dial__peer_with_another_signer__no_link_and_the_reason_is_kept():
    """The dialling side asks for the same proof."""

    async def scene():
        low, high = pair_of_brokers()
        good = high.key
        async with low.running(high):
            high.key = Key(99)
            async with high.running(low):
                await until(lambda: low.trouble_with(high).startswith("signature: not signed by"))
                assert low.links == []
            high.key = good
            async with high.running(low):
                await until(lambda: low.link_to(high))

    asyncio.run(scene())


def test_dial__peer_shows_another_certificate__no_link():
    async def scene():
        low, high = pair_of_brokers()
        right = high.pair
        async with low.running(high):
            high.pair = pair_of("stranger")
            async with high.running(low):
                await until(lambda: "no TLS" in low.trouble_with(high))
                assert low.links == high.links == []
            high.pair = right
            async with high.running(low):
                await until(lambda: low.link_to(high) and high.link_to(low))
                await high.link_to(low).say(CHANNEL, word(1))
                await until(lambda: low.heard == [(CHANNEL, word(1))])

    asyncio.run(scene())
