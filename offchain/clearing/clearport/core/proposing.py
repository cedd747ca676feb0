"""Decide what low proposes next. One version is outstanding at a time; high orders nothing."""

from __future__ import annotations

from clearing.channel.errors import CodecError
from clearing.clearport.core.booking import next_batch
from clearing.clearport.core.channel import Half
from clearing.clearport.core.margin import is_call_due
from clearing.clearport.core.memory import certain_nets, next_version
from clearing.clearport.core.notices import Kind
from clearing.clearport.core.reckoning import digest_of, doubt_about, reckon
from clearing.clearport.core.refusals import LATER, Code, Doubt
from clearing.clearport.core.turn import Turn
from clearing.clearport.core.wishes import move_of, send_rejection
from clearing.client import moves
from clearing.client.position import Position
from clearing.spec.guards import flags_of
from clearing.spec.rules import decided_from, outcome
from clearing.spec.types import ConditionKind, Intent, Outcome, Side, Status

__all__ = ["propose_next"]


def propose_next(turn: Turn) -> None:
    """Propose what is most urgent, if low may propose and there is anything."""
    line, link = turn.line, turn.link
    if line.side is not Side.LOW or line.half is not None or line.alarm:
        return
    if not turn.is_greeted or link.latest is None or link.view is None or turn.now < link.retry_at:
        return
    state = line.position.state
    if state is not None and state.intent == Intent.CLOSE:
        return
    channel = link.view.channel
    is_open = channel.is_live and channel.epoch == line.position.epoch
    if state is None or not is_open:
        _propose_wish(turn, (moves.Open,))
    elif state.condition.kind != ConditionKind.NONE:
        _resolve(turn)
    else:
        _ = _propose_wish(turn, ()) or _top_up(turn) or _call_margin(turn) or _book(turn)


def _propose_wish(turn: Turn, kinds: tuple[type, ...]) -> bool:
    """Propose the first agreed wish, of one of these kinds if any are given, that can be now."""
    for wait in turn.line.waits:
        wish = wait.request.wish
        if not wait.is_agreed or (kinds and not isinstance(wish, kinds)):
            continue
        move = move_of(turn, wish, turn.link.market)
        if move is None:
            continue
        doubt = _propose(turn, move)
        if doubt is None:
            return True
        code, detail = doubt
        name = wait.request.request_id.hex()
        if code in LATER:
            turn.notify_once(
                Kind.REQUEST_FAILED, name, request_id=name, why=detail, is_retried=True
            )
            continue
        turn.change(waits=tuple(each for each in turn.line.waits if each is not wait))
        turn.notify(Kind.REQUEST_FAILED, request_id=name, why=detail)
        if not wait.is_ours:
            send_rejection(turn, wait.request.request_id, code.value)
    return False


def _resolve(turn: Turn) -> None:
    """Go on after a condition once the chain has decided it with finality."""
    line, link = turn.line, turn.link
    state, view = line.position.state, link.view
    if state is None or view is None:
        return
    flags = flags_of(view.channel, state.version)
    if view.now < decided_from(state.condition, flags, turn.policy.grace_s):
        return
    result = outcome(state.condition, flags)
    if state.condition.kind == ConditionKind.HASHLOCK:
        _propose(turn, moves.Unlock(result is Outcome.REVEALED))
    elif result in (Outcome.LOW_DEFAULTED, Outcome.HIGH_DEFAULTED):
        turn.notify_once(
            Kind.ORDER_DEFAULTED, str(state.version), version=state.version, outcome=result.name
        )
    elif link.market is not None:
        _propose(turn, moves.Conclude(result is Outcome.DELIVERED, link.market))


def _top_up(turn: Turn) -> bool:
    """Take up what has been deposited, with finality."""
    line, view = turn.line, turn.link.view
    state = line.position.state
    if state is None or view is None or view.is_challenged:
        return False
    nets = certain_nets(line, view)
    pairs = tuple(zip(nets, state.splits, strict=True))
    is_less = any(low < split.net_low or high < split.net_high for (low, high), split in pairs)
    is_more = any(low > split.net_low or high > split.net_high for (low, high), split in pairs)
    return is_more and not is_less and _propose(turn, moves.TopUp(nets)) is None


def _call_margin(turn: Turn) -> bool:
    market = turn.link.market
    if market is None or not turn.link.is_call_due:
        return False
    turn.learn(is_call_due=False)
    if not is_call_due(turn.line.position, turn.line.terms, market, turn.policy):
        return False
    return _propose(turn, moves.CallMargin(market)) is None


def _book(turn: Turn) -> bool:
    """Book trades, unless the channel is about to end or a challenge stands."""
    line, link = turn.line, turn.link
    if line.is_closing or link.latest is None or link.view is None:
        return False
    if link.view.is_challenged or link.latest.status is Status.CHALLENGED:
        return False
    if any(isinstance(each.request.wish, moves.Close) for each in line.waits):
        return False
    found = next_batch(turn, next_version(line, link))
    if found is None:
        return False
    batch, move = found
    if batch.after is None:
        return False
    ids = tuple(each.trade_id for each in batch.trades)
    return _put(turn, move, batch.after, ids) is None


def _propose(turn: Turn, move: moves.Move) -> Doubt | None:
    """Have a move signed as the next version; return why not."""
    after = reckon(turn.line, move, next_version(turn.line, turn.link), turn.now)
    if isinstance(after, str):
        return Code.MOVE, after
    return _put(turn, move, after, ())


def _put(turn: Turn, move: moves.Move, after: Position, trade_ids: tuple[str, ...]) -> Doubt | None:
    """Make a position the outstanding half, to be signed once it is durable."""
    doubt = doubt_about(turn, move, after.live)
    if doubt is not None:
        return doubt
    try:
        digest = digest_of(turn.line, after.live)
    except CodecError as error:
        return Code.MOVE, str(error)
    turn.change(half=Half(move, trade_ids, after, digest))
    turn.sign(after.live.version, digest)
    return None
