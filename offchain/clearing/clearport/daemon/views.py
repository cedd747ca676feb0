"""Show what a lane knows as the operator API's views. Pure; amounts are raw or WAD as named."""

from __future__ import annotations

from clearing.channel.risk_hash import price_set_id
from clearing.clearport.core.channel import Phase, Wait
from clearing.clearport.core.messages import (
    CallMarginWish,
    ReportedTrade,
    ResizeWish,
    SettleWish,
    Wish,
)
from clearing.clearport.desk import ChannelView, MarginView, RequestView, TradeView
from clearing.client import moves
from clearing.client.position import risk_at
from clearing.client.terms import Market
from clearing.spec.assets import AssetId
from clearing.spec.risk import RiskReport
from clearing.spec.types import ConditionKind, Intent, Side, Status

__all__ = [
    "channel_view",
    "margin_view",
    "phase_name",
    "positions_of",
    "risk_of_phase",
    "settlement_name",
    "trade_views",
]


def phase_name(phase: Phase) -> str:
    """Return where a channel stands, for a person."""
    line, latest = phase.line, phase.link.latest
    state = line.position.state
    if latest is not None and latest.status is Status.CHALLENGED:
        return "challenged"
    if line.is_recovering:
        return "recovering"
    if state is None:
        is_ended = latest is not None and latest.status is Status.IDLE
        return "closed" if is_ended and not line.waits else "requested"
    if latest is not None and not latest.is_live and state.intent == Intent.OPEN:
        return "opening"
    if line.is_closing or state.intent == Intent.CLOSE:
        return "closing"
    return "settling" if state.intent == Intent.SETTLE else "open"


def settlement_name(phase: Phase) -> str:
    """Return how far a settlement is: none, requested, agreed (an order stands)."""
    line = phase.line
    state = line.position.state
    if state is not None and state.condition.kind == ConditionKind.ORDER:
        return "agreed"
    is_wanted = any(isinstance(wait.request.wish, SettleWish) for wait in line.waits)
    return "requested" if is_wanted else "none"


def channel_view(phase: Phase, halted: str) -> ChannelView:
    """Return a channel at a glance; `halted` is its lane's trouble, if it has any."""
    line, link = phase.line, phase.link
    state = line.position.state
    splits = () if state is None else state.splits
    owned = (
        (split.low, split.high) if line.side is Side.LOW else (split.high, split.low)
        for split in splits
    )
    return ChannelView(
        channel_id=line.channel_id,
        peer=line.definition.broker(line.side.other),
        side=line.side,
        phase=phase_name(phase),
        epoch=line.position.epoch,
        version=0 if state is None else state.version,
        enforced_version=0 if link.latest is None else link.latest.enforced_version,
        balances_raw=tuple(
            (token, own, theirs)
            for token, (own, theirs) in zip(line.terms.collateral, owned, strict=False)
        ),
        requests=tuple(_request_view(wait) for wait in line.waits),
        alarm=halted or line.alarm,
        is_connected=link.is_connected,
    )


def risk_of_phase(phase: Phase, market: Market) -> RiskReport:
    """Return the risk of the latest agreed state. Raises SpecError for a missing price."""
    return risk_at(phase.line.position, phase.line.terms, market)


def margin_view(phase: Phase, market: Market, *, is_stale: bool, seq: int, now: int) -> MarginView:
    """Return what our side may still trade on, by the latest agreed state.

    Raises SpecError or MoveRefusedError if the market lacks a price.
    """
    line = phase.line
    position, side = line.position, line.side
    report = risk_at(position, line.terms, market)
    splits = () if position.state is None else position.state.splits
    held = line.terms.collateral_of(splits, market.prices) if splits else None
    own_wad = 0 if held is None else held.of(side)
    used_wad = report.of(side).required_wad
    return MarginView(
        channel_id=line.channel_id,
        seq=seq,
        collateral_wad=own_wad,
        peer_collateral_wad=0 if held is None else held.of(side.other),
        risk_wad=report.risk_wad,
        used_wad=used_wad,
        available_wad=max(0, own_wad - used_wad),
        price_set=price_set_id(market.prices),
        settlement=settlement_name(phase),
        as_of=now,
        version=0 if position.state is None else position.state.version,
        is_stale=is_stale,
    )


def positions_of(
    phase: Phase, market: Market | None
) -> tuple[tuple[AssetId, int, int | None], ...]:
    """Return (asset, what we owe (negative: are owed), price), WAD."""
    sign = 1 if phase.line.side is Side.LOW else -1
    return tuple(
        (asset, sign * owed_wad, None if market is None else market.prices.find(asset))
        for asset, owed_wad in phase.line.position.liabilities.rows
    )


def trade_views(
    phase: Phase, booked: tuple[tuple[ReportedTrade, int], ...]
) -> tuple[TradeView, ...]:
    """Return the trades that are not settled; `booked` with the version that has them."""
    line = phase.line
    ours = {each.trade_id: each for each in line.trades}
    theirs = {each.trade_id: each for each in line.reported}
    found = []
    for trade_id, each in (theirs | ours).items():
        if trade_id in ours and trade_id in theirs:
            state = "reported" if ours[trade_id] == theirs[trade_id] else "mismatched"
        else:
            state = "recorded" if trade_id in ours else "reported"
        found.append(TradeView(each, state, 0))
    found += [TradeView(trade, "booked", version) for trade, version in booked]
    return tuple(found)


def _request_view(wait: Wait) -> RequestView:
    request = wait.request
    return RequestView(
        request_id=request.request_id,
        kind=_kind(request.wish),
        is_ours=wait.is_ours,
        is_agreed=wait.is_agreed,
        detail=_detail(request.wish),
    )


def _kind(wish: Wish) -> str:
    return type(wish).__name__.removesuffix("Wish")


def _detail(wish: Wish) -> str:
    match wish:
        case moves.Open(nets, valid_until):
            pairs = ", ".join(f"{low} and {high}" for low, high in nets)
            return f"low and high pay in {pairs} raw; until {valid_until}"
        case SettleWish(fund_by):
            return f"deliver until {fund_by}"
        case ResizeWish(outs, valid_until):
            pairs = ", ".join(f"{low} and {high}" for low, high in outs)
            return f"low and high take out {pairs} raw; until {valid_until}"
        case moves.Close(valid_until):
            return f"until {valid_until}"
        case moves.TopUp(nets):
            pairs = ", ".join(f"{low} and {high}" for low, high in nets)
            return f"low and high then have paid in {pairs} raw"
        case moves.LockHash(_, expiry):
            return f"until {expiry}"
        case moves.Unlock(is_revealed):
            return "with the secret" if is_revealed else "without the secret"
        case CallMarginWish():
            return ""
