"""Draw the states that two brokers might sign, valid by construction."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from random import Random

from clearing.spec.calls import Call
from clearing.spec.types import (
    AssetSplit,
    ClearingState,
    Condition,
    ConditionKind,
    HashedOrder,
    Intent,
    Leg,
    SettlementOrder,
    Side,
    SignedState,
)
from tests.property.spec_world import GENESIS, TOKENS, ordered, signed

MARGIN = 6
"""Seconds that a broker demands of a hash lock whose preimage it must publish."""

INTENTS = (
    *(Intent.OPERATE,) * 6,
    *(Intent.RESIZE,) * 4,
    *(Intent.SETTLE,) * 5,
    Intent.CLOSE,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A state that both have signed, with what is needed to act on it."""

    signed: SignedState
    order: HashedOrder | None = None
    preimage: bytes = b""
    secret_of: Side | None = None

    @property
    def state(self) -> ClearingState:
        return self.signed.state


@dataclass(frozen=True, slots=True)
class Drawing:
    """Draw the next state of an epoch."""

    rng: Random
    channel_id: bytes
    epoch: int
    version: int
    now: int

    def entry(self, intent: Intent, nets: list[list[int]], honest: Side) -> Entry:
        """Draw a state with these nets; a hash lock that `honest` opens leaves it its margin."""
        splits = tuple(self._split(net, intent) for net in nets)
        if intent == Intent.SETTLE:
            return self._settle(splits)
        if intent == Intent.OPERATE and self.rng.random() < 0.4:
            return self._hashlock(splits, honest)
        return Entry(signed(self._state(intent, splits, Condition())))

    def _state(
        self, intent: Intent, splits: tuple[AssetSplit, ...], condition: Condition
    ) -> ClearingState:
        is_brief = intent in (Intent.RESIZE, Intent.CLOSE)
        return ClearingState(
            channel_id=self.channel_id,
            epoch=self.epoch,
            version=self.version,
            intent=intent,
            splits=splits,
            condition=condition,
            valid_until=self.now + self.rng.randint(1, 9) if is_brief else 0,
        )

    def _split(self, net: list[int], intent: Intent) -> AssetSplit:
        rng = self.rng
        out_low = out_high = 0
        if intent == Intent.RESIZE:
            out_low = rng.randint(0, sum(net)) if rng.random() < 0.7 else 0
            out_high = rng.randint(0, sum(net) - out_low) if rng.random() < 0.7 else 0
        net_low, net_high = net[0] - out_low, net[1] - out_high
        low = rng.randint(0, net_low + net_high)
        high = net_low + net_high - low
        if intent == Intent.CLOSE:
            out_low, out_high = rng.choice((0, low)), rng.randint(0, high)
        return AssetSplit(net_low, net_high, low, high, out_low, out_high)

    def _settle(self, splits: tuple[AssetSplit, ...]) -> Entry:
        order = self._order()
        alt_low = self._alternatives(splits, 3)
        condition = Condition(ConditionKind.ORDER, order.order_hash, order.order.fund_by, alt_low)
        return Entry(signed(self._state(Intent.SETTLE, splits, condition)), order)

    def _hashlock(self, splits: tuple[AssetSplit, ...], honest: Side) -> Entry:
        rng = self.rng
        preimage = rng.getrandbits(256).to_bytes(32, "big")
        secret_of = Side(rng.randrange(2))
        condition = Condition(
            ConditionKind.HASHLOCK,
            hashlib.sha256(preimage).digest(),
            self.now + rng.randint(MARGIN if secret_of is honest else 1, 40),
            self._alternatives(splits, 1),
        )
        state = self._state(Intent.OPERATE, splits, condition)
        return Entry(signed(state), None, preimage, secret_of)

    def _alternatives(self, splits: tuple[AssetSplit, ...], blocks: int) -> tuple[int, ...]:
        totals = [split.low + split.high for split in splits]
        return tuple(self.rng.randint(0, total) for _ in range(blocks) for total in totals)

    def _order(self) -> HashedOrder:
        rng = self.rng
        legs = tuple(
            Leg(rng.choice(TOKENS), rng.random() < 0.5, rng.randint(1, 40))
            for _ in range(rng.randint(1, 3))
        )
        fund_by = self.now + rng.randint(1, 30)
        return ordered(SettlementOrder(self.channel_id, self.epoch, self.version, fund_by, legs))


def shown_state(state: ClearingState) -> str:
    splits = [(s.net_low, s.net_high, s.low, s.high, s.out_low, s.out_high) for s in state.splits]
    return (
        f"{Intent(state.intent).name} e{state.epoch} v{state.version} {splits} "
        f"kind={state.condition.kind} expiry={max(0, state.condition.expiry - GENESIS)} "
        f"alt={state.condition.alt_low} until={max(0, state.valid_until - GENESIS)}"
    )


def shown_call(call: Call) -> str:
    state = getattr(call, "signed", None) or getattr(call, "hashed", None)
    name = type(call).__name__
    if state is None:
        return f"{name} {getattr(call, 'amount', '')}"
    side = getattr(call, "side", None)
    return f"{name} e{state.state.epoch} v{state.state.version} {'' if side is None else side.name}"
