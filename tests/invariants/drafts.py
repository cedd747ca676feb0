"""Draft states that the chain would take, by intent, on its nets as they are or may become."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

from clearing.spec.rules import HORIZON_S
from clearing.spec.types import (
    AssetSplit,
    ChannelDef,
    ClearingState,
    Condition,
    ConditionKind,
    IdentifiedDef,
    Intent,
    Leg,
    SettlementOrder,
)
from clearing.spec.units import Address
from tests.invariants.book import Entry
from tests.invariants.player import Player

__all__ = ["draft", "draft_opening"]

UINT64_MAX: Final = 2**64 - 1
WORD: Final = 32
EXPIRING: Final = (Intent.OPEN, Intent.RESIZE, Intent.CLOSE)


def draft(
    p: Player, identified: IdentifiedDef, intent: Intent, *, hash_lock: bool = False
) -> Entry:
    """Return a newly signed state of a live channel."""
    splits = tuple(
        _split(p, low, high, intent)
        for low, high in p.channel(identified).nets[: len(identified.definition.assets)]
    )
    return _finish(p, identified, intent, splits, hash_lock=hash_lock)


def draft_opening(p: Player, identified: IdentifiedDef) -> Entry:
    """Return a newly signed OPEN: what each broker can pay, from its ledger, its wallet or both."""
    definition = identified.definition
    low, high = definition.broker_low, definition.broker_high
    splits = []
    for token in definition.assets:
        net_low, net_high = _opening_net(p, low, token), _opening_net(p, high, token)
        splits.append(AssetSplit(net_low, net_high, net_low, net_high))
    return _finish(p, identified, Intent.OPEN, tuple(splits))


def _opening_net(p: Player, broker: Address, token: Address) -> int:
    ledger, means = p.ledger(broker, token), p.means(broker, token)
    if p.draw.chance(2):
        return p.draw.integer(0, 2**127 - 1)
    match p.draw.integer(0, 4):
        case 0:
            net = 0
        case 1:
            net = ledger
        case 2:
            net = min(means, ledger + p.amount(means - ledger))
        case _:
            net = p.amount(means)
    cap = p.lock.world.caps.get(token, 0)
    return min(net, 2**127 - 1, cap if p.draw.chance(80) else net)


def _split(p: Player, net_low: int, net_high: int, intent: Intent) -> AssetSplit:
    """Return one asset's part: what is held divided, or a part of it held back or taken out."""
    draw = p.draw
    held = net_low + net_high
    if draw.chance(10):  # a deposit that the state has not seen
        unseen = p.amount(held)
        net_low, held = net_low - unseen, held - unseen
    out_low = out_high = 0
    if intent == Intent.RESIZE:
        out_low = p.amount(held)
        out_high = p.amount(held - out_low) if draw.chance(50) else 0
        net_low, net_high, held = net_low - out_low, net_high - out_high, held - out_low - out_high
    least = -(2**127)
    if net_low < least or net_high < least:
        net_low, net_high, held, out_low, out_high = 0, 0, 0, 0, 0
    low = p.amount(held) if draw.chance(70) else min(max(net_low, 0), held)
    high = held - low
    if intent == Intent.CLOSE:
        out_low, out_high = draw.choose((0, low, p.amount(low))), draw.choose((0, high))
    return AssetSplit(net_low, net_high, low, high, out_low, out_high)


def _version(p: Player, identified: IdentifiedDef) -> int:
    """Return mostly the next version, sometimes the present one or a leap."""
    enforced = p.channel(identified).enforced_version
    base = max((e.state.version for e in p.known(identified)), default=0)
    match p.draw.integer(0, 19):
        case 0:
            version = enforced
        case 1:
            version = enforced + 1
        case 2:
            version = base + 5
        case 3 if p.draw.chance(10):
            version = UINT64_MAX
        case _:
            version = max(base, enforced) + 1
    return min(max(version, 1), UINT64_MAX)


def _finish(
    p: Player,
    identified: IdentifiedDef,
    intent: Intent,
    splits: tuple[AssetSplit, ...],
    *,
    hash_lock: bool = False,
) -> Entry:
    state = ClearingState(
        channel_id=identified.channel_id,
        epoch=p.channel(identified).epoch,
        version=_version(p, identified),
        intent=intent,
        splits=splits,
        valid_until=p.soon() if intent in EXPIRING else 0,
        signed_at=p.now if p.draw.chance(50) else 0,
    )
    if p.draw.chance(3 if intent == Intent.CLOSE else 30):
        state = replace(state, liabilities_root=_word(p), risk_hash=_word(p))
    if intent == Intent.SETTLE:
        return _with_order(p, identified, state)
    if hash_lock:
        preimage = _word(p)
        lock = Condition(
            ConditionKind.HASHLOCK,
            hashlib.sha256(preimage).digest(),
            _expiry(p),
            tuple(p.amount(split.low + split.high) for split in splits),
        )
        return p.sign(identified, replace(state, condition=lock), preimage=preimage)
    return p.sign(identified, state)


def _with_order(p: Player, identified: IdentifiedDef, state: ClearingState) -> Entry:
    fund_by = _expiry(p)
    legs = tuple(_leg(p, identified.definition) for _ in range(p.draw.choose((1, 1, 2, 3, 5))))
    order = SettlementOrder(identified.channel_id, state.epoch, state.version, fund_by, legs)
    totals = [split.low + split.high for split in state.splits]
    alternatives = tuple(p.amount(total) for _ in range(3) for total in totals)
    condition = Condition(ConditionKind.ORDER, p.notary.hash(order), fund_by, alternatives)
    return p.sign(identified, replace(state, condition=condition), order=order)


def _expiry(p: Player) -> int:
    """Return mostly a time soon, rarely the last that a condition may have, or one too late."""
    if p.draw.chance(96):
        return p.soon()
    return p.now + HORIZON_S + p.draw.choose((0, 1))


def _leg(p: Player, definition: ChannelDef) -> Leg:
    """Return a leg that its payer can mostly pay, of any token, of the channel or not."""
    from_low = p.draw.chance(50)
    payer = definition.broker_low if from_low else definition.broker_high
    funded = [token for token in p.assets if p.ledger(payer, token)]
    if not funded or p.draw.chance(5):
        return Leg(p.some_token(), from_low, p.amount(2**128 - 2) + 1)
    token = p.draw.choose(funded)
    have = min(p.ledger(payer, token), 2**128 - 1)
    return Leg(token, from_low, max(1, min(p.amount(have), have // 3)))


def _word(p: Player) -> bytes:
    return p.draw.integer(1, 2**256 - 1).to_bytes(WORD, "big")
