"""The server: TLS or this machine alone, health, reflection, bounds."""

import asyncio
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from clearing.clearport.api.client import Endpoint, connect, parse_endpoint
from clearing.clearport.api.errors import CallError
from clearing.clearport.api.scopes import SERVICE
from clearing.clearport.api.server import Listen, is_loopback, serve
from clearing.clearport.errors import ConfigError
from clearing.operator.v1 import operator_pb2 as pb
from tests.unit.clearport_api.pem import write_pair
from tests.unit.clearport_api.scene import OPERATOR, Clock, Log, running

NOBODY = None  # no desk: the server must not even start


def status_over(endpoint_of, listen):
    """Return the daemon's id as a client gets it."""

    async def play():
        clock = Clock(int(time.time()))
        async with (
            running(listen, clock=clock) as scene,
            connect(endpoint_of(scene.server.port), OPERATOR) as client,
        ):
            return (await client.ask("GetStatus", pb.GetStatusRequest())).daemon_id

    return asyncio.run(play())


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104 - is refused
        ("::", False),
        ("10.0.0.1", False),
        ("clearport.example", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_is_loopback__host__is_this_machine_or_not(host, is_here):
    assert is_loopback(host) is is_here


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "clearport.example", ""])  # noqa: S104
def test_serve__plain_tcp_off_this_machine__is_refused(host):
    with pytest.raises(ConfigError, match=r"operator\.listen: plain TCP would leave"):
        asyncio.run(serve(NOBODY, NOBODY, Listen(host), Log()))


def test_serve__plain_tcp_on_this_machine__answers():
    assert status_over(lambda port: Endpoint("127.0.0.1", port), Listen()) == "clearport-test"


def test_serve__tls__answers_whoever_trusts_its_certificate(tmp_path):
    cert, key = write_pair(tmp_path)
    listen = Listen("0.0.0.0", cert_file=cert, key_file=key)  # noqa: S104 - TLS may

    def trusting(port):
        return Endpoint("127.0.0.1", port, cert.read_bytes())

    assert status_over(trusting, listen) == "clearport-test"


def test_serve__tls__answers_nobody_in_the_clear_nor_who_trusts_another(tmp_path):
    cert, key = write_pair(tmp_path)
    (tmp_path / "other").mkdir()
    other, _ = write_pair(tmp_path / "other")
    listen = Listen(cert_file=cert, key_file=key)

    for ca in (None, other.read_bytes()):
        with pytest.raises(CallError, match="no daemon answers"):
            status_over(lambda port, ca=ca: Endpoint("127.0.0.1", port, ca), listen)


@pytest.mark.parametrize(
    ("given", "field"),
    [("cert_file", "operator.tls.key"), ("key_file", "operator.tls.certificate")],
)
def test_serve__half_of_a_pair__names_the_other_half(tmp_path, given, field):
    cert, key = write_pair(tmp_path)
    listen = Listen(**{given: cert if given == "cert_file" else key})

    with pytest.raises(ConfigError) as caught:
        asyncio.run(serve(NOBODY, NOBODY, listen, Log()))
    assert caught.value.field == field


def test_serve__missing_file__names_it(tmp_path):
    cert, key = write_pair(tmp_path)
    key.unlink()

    with pytest.raises(ConfigError) as caught:
        asyncio.run(serve(NOBODY, NOBODY, Listen(cert_file=cert, key_file=key), Log()))
    assert (caught.value.field, caught.value.problem) == (
        "operator.tls.key",
        "no such file or directory",
    )


def test_serve__port_in_use__is_refused():
    """Two daemons never share a port: the kernel would deal the calls out between them."""

    async def play():
        async with running() as scene:
            with pytest.raises(ConfigError) as caught:
                await serve(scene.desk, scene.gate, Listen(port=scene.server.port), Log())
            return caught.value.field

    assert asyncio.run(play()) == "operator.listen"


def test_health__serving__says_so_without_a_token_until_stopped():
    async def play():
        async with (
            running() as scene,
            grpc.aio.insecure_channel(f"127.0.0.1:{scene.server.port}") as channel,
        ):
            stub = health_pb2_grpc.HealthStub(channel)
            asked = health_pb2.HealthCheckRequest(service=SERVICE)
            before = (await stub.Check(asked)).status
            await scene.server.set_serving(is_serving=False)
            return before, (await stub.Check(asked)).status

    state = health_pb2.HealthCheckResponse
    assert asyncio.run(play()) == (state.SERVING, state.NOT_SERVING)


def test_call__more_than_a_mebibyte__is_refused():
    async def play():
        async with running() as scene:
            token = await scene.login()
            big = scene.seal("Stake", body=bytes(1024 * 1024))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await scene.call("Stake", token, request=big)
            calls = list(scene.desk.calls)
            await scene.call("Stake", token)
            return caught.value.code(), calls

    assert asyncio.run(play()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, [])


def test_call__more_at_once_than_are_served__is_refused():
    async def play():
        async with running(Listen(most_calls=2)) as scene:
            token = await scene.login()
            streams = [
                scene.stub.SubscribeEvents(
                    pb.SubscribeEventsRequest(), metadata=scene.bearer(token)
                )
                for _ in range(2)
            ]
            for stream in streams:
                await stream.read()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await scene.call("GetStatus", token)
            return caught.value.code()

    assert asyncio.run(play()) is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:7100", "127.0.0.1", 7100),
        ("[::1]:7100", "::1", 7100),
        ("clearport.example:443", "clearport.example", 443),
    ],
)
def test_parse_endpoint__host_and_port__are_taken(text, host, port):
    assert parse_endpoint(text) == Endpoint(host, port)


@pytest.mark.parametrize(
    "text", ["", "host", ":1", "host:", "host:0", "host:70000", "http://host:1", "a b:1", "h:²"]
)
def test_parse_endpoint__anything_else__is_refused(text):
    with pytest.raises(ConfigError, match="is no endpoint"):
        parse_endpoint(text)
