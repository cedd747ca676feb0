"""Pack a batch of signed orders into few bytes, as `MatchSettler.settlePacked` reads them.

One head says for the whole batch in which units numbers count and how many bytes they take: the
greatest common divisors of what stands in it, so that nothing is lost and little is written. The
format is in `IMatchSettler`. `unpack` reads it back; it is written against that text alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Final

from clearing.channel.errors import CodecError
from clearing.channel.signatures import Signature
from clearing.spec.perp_orders import TICK, Order

__all__ = ["Match", "SignedFill", "pack", "unpack"]

WORD: Final = 32
SELLS: Final = 128
NEW_MARKET: Final = 128
PARTS: Final = 64
WHOLE: Final = 32
SIGNATURE_BYTES: Final = 64

BATCH_ID_BITS: Final = 48
MAX_FEE_BITS: Final = 32
BASE_BITS: Final = 40
SIZE_UNIT_BITS: Final = 64
PRICE_UNIT_BITS: Final = 48
WIDTH_BITS: Final = 4
WIDTHS_MAX: Final = (4, 5, 8, 8, 8)
"""Bytes: account, nonce, size, price, expiry."""


@dataclass(frozen=True, slots=True)
class SignedFill:
    """An order, its compact signature, and how many lots of it are filled."""

    order: Order
    signature: Signature
    lots: int


@dataclass(frozen=True, slots=True)
class Match:
    """One group: a taker, whose lots are its makers' sum, and the makers."""

    taker: SignedFill
    makers: tuple[SignedFill, ...]


@dataclass(frozen=True, slots=True)
class _Head:
    batch_id: int
    max_fee_ppm: int
    expiry_base: int
    size_unit: int
    price_unit: int
    widths: tuple[int, ...]

    def to_bytes(self) -> bytes:
        word, at = 0, 0
        for name, value, bits in (
            ("batchId", self.batch_id, BATCH_ID_BITS),
            ("maxFeePpm", self.max_fee_ppm, MAX_FEE_BITS),
            ("expiryBase", self.expiry_base, BASE_BITS),
            ("sizeUnit", self.size_unit, SIZE_UNIT_BITS),
            ("priceUnit", self.price_unit, PRICE_UNIT_BITS),
            *(("width", width, WIDTH_BITS) for width in self.widths),
        ):
            if not 0 <= value < 1 << bits:
                raise CodecError(name, f"uint{bits}", value)
            word |= value << at
            at += bits
        return word.to_bytes(WORD, "big")


def pack(batch_id: int, matches: Sequence[Match]) -> bytes:
    """Return the packed batch.

    Raises CodecError for orders that the packed form cannot say: with a trigger price, off the
    tick, of more than one maxFeePpm, or with numbers beyond its fields.
    """
    head = _head_of(batch_id, [fill for match in matches for fill in (match.taker, *match.makers)])
    parts, market = [head.to_bytes()], 0
    for match in matches:
        parts.append(_group(head, match, market))
        market = match.taker.order.market
    return b"".join(parts)


def _head_of(batch_id: int, fills: Sequence[SignedFill]) -> _Head:
    orders = [fill.order for fill in fills]
    for order in orders:
        if order.trigger_price:
            raise CodecError("triggerPrice", "0", order.trigger_price)
        if order.limit_price % TICK:
            raise CodecError("limitPrice", "a multiple of 1e14", order.limit_price)
        if order.max_fee_ppm != orders[0].max_fee_ppm:
            raise CodecError("maxFeePpm", "one for the batch", order.max_fee_ppm)
    lots = [*(abs(order.size) for order in orders), *(fill.lots for fill in fills)]
    size_unit = _that_fits(_common_divisor(lots), SIZE_UNIT_BITS)
    ticks = [order.limit_price // TICK for order in orders]  # floor: exact, checked above
    price_unit = _common_divisor(ticks)
    base = min(*(order.expiry for order in orders), (1 << BASE_BITS) - 1)
    widths = (
        _width(order.account for order in orders),
        _width(order.nonce for order in orders),
        _width(each // size_unit for each in lots),  # floor: exact, by its divisor
        _width(tick // price_unit for tick in ticks),  # floor: exact, by its divisor
        _width(order.expiry - base for order in orders),
    )
    for width, most in zip(widths, WIDTHS_MAX, strict=True):
        if width > most:
            raise CodecError("width", f"at most {most} bytes", width)
    return _Head(batch_id, orders[0].max_fee_ppm, base, size_unit, price_unit, widths)


def _common_divisor(values: Iterable[int]) -> int:
    """Return the greatest; 1 where every value is 0."""

    def euclid(a: int, b: int) -> int:
        while b:
            a, b = b, a % b
        return a

    return reduce(euclid, values, 0) or 1


def _that_fits(unit: int, bits: int) -> int:
    """Return the unit without as many factors 2 and 5, of decimal numbers, as its field is short.

    One that is too long for its field still is refused when the head is written.
    """
    for factor in (2, 5):
        while unit >> bits and unit % factor == 0:
            unit //= factor  # floor: exact, checked
    return unit


def _width(values: Iterable[int]) -> int:
    return -(-max(values).bit_length() // 8)  # floor: bits in whole bytes, up


def _group(head: _Head, match: Match, market_before: int) -> bytes:
    taker, makers = match.taker, match.makers
    market = taker.order.market
    is_whole = abs(taker.order.size) == sum(maker.lots for maker in makers)
    is_parted = any(maker.lots != abs(maker.order.size) for maker in makers)
    is_new = market != market_before
    flags = NEW_MARKET * is_new | PARTS * is_parted | WHOLE * is_whole
    for index, maker in enumerate(makers):
        if maker.order.market != market:
            raise CodecError(f"makers[{index}].market", str(market), maker.order.market)
    return b"".join(
        (
            bytes([flags, len(makers)]),
            market.to_bytes(2, "big") if is_new else b"",
            _order(head, taker, with_size=not is_whole, with_lots=False),
            *(_order(head, maker, with_size=True, with_lots=is_parted) for maker in makers),
        )
    )


def _order(head: _Head, fill: SignedFill, *, with_size: bool, with_lots: bool) -> bytes:
    order = fill.order
    if not 0 <= order.flags < SELLS:
        raise CodecError("flags", "uint7", order.flags)
    account, nonce, size, price, expiry = head.widths
    ticks = order.limit_price // TICK  # floor: exact, _head_of checked it
    numbers = (
        (order.flags | (0 if order.size > 0 else SELLS), 1),
        (order.account, account),
        (order.nonce, nonce),
        (abs(order.size) // head.size_unit, size if with_size else 0),  # floor: exact
        (ticks // head.price_unit, price),  # floor: exact, by its divisor
        (order.expiry - head.expiry_base, expiry),
        (fill.lots // head.size_unit, size if with_lots else 0),  # floor: exact, by its divisor
    )
    fields = b"".join(value.to_bytes(width, "big") for value, width in numbers if width)
    return fields + fill.signature.to_bytes()


# READ


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, width: int) -> bytes:
        found = self.data[self.at : self.at + width]
        if len(found) != width:
            raise CodecError(f"byte {self.at}", f"{width} bytes", len(found))
        self.at += width
        return found

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")


def unpack(data: bytes) -> tuple[int, tuple[Match, ...]]:
    """Return the batch id and the groups of a packed batch. Raises CodecError."""
    reader = _Reader(data)
    head = _read_head(reader.number(WORD))
    return head.batch_id, tuple(_read_groups(head, reader))


def _read_head(word: int) -> _Head:
    def take(bits: int) -> int:
        nonlocal word
        value = word & ((1 << bits) - 1)
        word >>= bits
        return value

    head = _Head(
        take(BATCH_ID_BITS),
        take(MAX_FEE_BITS),
        take(BASE_BITS),
        take(SIZE_UNIT_BITS),
        take(PRICE_UNIT_BITS),
        tuple(take(WIDTH_BITS) for _ in WIDTHS_MAX),
    )
    for width, most in zip(head.widths, WIDTHS_MAX, strict=True):
        if width > most:
            raise CodecError("width", f"at most {most} bytes", width)
    if word:
        raise CodecError("spare", "0", word)
    return head


def _read_groups(head: _Head, reader: _Reader) -> Iterator[Match]:
    market = 0
    while reader.at < len(reader.data):
        flags, count = reader.take(2)
        if flags & ~(NEW_MARKET | PARTS | WHOLE):
            raise CodecError("flags", "128, 64 and 32 alone", flags)
        if flags & NEW_MARKET:
            market = reader.number(2)
        taker = _read_order(head, reader, market, with_size=not flags & WHOLE, with_lots=False)
        makers = tuple(
            _read_order(head, reader, market, with_size=True, with_lots=bool(flags & PARTS))
            for _ in range(count)
        )
        total = sum(maker.lots for maker in makers)
        yield Match(_completed(taker, total, is_whole=bool(flags & WHOLE)), makers)


def _completed(taker: SignedFill, total: int, *, is_whole: bool) -> SignedFill:
    """Give a taker its lots and, where it is whole, its size: `_read_order` left its sign."""
    order = taker.order
    if is_whole:
        order = replace(order, size=total * order.size)
    return SignedFill(order, taker.signature, total)


def _read_order(
    head: _Head, reader: _Reader, market: int, *, with_size: bool, with_lots: bool
) -> SignedFill:
    account_bytes, nonce_bytes, size_bytes, price_bytes, expiry_bytes = head.widths
    flags, account, nonce = (
        reader.number(1),
        reader.number(account_bytes),
        reader.number(nonce_bytes),
    )
    size = reader.number(size_bytes) * head.size_unit if with_size else 1
    price = reader.number(price_bytes) * head.price_unit * TICK
    expiry = reader.number(expiry_bytes) + head.expiry_base
    lots = reader.number(size_bytes) * head.size_unit if with_lots else size
    order = Order(
        account,
        market,
        -size if flags & SELLS else size,
        price,
        head.max_fee_ppm,
        expiry,
        nonce,
        flags & ~SELLS,
    )
    return SignedFill(order, Signature.from_bytes(reader.take(SIGNATURE_BYTES)), lots)
