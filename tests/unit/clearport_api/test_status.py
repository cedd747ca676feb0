"""Errors go out in one way: a code, one line, and details for machines; the rest says nothing."""

import asyncio
import inspect

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from clearing.chain.errors import CallRefusedError, NodeUnreachableError
from clearing.channel.errors import CodecError
from clearing.clearport import errors
from clearing.clearport.api.status import CODES, code_of, status_of
from clearing.client.errors import MoveRefusedError
from clearing.spec.errors import SpecError
from tests.unit.clearport_api.scene import Log, running

Code = grpc.StatusCode


def told(error):
    """Return what a real caller is told if the desk fails so, and what was logged."""

    async def play():
        async with running() as scene:
            token = await scene.login()
            await scene.call("GetStatus", token)
            scene.desk.failure = error
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await scene.call("GetStatus", token)
            return caught.value, scene.log.events

    return asyncio.run(play())


def details_of(call):
    """Return the error info and the violations in a call's error."""
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    status = rpc_status.from_call(call)
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
    return info, [(v.field, v.description) for v in bad.field_violations]


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (errors.RefusedError("no"), Code.FAILED_PRECONDITION, "REFUSED"),
        (errors.RefusedError("no", field="amount"), Code.INVALID_ARGUMENT, "REFUSED"),
        (errors.UnknownError("none", field="key"), Code.NOT_FOUND, "UNKNOWN"),
        (errors.ForbiddenError("no"), Code.PERMISSION_DENIED, "FORBIDDEN"),
        (errors.UnauthenticatedError("who"), Code.UNAUTHENTICATED, "UNAUTHENTICATED"),
        (errors.UnavailableError("not now"), Code.UNAVAILABLE, "UNAVAILABLE"),
        (errors.StoreError("full"), Code.UNAVAILABLE, "STORE"),
        (errors.StoreDamagedError("torn"), Code.DATA_LOSS, "STORE_DAMAGED"),
        (errors.ReplayedError("used"), Code.ALREADY_EXISTS, "REPLAYED"),
        (errors.SecondDigestError("never"), Code.FAILED_PRECONDITION, "SECOND_DIGEST"),
        (errors.SignerError("locked"), Code.UNAVAILABLE, "SIGNER"),
        (errors.PeerGoneError("gone"), Code.UNAVAILABLE, "PEER_GONE"),
        (errors.PeerSlowError("slow"), Code.RESOURCE_EXHAUSTED, "PEER_SLOW"),
        (errors.PeerLiedError("lie", field="seq"), Code.INVALID_ARGUMENT, "PEER_LIED"),
        (errors.WireError("bytes", field="x"), Code.INVALID_ARGUMENT, "WIRE"),
        (SpecError("AssetAmount", b"\1", 2), Code.FAILED_PRECONDITION, "SPEC"),
        (CodecError("low", "uint128", -1), Code.INVALID_ARGUMENT, "CODEC"),
        (MoveRefusedError("no price"), Code.FAILED_PRECONDITION, "CLIENT"),
        (CallRefusedError("StaleVersion", (3, 6)), Code.FAILED_PRECONDITION, "CHAIN_REFUSED"),
        (NodeUnreachableError("no answer"), Code.UNAVAILABLE, "CHAIN"),
    ],
)
def test_call__known_error__tells_machines_what_it_is(error, code, reason):
    call, logged = told(error)
    info, violations = details_of(call)

    assert (call.code(), info.domain, info.reason) == (code, "clearport", reason)
    assert call.details() == " ".join(str(error).split())
    field = getattr(error, "field", "")
    assert violations == ([(field, call.details())] if field else [])
    assert logged == []


def test_call__spec_error__names_it():
    info, _ = details_of(told(SpecError("PriceMissing", b"ETH"))[0])

    assert dict(info.metadata) == {"name": "PriceMissing"}


@pytest.mark.parametrize("error", [RuntimeError("password is hunter2"), KeyError("secret")])
def test_call__unforeseen_error__says_nothing_and_is_logged(error):
    call, logged = told(error)

    assert call.code() is Code.INTERNAL
    assert call.details() == "internal error: see the daemon's log"
    assert rpc_status.from_call(call).details == []
    assert [(event, fields["exc_info"]) for event, fields in logged] == [
        ("operator_call_failed", error)
    ]


def test_codes__every_class_of_error__has_one():
    classes = {
        each
        for _, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, errors.ClearportError)
    }

    assert set(CODES) == classes


def test_code_of__class_that_is_new__has_its_parents():
    class NewError(errors.PeerGoneError):
        """Somebody adds one."""

    assert code_of(NewError("x")) is Code.UNAVAILABLE


def test_status_of__several_lines__are_one():
    status = status_of(errors.RefusedError("two\n  lines"), Log())

    assert status.message == "two lines"
