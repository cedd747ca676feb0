"""Let two brokers collude on the model: they sign anything, twice and out of order.

They share two channels over the same tokens; a third broker, the victim, has one channel with one
of them and has signed three ordinary states of it. The colluders replay its signatures and their
own across channels and epochs, with and without each other, through reopened channels. Whatever
they do, every invariant that a world or a call can show holds after every accepted call, and what
is challenged can end.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from random import Random

from clearing.spec import registry
from clearing.spec.calls import (
    Call,
    CancelAuth,
    Challenge,
    Checkpoint,
    CloseCooperative,
    Deposit,
    DepositCollateral,
    Finalize,
    FundOrder,
    Open,
    RefundOrder,
    Resize,
    Reveal,
    Settle,
    Withdraw,
    WithdrawWithAuth,
)
from clearing.spec.errors import SpecError
from clearing.spec.invariants import violated_in, violated_over
from clearing.spec.predicates import Step
from clearing.spec.types import (
    ZERO_ADDRESS,
    ZERO_WORD,
    AssetSplit,
    ClearingState,
    Condition,
    ConditionKind,
    HashedOrder,
    IdentifiedDef,
    Intent,
    Leg,
    SettlementOrder,
    Side,
    SignedState,
    Status,
    WithdrawAuth,
)
from clearing.spec.units import Address
from clearing.spec.world import Env, channel_of, with_registry
from tests.property.spec_world import (
    ADJUDICATOR,
    BROKERS,
    GENESIS,
    GRACE,
    OUTSIDER,
    SIGNERS,
    TOKENS,
    VICTIM,
    VICTIM_SIGNER,
    WEALTH,
    address,
    genesis,
    identified,
    ordered,
    plain,
    signed,
)

FACTS = tuple(bytes([n]) * 32 for n in range(3))
"""Preimages: few, so that hash locks share them."""

CALLERS = (*BROKERS, *BROKERS, *SIGNERS, OUTSIDER)


class Collusion:
    """Three channels, two colluders, one victim."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.now = GENESIS
        self.world = genesis()
        self.schedule: list[str] = []
        self.seen: Counter[str] = Counter()
        self.orders: dict[bytes, HashedOrder] = {}
        self.states: dict[bytes, SignedState] = {}
        self.own = (identified(TOKENS[:2], nonce=1), identified(TOKENS[1:3], nonce=2))
        partner = rng.randrange(2)
        self.theirs = identified(
            TOKENS[1:2], 3, (BROKERS[partner], VICTIM), (SIGNERS[partner], VICTIM_SIGNER)
        )
        self._sign_with_victim()

    def _sign_with_victim(self) -> None:
        """The victim opens, books a trade and agrees to settle it; the colluders have it all."""
        channel_id = self.theirs.channel_id
        opening = AssetSplit(50, 60, 50, 60)
        until = GENESIS + 40
        legs = (Leg(TOKENS[0], True, 7), Leg(TOKENS[3], False, 9))
        order = ordered(SettlementOrder(channel_id, 0, 3, until, legs))
        condition = Condition(ConditionKind.ORDER, order.order_hash, until, (30, 20, 70))
        traded = AssetSplit(50, 60, 35, 75)
        for state in (
            ClearingState(channel_id, 0, 1, Intent.OPEN, (opening,), valid_until=until),
            ClearingState(channel_id, 0, 2, Intent.OPERATE, (traded,)),
            ClearingState(channel_id, 0, 3, Intent.SETTLE, (traded,), condition),
        ):
            self._keep(signed(state))
        self.orders[order.order_hash] = order

    def _keep(self, state: SignedState) -> None:
        self.states[state.state_hash] = state

    # WHAT THEY SIGN

    def sign(self) -> SignedState:
        """Draw any state of a channel of theirs: mostly near what could be accepted."""
        rng = self.rng
        d = rng.choice(self.own)
        channel = channel_of(self.world, d.channel_id)
        n = len(d.definition.assets)
        intent = rng.choice(tuple(Intent)) if channel.is_live else Intent.OPEN
        epoch = channel.epoch + rng.choice((0,) * 8 + (1,))
        version = max(0, channel.enforced_version + rng.choice((-1, 0, 0, 1, 1, 1, 2, 3)))
        splits = tuple(self._draw_split(channel.nets[i], intent) for i in range(n))
        state = ClearingState(
            channel_id=d.channel_id,
            epoch=epoch,
            version=version or rng.choice((0, 1, 1)),
            intent=intent,
            splits=splits,
            valid_until=(
                self.now + rng.randint(0, 30)
                if intent in (Intent.OPEN, Intent.RESIZE, Intent.CLOSE)
                else 0
            ),
            signed_at=rng.randrange(2),
        )
        state = replace(state, condition=self._draw_condition(state))
        if rng.random() < 0.05:
            state = self._spoil(state)
        kept = signed(state)
        self._keep(kept)
        return kept

    def _draw_split(self, net: tuple[int, int], intent: Intent) -> AssetSplit:
        rng = self.rng
        if intent == Intent.OPEN:
            low, high = rng.randrange(60), rng.randrange(60)
            return AssetSplit(low, high, low, high)
        out_low = out_high = 0
        net_low, net_high = (side + rng.choice((0,) * 6 + (-9, 5)) for side in net)
        if intent == Intent.RESIZE:
            out_low, out_high = rng.randrange(20), rng.choice((0, rng.randrange(90)))
            net_low, net_high = net_low - out_low, net_high - out_high
        total = net_low + net_high
        low = rng.randint(min(0, total), max(0, total)) if total >= 0 else 0
        high = max(0, total - low)
        if intent == Intent.CLOSE:
            out_low, out_high = rng.randint(0, low), rng.choice((0, high))
        return AssetSplit(net_low, net_high, low, high, out_low, out_high)

    def _draw_condition(self, state: ClearingState) -> Condition:
        rng = self.rng
        totals = [split.low + split.high for split in state.splits]
        expiry = self.now + rng.randint(0, 40)
        if state.intent == Intent.SETTLE:
            order = self._draw_order(state, expiry)
            alt_low = tuple(rng.randint(0, total) for _ in range(3) for total in totals)
            return Condition(ConditionKind.ORDER, order.order_hash, expiry, alt_low)
        if state.intent == Intent.OPERATE and rng.random() < 0.5:
            ref = hashlib.sha256(rng.choice(FACTS)).digest()
            alt_low = tuple(rng.randint(0, total) for total in totals)
            return Condition(ConditionKind.HASHLOCK, ref, expiry, alt_low)
        return Condition()

    def _draw_order(self, state: ClearingState, fund_by: int) -> HashedOrder:
        rng = self.rng
        only = rng.choice((None, None, True, False))  # sometimes one side alone delivers
        legs = tuple(
            Leg(
                rng.choice(TOKENS),
                rng.random() < 0.5 if only is None else only,
                rng.choice((rng.randint(0, 50), WEALTH))
                if rng.random() < 0.1
                else rng.randint(1, 50),
            )
            for _ in range(rng.randint(1, 4))
        )
        order = ordered(
            SettlementOrder(state.channel_id, state.epoch, state.version, fund_by, legs)
        )
        self.orders[order.order_hash] = order
        return order

    def _spoil(self, state: ClearingState) -> ClearingState:
        """Break one rule of the validity matrix."""
        split = state.splits[0]
        return self.rng.choice(
            (
                replace(state, intent=0),
                replace(state, splits=state.splits[1:]),
                replace(state, splits=(replace(split, low=split.low + 1), *state.splits[1:])),
                replace(state, splits=(replace(split, out_low=10**6), *state.splits[1:])),
                replace(state, liabilities_root=b"\1" * 32),
                replace(state, condition=replace(state.condition, ref=b"\2" * 32)),
                replace(state, condition=replace(state.condition, alt_low=(10**6,) * 6)),
                replace(state, valid_until=self.now + 1),
                replace(state, condition=replace(state.condition, expiry=self.now + 10**8)),
            )
        )

    # WHAT THEY DO

    def _draw_call(self) -> tuple[Address, Call]:
        rng = self.rng
        sender = rng.choice(CALLERS)
        s = self.sign() if rng.random() < 0.4 else self._pick()
        if rng.random() < 0.03:
            s = replace(s, low_signed=rng.random() < 0.5, high_signed=False)
        d = self._channel_of(s)
        if rng.random() < 0.02:
            d = rng.choice((*self.own, self.theirs))
        if rng.random() < 0.15:
            return sender, self._draw_vault_call()
        order = self.orders.get(s.state.condition.ref)
        if s.state.intent == Intent.SETTLE and rng.random() < 0.7:
            order = order if order is not None and rng.random() < 0.95 else self._any_order()
            side = Side(rng.randrange(2))
            fund = FundOrder(d, s, order, side)
            return rng.choice(
                (
                    (sender, Settle(d, s, order)),
                    (d.definition.broker(side), fund),
                    (d.definition.broker(side), fund),
                    (sender, fund),
                )
            )
        held = self.world.locks.get(d.channel_id)
        if held is not None and rng.random() < 0.2:
            return sender, RefundOrder(d, held if rng.random() < 0.9 else self._any_order())
        if s.state.condition.kind == ConditionKind.HASHLOCK and rng.random() < 0.4:
            return sender, Reveal(d, s, rng.choice(FACTS))
        return sender, self._draw_state_call(d, s)

    def _pick(self) -> SignedState:
        """Take a signed state, mostly a recent one of the present epoch of its channel."""
        states = list(self.states.values())
        if self.rng.random() < 0.2:
            return self.rng.choice(states)
        fitting = [s for s in states[:3] + states[-9:] if self._is_timely(s.state)]
        return self.rng.choice(fitting or states)

    def _is_timely(self, state: ClearingState) -> bool:
        channel = channel_of(self.world, state.channel_id)
        return state.epoch == channel.epoch and channel.is_live == (state.intent != Intent.OPEN)

    def _draw_state_call(self, d: IdentifiedDef, s: SignedState) -> Call:
        rng = self.rng
        if s.state.intent == Intent.OPEN and rng.random() < 0.8:
            return Open(d, s)
        fitting: dict[int, tuple[Call, ...]] = {
            Intent.RESIZE: (Resize(d, s),) * 3,
            Intent.CLOSE: (CloseCooperative(d, s, self._draw_refused(d)),) * 2,
        }
        challenged = self.states.get(channel_of(self.world, d.channel_id).digest, s)
        return rng.choice(
            (
                *fitting.get(s.state.intent, ()),
                Checkpoint(d, s),
                Challenge(d, s),
                Challenge(d, s, intent_signed=rng.random() < 0.5),
                Finalize(d, plain(challenged)),
                Finalize(d, plain(challenged)),
                Finalize(d, plain(s)),
                DepositCollateral(d, rng.choice(TOKENS), rng.randint(0, 40)),
                CloseCooperative(d, s),
                Open(d, s),
                Resize(d, s),
            )
        )

    def _draw_refused(self, d: IdentifiedDef) -> frozenset[tuple[Address, Address]]:
        brokers = (d.definition.broker_low, d.definition.broker_high)
        pairs = [(broker, token) for broker in brokers for token in d.definition.assets]
        return frozenset(pair for pair in pairs if self.rng.random() < 0.2)

    def _draw_vault_call(self) -> Call:
        rng = self.rng
        token, amount = rng.choice(TOKENS), rng.choice((0, 1, 30, WEALTH))
        to = rng.choice((*BROKERS, OUTSIDER, OUTSIDER, ADJUDICATOR, ZERO_ADDRESS))
        failure = SpecError("TokenFailure") if rng.random() < 0.1 else None
        account = rng.choice((*BROKERS, VICTIM))
        nonce, until = rng.randrange(6), self.now + rng.randint(0, 20)
        auth = WithdrawAuth(account, token, to, amount, nonce, until)
        return rng.choice(
            (
                Deposit(rng.choice((token, address(0xEE))), amount),
                Deposit(token, amount, max(0, amount - 1)),
                Withdraw(token, amount, to, failure),
                WithdrawWithAuth(auth, signed=account != VICTIM, failure=failure),
                CancelAuth(nonce),
            )
        )

    def _any_order(self) -> HashedOrder:
        return self.rng.choice(list(self.orders.values()))

    def _channel_of(self, s: SignedState) -> IdentifiedDef:
        every = (*self.own, self.theirs)
        return next(d for d in every if d.channel_id == s.state.channel_id)

    def _rename(self) -> None:
        rng = self.rng
        which = rng.randrange(2)
        key = rng.choice((SIGNERS[which], SIGNERS[which], address(0x99 + which)))
        seats, _ = registry.set_signer(self.world.registry, BROKERS[which], key)
        self.world = with_registry(self.world, seats)

    def _pass_time(self) -> None:
        times = [self.now + 1, self.now + self.rng.randint(1, 30)]
        times += [channel.deadline for channel in self.world.channels.values()]
        for state in list(self.states.values())[-8:]:
            expiry = state.state.condition.expiry
            times += [expiry, expiry + GRACE, state.state.valid_until]
        self.now = max(self.now, self.rng.choice(times) + self.rng.choice((-1, 0, 0)))

    # WHAT MUST HOLD

    def act(self, sender: Address, call: Call) -> bool:
        env = Env(self.now, sender)
        before = self.world
        try:
            self.world, effects = call.apply(before, env)
        except SpecError as refusal:
            self.seen[f"refused {refusal.name}"] += 1
            return False
        self.schedule.append(f"t={self.now - GENESIS} {sender.hex()[-2:]} {call}")
        self.seen[type(call).__name__] += 1
        step = Step(before, env, call, self.world, effects)
        broken = violated_over(step) + violated_in(self.world)
        assert not broken, "\n".join([f"{broken}", *self.schedule])
        return True

    def play(self, actions: int) -> None:
        for _ in range(actions):
            if self.rng.random() < 0.15:
                self._pass_time()
            if self.rng.random() < 0.02:
                self._rename()
            self.act(*self._draw_call())
        for d in (*self.own, self.theirs):
            self.end(d)
        assert not self.world.locks

    def end(self, d: IdentifiedDef) -> None:
        """ADJ-03, SET-06: a challenge ends by itself, given time and nobody's signature."""
        channel = channel_of(self.world, d.channel_id)
        if channel.status is not Status.CHALLENGED:
            if channel.is_live and channel.order != ZERO_WORD and d.channel_id in self.world.locks:
                held = self.world.locks[d.channel_id]
                self.now = max(self.now, held.order.fund_by + GRACE)
                assert self.act(OUTSIDER, RefundOrder(d, held)), "SET-06 a lock cannot be refunded"
            return
        state = self.states[channel.digest]
        self.now = max(self.now, channel.deadline, state.state.condition.expiry + GRACE)
        held_order = self.world.locks.get(d.channel_id)
        if held_order is not None:
            self.now = max(self.now, held_order.order.fund_by + GRACE)
            assert self.act(OUTSIDER, RefundOrder(d, held_order)), "SET-06 a lock is orphaned"
        ended = self.act(OUTSIDER, Finalize(d, plain(state)))
        assert ended, "ADJ-03 finalize reverts though its guards hold"
