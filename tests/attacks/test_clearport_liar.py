"""A peer that lies in one field is refused by name, gets no signature, and moves no money.

Each case shows first that the honest message has its effect; then each field of it is altered, one
at a time, and the lane must be as it was, and still take the honest message. Proposals are altered
twice: under the honest signature, and signed anew by a peer that means what it says.
"""

import asyncio
import re
from collections import Counter
from dataclasses import replace

import pytest

from clearing.clearport.codec import decode_message, parse
from clearing.clearport.core.messages import (
    Proposal,
    Refusal,
    Rejection,
    Request,
)
from clearing.clearport.core.reckoning import digest_of
from clearing.clearport.core.refusals import Code
from clearing.client.position import advance
from clearing.peer.v1 import peer_pb2
from clearing.spec.types import Side
from tests.attacks.liar_cases import CASES, PROPOSALS, Case, has_agreed, proposed, refusal
from tests.harness.clearport_liar import Scene, lies_about, resigned, scene_of
from tests.unit.clearport_core.pair import (
    Pair,
)

HELD_S = 61
JUMP = 2**33
ONCE = ("rejection", "refusal")
"""What can happen once."""


def _is_answered(scene: Scene) -> bool:
    """Say whether a lie was named: to the peer or to the operator."""
    return bool(
        any(isinstance(each, Refusal | Rejection) for each in scene.said)
        or any(scene.told(kind) for kind in ("peer_lied", "proposal_refused", "peer_behind"))
    )


async def _control(case: Case, pair: Pair) -> list[tuple[str, peer_pb2.Message]]:
    """Show that the honest message has its effect; return the lies about it."""
    scene = await scene_of(pair, case.hears, is_greeted=case.is_greeted)
    honest = scene.frame(case.honest(scene))
    assert not case.has_effect(scene), case.name
    assert await scene.hear(honest) == ""
    assert case.has_effect(scene), case.name
    await scene.stop()
    return list(lies_about(honest))


async def _lie(
    case: Case, pair: Pair, what: str, lie: peer_pb2.Message, *, is_signed_anew: bool
) -> str:
    """Tell one lie; return how it was taken."""
    scene = await scene_of(pair, case.hears, is_greeted=case.is_greeted)
    if is_signed_anew:
        lie = resigned(scene, lie)
    field = await scene.hear(lie)
    if scene.lane.phase.link.held is not None:
        await scene.pass_time(HELD_S)
    taken = _taken(case, scene, what, field)
    if taken == "right":
        _require_right(scene, lie)
    else:
        scene.require_unmoved()
    if taken not in ("right", "end"):
        await _require_still_serves(case, scene, what)
    await scene.stop()
    return taken


def _is_named(field: str, what: str) -> bool:
    """Say whether the codec names what was altered, or the list that it is in."""
    names = re.findall("[a-z_]+", what.split("=", maxsplit=1)[0].split(" ", maxsplit=1)[0])
    return any(name in field for name in (*names[-2:], "trade_ids"))


def _taken(case: Case, scene: Scene, what: str, field: str) -> str:
    """Say how a lie was taken; refuse what is not allowed for this field."""
    line = scene.lane.phase.line
    if field:
        assert _is_named(field, what), f"{case.name}: {what} is refused as {field}"
        return "wire"
    if scene.signer.permits or has_agreed(scene):
        assert what.startswith(case.free), f"{case.name}: {what} is signed"
        return "right"
    if line.alarm or line.is_recovering:
        assert what.startswith(case.ends), f"{case.name}: {what} ends all signing"
        assert scene.told("diverged") or scene.told("recovering"), what
        return "end"
    if case.has_effect(scene) and case.name != "refusal":
        assert what.startswith(case.free), f"{case.name}: {what} has the effect"
        return "effect"
    if _is_answered(scene):
        return "named"
    assert what.startswith((*case.late, *case.free)), f"{case.name}: {what} is passed over"
    return "late"


async def _require_still_serves(case: Case, scene: Scene, what: str) -> None:
    """The honest message has its effect after the lie."""
    if case.name in ONCE and case.has_effect(scene):
        return
    scene.store.events.clear()
    honest = case.honest(scene)
    if isinstance(honest, Request):
        honest = replace(honest, request_id=b"\x0b" * 16)
    assert await scene.hear(scene.frame(honest)) == ""
    assert case.has_effect(scene), f"{case.name}: deaf after {what}"


def _require_right(scene: Scene, lie: peer_pb2.Message) -> None:
    """What was signed although it was altered is what we compute of a move that we know of."""
    _, message = decode_message(parse(peer_pb2.Message, lie.SerializeToString()))
    before, after = scene.before, scene.lane.phase.line
    (permit,) = scene.signer.permits
    if isinstance(message, Proposal):
        move, version, signed_at = message.move, message.version, message.signed_at
        position = after.position
    else:
        half = after.half
        assert half is not None
        move, version, signed_at = half.move, half.version, half.after.live.signed_at
        recorded = {each.trade_id: each.trade for each in before.trades}
        assert tuple(recorded[name] for name in half.trade_ids) == getattr(move, "trades", ())
        position = half.after
    assert position == advance(before.position, move, before.terms, version, signed_at)
    assert permit.reservation.digest == digest_of(before, position.live)


async def _tell_all(case: Case) -> Counter[str]:
    pair = case.pair()
    lies = await _control(case, pair)
    taken: Counter[str] = Counter()
    for is_signed_anew in (False, True) if case in PROPOSALS else (False,):
        for what, lie in lies:
            if not (is_signed_anew and what.startswith(("digest=", "signature="))):
                taken[await _lie(case, pair, what, lie, is_signed_anew=is_signed_anew)] += 1
    return taken


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hear__each_field_altered__is_refused_by_name_and_moves_nothing(case: Case) -> None:
    """CLP-05, CLP-08: no signature of ours, no other state, no transaction; the lane goes on."""
    taken = asyncio.run(_tell_all(case))

    assert taken["wire"] > 0, taken
    assert taken["named"] > 0 or case not in PROPOSALS, taken


@pytest.mark.parametrize(
    ("detail", "burnt"),
    [
        (str(JUMP), JUMP),
        (str(JUMP + 2), JUMP + 2),
        (str(JUMP + 3), 2),
        (str(2**64 - 1), 2),
        ("9" * 80, 2),
        ("-1", 2),
        ("1e9", 2),
    ],
)
def test_hear_refusal__floor_of_any_height__burns_no_more_than_a_lost_store_takes(
    detail: str, burnt: int
) -> None:
    """A peer cannot use the versions up: 2**33 above what it refuses, at most."""

    async def refuse() -> int:
        scene = await scene_of(proposed(), Side.LOW)
        honest = refusal(scene)
        assert isinstance(honest, Refusal)
        lie = replace(honest, code=Code.BELOW_FLOOR.value, detail=detail)
        assert await scene.hear(scene.frame(lie)) == ""
        await scene.stop()
        return scene.lane.phase.line.burnt

    assert asyncio.run(refuse()) == burnt
