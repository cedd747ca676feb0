"""What a tower answers with: pure decisions over states of every kind."""

from dataclasses import replace

import pytest

from clearing.channel import requests
from clearing.clearport.watchtower.guard import answers, lag_versions, learn
from clearing.clearport.watchtower.kept import Kept
from clearing.client.response import response_by_party
from clearing.client.session import CoSigned
from clearing.spec.types import (
    AssetSplit,
    ChannelDef,
    ClearingState,
    Condition,
    ConditionKind,
    Intent,
    SettlementOrder,
    Side,
    Status,
)
from clearing.spec.units import Address
from clearing.spec.world import Channel

NOW = 1_000_000
CHANNEL = b"\x01" * 32
SIGNATURES = (b"low", b"high")


def _address(byte: int) -> Address:
    return Address(bytes([byte]) * 20)


DEFINITION = ChannelDef(
    1,
    _address(9),
    _address(1),
    _address(2),
    _address(3),
    _address(4),
    (_address(5),),
    86_400,
    1,
)


def _kept(version: int, intent: Intent, valid_until: int = 0, epoch: int = 0) -> Kept:
    splits = (AssetSplit(1, 1, 1, 1),)
    state = ClearingState(CHANNEL, epoch, version, intent, splits, valid_until=valid_until)
    return Kept(DEFINITION, CoSigned(state, SIGNATURES))


def _challenged(version: int, epoch: int = 0) -> Channel:
    return Channel(
        status=Status.CHALLENGED, epoch=epoch, enforced_version=version, deadline=NOW + 100
    )


@pytest.mark.parametrize(
    ("kept", "call"),
    [
        (_kept(7, Intent.OPERATE), requests.Checkpoint),
        (_kept(7, Intent.SETTLE), requests.Checkpoint),
        (_kept(7, Intent.RESIZE, NOW + 1), requests.Resize),
        (_kept(7, Intent.RESIZE, NOW), requests.Checkpoint),
        (_kept(7, Intent.CLOSE, NOW + 1), requests.CloseCooperative),
        (_kept(7, Intent.CLOSE, NOW), None),
        (_kept(7, Intent.OPEN, NOW + 1), None),
    ],
    ids=lambda value: value.full.state.intent.name if isinstance(value, Kept) else "",
)
def test_answers__newer_state_of_each_kind__is_the_call_a_stranger_may_make(
    kept: Kept, call: type[requests.Request] | None
) -> None:
    found = answers((kept,), _challenged(6), NOW)

    assert [type(each) for each in found] == ([] if call is None else [call])


def test_answers__close_out_of_time__falls_back_to_the_state_before() -> None:
    closing, booked = _kept(8, Intent.CLOSE, NOW), _kept(7, Intent.OPERATE)

    [found] = answers((closing, booked), _challenged(6), NOW)

    assert found == requests.Checkpoint(DEFINITION, booked.full.state, SIGNATURES)


@pytest.mark.parametrize(
    "latest",
    [
        replace(_challenged(6), status=Status.OPEN),
        replace(_challenged(6), status=Status.IDLE),
        replace(_challenged(6), deadline=NOW),
        _challenged(7),
        _challenged(8),
        _challenged(6, epoch=1),
    ],
    ids=["open", "idle", "too late", "as new", "newer", "next life"],
)
def test_answers__nothing_to_answer__is_nothing(latest: Channel) -> None:
    kept = (_kept(7, Intent.OPERATE),)
    assert answers(kept, _challenged(6), NOW)

    assert answers(kept, latest, NOW) == ()


def test_learn__files_in_any_order__keeps_the_newest_of_the_latest_life() -> None:
    old, new = _kept(3, Intent.OPERATE), _kept(9, Intent.OPERATE)
    closing, next_life = _kept(10, Intent.CLOSE, NOW), _kept(2, Intent.OPERATE, epoch=1)

    assert learn(learn({}, (new,)), (old,)) == {CHANNEL: (new,)}
    assert learn(learn({}, (new,)), (closing,)) == {CHANNEL: (closing, new)}
    assert learn(learn({}, (next_life,)), (new, closing)) == {CHANNEL: (next_life,)}


def test_lag_versions__chain_and_export__counts_what_the_chain_lacks() -> None:
    kept = (_kept(7, Intent.OPERATE),)

    assert lag_versions(kept, _challenged(4)) == 3
    assert lag_versions(kept, _challenged(9)) == -2
    assert lag_versions(kept, _challenged(9, epoch=1)) == 0
    assert lag_versions((), _challenged(9)) == 0


def test_response_by_party__condition_and_time__decide_the_call() -> None:
    order = SettlementOrder(CHANNEL, 0, 7, NOW, ())
    full = _kept(7, Intent.OPERATE).full
    locked = replace(
        full, state=replace(full.state, condition=Condition(ConditionKind.HASHLOCK, b"h" * 32))
    )
    settling = replace(
        full,
        state=replace(full.state, condition=Condition(ConditionKind.ORDER, b"o" * 32)),
        order=order,
    )
    resizing = _kept(7, Intent.RESIZE, NOW + 1).full

    def called(state: CoSigned, now: int = NOW, **known) -> type[requests.Request]:
        return type(response_by_party(DEFINITION, state, now, **known))

    assert called(full) is requests.Checkpoint
    assert called(locked) is requests.Checkpoint
    assert called(locked, preimage=b"p" * 32) is requests.Reveal
    assert called(settling) is requests.Checkpoint
    assert called(settling, funding=Side.HIGH) is requests.FundOrder
    assert called(resizing) is requests.Challenge
    assert called(resizing, NOW + 1) is requests.Checkpoint
