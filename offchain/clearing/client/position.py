"""Know where a channel stands between two brokers, and compute the state that a move leads to.

Pure: both brokers run `advance` on the same position and move, so the one who answers compares the
proposed state with its own and signs nothing else. Amounts are raw token units; rounding, where a
value in USD becomes tokens, goes against the side that pays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from clearing.channel.codec import hash_order
from clearing.channel.liabilities import liabilities_root
from clearing.channel.risk_hash import risk_hash
from clearing.client import moves
from clearing.client.errors import MoveRefusedError
from clearing.client.terms import Market, Terms
from clearing.spec.liabilities import NO_LIABILITIES, Liabilities, book
from clearing.spec.risk import RiskReport, is_trade_admissible, risk_of
from clearing.spec.rules import MAX_LEGS
from clearing.spec.types import (
    ZERO_WORD,
    AssetSplit,
    ClearingState,
    Condition,
    ConditionKind,
    Intent,
    Leg,
    SettlementOrder,
    Side,
)

__all__ = ["Position", "advance", "risk_at"]


@dataclass(frozen=True, slots=True)
class Position:
    """What both brokers know of a channel beyond the chain.

    `state` is the latest co-signed state, None before the epoch's opening. `variation` is the
    mark-to-market that low has paid high so far, per asset. `order` belongs to a SETTLE state.
    """

    channel_id: bytes
    epoch: int
    state: ClearingState | None = None
    liabilities: Liabilities = NO_LIABILITIES
    variation: tuple[int, ...] = ()
    order: SettlementOrder | None = None

    @property
    def live(self) -> ClearingState:
        """The latest state. Raises MoveRefusedError before the opening."""
        if self.state is None:
            raise MoveRefusedError("the channel's opening is not co-signed yet")
        return self.state


def risk_at(position: Position, terms: Terms, market: Market) -> RiskReport:
    """Return the channel's risk at a view of the market, less what margin calls have moved.

    Raises SpecError `PriceMissing` or `FactorMissing`.
    """
    # Before the opening nothing is agreed: there is no asset yet in which margin could have moved.
    is_open = position.state is not None
    moved_wad = terms.value_of(position.variation, market.prices) if is_open else 0
    return risk_of(position.liabilities, market.prices, market.factors, moved_wad)


def advance(
    position: Position, move: moves.Move, terms: Terms, version: int, signed_at: int
) -> Position:
    """Return the position after the move; its state, of this version, is what both must sign.

    Raises MoveRefusedError if the move does not follow, SpecError if the trades, prices or factors
    do not fit. The state is not judged against the chain here.
    """
    if position.state is not None and version <= position.state.version:
        raise MoveRefusedError(f"version {version} is not above {position.state.version}")
    if isinstance(move, moves.Open):
        after = _opened(position, move, version)
    else:
        _require_free(position, move)
        if isinstance(move, moves.Dealing):
            after = _after_dealing(position, move, terms, version)
        else:
            after = _after_holding(position, move)
    return replace(after, state=replace(after.live, version=version, signed_at=signed_at))


def _after_dealing(position: Position, move: moves.Dealing, terms: Terms, version: int) -> Position:
    """Return the position after a move that is about what the brokers owe each other."""
    match move:
        case moves.Book():
            return _booked(position, move, terms)
        case moves.CallMargin():
            return _margin_called(position, move.market, terms)
        case moves.Settle():
            return _settling(position, move, terms, version)
        case moves.Conclude():
            return _concluded(position, move, terms)
        case moves.Resize():
            return _resized(position, move, terms)


def _after_holding(position: Position, move: moves.Holding) -> Position:
    """Return the position after a move that is about the collateral alone."""
    match move:
        case moves.LockHash():
            return _locked(position, move)
        case moves.Unlock():
            return _unlocked(position, move)
        case moves.TopUp():
            return _topped_up(position, move)
        case moves.Close():
            return _closing(position, move)


# WHAT MAY FOLLOW WHAT


def _require_free(position: Position, move: moves.Move) -> None:
    """Refuse a move that a pending condition or a close does not let pass."""
    state = position.live
    if state.intent == Intent.CLOSE:
        raise MoveRefusedError("the channel is closing: nothing follows a CLOSE")
    kind = state.condition.kind
    wanted = {
        ConditionKind.NONE: (),
        ConditionKind.ORDER: (moves.Conclude,),
        ConditionKind.HASHLOCK: (moves.Unlock,),
    }[ConditionKind(kind)]
    resolves = isinstance(move, moves.Conclude | moves.Unlock)
    if (wanted and not isinstance(move, wanted)) or (not wanted and resolves):
        raise MoveRefusedError(
            f"{type(move).__name__} does not follow a state with condition kind {kind}"
        )


# THE MOVES


def _opened(position: Position, move: moves.Open, version: int) -> Position:
    if position.state is not None and position.state.intent != Intent.OPEN:
        raise MoveRefusedError("the channel is open already")
    return Position(
        channel_id=position.channel_id,
        epoch=position.epoch,
        variation=(0,) * len(move.nets),
        state=ClearingState(
            channel_id=position.channel_id,
            epoch=position.epoch,
            version=version,
            intent=Intent.OPEN,
            splits=tuple(AssetSplit(low, high, low, high) for low, high in move.nets),
            valid_until=move.valid_until,
        ),
    )


def _booked(position: Position, move: moves.Book, terms: Terms) -> Position:
    liabilities = position.liabilities
    for trade in move.trades:
        for asset in (trade.base, trade.quote):
            terms.token_of(asset)
        liabilities = book(liabilities, trade)
    after = replace(position, liabilities=liabilities)
    report = risk_at(after, terms, move.market)
    _require_covered(after, terms, move.market, report)
    return _operating(after, terms, move.market, report=report)


def _margin_called(position: Position, market: Market, terms: Terms) -> Position:
    """Bring the split to the mark: what low owes beyond high, paid from its first assets on."""
    report = risk_at(_unmoved(position), terms, market)
    due_wad = report.low.value_wad - report.high.value_wad
    due_wad -= terms.value_of(position.variation, market.prices)
    payer = Side.LOW if due_wad > 0 else Side.HIGH
    shares = tuple(split.low if payer is Side.LOW else split.high for split in position.live.splits)
    sign = 1 if payer is Side.LOW else -1
    paid = tuple(sign * raw for raw in _draw(abs(due_wad), shares, terms, market))
    free = _next(position.live, Intent.OPERATE).splits
    splits = tuple(_moved(split, raw) for split, raw in zip(free, paid, strict=True))
    variation = tuple(before + raw for before, raw in zip(position.variation, paid, strict=True))
    return _operating(replace(position, variation=variation), terms, market, splits)


def _settling(position: Position, move: moves.Settle, terms: Terms, version: int) -> Position:
    state = position.live
    order = SettlementOrder(
        channel_id=position.channel_id,
        epoch=position.epoch,
        version=version,
        fund_by=move.fund_by,
        legs=_legs(position.liabilities, terms),
    )
    risk_wad = risk_at(_unmoved(position), terms, move.market).risk_wad
    low = _delivered_low(position)
    high = tuple(split.low + split.high - own for split, own in zip(state.splits, low, strict=True))
    low_pays = _draw(risk_wad, low, terms, move.market)
    high_pays = _draw(risk_wad, high, terms, move.market)
    successor = _next(state, Intent.SETTLE)
    condition = Condition(
        kind=ConditionKind.ORDER,
        ref=hash_order(order),
        expiry=move.fund_by,
        alt_low=(
            *low,
            *(own - paid for own, paid in zip(low, low_pays, strict=True)),
            *(own + paid for own, paid in zip(low, high_pays, strict=True)),
        ),
    )
    state = replace(
        successor, condition=condition, risk_hash=_risk_hash(position, terms, move.market)
    )
    return replace(position, state=state, order=order)


def _concluded(position: Position, move: moves.Conclude, terms: Terms) -> Position:
    if not move.is_delivered:
        return _operating(replace(position, order=None), terms, move.market)
    splits = tuple(
        _with_low(split, low)
        for split, low in zip(position.live.splits, _delivered_low(position), strict=True)
    )
    free = replace(
        position,
        liabilities=NO_LIABILITIES,
        variation=(0,) * len(splits),
        order=None,
    )
    return _operating(free, terms, move.market, splits)


def _locked(position: Position, move: moves.LockHash) -> Position:
    condition = Condition(
        kind=ConditionKind.HASHLOCK,
        ref=move.hashlock,
        expiry=move.expiry,
        alt_low=move.alt_low,
    )
    successor = _next(position.live, Intent.OPERATE)
    return replace(position, state=replace(successor, condition=condition))


def _unlocked(position: Position, move: moves.Unlock) -> Position:
    state = position.live
    successor = _next(state, Intent.OPERATE)
    if move.is_revealed:
        pairs = zip(successor.splits, state.condition.alt_low, strict=True)
        successor = replace(successor, splits=tuple(_with_low(split, low) for split, low in pairs))
    return replace(position, state=successor)


def _resized(position: Position, move: moves.Resize, terms: Terms) -> Position:
    """Take out what the risk does not need; mark-to-market received may have to go back."""
    successor = _next(position.live, Intent.RESIZE)
    splits = tuple(
        _taken_out(split, *out, asset=i)
        for i, (split, out) in enumerate(zip(successor.splits, move.outs, strict=True))
    )
    state = replace(successor, splits=splits, valid_until=move.valid_until)
    after = replace(position, state=state)
    _require_covered(after, terms, move.market, risk_at(after, terms, move.market))
    for split, low in zip(splits, _delivered_low(after), strict=True):
        if not 0 <= low <= split.low + split.high:
            raise MoveRefusedError("a side takes out margin that it has to give back")
    return after


def _topped_up(position: Position, move: moves.TopUp) -> Position:
    successor = _next(position.live, Intent.OPERATE)
    splits = tuple(
        _put_in(split, *net, asset=i)
        for i, (split, net) in enumerate(zip(successor.splits, move.nets, strict=True))
    )
    return replace(position, state=replace(successor, splits=splits))


def _closing(position: Position, move: moves.Close) -> Position:
    if position.liabilities != NO_LIABILITIES:
        raise MoveRefusedError("something is still owed: settle before closing")
    successor = _next(position.live, Intent.CLOSE)
    splits = successor.splits
    if move.is_sent:
        splits = tuple(replace(s, out_low=s.low, out_high=s.high) for s in splits)
    state = replace(successor, splits=splits, valid_until=move.valid_until, risk_hash=ZERO_WORD)
    return replace(position, state=state)


# PARTS


def _next(state: ClearingState, intent: Intent) -> ClearingState:
    """Return a successor with the same split, no outs, no condition, no expiry."""
    return replace(
        state,
        intent=intent,
        splits=_without_outs(state.splits),
        condition=Condition(),
        valid_until=0,
    )


def _without_outs(splits: tuple[AssetSplit, ...]) -> tuple[AssetSplit, ...]:
    """Return what stays in the channel; the same object if nothing was taken out."""
    if not any(split.out_low or split.out_high for split in splits):
        return splits
    return tuple(replace(split, out_low=0, out_high=0) for split in splits)


def _operating(
    position: Position,
    terms: Terms,
    market: Market,
    splits: tuple[AssetSplit, ...] | None = None,
    *,
    report: RiskReport | None = None,
) -> Position:
    """Return the position with an OPERATE state that commits to its liabilities and risk.

    `report` is the position's risk, if it is known already.
    """
    state = position.live
    if report is None:
        report = risk_at(position, terms, market)
    state = replace(
        state,
        intent=Intent.OPERATE,
        splits=_without_outs(state.splits) if splits is None else splits,
        condition=Condition(),
        valid_until=0,
        liabilities_root=liabilities_root(position.liabilities),
        risk_hash=risk_hash(market.dated, market.factors, report),
    )
    return replace(position, state=state)


def _risk_hash(position: Position, terms: Terms, market: Market) -> bytes:
    return risk_hash(market.dated, market.factors, risk_at(position, terms, market))


def _legs(liabilities: Liabilities, terms: Terms) -> tuple[Leg, ...]:
    """Return one leg per debt, by asset id. Raises MoveRefusedError."""
    if not liabilities.rows:
        raise MoveRefusedError("nothing is owed, so there is nothing to settle")
    if len(liabilities.rows) > MAX_LEGS:
        raise MoveRefusedError(f"{len(liabilities.rows)} debts do not fit {MAX_LEGS} legs")
    legs = []
    for asset, owed_wad in liabilities.rows:
        token = terms.token_of(asset)
        legs.append(Leg(token.address, owed_wad > 0, token.raw(abs(owed_wad))))
    return tuple(legs)


def _delivered_low(position: Position) -> tuple[int, ...]:
    """Return low's share once all is delivered: the mark-to-market goes back to who paid it."""
    pairs = zip(position.live.splits, position.variation, strict=True)
    return tuple(split.low + paid for split, paid in pairs)


def _require_covered(position: Position, terms: Terms, market: Market, report: RiskReport) -> None:
    """Refuse a position whose risk exceeds the collateral of a side that bears it."""
    collateral = terms.collateral_of(position.live.splits, market.prices)
    if not is_trade_admissible(report, collateral):
        raise MoveRefusedError("the risk would exceed the collateral of a side that bears it")


def _unmoved(position: Position) -> Position:
    """Return the position as if no margin call had moved anything."""
    return replace(position, variation=(0,) * len(position.variation))


def _draw(value_wad: int, shares: tuple[int, ...], terms: Terms, market: Market) -> tuple[int, ...]:
    """Return how much of each share pays `value_wad` USD, the first assets first, all at most.

    Rounded up, against the side that pays.
    """
    drawn = []
    for token, share in zip(terms.collateral, shares, strict=True):
        price_wad = terms.price_of(token.asset, market.prices)
        raw = min(share, token.raw_up(value_wad, price_wad))
        drawn.append(raw)
        value_wad = max(0, value_wad - token.value(raw, price_wad))
    return tuple(drawn)


def _moved(split: AssetSplit, from_low: int) -> AssetSplit:
    return replace(split, low=split.low - from_low, high=split.high + from_low)


def _with_low(split: AssetSplit, low: int) -> AssetSplit:
    return _moved(split, split.low - low)


def _taken_out(split: AssetSplit, low: int, high: int, *, asset: int) -> AssetSplit:
    if not (0 <= low <= split.low and 0 <= high <= split.high):
        raise MoveRefusedError(f"asset {asset}: a side takes out more than it owns")
    return AssetSplit(
        net_low=split.net_low - low,
        net_high=split.net_high - high,
        low=split.low - low,
        high=split.high - high,
        out_low=low,
        out_high=high,
    )


def _put_in(split: AssetSplit, net_low: int, net_high: int, *, asset: int) -> AssetSplit:
    low, high = net_low - split.net_low, net_high - split.net_high
    if low < 0 or high < 0:
        raise MoveRefusedError(f"asset {asset}: the chain has less than the state counts on")
    return AssetSplit(net_low, net_high, split.low + low, split.high + high)
