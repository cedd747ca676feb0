"""CLP-12: an envelope is good for one call, once, for a minute, by the key that logged in."""

import asyncio

import grpc
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from clearing.channel.keccak import keccak256
from clearing.channel.signatures import Signature
from clearing.clearport.api.auth import Gate
from clearing.clearport.api.envelope import open_envelope
from clearing.clearport.api.keys import Whitelist
from clearing.clearport.api.typed import Domain
from clearing.clearport.errors import RefusedError
from clearing.operator.v1 import operator_pb2 as pb
from tests.unit.clearport_api.scene import (
    ENVELOPED,
    NOW,
    OPERATOR,
    STRANGER,
    TRADER,
    Clock,
    keys,
    running,
)

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
INVALID = grpc.StatusCode.INVALID_ARGUMENT


def spoilt(change, method="Stake"):
    """Return how a spoilt envelope is refused; the desk does nothing, and takes a good one."""

    async def play():
        async with running() as scene:
            token = await scene.login()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await scene.call(method, token, request=change(scene))
            calls = list(scene.desk.calls)
            await scene.call(method, token)
            return caught.value.code(), caught.value.details(), calls

    code, text, calls = asyncio.run(play())
    assert calls == []
    return code, text


@pytest.mark.parametrize("method", [m for m in ENVELOPED if m != "Stake"])
def test_open__signed_for_another_method__is_refused(method):
    """RecordTrade and RecordTrades take the same bytes, and neither passes for the other."""

    def for_another(scene):
        body = scene.seal(method).body
        return scene.seal("Stake", body=body)

    code, text = spoilt(for_another, method)

    assert (code, text.partition(":")[0]) == (UNAUTHENTICATED, "signature")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        (lambda s: s.seal("Stake", signer=STRANGER), UNAUTHENTICATED, "signature"),
        (lambda s: s.seal("Stake", signer=TRADER), UNAUTHENTICATED, "signature"),
        (lambda s: s.seal("Stake", signature=b""), UNAUTHENTICATED, "signature"),
        (lambda s: s.seal("Stake", signature=bytes(65)), UNAUTHENTICATED, "signature"),
        (lambda s: s.seal("Stake", nonce=bytes(32)), UNAUTHENTICATED, "signature"),
        (lambda s: s.seal("Stake", nonce=bytes(31)), INVALID, "nonce"),
        (lambda s: s.seal("Stake", nonce=b""), INVALID, "nonce"),
        (lambda s: s.seal("Stake", expiry=NOW - 2), INVALID, "expiry"),
        (lambda s: s.seal("Stake", expiry=0), INVALID, "expiry"),
        (lambda s: s.seal("Stake", expiry=NOW + 63), INVALID, "expiry"),
        (lambda s: s.seal("Stake", expiry=2**64 - 1), INVALID, "expiry"),
        (lambda s: s.seal("Stake", idempotency_key="x" * 129), INVALID, "idempotency_key"),
        (lambda s: s.seal("Stake", idempotency_key="a\nb"), INVALID, "idempotency_key"),
    ],
)
def test_open__spoilt__is_refused(change, code, field):
    found, text = spoilt(change)

    assert (found, text.partition(":")[0]) == (code, field)


def test_open__changed_body__is_refused():
    def change(scene):
        sealed = scene.seal("Stake")
        sealed.body = pb.StakeRequest(amount="1000000").SerializeToString()
        return sealed

    assert spoilt(change)[0] is UNAUTHENTICATED


def test_open__later_expiry_than_signed__is_refused():
    def change(scene):
        sealed = scene.seal("Stake")
        sealed.expiry += 1
        return sealed

    assert spoilt(change)[0] is UNAUTHENTICATED


@pytest.mark.parametrize("expiry", [NOW - 1, NOW + 62])
def test_open__within_the_clocks_skew__is_taken(expiry):
    async def play():
        async with running() as scene:
            token = await scene.login()
            await scene.call("Stake", token, request=scene.seal("Stake", expiry=expiry))
            return scene.desk.calls

    assert len(asyncio.run(play())) == 1


@pytest.mark.parametrize("method", ENVELOPED)
def test_open__replayed__is_refused_and_with_another_nonce_succeeds(method):
    async def play():
        async with running() as scene:
            token = await scene.login()
            sealed = scene.seal(method)
            await scene.call(method, token, request=sealed)
            scene.desk.calls.clear()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await scene.call(method, token, request=sealed)
            again = [name for name, _ in scene.desk.calls if name != "channels"]
            await scene.call(method, token)
            return caught.value.code(), again

    assert asyncio.run(play()) == (grpc.StatusCode.ALREADY_EXISTS, [])


@pytest.mark.parametrize("method", ENVELOPED)
def test_open__idempotency_key_repeated__returns_the_first_result(method):
    async def play():
        async with running() as scene:
            token = await scene.login()
            replies = [
                await scene.call(
                    method, token, request=scene.seal(method, idempotency_key="order-1")
                )
                for _ in range(2)
            ]
            effects = [name for name, _ in scene.desk.calls if name != "channels"]
            await scene.call(method, token, request=scene.seal(method, idempotency_key="order-2"))
            more = [name for name, _ in scene.desk.calls if name != "channels"]
            return replies, effects, more

    (first, second), effects, more = asyncio.run(play())
    assert first == second
    assert (len(effects), len(more)) == (1, 2)


@pytest.mark.parametrize("method", ENVELOPED)
def test_open__idempotency_key_repeated_of_what_cannot_be_twice__returns_the_first_result(method):
    """The channel is there, the trade is booked, the wallet is empty: because of the first call."""

    async def play():
        async with running() as scene:
            token = await scene.login()
            first = await scene.call(
                method, token, request=scene.seal(method, idempotency_key="order-1")
            )
            scene.desk.refusal = RefusedError("cannot be twice", "look")
            again = scene.seal(method, idempotency_key="order-1")
            second = await scene.call(method, token, request=again)
            with pytest.raises(grpc.aio.AioRpcError, match="cannot be twice"):
                await scene.call(
                    method, token, request=scene.seal(method, idempotency_key="order-2")
                )
            return first, second

    first, second = asyncio.run(play())
    assert first == second


def test_open__idempotency_key_of_another_call__is_refused():
    async def play():
        async with running() as scene:
            token = await scene.login()
            await scene.call("Stake", token, request=scene.seal("Stake", idempotency_key="k"))
            other = pb.StakeRequest(amount="1").SerializeToString()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await scene.call(
                    "Stake", token, request=scene.seal("Stake", body=other, idempotency_key="k")
                )
            return caught.value.details(), len(scene.desk.calls)

    text, calls = asyncio.run(play())
    assert text.startswith("idempotency_key: is used for another call")
    assert calls == 1


TYPES = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
    ],
    "Call": [
        {"name": "daemonId", "type": "string"},
        {"name": "method", "type": "string"},
        {"name": "bodyHash", "type": "bytes32"},
        {"name": "nonce", "type": "bytes32"},
        {"name": "expiry", "type": "uint64"},
    ],
    "Login": [
        {"name": "daemonId", "type": "string"},
        {"name": "operator", "type": "address"},
        {"name": "challenge", "type": "bytes32"},
        {"name": "expiry", "type": "uint64"},
    ],
}


def by_a_wallet(kind, message):
    """Return the digest that any EIP-712 library makes."""
    signable = encode_typed_data(
        full_message={
            "domain": {"name": "Clearport Operator", "version": "1", "chainId": 31_337},
            "types": {name: TYPES[name] for name in ("EIP712Domain", kind)},
            "primaryType": kind,
            "message": message,
        }
    )
    return keccak256(b"\x19" + signable.version + signable.header + signable.body), signable


def test_call_digest__is_what_any_wallet_signs():
    domain = Domain("clearport-test", 31_337)
    digest, signable = by_a_wallet(
        "Call",
        {
            "daemonId": "clearport-test",
            "method": "Stake",
            "bodyHash": keccak256(b"body"),
            "nonce": bytes([7]) * 32,
            "expiry": NOW,
        },
    )

    assert domain.call_digest("Stake", b"body", bytes([7]) * 32, NOW) == digest
    signed = Account.sign_message(signable, bytes([0x11]) * 32).signature
    assert Signature.from_expanded(bytes(signed)) == OPERATOR.sign(digest)


def test_login_digest__is_what_any_wallet_signs():
    domain = Domain("clearport-test", 31_337)
    digest, _ = by_a_wallet(
        "Login",
        {
            "daemonId": "clearport-test",
            "operator": "0x" + OPERATOR.address.hex(),
            "challenge": bytes([8]) * 32,
            "expiry": NOW,
        },
    )

    assert domain.login_digest(OPERATOR.address, bytes([8]) * 32, NOW) == digest


@pytest.mark.parametrize("skew", [0, 2, 30])
def test_open_envelope__nonce_is_kept__for_as_long_as_the_envelope_is_taken(skew):
    """A store that forgets the nonce then forgets it too late to be of use to a replay."""
    clock = Clock()
    gate = Gate(Domain("clearport-test", 31_337), Whitelist(keys()), clock=clock, skew_s=skew)
    session = gate.session(gate.issue(keys()[0], {})[0])
    digest = gate.domain.call_digest("Stake", b"body", bytes([7]) * 32, NOW + 30)
    envelope = pb.Envelope(
        body=b"body",
        nonce=bytes([7]) * 32,
        expiry=NOW + 30,
        signature=OPERATOR.sign(digest).expanded(),
    )

    used = open_envelope(envelope, "Stake", session, gate)

    assert (used.subject, used.nonce) == (OPERATOR.address, bytes([7]) * 32)
    clock.at = used.expires_at - 1
    assert open_envelope(envelope, "Stake", session, gate) == used
    clock.at = used.expires_at
    with pytest.raises(RefusedError, match="expiry: is past"):
        open_envelope(envelope, "Stake", session, gate)
