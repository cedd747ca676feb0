"""A peer that lies in one field is refused by name, gets no signature, and moves no money.

Each case shows first that the honest message has its effect; then each field of it is altered, one
at a time, and the lane must be as it was, and still take the honest message. Proposals are altered
twice: under the honest signature, and signed anew by a peer that means what it says.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from google.protobuf.message import Message as Proto

from clearing.clearport.codec import decode_message, parse
from clearing.clearport.core.events import Consented
from clearing.clearport.core.messages import (
    Answer,
    Consent,
    Message,
    Proposal,
    Refusal,
    Rejection,
    Request,
    SettleWish,
    TradeReport,
)
from clearing.clearport.core.reckoning import digest_of
from clearing.clearport.core.reestablish import standing
from clearing.clearport.core.refusals import Code
from clearing.client import moves
from clearing.client.position import advance
from clearing.peer.v1 import peer_pb2
from clearing.spec.types import Side
from clearing.spec.units import WAD
from tests.harness.clearport_liar import Scene, lies_about, resigned, scene_of
from tests.unit.clearport_core.chain import HOUR
from tests.unit.clearport_core.pair import (
    DEFINITION,
    ETH,
    KEYS,
    NETS,
    TERMS,
    Pair,
    market_at,
    trade,
)

ASKED = b"\x0a" * 16
TRADES = (trade(1), trade(2, Side.LOW, ETH, WAD))
HELD_S = 61
JUMP = 2**33
ONCE = ("rejection", "refusal")
"""What can happen once."""
Make = Callable[[Scene], Message]


@dataclass(frozen=True)
class Case:
    """Who hears what, in which situation; `has_effect` says what the honest message leads to.

    `free` begins what the peer may say otherwise, if it means it; `late` what is passed over as if
    it came late, `ends` what ends all signing in the channel until a person has looked.
    """

    name: str
    hears: Side
    pair: Callable[[], Pair]
    honest: Make
    has_effect: Callable[[Scene], bool]
    free: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    is_greeted: bool = True


# SITUATIONS


def recorded() -> Pair:
    """Both have recorded the trades, and neither has said so."""
    pair = Pair().open()
    pair.cut()
    for node in pair.nodes:
        pair.record(node, *TRADES)
    return pair


def _owing() -> Pair:
    pair = Pair().open()
    pair.record_both(TRADES)
    return pair


def _settling() -> Pair:
    """Low has asked for a settlement; high's operator has agreed, and low has not heard it."""
    pair = _owing()
    pair.link()
    pair.ids = int.from_bytes(ASKED, "big") - 1
    pair.want(pair.low, SettleWish(pair.chain.now + HOUR))
    return pair


def _agreed_to_settle() -> Pair:
    pair = _settling()
    pair.talk()
    pair.cut()
    pair.happen(pair.high, Consented(ASKED))
    return pair


def _proposed() -> Pair:
    """Low has proposed a booking, and its answer is on its way."""
    pair = Pair().open()
    pair.record(pair.high, *TRADES)
    pair.record(pair.low, *TRADES)
    pair.deliver(pair.high)
    assert pair.low.line.half is not None
    return pair


def _new() -> Pair:
    pair = Pair()
    pair.look()
    pair.price()
    return pair


# WHAT AN HONEST PEER SAYS


def _proposal(scene: Scene, move: moves.Move, *ids: str) -> Proposal:
    line = scene.lane.phase.line
    version = max(line.position.live.version, line.burnt) + 1
    signed_at = scene.pair.chain.now
    after = advance(line.position, move, line.terms, version, signed_at)
    digest = digest_of(line, after.live)
    return Proposal(0, version, signed_at, move, ids, digest, KEYS[Side.LOW].sign(digest))


def booking(scene: Scene) -> Message:
    market = market_at(scene.pair.chain.now)
    move = moves.Book(tuple(each.trade for each in TRADES), market)
    return _proposal(scene, move, *(each.trade_id for each in TRADES))


def _call(scene: Scene) -> Message:
    return _proposal(scene, moves.CallMargin(market_at(scene.pair.chain.now)))


def _settlement(scene: Scene) -> Message:
    (wait,) = scene.lane.phase.line.waits
    wish = wait.request.wish
    assert isinstance(wish, SettleWish)
    return _proposal(scene, moves.Settle(wish.fund_by, market_at(scene.pair.chain.now)))


def _answer(scene: Scene) -> Message:
    half = scene.lane.phase.line.half
    assert half is not None
    return Answer(0, half.version, KEYS[Side.HIGH].sign(half.digest))


def _refusal(scene: Scene) -> Message:
    half = scene.lane.phase.line.half
    assert half is not None
    return Refusal(0, half.version, Code.TRADE_UNKNOWN.value, "T1")


def _opening(scene: Scene) -> Message:
    wish = moves.Open(NETS, scene.pair.chain.now + HOUR)
    return Request(ASKED, wish, DEFINITION, TERMS)


def _asks_to_settle(scene: Scene) -> Message:
    return Request(ASKED, SettleWish(scene.pair.chain.now + HOUR))


# WHAT FOLLOWS


def _has_signed(scene: Scene) -> bool:
    return len(scene.signer.permits) == 1


def _has_agreed(scene: Scene) -> bool:
    return scene.lane.phase.line.full != scene.before.full


def _is_waiting(scene: Scene) -> bool:
    return len(scene.told("request")) == 1


def _is_refused(scene: Scene) -> bool:
    half, line = scene.before.half, scene.lane.phase.line
    return half is not None and line.burnt >= half.version


def _is_rejected(scene: Scene) -> bool:
    return len(scene.told("request_rejected")) == 1


def _has_heard(scene: Scene) -> bool:
    peer = scene.pair.nodes[scene.side.other].line
    return scene.lane.phase.link.heard == standing(peer)


MARKET = ("prices[", "oldest_at=", "newest_at=")
AMOUNTS = ("wish.open.nets[0].low='1", "wish.open.nets[0].high='1")
BOOKING = Case(
    "booking",
    Side.HIGH,
    recorded,
    booking,
    _has_signed,
    free=("version=", "signed_at=", *(f"move.book.market.{each}" for each in MARKET)),
    late=("epoch=", "version="),
    ends=("version=",),
)
CASES = (
    BOOKING,
    replace(
        BOOKING,
        name="call",
        pair=_owing,
        honest=_call,
        free=("version=", "signed_at=", *(f"move.call_margin.{each}" for each in MARKET)),
    ),
    replace(
        BOOKING,
        name="settlement",
        pair=_agreed_to_settle,
        honest=_settlement,
        free=("version=", "signed_at=", *(f"move.settle.market.{each}" for each in MARKET)),
    ),
    Case(
        "report",
        Side.LOW,
        recorded,
        lambda _: TradeReport(TRADES),
        _has_signed,
        free=("trades",),
    ),
    Case("consent", Side.LOW, _settling, lambda _: Consent(ASKED), _has_signed, late=("request",)),
    Case(
        "rejection",
        Side.LOW,
        _settling,
        lambda _: Rejection(ASKED, "not today"),
        _is_rejected,
        free=("reason=",),
        late=("request_id=",),
    ),
    Case("answer", Side.LOW, _proposed, _answer, _has_agreed, late=("epoch=", "version=")),
    Case(
        "refusal",
        Side.LOW,
        _proposed,
        _refusal,
        _is_refused,
        free=("code=", "detail="),
        late=("epoch=", "version="),
    ),
    Case(
        "opening",
        Side.HIGH,
        _new,
        _opening,
        _is_waiting,
        free=(
            "request_id=",
            *(f"wish.open.{each}" for each in AMOUNTS),
            "wish.open.valid_until=17",
        ),
    ),
    Case(
        "settle wish",
        Side.HIGH,
        _owing,
        _asks_to_settle,
        _is_waiting,
        free=("request_id=", "wish.settle_fund_by=17"),
    ),
    Case(
        "standing to high",
        Side.HIGH,
        _owing,
        lambda scene: standing(scene.pair.low.line),
        _has_heard,
        late=("epoch=", "last_"),
        ends=("last_",),
        is_greeted=False,
    ),
    Case(
        "standing to low",
        Side.LOW,
        _owing,
        lambda scene: standing(scene.pair.high.line),
        _has_heard,
        late=("epoch=", "last_"),
        ends=("last_",),
        is_greeted=False,
    ),
)
PROPOSALS = CASES[:3]


# LIES


def _is_answered(scene: Scene) -> bool:
    """Say whether a lie was named: to the peer or to the operator."""
    return bool(
        any(isinstance(each, Refusal | Rejection) for each in scene.said)
        or any(scene.told(kind) for kind in ("peer_lied", "proposal_refused", "peer_behind"))
    )


async def _control(case: Case, pair: Pair) -> list[tuple[str, Proto]]:
    """Show that the honest message has its effect; return the lies about it."""
    scene = await scene_of(pair, case.hears, is_greeted=case.is_greeted)
    honest = scene.frame(case.honest(scene))
    assert not case.has_effect(scene), case.name
    assert await scene.hear(honest) == ""
    assert case.has_effect(scene), case.name
    await scene.stop()
    return list(lies_about(honest))


async def _lie(case: Case, pair: Pair, what: str, lie: Proto, *, is_signed_anew: bool) -> str:
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
    if scene.signer.permits or _has_agreed(scene):
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


def _require_right(scene: Scene, lie: Proto) -> None:
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
        scene = await scene_of(_proposed(), Side.LOW)
        honest = _refusal(scene)
        assert isinstance(honest, Refusal)
        lie = replace(honest, code=Code.BELOW_FLOOR.value, detail=detail)
        assert await scene.hear(scene.frame(lie)) == ""
        await scene.stop()
        return scene.lane.phase.line.burnt

    assert asyncio.run(refuse()) == burnt
