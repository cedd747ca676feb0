"""Settle signed orders: how much of each is filled, what a group of them books, what is skipped.

A taker meets makers at their limit prices. A group is booked whole or leaves no trace; the settler
chooses only which groups come, and in which order. Signatures are verdicts here: `signer` is whom
the signature recovers to, `vouched` what the owner's contract says (ERC-1271).

Units: lots 1e-8 units, pico 1e-12 USD, wad 1e-18 USD, ppm 1e-6, times Unix seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntFlag
from types import MappingProxyType
from typing import Final, Protocol, Self, TypeVar

from clearing.spec.errors import SpecError
from clearing.spec.perp_book import Leg, Sample
from clearing.spec.perp_units import PICO, PICO_TO_WAD, TICK
from clearing.spec.units import PPM, Address, div_trunc, mul_div_down, mul_div_up

__all__ = [
    "FILLED_MAX",
    "FILLS_MAX",
    "PICO",
    "PICO_TO_WAD",
    "REACH",
    "SLOTS",
    "TICK",
    "BatchSettled",
    "Fill",
    "FillSkipped",
    "Flag",
    "Group",
    "Ledger",
    "Matcher",
    "MatcherEvent",
    "NoncesCancelled",
    "Order",
    "OrderCancelled",
    "OrderFilled",
    "Rings",
    "SignedOrder",
    "Slot",
    "Terms",
    "cancel",
    "cancel_up_to",
    "filled_of",
    "remaining_of",
    "settle",
]

SLOTS: Final = 64
"""Orders of one account that can be open at a time."""
REACH: Final = 2**20
"""How far a nonce may be ahead of the least, and how far the least moves at a time."""
FILLED_MAX: Final = 2**128 - 1
"""Beyond every size: cancelled."""
FILLS_MAX: Final = 100


class Flag(IntFlag):
    """What an order asks beyond price and size."""

    REDUCE_ONLY = 1
    POST_ONLY = 2
    IOC = 4


KNOWN_FLAGS: Final = int(Flag.REDUCE_ONLY | Flag.POST_ONLY | Flag.IOC)


# WHAT COMES IN


@dataclass(frozen=True, slots=True)
class Order:
    """What a trader signs: `size` in lots, + buys; prices wad; `trigger_price` 0 is none."""

    account: int
    market: int
    size: int
    limit_price: int
    max_fee_ppm: int
    expiry: int
    nonce: int
    flags: int = 0
    trigger_price: int = 0


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order and what its signature is worth."""

    order: Order
    signer: Address | None
    vouched: bool = False


@dataclass(frozen=True, slots=True)
class Fill:
    """A maker, and how much of it is filled."""

    maker: SignedOrder
    lots: int


@dataclass(frozen=True, slots=True)
class Group:
    """A taker, and its makers by ascending account."""

    taker: SignedOrder
    fills: tuple[Fill, ...]


# WHAT IS KEPT


@dataclass(frozen=True, slots=True)
class Slot:
    """How much of the order with this nonce is filled."""

    nonce: int = 0
    filled: int = 0


UNUSED: Final = Slot()


@dataclass(frozen=True, slots=True)
class Rings:
    """Slots by account and nonce % 64, and the least nonce of each account that has moved it."""

    slots: Mapping[tuple[int, int], Slot] = field(default_factory=lambda: MappingProxyType({}))
    least: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))

    def slot(self, account: int, nonce: int) -> Slot:
        """Return the slot that a nonce falls into."""
        return self.slots.get((account, nonce % SLOTS), UNUSED)

    def least_of(self, account: int) -> int:
        """Return the nonce below which every order is dead."""
        return self.least.get(account, 0)

    def written(self, account: int, nonce: int, filled: int) -> Rings:
        """Return the rings after a nonce took its slot."""
        after = {**self.slots, (account, nonce % SLOTS): Slot(nonce, filled)}
        return replace(self, slots=MappingProxyType(after))


@dataclass(frozen=True, slots=True)
class Matcher:
    """Who brings batches, when the last one came (or the contract), its number, what is filled."""

    settler: Address
    last_batch_at: int
    last_batch: int = 0
    rings: Rings = field(default_factory=Rings)


# WHAT THE LEDGER OFFERS


@dataclass(frozen=True, slots=True)
class Terms:
    """What fills of a market are held to: `mid` and `min_notional` wad, the rest ppm."""

    mid: int
    band: int
    taker_fee: int
    maker_fee: int
    prem_cap: int
    min_notional: int
    samples: bool = True


LedgerT = TypeVar("LedgerT", bound="Ledger")


class Ledger(Protocol):
    """The engine as a settlement needs it. What refuses raises SpecError."""

    def owner_of(self, account: int) -> Address:
        """Return the owner, zero for the protocol's accounts."""

    def is_trader(self, account: int, actor: Address) -> bool:
        """Return whether it is the owner or a live session key."""

    def size_of(self, account: int, market: int) -> int:
        """Return the lots of a position."""

    def terms_of(self, market: int) -> Terms:
        """Return what its fills are held to now."""

    def booked(self, market: int, legs: Sequence[Leg], sample: Sample) -> Self:
        """Return the ledger after legs that balance, everybody of them healthy."""


# WHAT IS TOLD


@dataclass(frozen=True, slots=True)
class OrderFilled:
    """`filled` is what the slot holds afterwards."""

    account: int
    nonce: int
    market: int
    size: int
    quote: int
    filled: int


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """The slot holds this nonce, filled to the maximum."""

    account: int
    nonce: int


@dataclass(frozen=True, slots=True)
class NoncesCancelled:
    """Every order below is dead."""

    account: int
    min_nonce: int


@dataclass(frozen=True, slots=True)
class FillSkipped:
    """A group left no trace but this."""

    batch_id: int
    group: int
    reason: SpecError


@dataclass(frozen=True, slots=True)
class BatchSettled:
    """A batch of so many groups is done."""

    batch_id: int
    groups: int
    skipped: int


MatcherEvent = OrderFilled | OrderCancelled | NoncesCancelled | FillSkipped | BatchSettled


# SETTLE


def settle(
    matcher: Matcher,
    ledger: LedgerT,
    groups: Sequence[Group],
    *,
    batch_id: int,
    caller: Address,
    now: int,
) -> tuple[Matcher, LedgerT, tuple[MatcherEvent, ...]]:
    """Apply a batch. Raises SpecError if the batch itself is refused; a bad group is skipped."""
    if caller != matcher.settler:
        raise SpecError("NotSettler", caller)
    if batch_id != matcher.last_batch + 1:
        raise SpecError("BatchOutOfOrder", batch_id, matcher.last_batch + 1)
    if not groups:
        raise SpecError("EmptyBatch")
    count = sum(len(group.fills) for group in groups)
    if count > FILLS_MAX:
        raise SpecError("TooManyFills", count)

    rings, events, skipped = matcher.rings, list[MatcherEvent](), 0
    for index, group in enumerate(groups):
        try:
            rings, ledger, told = _applied(rings, ledger, group, now)
        except SpecError as reason:
            events.append(FillSkipped(batch_id, index, reason))
            skipped += 1
        else:
            events += told
    events.append(BatchSettled(batch_id, len(groups), skipped))
    after = replace(matcher, last_batch=batch_id, last_batch_at=now, rings=rings)
    return after, ledger, tuple(events)


def _applied(
    rings: Rings, ledger: LedgerT, group: Group, now: int
) -> tuple[Rings, LedgerT, list[MatcherEvent]]:
    signed = (group.taker, *(fill.maker for fill in group.fills))
    owners = [_owner_of(ledger, each) for each in signed]
    if not group.fills:
        raise SpecError("EmptyGroup")

    taker = group.taker.order
    terms = ledger.terms_of(taker.market)
    _require_live(taker, terms.taker_fee, terms.mid, now)
    if taker.flags & Flag.POST_ONLY:
        raise SpecError("PostOnlyTaker", taker.account, taker.nonce)

    legs: dict[int, Leg] = {}
    spoken: list[tuple[int, int]] = []
    events: list[MatcherEvent] = []
    before = 0
    for fill, owner in zip(group.fills, owners[1:], strict=True):
        maker = fill.maker.order
        _require_maker(maker, taker, before)
        if owner == owners[0]:
            raise SpecError("SelfTrade", owner)
        if maker.flags & Flag.IOC:
            raise SpecError("IocMaker", maker.account, maker.nonce)
        _require_live(maker, terms.maker_fee, terms.mid, now)
        _require_price(maker.limit_price, taker, terms)

        before = maker.account
        leg = legs.get(before, Leg(before, 0, 0, judged=True))
        quote = mul_div_down(fill.lots, maker.limit_price, TICK)  # exact: the price is on the tick
        rings, event = _filled(rings, ledger, maker, fill.lots, quote, traded=leg.size)
        events.append(event)
        legs[before] = _joined(leg, event, mul_div_up(quote, terms.maker_fee, PPM))
        if terms.samples and quote * PICO_TO_WAD >= terms.min_notional:
            spoken.append((_sample_of(maker.limit_price, terms), quote))

    lots, quote = sum(fill.lots for fill in group.fills), sum(_quotes(events))
    rings, event = _filled(rings, ledger, taker, lots, quote, traded=0)
    events.append(event)
    own = _joined(
        Leg(taker.account, 0, 0, judged=True), event, mul_div_up(quote, terms.taker_fee, PPM)
    )
    ledger = ledger.booked(taker.market, (own, *legs.values()), _mean(spoken))
    return rings, ledger, events


def _owner_of(ledger: Ledger, signed: SignedOrder) -> Address:
    """Return the owner of an order's account; refuse an order that is not signed for him."""
    order = signed.order
    owner = ledger.owner_of(order.account)
    is_own = signed.signer is not None and (
        signed.signer == owner or ledger.is_trader(order.account, signed.signer)
    )
    if not is_own and not signed.vouched:
        raise SpecError("InvalidSignature", order.account, order.nonce)
    return owner


# RULES


def _require_live(order: Order, fee_ppm: int, mid: int, now: int) -> None:
    if order.flags & ~KNOWN_FLAGS:
        raise SpecError("UnknownFlags", order.flags)
    if now > order.expiry:
        raise SpecError("OrderExpired", order.account, order.nonce, order.expiry)
    if fee_ppm > order.max_fee_ppm:
        raise SpecError("OrderFeeTooHigh", order.account, fee_ppm, order.max_fee_ppm)
    trigger = order.trigger_price
    if trigger and (mid < trigger if order.size > 0 else mid > trigger):
        raise SpecError("NotTriggered", order.account, trigger, mid)


def _require_maker(maker: Order, taker: Order, before: int) -> None:
    if (maker.size > 0) == (taker.size > 0):
        raise SpecError("SameSide", maker.account, maker.nonce)
    if maker.market != taker.market:
        raise SpecError("WrongMarket", maker.market, taker.market)
    if maker.account < before:
        raise SpecError("MakersUnsorted", maker.account, before)


def _require_price(price: int, taker: Order, terms: Terms) -> None:
    if price % TICK:
        raise SpecError("PriceOffTick", price)
    limit = taker.limit_price
    if price > limit if taker.size > 0 else price < limit:
        raise SpecError("PriceBeyondLimit", price, limit)
    if abs(price - terms.mid) * PPM > terms.mid * terms.band:
        raise SpecError("PriceOutsideBand", price, terms.mid, terms.band)


def _filled(
    rings: Rings, ledger: Ledger, order: Order, lots: int, quote: int, *, traded: int
) -> tuple[Rings, OrderFilled]:
    """Take lots of an order; `traded` is what its account traded in this group before."""
    account, nonce = order.account, order.nonce
    if lots == 0:
        raise SpecError("ZeroFill", account, nonce)
    size = lots if order.size > 0 else -lots
    if order.flags & Flag.REDUCE_ONLY:
        position = ledger.size_of(account, order.market) + traded
        if abs(position + size) >= abs(position) or position * (position + size) < 0:
            raise SpecError("NotReducing", account, position, size)

    least, slot = rings.least_of(account), rings.slot(account, nonce)
    if nonce < least:
        raise SpecError("NonceTooLow", account, nonce, least)
    if nonce > least + REACH:
        raise SpecError("NonceTooHigh", account, nonce, least)
    if nonce < slot.nonce:
        raise SpecError("NonceReplaced", account, nonce, slot.nonce)
    filled = slot.filled if slot.nonce == nonce else 0
    if filled + lots > abs(order.size):
        raise SpecError("Overfilled", account, nonce, filled, abs(order.size))

    after = FILLED_MAX if order.flags & Flag.IOC else filled + lots
    event = OrderFilled(account, nonce, order.market, size, quote, after)
    return rings.written(account, nonce, after), event


# ARITHMETIC


def _joined(leg: Leg, event: OrderFilled, fee: int) -> Leg:
    quote = -event.quote if event.size > 0 else event.quote
    return replace(leg, size=leg.size + event.size, quote=leg.quote + quote, fee=leg.fee + fee)


def _quotes(events: Iterable[MatcherEvent]) -> list[int]:
    return [event.quote for event in events if isinstance(event, OrderFilled)]


def _sample_of(price: int, terms: Terms) -> int:
    """Return trunc((price / mid - 1) · 1e12), pico, within the cap."""
    cap = terms.prem_cap * (PICO // PPM)  # floor: exact, pico in one ppm
    return max(-cap, min(cap, div_trunc((price - terms.mid) * PICO, terms.mid)))


def _mean(spoken: Sequence[tuple[int, int]]) -> Sample:
    """Return the mean of samples, weighted with the quotes, truncated."""
    total = sum(quote for _, quote in spoken)
    if total == 0:
        return Sample()
    weighed = sum(premium * quote for premium, quote in spoken)
    return Sample(div_trunc(weighed, total), total * PICO_TO_WAD)


# CANCEL


def cancel(
    matcher: Matcher, ledger: Ledger, account: int, nonces: Sequence[int], *, caller: Address
) -> tuple[Matcher, tuple[OrderCancelled, ...]]:
    """Cancel orders; those that are dead already are passed over. Raises SpecError."""
    _require_trader(ledger, account, caller)
    rings, events = matcher.rings, list[OrderCancelled]()
    least = rings.least_of(account)
    for nonce in nonces:
        if nonce > least + REACH:
            raise SpecError("NonceOutOfReach", account, nonce, least)
        filled = filled_of(rings, account, nonce)
        if filled is None or filled == FILLED_MAX:
            continue
        rings = rings.written(account, nonce, FILLED_MAX)
        events.append(OrderCancelled(account, nonce))
    return replace(matcher, rings=rings), tuple(events)


def cancel_up_to(
    matcher: Matcher, ledger: Ledger, account: int, min_nonce: int, *, caller: Address
) -> tuple[Matcher, tuple[NoncesCancelled, ...]]:
    """Cancel every order below a nonce. Raises SpecError."""
    _require_trader(ledger, account, caller)
    least = matcher.rings.least_of(account)
    if not least < min_nonce <= least + REACH:
        raise SpecError("NonceOutOfReach", account, min_nonce, least)
    moved = MappingProxyType({**matcher.rings.least, account: min_nonce})
    after = replace(matcher, rings=replace(matcher.rings, least=moved))
    return after, (NoncesCancelled(account, min_nonce),)


def _require_trader(ledger: Ledger, account: int, caller: Address) -> None:
    if not ledger.is_trader(account, caller):
        raise SpecError("NotTrader", account, caller)


# LOOK


def filled_of(rings: Rings, account: int, nonce: int) -> int | None:
    """Return the lots that are filled of an order within reach; None if its nonce is dead."""
    slot, least = rings.slot(account, nonce), rings.least_of(account)
    if not least <= nonce <= least + REACH or nonce < slot.nonce:
        return None
    return slot.filled if slot.nonce == nonce else 0


def remaining_of(rings: Rings, order: Order, now: int) -> int:
    """Return the lots that can still be filled of an order by its nonce, size and expiry."""
    filled = filled_of(rings, order.account, order.nonce)
    if filled is None or now > order.expiry:
        return 0
    return max(0, abs(order.size) - filled)
