"""A client that knows nothing but the server: every method, by reflection and JSON alone."""

import asyncio
import base64
import itertools
import json

import grpc
import pytest
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from clearing.clearport.api.scopes import SCOPES, SERVICE
from clearing.clearport.api.text import address_text
from clearing.clearport.api.typed import Domain
from tests.harness.fake_desk import DAEMON_ID
from tests.unit.clearport_api.scene import ENVELOPED, OPERATOR, REQUESTS, running

PATIENCE_S = 10


class Generic:
    """Calls by descriptors that the server has told; requests and replies are JSON."""

    def __init__(self, channel):
        self._channel = channel
        self._known = ProtoReflectionDescriptorDatabase(channel)
        self._pool = descriptor_pool.DescriptorPool(self._known)
        self.token = ""

    @property
    def services(self):
        return self._known.get_services()

    @property
    def methods(self):
        return self._pool.FindServiceByName(SERVICE).methods

    def call(self, name, document):
        """Return the first reply of a method."""
        method = self._pool.FindServiceByName(SERVICE).FindMethodByName(name)
        asked = message_factory.GetMessageClass(method.input_type)
        answered = message_factory.GetMessageClass(method.output_type)
        kind = "unary_stream" if method.server_streaming else "unary_unary"
        made = getattr(self._channel, kind)(
            f"/{SERVICE}/{name}",
            request_serializer=asked.SerializeToString,
            response_deserializer=answered.FromString,
        )
        request = json_format.ParseDict(document, asked())
        metadata = (("authorization", f"Bearer {self.token}"),) if self.token else ()
        reply = made(request, metadata=metadata, timeout=PATIENCE_S)
        if method.server_streaming:
            stream, reply = reply, next(reply)
            stream.cancel()
        return json_format.MessageToDict(reply)

    def login(self, signer):
        """Ask for a challenge, sign it, and keep the token."""
        address = address_text(signer.address)
        asked = self.call("GetChallenge", {"address": address})
        challenge = base64.b64decode(asked["challenge"])
        domain = Domain(asked["daemonId"], int(asked["chainId"]))
        digest = domain.login_digest(signer.address, challenge, int(asked["expiry"]))
        signature = base64.b64encode(signer.sign(digest).expanded()).decode()
        answer = {"address": address, "challenge": asked["challenge"], "signature": signature}
        self.token = self.call("Login", answer)["token"]


def in_thread(play):
    """Run `play(generic, scene)` beside a server."""

    async def run():
        async with running() as scene:

            def beside():
                with grpc.insecure_channel(f"127.0.0.1:{scene.server.port}") as channel:
                    return play(Generic(channel), scene)

            return await asyncio.to_thread(beside)

    return asyncio.run(run())


def test_reflection__asked__lists_the_service_and_every_method():
    services, methods = in_thread(
        lambda generic, _: (generic.services, [each.name for each in generic.methods])
    )

    assert SERVICE in services
    assert "grpc.health.v1.Health" in services
    assert sorted(methods) == sorted(SCOPES)


def test_every_method__called_by_its_descriptor__reaches_the_desk():
    """One scene: log in by JSON, then the good request of each method."""

    def play(generic, scene):
        generic.login(OPERATOR)
        done = {"GetChallenge": True, "Login": True}
        for method in itertools.filterfalse(done.__contains__, SCOPES):
            good = scene.seal(method) if method in ENVELOPED else REQUESTS[method]
            scene.desk.calls.clear()
            reply = generic.call(method, json.loads(json_format.MessageToJson(good)))
            done[method] = bool(scene.desk.calls) or reply.get("daemonId") == DAEMON_ID
        return done

    done = in_thread(play)

    assert [method for method, is_done in done.items() if not is_done] == []
    assert done.keys() == SCOPES.keys()


def test_every_guarded_method__called_without_a_token__is_refused():
    def play(generic, scene):
        codes = {}
        for method in SCOPES:
            if SCOPES[method] is None:
                continue
            good = scene.seal(method) if method in ENVELOPED else REQUESTS[method]
            with pytest.raises(grpc.RpcError) as caught:
                generic.call(method, json.loads(json_format.MessageToJson(good)))
            codes[method] = caught.value.code()
        return codes, scene.desk.calls

    codes, calls = in_thread(play)

    assert set(codes.values()) == {grpc.StatusCode.UNAUTHENTICATED}
    assert len(codes) == len(SCOPES) - 2
    assert calls == []
