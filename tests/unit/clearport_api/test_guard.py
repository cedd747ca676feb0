"""CLP-12: nobody reaches the desk without a good token of a listed key that has the scope."""

import asyncio

import grpc
import pytest

from clearing.clearport.api.keys import Scope
from clearing.clearport.api.scopes import SCOPES, SERVICE, scope_of
from clearing.operator.v1 import operator_pb2 as pb
from tests.unit.clearport_api.scene import (
    ALL,
    ENVELOPED,
    GUARDED,
    OPERATOR_METHODS,
    PATIENCE_S,
    keys,
    running,
    scope_set,
)

STALE_S = 15 * 60 + 3


async def refused(scene, method, token, code):
    """Say whether the call is refused with a code, and the desk was not asked."""
    scene.desk.calls.clear()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await scene.call(method, token)
    return caught.value.code() is code and not scene.desk.calls


async def allowed(scene, method, token):
    """Say whether the same call reaches the desk."""
    scene.desk.calls.clear()
    await scene.call(method, token)
    return bool(scene.desk.calls)


def test_scopes__every_method_of_the_service__is_listed_and_no_other():
    assert set(SCOPES) == {method.name for method in OPERATOR_METHODS}
    assert pb.DESCRIPTOR.services_by_name["Operator"].full_name == SERVICE


def test_scopes__what_moves_money_or_records__takes_an_envelope():
    acting = {name for name, scope in SCOPES.items() if scope in (Scope.TRADE, Scope.TREASURY)}

    assert acting == set(ENVELOPED)


@pytest.mark.parametrize(
    "path", ["/clearing.operator.v1.Operator/Steal", "/x.Y/GetStatus", "", "/"]
)
def test_scope_of__unknown_path__is_served_to_nobody(path):
    assert scope_of(path) == (False, None)


@pytest.mark.parametrize("method", GUARDED)
def test_guard__no_token__is_refused_and_with_one_succeeds(method):
    async def play():
        async with running() as scene:
            token = await scene.login()
            is_refused = await refused(scene, method, None, grpc.StatusCode.UNAUTHENTICATED)
            return is_refused, await allowed(scene, method, token)

    assert asyncio.run(play()) == (True, True)


@pytest.mark.parametrize("method", GUARDED)
def test_guard__expired_token__is_refused_and_before_succeeds(method):
    async def play():
        async with running() as scene:
            token = await scene.login()
            was_allowed = await allowed(scene, method, token)
            scene.clock.at += STALE_S
            is_refused = await refused(scene, method, token, grpc.StatusCode.UNAUTHENTICATED)
            return is_refused, was_allowed

    assert asyncio.run(play()) == (True, True)


@pytest.mark.parametrize("method", GUARDED)
def test_guard__key_taken_off_the_list__is_refused_at_once(method):
    async def play():
        async with running() as scene:
            token = await scene.login()
            was_allowed = await allowed(scene, method, token)
            scene.whitelist.reload(keys()[1:], scene.clock.at)
            is_refused = await refused(scene, method, token, grpc.StatusCode.UNAUTHENTICATED)
            scene.whitelist.reload(keys(), scene.clock.at)
            is_dead = await refused(scene, method, token, grpc.StatusCode.UNAUTHENTICATED)
            return (
                is_refused,
                is_dead,
                was_allowed,
                await allowed(scene, method, await scene.login()),
            )

    assert asyncio.run(play()) == (True, True, True, True)


@pytest.mark.parametrize("method", GUARDED)
def test_guard__key_without_the_scope__is_refused_and_with_it_alone_succeeds(method):
    async def play():
        lacking = keys(scopes=scope_set(method))
        async with running(operators=lacking) as scene:
            token = await scene.login()
            is_refused = await refused(scene, method, token, grpc.StatusCode.PERMISSION_DENIED)
            scene.clock.at += 1
            scene.whitelist.reload(keys(scopes=ALL - scope_set(method)), scene.clock.at)
            return is_refused, await allowed(scene, method, await scene.login())

    assert asyncio.run(play()) == (True, True)


@pytest.mark.parametrize("method", ["GetStatus", "Stake"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: "",
        lambda _: "Bearer",
        lambda token: f"Basic {token}",
        lambda token: f"Bearer {token}x",
        lambda token: "Bearer " + ".".join([*token.split(".")[:2], ""]),
        lambda token: "Bearer eyJhbGciOiJub25lIn0." + token.split(".")[1] + ".",
    ],
)
def test_guard__spoilt_token__is_refused(method, spoil):
    async def play():
        async with running() as scene:
            token = await scene.login()
            request = scene.seal(method) if method in ENVELOPED else pb.GetStatusRequest()
            call = getattr(scene.stub, method)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(request, metadata=(("authorization", spoil(token)),))
            calls = list(scene.desk.calls)
            await call(request, metadata=scene.bearer(token))
            return caught.value.code(), calls

    assert asyncio.run(play()) == (grpc.StatusCode.UNAUTHENTICATED, [])


def test_guard__two_tokens__are_refused():
    async def play():
        async with running() as scene:
            token = await scene.login()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await scene.stub.GetStatus(
                    pb.GetStatusRequest(), metadata=scene.bearer(token) + scene.bearer(token)
                )
            return caught.value.code()

    assert asyncio.run(play()) is grpc.StatusCode.UNAUTHENTICATED


def test_guard__key_limited_to_a_channel__reaches_no_other():
    other = bytes([0xC2]) * 32

    async def play():
        async with running(operators=keys(channels=frozenset({other}))) as scene:
            token = await scene.login()
            codes = {}
            for method in GUARDED:
                try:
                    patience = 1 if method == "SubscribeEvents" else PATIENCE_S
                    await scene.call(method, token, patience=patience)
                except grpc.aio.AioRpcError as error:
                    codes[method] = error.code()
            listed = await scene.call("ListChannels", token)
            peers = await scene.call("ListPeers", token)
            return codes, listed, peers

    codes, listed, peers = asyncio.run(play())
    free = {"ListPeers", "ListChannels", "GetStatus", "SubscribeEvents"}
    assert set(codes) == set(GUARDED) - free | {"SubscribeEvents"}
    assert codes.pop("SubscribeEvents") is grpc.StatusCode.DEADLINE_EXCEEDED
    assert set(codes.values()) == {grpc.StatusCode.PERMISSION_DENIED}
    assert [channel.channel_id for channel in listed.channels] == ["0x" + other.hex()]
    assert [peer.name for peer in peers.peers] == ["other"]
