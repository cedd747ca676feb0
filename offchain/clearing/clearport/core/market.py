"""Hold the peer's view of the market against our own."""

from __future__ import annotations

from clearing.clearport.core.channel import Line, Link, Policy
from clearing.clearport.core.reckoning import REFUSALS
from clearing.clearport.core.refusals import Code, Doubt
from clearing.client import moves
from clearing.client.position import Position, risk_at
from clearing.client.terms import Market, Terms
from clearing.spec.assets import symbol_of

__all__ = ["doubt_about_market", "is_risk_lower", "mismatch"]

BPS = 10_000


def mismatch(own: Market, theirs: Market, policy: Policy) -> str:
    """Name the first price or factor in which two views differ by more than is tolerated.

    The tolerance is of our price; empty if they agree. Dates are not compared.
    """
    if own is theirs:
        return ""
    if own.factors != theirs.factors:
        return "the factor tables differ"
    if own.prices == theirs.prices:
        return ""
    ours = dict(own.prices.rows)
    for asset, price_wad in theirs.prices.rows:
        own_wad = ours.get(asset)
        if own_wad is None:
            return f"{symbol_of(asset)} has no price here"
        if abs(price_wad - own_wad) * BPS > own_wad * policy.price_tolerance_bps:
            return f"{symbol_of(asset)} is {price_wad}, we see {own_wad}"
    return ""


def is_risk_lower(before: Position, after: Position, terms: Terms, market: Market) -> bool:
    """Say whether a position bears no more risk than the one before, at one view."""
    try:
        return risk_at(after, terms, market).risk_wad <= risk_at(before, terms, market).risk_wad
    except REFUSALS:
        return False


def doubt_about_market(
    line: Line, link: Link, policy: Policy, move: moves.Move, after: Position
) -> Doubt | None:
    """Say why a move's view of the market is not accepted; None if it is, or there is none.

    A booking that lowers the risk passes with dates that are too far apart, or on our last view.
    """
    theirs: Market | None = getattr(move, "market", None)
    if theirs is None:
        return None
    own = link.market if link.market is not None else link.last_market
    if own is None:
        return Code.STALE_PRICES, "we see no prices"
    different = mismatch(own, theirs, policy)
    if different:
        return Code.PRICE_MISMATCH, different
    apart_s = max(
        abs(own.dated.oldest_at - theirs.dated.oldest_at),
        abs(own.dated.newest_at - theirs.dated.newest_at),
    )
    if link.market is not None and apart_s <= policy.price_age_s:
        return None
    if isinstance(move, moves.Book) and is_risk_lower(line.position, after, line.terms, theirs):
        return None
    if link.market is None:
        return Code.STALE_PRICES, "our prices are stale"
    return Code.PRICE_MISMATCH, f"observed {apart_s} s apart"
