"""The client logs in by itself, renews, and words what goes wrong in one line."""

import asyncio
import time

import grpc
import pytest

from clearing.clearport.api.client import Endpoint, OperatorClient, connect
from clearing.clearport.api.errors import CallError
from clearing.clearport.errors import UnavailableError
from clearing.operator.v1 import operator_pb2 as pb
from tests.unit.clearport_api.scene import OPERATOR, REQUESTS, STRANGER, Clock, keys, running


def played(body, signer=OPERATOR, daemon_id=""):
    """Run a body with a scene whose clock is now, and a client of it."""

    async def play():
        async with running(clock=Clock(int(time.time()))) as scene:
            endpoint = Endpoint("127.0.0.1", scene.server.port)
            async with connect(endpoint, signer, daemon_id) as client:
                return await body(scene, client)

    return asyncio.run(play())


def refused(body, **options):
    """Return the error that a body ends in."""
    with pytest.raises(CallError) as caught:
        played(body, **options)
    assert "\n" not in str(caught.value)
    return caught.value


def test_act__request__is_sealed_and_takes_effect():
    async def body(scene, client):
        reply = await client.act("RecordTrades", REQUESTS["RecordTrades"])
        return reply.recorded, [name for name, _ in scene.desk.calls][-1]

    assert played(body) == (2, "record_trades")


def test_act__same_idempotency_key__takes_effect_once():
    async def body(scene, client):
        keys_ = [(await client.act("Stake", REQUESTS["Stake"], "s")).key for _ in range(2)]
        return keys_, [name for name, _ in scene.desk.calls].count("stake")

    assert played(body) == (["stake:1", "stake:1"], 1)


def test_listen__stream__yields_until_it_is_left():
    async def body(scene, client):
        events = client.listen("SubscribeEvents", pb.SubscribeEventsRequest())
        event = await anext(events)
        await events.aclose()
        return event.cursor

    assert played(body) == 1


def test_listen__key_taken_off_the_list__says_so():
    async def body(scene, client):
        async for _ in client.listen("SubscribeEvents", pb.SubscribeEventsRequest()):
            scene.whitelist.reload(keys()[1:], scene.clock.at)

    error = refused(body)
    assert (error.status, error.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
    assert str(error).startswith("the key is off the list of operators")


def test_ask__token_near_its_end__is_renewed():
    async def play():
        async with running() as scene:
            moved = [scene.clock.at]
            async with grpc.aio.insecure_channel(f"127.0.0.1:{scene.server.port}") as channel:
                client = OperatorClient(channel, OPERATOR, now=lambda: moved[0])
                for at in (0, 839, 841):
                    scene.clock.at = moved[0] = 1_700_000_000 + at
                    await client.ask("GetStatus", pb.GetStatusRequest())
            return [name for name, _ in scene.desk.calls]

    login = ["channels", "margin", "margin"]
    assert asyncio.run(play()) == [*login, "status", "status", *login, "status"]


def test_ask__key_that_is_not_listed__says_so():
    async def body(_scene, client):
        await client.ask("GetStatus", pb.GetStatusRequest())

    error = refused(body, signer=STRANGER)
    assert str(error).startswith("the key is not on the list of operators")


def test_ask__another_daemon_than_named__is_not_logged_in_to():
    async def body(_scene, client):
        await client.ask("GetStatus", pb.GetStatusRequest())

    error = refused(body, daemon_id="clearport-main")
    assert "the daemon there is 'clearport-test'" in str(error)
    played(body, daemon_id="clearport-test")


def test_ask__desk_refuses__is_worded_as_there():
    async def body(scene, client):
        await client.login()
        scene.desk.failure = UnavailableError("no prices", "ask again in a minute")
        await client.ask("GetStatus", pb.GetStatusRequest())

    error = refused(body)
    assert str(error) == "no prices: ask again in a minute"
    assert error.reason == "UNAVAILABLE"


def test_ask__text_for_a_terminals_control__is_made_harmless():
    async def body(scene, client):
        await client.login()
        scene.desk.failure = UnavailableError("red \x1b[31m alert")
        await client.ask("GetStatus", pb.GetStatusRequest())

    assert str(refused(body)) == "red \N{REPLACEMENT CHARACTER}[31m alert"


def test_ask__unforeseen_error__has_no_reason():
    async def body(scene, client):
        await client.login()
        scene.desk.failure = RuntimeError("secret")
        await client.ask("GetStatus", pb.GetStatusRequest())

    error = refused(body)
    assert (error.reason, error.status) == ("", grpc.StatusCode.INTERNAL)
    assert "secret" not in str(error)


def test_ask__nobody_there__says_what_to_check():
    async def body(scene, client):
        await scene.server.stop()
        await client.ask("GetStatus", pb.GetStatusRequest())

    assert "no daemon answers" in str(refused(body))


def test_seal__before_the_login__is_refused():
    async def body(_scene, client):
        client.seal("Stake", b"")

    assert "not logged in" in str(refused(body))
