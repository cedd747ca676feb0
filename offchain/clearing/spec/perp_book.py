"""Book legs of a trade, and judge who must be healthy afterwards.

Models `contracts/derivatives/perp/Booking.sol`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from clearing.spec.errors import SpecError
from clearing.spec.events import Effects, Event
from clearing.spec.oracle_types import Action
from clearing.spec.perp_funding import capped, sampled, weight_of
from clearing.spec.perp_ledger import (
    Ledger,
    Look,
    Quotes,
    account_of,
    health_with,
    position_of,
    put_account,
    put_market,
    put_position,
    tick,
)
from clearing.spec.perp_margin import owed_by, passes_reduce
from clearing.spec.perp_trade import cap_after, filled
from clearing.spec.perp_types import (
    FIRST_OWNED,
    INSURANCE,
    MAX_MARKETS_PER_ACCOUNT,
    Kind,
    MarketStatus,
    OpenInterest,
    Pause,
    Position,
    Purpose,
)
from clearing.spec.perp_units import PICO_TO_WAD, notional, value
from clearing.spec.units import WAD

__all__ = ["Booked", "Leg", "PremiumSampled", "Sample", "book", "start_anew"]


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a trade: size in lots, quote and fee in pico, cash in wad."""

    account: int
    size: int
    quote: int
    fee: int = 0
    cash: int = 0
    judged: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """What the trade says of the premium, pico; notional 0: nothing."""

    premium: int = 0
    notional: int = 0


@dataclass(frozen=True, slots=True)
class Booked(Event):
    """One leg is in the ledger; `cash` is all that it did to the account's, wad."""

    market: int
    account: int
    size: int
    quote: int
    fee: int
    cash: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class PremiumSampled(Event):
    """A premium sample joined: pico and 1e-6 of the impact notional."""

    market: int
    sample: int
    weight: int


@dataclass(frozen=True, slots=True)
class _Before:
    """A judged leg's account as it was."""

    leg: Leg
    cash: int
    positions: dict[int, Position]
    reduced: bool


def book(
    ledger: Ledger,
    market: int,
    legs: Sequence[Leg],
    sample: Sample,
    kind: Kind,
    quotes: Quotes,
    now: int,
) -> tuple[Ledger, Effects]:
    """Apply all legs or none.

    Raises UnknownMarket, UnknownAccount, BelowMinNotional, TooManyMarkets, LegsUnbalanced, Paused,
    MarketNotLive, FeedForbids, OpenInterestTooHigh, OpenCapReached, Bankrupt, UnderInitialMargin.
    """
    ledger, look, effects = tick(ledger, market, quotes, now)
    judged: list[_Before] = []
    open_interest = look.market.oi.open_interest
    for leg in legs:
        size_before = position_of(ledger, leg.account, market).size
        before = _before(ledger, market, leg)
        ledger, event = _book_leg(ledger, market, leg, look, kind)
        open_interest += max(0, size_before + leg.size) - max(0, size_before)
        effects = (*effects, event)
        if leg.judged:
            judged.append(before)
    sums = (sum(leg.size for leg in legs), sum(leg.quote for leg in legs))
    cash = sum(leg.cash for leg in legs)
    if any(sums) or cash:
        raise SpecError("LegsUnbalanced", *sums, cash)

    opened = any(not before.reduced for before in judged)
    closed = any(before.reduced for before in judged)
    _require_allowed(ledger, market, look, kind, now, opened=opened, closed=closed)
    ledger, sampled_ = _move_market(ledger, market, look, legs, open_interest, sample, now)
    effects = (*effects, *sampled_)
    for before in judged:
        _judge(ledger, look, before, quotes, now)
    return ledger, effects


def start_anew(
    ledger: Ledger, market: int, account: int, size: int, quote: int, quotes: Quotes, now: int
) -> tuple[Ledger, Effects]:
    """Make cash of what a position has lost or won.

    Insurance takes it for a quote, pico, which the account receives, and gives it back for the
    same. Models `contracts/derivatives/resolve/ResolutionBase.sol`.
    """
    there = (Leg(account, -size, quote), Leg(INSURANCE, size, -quote))
    back = (Leg(INSURANCE, -size, quote), Leg(account, size, -quote))
    return book(ledger, market, (*there, *back), Sample(), Kind.RESOLUTION, quotes, now)


def _before(ledger: Ledger, market: int, leg: Leg) -> _Before:
    account = account_of(ledger, leg.account)
    held = {m: position_of(ledger, leg.account, m) for m in ledger.markets_of(leg.account)}
    size = position_of(ledger, leg.account, market).size
    return _Before(leg, account.cash, held, _is_reduced(size, size + leg.size))


def _is_reduced(size: int, after: int) -> bool:
    """Return whether |size| fell and the sign did not change."""
    return abs(after) < abs(size) and after * size >= 0


def _book_leg(
    ledger: Ledger, market: int, leg: Leg, look: Look, kind: Kind
) -> tuple[Ledger, Booked]:
    """Settle funding, apply, charge."""
    account = account_of(ledger, leg.account)
    position = position_of(ledger, leg.account, market)
    funding = look.market.funding
    after, realised = filled(position, funding, leg.size, leg.quote)
    cash = realised + leg.cash - owed_by(position, funding) - leg.fee * PICO_TO_WAD
    ledger = put_position(ledger, leg.account, market, after)
    ledger = put_account(ledger, leg.account, replace(account, cash=account.cash + cash))
    if leg.judged and after.size:
        worth = notional(after.size, look.quote.mid)
        # who takes over a small position, or a part of one, may be left with as little
        if kind is not Kind.LIQUIDATION and worth < look.market.trade.min_notional * WAD:
            raise SpecError("BelowMinNotional", market, leg.account, worth)
        is_owned = leg.account >= FIRST_OWNED
        if is_owned and len(ledger.markets_of(leg.account)) > MAX_MARKETS_PER_ACCOUNT:
            raise SpecError("TooManyMarkets", leg.account)
    return ledger, Booked(market, leg.account, leg.size, leg.quote, leg.fee, cash, kind)


def _require_allowed(
    ledger: Ledger, market: int, look: Look, kind: Kind, now: int, *, opened: bool, closed: bool
) -> None:
    """Refuse what pauses, the market's status and the feed forbid."""
    if kind is Kind.RESOLUTION:
        return
    mask = look.market.risk.pause
    if now < ledger.guardian_until:
        mask |= ledger.guardian_mask
    stops, wants = Pause.NOTHING, set[Action]()
    match kind:
        case Kind.LIQUIDATION:
            stops, wants = Pause.LIQUIDATE, {Action.LIQUIDATE}
        case Kind.VAULT | Kind.MATCH:
            stops |= Pause.SETTLE if kind is Kind.MATCH else Pause.NOTHING
            if opened:
                stops |= Pause.OPEN
                wants.add(Action.OPEN)
            if closed:
                stops |= Pause.REDUCE
                wants.add(Action.SIGNED_REDUCE if kind is Kind.MATCH else Action.CLOSE)
    if mask & stops:
        raise SpecError("Paused", market, mask)
    status = look.market.risk.status
    opens = opened and kind is not Kind.LIQUIDATION
    if status > (MarketStatus.LIVE if opens else MarketStatus.WIND_DOWN):
        raise SpecError("MarketNotLive", market, status)
    if not all(look.allows(action) for action in wants):
        raise SpecError("FeedForbids", market, look.quote.state, look.quote.gates)


def _move_market(
    ledger: Ledger,
    market: int,
    look: Look,
    legs: Sequence[Leg],
    open_interest: int,
    sample: Sample,
    now: int,
) -> tuple[Ledger, Effects]:
    """Write open interest, fees, the cap's window and the premium sample."""
    before, mid = look.market.oi.open_interest, look.quote.mid
    fees = look.market.oi.fees + sum(leg.fee for leg in legs)
    stored = replace(ledger.markets[market], oi=OpenInterest(open_interest, fees))
    if open_interest > before:
        if open_interest > stored.limit.max_oi:
            raise SpecError("OpenInterestTooHigh", market, open_interest, stored.limit.max_oi)
        if look.quote.degraded:
            lots = open_interest - before
            started, opened = cap_after(stored.cap_started_at, stored.cap_opened, lots, now)
            if opened > stored.limit.open_cap:
                raise SpecError("OpenCapReached", market, opened, stored.limit.open_cap)
            stored = replace(stored, cap_started_at=started, cap_opened=opened)
    if sample.notional < stored.trade.min_notional * WAD or not look.allows(Action.FUNDING):
        return put_market(ledger, market, stored), ()

    weight = weight_of(sample.notional, notional(before, mid), stored.trade, stored.risk)
    premium = capped(sample.premium, stored.trade.prem_cap)
    stored = replace(stored, premium=sampled(look.market.premium, premium, weight, now))
    return put_market(ledger, market, stored), (PremiumSampled(market, premium, weight),)


def _judge(ledger: Ledger, look: Look, before: _Before, quotes: Quotes, now: int) -> None:
    """Refuse who is below initial margin and has not only reduced, and who was bankrupt."""
    leg = before.leg
    cash = account_of(ledger, leg.account).cash
    held = {m: position_of(ledger, leg.account, m) for m in ledger.markets_of(leg.account)}
    strict = health_with(ledger, cash, held, Purpose.OPEN, quotes, now)
    is_covered = strict.equity >= strict.im
    gain = leg.quote * PICO_TO_WAD + leg.cash - value(-leg.size, look.quote.mid)
    if is_covered and strict.equity >= gain:
        return

    after = health_with(ledger, cash, held, Purpose.MID, quotes, now)
    then = health_with(ledger, before.cash, before.positions, Purpose.MID, quotes, now)
    if then.equity < 0:
        raise SpecError("Bankrupt", leg.account, then.equity)
    if is_covered:
        return
    is_better = passes_reduce(then.equity, then.mm, after.equity, after.mm)
    if not before.reduced or not is_better:
        raise SpecError("UnderInitialMargin", leg.account, strict.equity, strict.im)
