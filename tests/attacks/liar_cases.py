"""What a peer may lie about: who hears what in which situation, and what the truth leads to."""

from collections.abc import Callable
from dataclasses import dataclass, replace

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
from clearing.spec.types import Side
from clearing.spec.units import WAD
from tests.harness.clearport_liar import Scene
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

__all__ = [
    "ASKED",
    "CASES",
    "PROPOSALS",
    "TRADES",
    "Case",
    "booking",
    "has_agreed",
    "proposed",
    "recorded",
    "refusal",
]

ASKED = b"\x0a" * 16
TRADES = (trade(1), trade(2, Side.LOW, ETH, WAD))
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


def proposed() -> Pair:
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


def refusal(scene: Scene) -> Message:
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


def has_agreed(scene: Scene) -> bool:
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
    Case("answer", Side.LOW, proposed, _answer, has_agreed, late=("epoch=", "version=")),
    Case(
        "refusal",
        Side.LOW,
        proposed,
        refusal,
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
            *AMOUNTS,
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
