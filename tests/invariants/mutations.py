"""Spoil a good call in one place: what almost would be accepted is where mistakes hide.

A spoiled state is signed again unless the signature itself is what is spoiled: two colluding
brokers sign anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, Final

from clearing.channel import requests
from clearing.channel.codec import channel_id
from clearing.channel.signatures import ORDER, PARITY, Signature
from clearing.spec.rules import HORIZON_S
from clearing.spec.types import (
    ZERO_ADDRESS,
    ChannelDef,
    ClearingState,
    IdentifiedDef,
    Leg,
    SettlementOrder,
)
from clearing.spec.units import Address
from tests.invariants.actions import Send
from tests.invariants.player import Player

__all__ = ["spoiled"]

INT128: Final = (-(2**127), -1, 0, 1, 2**127 - 1)
UINT128: Final = (0, 1, 2**127 - 1, 2**127, 2**128 - 1)
UINT64: Final = (0, 1, 2**32, 2**63, 2**64 - 1)
UINT40: Final = (0, 1, 2**39, 2**40 - 1)
WORD: Final = 32


def spoiled(p: Player, send: Send) -> Send:
    """Return the call with one thing wrong, or with too little gas, or by the wrong caller."""
    request = send.request
    if p.draw.chance(15):
        return Send(p.anybody(), request, send.gas)
    if p.draw.chance(40 if isinstance(request, requests.CloseCooperative) else 8):
        return Send(send.sender, request, p.draw.integer(30_000, 700_000))
    known = {each.name for each in fields(request)}  # type: ignore[arg-type]
    options: list[Callable[[Player, Any], Any]] = []
    if "definition" in known:
        options += [_with_other_definition] * (8 if isinstance(request, requests.Open) else 1)
    if "state" in known:
        options += [_with_other_state] * 8
    if "signatures" in known:
        options += [_with_other_signatures] * 2
    if "order" in known:
        options += [_with_other_order] * 4
    if "preimage" in known:
        options += [_with_other_preimage] * 2
    if not options:
        return Send(p.anybody(), request, send.gas)
    return Send(send.sender, p.draw.choose(options)(p, request), send.gas)


# DEFINITIONS


def _with_other_definition(p: Player, request: Any) -> Any:
    definition = p.draw.choose(_DEFINITIONS)(p, request.definition)
    if "state" not in {each.name for each in fields(request)}:
        return replace(request, definition=definition)
    identified = IdentifiedDef(definition, channel_id(definition))
    state = replace(request.state, channel_id=identified.channel_id)
    if p.draw.chance(70):
        state = _fit_splits(state, len(definition.assets))
    return _resigned(p, replace(request, definition=definition), state)


def _stranger(p: Player) -> Address:
    return p.draw.choose(tuple(p.arena.keys))


_DEFINITIONS: Final[tuple[Callable[[Player, ChannelDef], ChannelDef], ...]] = (
    lambda p, d: replace(d, chain_id=p.draw.choose((0, 1, 2**256 - 1))),
    lambda p, d: replace(d, adjudicator=p.arena.outsider),
    lambda _, d: replace(d, broker_low=d.broker_high, broker_high=d.broker_low),
    lambda _, d: replace(d, broker_high=d.broker_low),
    lambda p, d: replace(d, broker_low=p.draw.choose((ZERO_ADDRESS, _stranger(p)))),
    lambda p, d: replace(d, signer_low=p.draw.choose((ZERO_ADDRESS, d.signer_high))),
    lambda p, d: replace(d, signer_low=_stranger(p)),
    lambda p, d: replace(d, signer_high=p.draw.choose((ZERO_ADDRESS, _stranger(p)))),
    lambda p, d: replace(d, assets=p.draw.choose(((), d.assets * 2, d.assets[::-1], p.assets))),
    lambda _, d: replace(d, assets=(*d.assets, Address(b"\xff" * 20))[-8:]),
    lambda p, d: replace(d, challenge_duration=p.draw.choose((0, 99, 1_001, 2**32 - 1))),
    lambda p, d: replace(d, nonce=p.draw.choose(UINT64)),
    lambda p, _: p.draw.choose(p.channels).definition,
)


def _fit_splits(state: ClearingState, count: int) -> ClearingState:
    splits = (state.splits * (count + 1))[:count]
    return replace(state, splits=splits)


# STATES


def _with_other_state(p: Player, request: Any) -> Any:
    state = p.draw.choose(_STATES)(p, request.state)
    if p.draw.chance(15) or "signatures" not in {each.name for each in fields(request)}:
        return replace(request, state=state)  # the signatures are of another state now
    return _resigned(p, request, state)


def _with_other_condition(p: Player, s: ClearingState) -> ClearingState:
    draw, c = p.draw, s.condition
    match draw.integer(0, 5):
        case 0:
            return replace(s, condition=replace(c, ref=b"\x02" * WORD))
        case 1:
            expiry = draw.choose((0, p.now, p.now + HORIZON_S, p.now + HORIZON_S + 1, *UINT40))
            return replace(s, condition=replace(c, expiry=expiry))
        case 2:
            return replace(s, condition=replace(c, alt_low=(*c.alt_low, 0)))
        case 3:
            return replace(s, condition=replace(c, alt_low=c.alt_low[1:]))
        case _:
            alternatives = tuple(draw.choose((a, a + 1, 2**128 - 1)) for a in c.alt_low)
            alternatives = tuple(min(a, 2**128 - 1) for a in alternatives)
            return replace(s, condition=replace(c, alt_low=alternatives))


def _with_other_split(p: Player, s: ClearingState) -> ClearingState:
    """Change an asset by little, mostly so that low + high = netLow + netHigh still holds."""
    if not s.splits:
        return s
    draw = p.draw
    at = draw.integer(0, len(s.splits) - 1)
    a = s.splits[at]
    by = draw.choose((1, 1, 2, 1_000))
    match draw.integer(0, 7):
        case 0:
            a = replace(a, low=a.low + by)
        case 1:
            a = replace(a, low=a.low + by, net_low=a.net_low + by)
        case 2:
            a = replace(a, high=a.high + by, net_high=a.net_high + by)
        case 3:
            a = replace(a, out_low=a.out_low + by)
        case 4:
            a = replace(a, out_high=a.out_high + by)
        case 5:
            a = replace(a, low=a.high, high=a.low)
        case 6:
            a = replace(a, net_low=a.net_low - by, net_high=a.net_high + by)
        case _:
            a = replace(a, net_low=a.net_low + by, net_high=a.net_high - by)
    return _if_encodable(s, at, a)


def _with_extreme_split(p: Player, s: ClearingState) -> ClearingState:
    """Set an asset to the ends of its types; half of the time the sums hold."""
    if not s.splits:
        return s
    draw = p.draw
    at = draw.integer(0, len(s.splits) - 1)
    net_low, net_high = draw.choose(INT128), draw.choose(INT128)
    low, high = draw.choose(UINT128), draw.choose(UINT128)
    total = net_low + net_high
    if total >= 0 and draw.chance(75):
        low = min(low, total, 2**128 - 1)
        high = total - low
    out_low = draw.choose(UINT128) if draw.chance(30) else 0
    out_high = draw.choose(UINT128) if draw.chance(30) else 0
    a = replace(
        s.splits[at],
        net_low=net_low,
        net_high=net_high,
        low=low,
        high=high,
        out_low=out_low,
        out_high=out_high,
    )
    return _if_encodable(s, at, a)


def _if_encodable(s: ClearingState, at: int, a: Any) -> ClearingState:
    nets = (a.net_low, a.net_high)
    amounts = (a.low, a.high, a.out_low, a.out_high)
    is_in_range = all(INT128[0] <= net <= INT128[-1] for net in nets) and all(
        0 <= amount <= UINT128[-1] for amount in amounts
    )
    return replace(s, splits=(*s.splits[:at], a, *s.splits[at + 1 :])) if is_in_range else s


_STATES: Final[tuple[Callable[[Player, ClearingState], ClearingState], ...]] = (
    lambda p, s: replace(s, epoch=max(0, s.epoch + p.draw.choose((-1, 1)))),
    lambda _, s: replace(s, epoch=2**32 - 1),
    lambda p, s: replace(s, version=p.draw.choose(UINT64)),
    lambda p, s: replace(s, version=max(0, s.version - p.draw.choose((1, 2)))),
    lambda p, s: replace(s, channel_id=p.draw.choose(p.channels).channel_id),
    lambda p, s: replace(s, intent=p.draw.choose((0, 1, 2, 3, 4, 5, 6, 255))),
    lambda p, s: replace(s, condition=replace(s.condition, kind=p.draw.choose((0, 1, 2, 3, 255)))),
    lambda p, s: _fit_splits(s, p.draw.choose((0, len(s.splits) + 1, max(0, len(s.splits) - 1)))),
    lambda p, s: replace(s, valid_until=p.draw.choose((0, p.now, p.now + 1, *UINT40))),
    lambda _, s: replace(s, liabilities_root=b"\x01" * WORD),
    _with_other_condition,
    _with_extreme_split,
    _with_extreme_split,
    _with_other_split,
    _with_other_split,
    _with_other_split,
)


# ORDERS AND PREIMAGES


def _with_other_order(p: Player, request: Any) -> Any:
    order = _other_order(p, request.order)
    is_named = "state" in {each.name for each in fields(request)} and p.draw.chance(80)
    request = replace(request, order=order)
    if not is_named:
        return request
    condition = replace(request.state.condition, ref=p.notary.hash(order))
    return _resigned(p, request, replace(request.state, condition=condition))


def _other_order(p: Player, o: SettlementOrder) -> SettlementOrder:
    draw = p.draw
    match draw.integer(0, 8):
        case 0:
            return replace(o, channel_id=draw.choose(p.channels).channel_id)
        case 1:
            return replace(o, epoch=o.epoch + 1)
        case 2:
            return replace(o, version=min(o.version + 1, UINT64[-1]))
        case 3:
            return replace(o, fund_by=draw.choose((max(o.fund_by - 1, 0), *UINT40)))
        case 4:
            return replace(o, legs=())
        case 5:
            return replace(o, legs=(o.legs * 33)[: draw.choose((32, 33))])
        case 6:
            return replace(o, legs=(*o.legs, Leg(p.some_token(), draw.chance(50), 0)))
        case 7:
            return replace(o, legs=(*o.legs, Leg(p.anybody(), draw.chance(50), 1)))
        case _:
            return replace(o, legs=(*o.legs, Leg(p.some_token(), draw.chance(50), 2**128 - 1)))


def _with_other_preimage(p: Player, request: requests.Reveal) -> requests.Reveal:
    return replace(request, preimage=p.draw.choose((bytes(WORD), b"\xff" * WORD)))


# SIGNATURES


def _with_other_signatures(p: Player, request: Any) -> Any:
    low, high = request.signatures
    draw = p.draw
    match draw.integer(0, 5):
        case 0:
            return replace(request, signatures=(high, low))
        case 1:
            return replace(request, signatures=(low, low))
        case 2:
            return replace(request, signatures=(_flipped(p, low), high))
        case 3:
            return replace(request, signatures=(low, _flipped(p, high)))
        case 4:
            return replace(request, signatures=(low, _with_high_s(high)))
        case _:
            zero = Signature(bytes(WORD), bytes(WORD))
            return replace(request, signatures=draw.choose(((zero, high), (low, zero))))


def _flipped(p: Player, signature: Signature) -> Signature:
    bit = 1 << p.draw.integer(0, 16 * WORD - 1)
    flipped = int.from_bytes(signature.to_bytes(), "big") ^ bit
    return Signature.from_bytes(flipped.to_bytes(2 * WORD, "big"))


def _with_high_s(signature: Signature) -> Signature:
    """Return the other form of a signature, as far as a compact one can say it."""
    vs = int.from_bytes(signature.vs, "big")
    s = ORDER - (vs & (PARITY - 1))
    return Signature(signature.r, ((s & (PARITY - 1)) | (~vs & PARITY)).to_bytes(WORD, "big"))


def _resigned(p: Player, request: Any, state: ClearingState) -> Any:
    """Return the request with another state, signed again by whom the definition names."""
    identified = IdentifiedDef(request.definition, state.channel_id)
    if "signatures" not in {each.name for each in fields(request)}:
        return replace(request, state=state)
    order = getattr(request, "order", None)
    entry = p.notary.entry(identified, state, order, getattr(request, "preimage", b""))
    p.archive.append(entry)
    return replace(request, state=state, signatures=entry.signatures)
