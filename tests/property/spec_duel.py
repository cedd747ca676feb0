"""Play an honest broker against its peer on the model, under any schedule a generator draws.

The adversary is the peer and whoever it hires: it holds every signature the honest broker ever
gave, old ones too, calls whatever it likes as broker, signer or outsider, moves its own tokens and
key, and decides when time passes. It may keep one proposal of the honest broker to itself. The
honest broker follows the client's rules for signing, keeps its latest state, and makes one
transaction for each adversary action.

At every end the honest broker's wealth must be, to the unit, what its latest state (or the one
proposal that the peer kept) says, given how its condition came out; and no condition may come out
against a broker that did its part. A channel pays out what it holds, so that the adversary then
gains nothing either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from clearing.spec import registry
from clearing.spec.calls import (
    Call,
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
)
from clearing.spec.errors import SpecError
from clearing.spec.events import (
    Closed,
    Effects,
    Finalized,
    Opened,
    OrderExecuted,
    Pull,
    Push,
    Revealed,
)
from clearing.spec.invariants import violated_in, violated_over
from clearing.spec.predicates import Step
from clearing.spec.rules import is_lock_outstanding, is_order_finished, shares_low
from clearing.spec.types import (
    HIGH_FUNDED,
    LOW_FUNDED,
    AssetSplit,
    ClearingState,
    ConditionKind,
    Intent,
    Outcome,
    Side,
    Status,
)
from clearing.spec.units import Address
from clearing.spec.world import NEW_CHANNEL, Channel, Env, channel_of, with_registry
from tests.property.spec_states import INTENTS, MARGIN, Drawing, Entry, shown_call, shown_state
from tests.property.spec_world import (
    BROKERS,
    DURATION,
    GENESIS,
    GRACE,
    OTHER_SIGNERS,
    OUTSIDER,
    SIGNERS,
    TOKENS,
    WEALTH,
    genesis,
    identified,
    net_of,
    plain,
    signed,
)

DRIFT = 2  # seconds that may pass between an adversary's action and the honest answer

FLAG = (LOW_FUNDED, HIGH_FUNDED)
DEFAULTED = (Outcome.LOW_DEFAULTED, Outcome.HIGH_DEFAULTED)


class Loss(AssertionError):
    """The honest broker ended with something else than was agreed."""


class Duel:
    """One channel, a few epochs, one honest side."""

    def __init__(self, rng: Random, *, check_invariants: bool = True) -> None:
        self.rng = rng
        self.check_invariants = check_invariants
        self.world = genesis()
        self.before = NEW_CHANNEL  # the channel before the latest transaction
        self.now = GENESIS
        self.honest = Side(rng.randrange(2))
        self.peer = self.honest.other
        self.is_eager = rng.random() < 0.5  # funds first, or only answers
        n_assets = rng.choice((1, 1, 2))
        self.identified = identified(TOKENS[:n_assets])
        self.n_assets = n_assets
        self.schedule: list[str] = []
        self.seen: Counter[str] = Counter()
        self.book: list[Entry] = []  # every epoch's: the adversary forgets nothing
        self.public: set[bytes] = set()  # preimages that the chain has seen
        self.wallet: Counter[Address] = Counter()
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        self.best: Entry | None = None  # the honest broker's latest, but for a CLOSE
        self.close: Entry | None = None
        self.pending: Entry | None = None  # signed by the honest broker, kept by the peer
        self.fallbacks: list[Entry] = []  # still count until what came while CHALLENGED is on chain
        self.version = 0  # the highest that the honest broker has signed in this epoch
        self.base: Counter[Address] = Counter()
        self.flows: Counter[Address] = Counter()
        self.wanted_at: dict[bytes, int] = {}  # when a state came to bind, by hash

    # THE CHAIN

    @property
    def channel(self) -> Channel:
        return channel_of(self.world, self.identified.channel_id)

    def wealth(self) -> Counter[Address]:
        """The honest broker's own tokens outside the channel, counted from zero in its wallet."""
        broker = BROKERS[self.honest]
        return Counter({t: self.world.ledgers.get((broker, t), 0) + self.wallet[t] for t in TOKENS})

    def act(self, sender: Address, call: Call) -> bool:
        """Send a transaction; a refused one changes nothing."""
        env = Env(self.now, sender)
        before, wealth = self.world, self.wealth()
        could_close = sender == OUTSIDER and self._can_close()
        try:
            self.world, effects = call.apply(before, env)
        except SpecError:
            return False
        self.before = channel_of(before, self.identified.channel_id)
        self.schedule.append(f"t={self.now - GENESIS} {sender.hex()[-2:]} {shown_call(call)}")
        self.seen[type(call).__name__] += 1
        if self.check_invariants:
            step = Step(before, env, call, self.world, effects)
            broken = violated_over(step) + violated_in(self.world)
            self.require(not broken, f"{broken}")
        epoch = self.before.epoch
        if could_close and self.channel.epoch == epoch:
            self.seen["close kept safe"] += 1
            self.require(self._can_close(), "ADJ-15 an outsider spoilt a cooperative close")
        self._learn(call, effects, wealth)
        return True

    def _can_close(self) -> bool:
        close = self.close
        if close is None:
            return False
        try:
            CloseCooperative(self.identified, close.signed).apply(
                self.world, Env(self.now, OUTSIDER)
            )
        except SpecError:
            return False
        return True

    def require(self, holds: bool, message: str) -> None:  # noqa: FBT001 - reads as an assert
        if not holds:
            raise Loss("\n".join([message, f"honest: {self.honest.name}", *self.schedule]))

    def _learn(self, call: Call, effects: Effects, wealth: Counter[Address]) -> None:
        """Read the chain as the honest broker does."""
        self._count_tokens(effects)
        entry = self._published(call)
        if entry is not None and entry is self.pending and entry.state.intent != Intent.CLOSE:
            self._bind(entry)
        if self.best is not None and self.channel.enforced_version >= self.best.state.version:
            self.fallbacks.clear()
        for effect in effects:
            match effect:
                case Opened():
                    self.base, self.flows = wealth, Counter()
                    assert entry is not None
                    self.best = entry
                case Revealed(preimage=preimage):
                    self.public.add(preimage)
                case OrderExecuted():
                    self._count_legs(effect)
                case Finalized() | Closed():
                    self._judge(call, effect)
                    self._begin_epoch()
                case _:
                    pass

        self._require_enforceable()

    def _count_tokens(self, effects: Effects) -> None:
        for effect in effects:
            match effect:
                case Push(token, to, amount, True) if to == BROKERS[self.honest]:
                    self.wallet[token] += amount
                case Pull(token, owner, amount) if owner == BROKERS[self.honest]:
                    self.wallet[token] -= amount
                case _:
                    pass

    def _require_enforceable(self) -> None:
        """ADJ-24: what the honest broker signed last can be enforced, whatever came before."""
        for entry in (self.best, self.pending):
            if entry is None or not self.channel.is_live or self._is_dead(entry):
                continue
            is_met = all(
                split.net_low <= low and split.net_high <= high
                for split, (low, high) in zip(entry.state.splits, self.channel.nets, strict=False)
            )
            self.require(is_met, "ADJ-24 the latest state is not enforceable")

    def _is_dead(self, entry: Entry) -> bool:
        """Whether it is a CLOSE that no call takes any more."""
        return entry.state.intent == Intent.CLOSE and self.now >= entry.state.valid_until

    def _published(self, call: Call) -> Entry | None:
        state = getattr(call, "signed", None)
        return next((e for e in reversed(self.book) if e.signed is state), None)

    def _bind(self, entry: Entry) -> None:
        """The honest broker now holds this state in full."""
        if entry is self.pending:
            self.pending = None
        if entry.state.intent == Intent.CLOSE:
            self.close = entry
            return
        if self.channel.status is Status.CHALLENGED and self.best is not None:
            self.fallbacks.append(self.best)
        self.best = entry
        self.wanted_at[entry.signed.state_hash] = self.now

    def _count_legs(self, effect: OrderExecuted) -> None:
        """ADJ-13, SET-02: nothing but the latest order may run."""
        assert self.best is not None
        self.require(effect.version == self.best.state.version, "SET-02 a stale order ran")
        for leg in effect.legs:
            self.flows[leg.token] += leg.amount if leg.payer is self.peer else -leg.amount

    # THE VERDICT

    def _judge(self, call: Call, effect: Finalized | Closed) -> None:
        """ADJ-13, ADJ-14, ADJ-23: the end pays what was agreed last, to the unit."""
        assert self.best is not None
        self.seen[type(effect).__name__] += 1
        if isinstance(effect, Closed):
            assert isinstance(call, CloseCooperative)
            state, result = call.signed.state, Outcome.SPLIT
            self.require(state.version > self.best.state.version, "ADJ-13 an old CLOSE ended it")
        else:
            assert isinstance(call, Finalize)
            state, result = call.hashed.state, effect.outcome
            self.seen[f"outcome {result.name}"] += 1
            if state.condition.kind:
                self.seen[f"{ConditionKind(state.condition.kind).name} {result.name}"] += 1
            entry = next((e for e in (self.best, *self.fallbacks) if e.state == state), None)
            self.require(entry is not None, "ADJ-13 an older state than the latest ended it")
            assert entry is not None
            self._judge_outcome(entry, result)

        lows = shares_low(state, result)
        expected = self.base + Counter()
        for token, split, low in zip(self._assets, state.splits, lows, strict=True):
            share = split.low + split.high - low if self.honest else low
            expected[token] += share - net_of(split, self.honest)
        for token, moved in self.flows.items():
            expected[token] += moved
        self.require(
            {t: expected[t] for t in TOKENS} == {t: self.wealth()[t] for t in TOKENS},
            f"ADJ-13 ends with {self.wealth()} instead of {expected}",
        )

    def _judge_outcome(self, entry: Entry, result: Outcome) -> None:
        """SET-04: no default of who did its part; ADJ-13: who can open a hash lock in time does."""
        is_own = self.before.order_version == entry.state.version
        flags = self.before.order_flags if is_own else 0
        self.require(result is not DEFAULTED[self.honest], "SET-04 the honest broker is framed")
        if result is Outcome.SPLIT and entry.state.condition.kind == ConditionKind.ORDER:
            self.require(not flags & FLAG[self.honest], "SET-04 a funder gets the plain split")
        if entry.secret_of is self.honest and self._wants_reveal(entry):
            bound_at = self.wanted_at[entry.signed.state_hash]
            in_time = bound_at + MARGIN <= entry.state.condition.expiry
            self.require(result is Outcome.REVEALED or not in_time, "ADJ-13 the reveal was lost")

    @property
    def _assets(self) -> tuple[Address, ...]:
        return self.identified.definition.assets

    # WHAT THE HONEST BROKER SIGNS

    def _is_unresolved(self, entry: Entry | None) -> bool:
        """Whether a SETTLE state waits for its order."""
        if entry is None or entry.order is None:
            return False
        channel = self.channel
        is_own = channel.order_version == entry.state.version
        is_done = is_own and is_order_finished(channel.order_flags)
        return not is_done and self.now < entry.state.condition.expiry + GRACE

    def _may_sign(self) -> bool:
        kept = (self.pending, self.close)
        if any(entry is not None and not self._is_dead(entry) for entry in kept):
            return False
        return not self._is_unresolved(self.best)

    def _bounds(self) -> list[list[int]]:
        """Nets that are safe to sign: on chain, less the outs that a RESIZE may still take."""
        channel = self.channel
        nets = [list(net) for net in channel.nets[: self.n_assets]]
        for entry in self._epoch_book():
            state = entry.state
            is_runnable = state.version > channel.enforced_version and self.now < state.valid_until
            if state.intent == Intent.RESIZE and is_runnable:
                for net, split in zip(nets, state.splits, strict=True):
                    net[0] -= split.out_low
                    net[1] -= split.out_high
        return nets

    def _epoch_book(self) -> list[Entry]:
        epoch = self.channel.epoch
        return [entry for entry in self.book if entry.state.epoch == epoch]

    def sign(self) -> bool:
        """Co-sign the next state of the epoch, if the rules let the honest broker."""
        channel, rng = self.channel, self.rng
        if not channel.is_live:
            return self._sign_opening()
        if not self._may_sign():
            return False
        assert self.best is not None
        intent = rng.choice(INTENTS)
        if channel.status is Status.CHALLENGED and intent != Intent.CLOSE:
            return self._sign_successor()

        nets = self._bounds()
        for net in nets:
            if rng.random() < 0.2:
                net[rng.randrange(2)] -= rng.randrange(20)  # counts on less than there is
        if any(sum(net) < 0 for net in nets):
            return False
        self.version += rng.choice((1, 1, 2))
        drawing = Drawing(rng, self.identified.channel_id, channel.epoch, self.version, self.now)
        return self._add(drawing.entry(intent, nets, self.honest))

    def _sign_opening(self) -> bool:
        """One OPEN at a time, each above every earlier one of the epoch."""
        if any(self.now < entry.state.valid_until for entry in self._epoch_book()):
            return False
        splits = []
        for _ in range(self.n_assets):
            low, high = self.rng.randrange(100), self.rng.randrange(100)
            splits.append(AssetSplit(low, high, low, high))
        self.version += self.rng.choice((1, 1, 3))
        state = ClearingState(
            channel_id=self.identified.channel_id,
            epoch=self.channel.epoch,
            version=self.version,
            intent=Intent.OPEN,
            splits=tuple(splits),
            valid_until=self.now + self.rng.randint(1, 8),
        )
        entry = Entry(signed(state))
        self.book.append(entry)
        self._note("sign", state)
        if self.rng.random() < 0.8:
            self.act(OUTSIDER, Open(self.identified, entry.signed))
        return True

    def _sign_successor(self) -> bool:
        """While CHALLENGED: the same split again, without a condition."""
        assert self.best is not None
        state = self.best.state
        if state.condition.kind or state.intent not in (Intent.OPEN, Intent.OPERATE):
            return False
        self.version += 1
        successor = replace(state, intent=Intent.OPERATE, version=self.version, valid_until=0)
        return self._add(Entry(signed(successor)))

    def _add(self, entry: Entry) -> bool:
        """Exchange signatures; sometimes the peer keeps the honest broker's to itself."""
        self.book.append(entry)
        is_kept = self.rng.random() < 0.3
        self._note("propose" if is_kept else "sign", entry.state)
        if is_kept:
            self.pending = entry
        else:
            self._bind(entry)
        return True

    def _note(self, verb: str, state: ClearingState) -> None:
        self.seen[f"{verb} {Intent(state.intent).name}"] += 1
        self.schedule.append(f"t={self.now - GENESIS} {verb} {shown_state(state)}")

    # WHAT THE HONEST BROKER SENDS

    def _wants_reveal(self, entry: Entry) -> bool:
        state = entry.state
        revealed, kept = shares_low(state, Outcome.REVEALED), shares_low(state, Outcome.SPLIT)
        gain = sum(revealed) - sum(kept)
        return gain < 0 if self.honest else gain > 0

    def _honest_calls(self, *, is_leaving: bool) -> Iterator[Call]:
        """Yield what helps, best first.

        What advances a condition answers a challenge too; a checkpoint first would cost a turn.
        """
        channel, entry, d = self.channel, self.best, self.identified
        if not channel.is_live or entry is None:
            return
        is_challenged = channel.status is Status.CHALLENGED
        is_late = is_challenged and self.now >= channel.deadline
        if is_late:  # only the challenged state counts now
            entry = self._challenged()
        if self.close is not None:
            yield CloseCooperative(d, self.close.signed)
        yield from self._advances(entry)
        if is_challenged and not is_late and entry.state.version > channel.enforced_version:
            yield Checkpoint(d, entry.signed)
            yield Challenge(d, entry.signed)
        if is_lock_outstanding(channel.order_flags):
            yield RefundOrder(d, self.world.locks[d.channel_id])
        if is_challenged:
            yield Finalize(d, plain(entry.signed))
        elif is_leaving:
            yield Challenge(d, entry.signed)

    def _advances(self, entry: Entry) -> Iterator[Call]:
        """Yield what brings a condition on: fund when it is the honest broker's turn, or reveal."""
        channel, d = self.channel, self.identified
        flags = channel.order_flags if channel.order_version == entry.state.version else 0
        must_fund = bool(flags & FLAG[self.peer]) or self.is_eager
        if entry.order is not None and must_fund and not is_order_finished(flags):
            yield Settle(d, entry.signed, entry.order)
            yield FundOrder(d, entry.signed, entry.order, self.honest)
        knows = entry.secret_of is self.honest or entry.preimage in self.public
        if entry.secret_of is not None and knows and self._wants_reveal(entry):
            yield Reveal(d, entry.signed, entry.preimage)

    def _challenged(self) -> Entry:
        digest = self.channel.digest
        return next(entry for entry in self.book if entry.signed.state_hash == digest)

    def answer(self, *, is_leaving: bool = False) -> bool:
        """Make the honest broker's one transaction, if it has one to make."""
        calls = self._honest_calls(is_leaving=is_leaving)
        return any(self.act(BROKERS[self.honest], call) for call in calls)

    # WHAT THE ADVERSARY DOES

    def _pick(self) -> Entry | None:
        """One of all states ever signed, recent ones more often, what still counts most often."""
        if not self.book:
            return None
        roll = self.rng.random()
        if roll < 0.3:
            return self.pending or self.best or self.book[-1]
        return self.rng.choice(self.book[-4:] if roll < 0.8 else self.book)

    def attack(self) -> bool:
        """Send one transaction as peer, its signer or an outsider, if it is accepted."""
        entry = self._pick()
        if entry is None:
            return False
        rng, d, s = self.rng, self.identified, entry.signed
        sender = rng.choice((BROKERS[self.peer], SIGNERS[self.peer], OUTSIDER))
        knows = entry.secret_of is self.peer or entry.preimage in self.public
        calls: list[Call] = [
            Open(d, s),
            Checkpoint(d, s),
            Challenge(d, s),
            Challenge(d, s),
            Challenge(d, s, intent_signed=True),
            Resize(d, s),
            CloseCooperative(d, s),
            Finalize(d, plain(s)),
            DepositCollateral(d, rng.choice(TOKENS[: self.n_assets]), rng.randint(1, 30)),
            Reveal(d, s, entry.preimage if knows else b"".ljust(32)),
        ]
        if entry.order is not None:
            calls += [
                Settle(d, s, entry.order),
                *(FundOrder(d, s, entry.order, self.peer),) * 6,
                *(Finalize(d, plain(s)),) * 3,
                FundOrder(d, s, entry.order, self.honest),
                RefundOrder(d, entry.order),
            ]
        return self.act(sender, rng.choice(calls))

    def _own_affairs(self) -> bool:
        """Rename the peer's signer, move its ledger away or back, or top the channel up."""
        rng, broker = self.rng, BROKERS[self.peer]
        if rng.random() < 0.3:
            token, amount = rng.choice(self._assets), rng.randint(1, 30)
            call = DepositCollateral(self.identified, token, amount)
            return self.act(BROKERS[self.honest], call)
        if rng.random() < 0.5:
            key = rng.choice((SIGNERS[self.peer], OTHER_SIGNERS[self.peer]))
            seats, _ = registry.set_signer(self.world.registry, broker, key)
            self.world = with_registry(self.world, seats)
            return True
        token = rng.choice(TOKENS)
        amount = self.world.ledgers.get((broker, token), 0)
        if amount < WEALTH - 1_000:
            return self.act(broker, Deposit(token, WEALTH))
        return self.act(broker, Withdraw(token, amount, OUTSIDER))

    def boundaries(self) -> list[int]:
        """Every second at which a rule turns, not yet reached."""
        times = {self.channel.deadline}
        for entry in self._epoch_book():
            expiry = entry.state.condition.expiry
            times |= {entry.state.valid_until, expiry, expiry + GRACE}
        return sorted(t for t in times if t > self.now)

    def _pass_time(self) -> None:
        times = self.boundaries()
        if times and self.rng.random() < 0.8:
            target = self.rng.choice(times[:3]) + self.rng.choice((-1, -1, 0, 1))
            self.now = max(self.now, target)
        else:
            self.now += self.rng.randint(1, 20)

    def _wait_until(self, second: int) -> None:
        if second > self.now:
            self.now = second
            self.answer()

    def _plot(self) -> None:
        """Try on purpose what chance would rarely try: the last second, then the first after it."""
        rng, d, channel = self.rng, self.identified, self.channel
        target = rng.choice((self.best, self.pending))
        if target is None or not channel.is_live or target.state.intent == Intent.CLOSE:
            return
        peer, s = BROKERS[self.peer], target.signed
        assert self.best is not None
        self.act(peer, Challenge(d, rng.choice((s, self.best.signed))))
        self.answer()
        if rng.random() < 0.5:
            self._wait_until(self.channel.deadline - rng.randrange(2))
        if s.state.condition.expiry:
            self._wait_until(s.state.condition.expiry - rng.choice((1, 1, 2)))
        if target.order is not None:
            self.act(peer, FundOrder(d, s, target.order, self.peer))
        elif target.secret_of is self.peer:
            self.act(peer, Reveal(d, s, target.preimage))
        self.now += rng.randrange(DRIFT)
        self.act(peer, Finalize(d, plain(s)))
        self.answer()
        self.answer()

    def _one_action(self) -> None:
        """One adversary action; refused attempts cost nothing, so a few are made."""
        roll = self.rng.random()
        if roll < 0.4 and self.sign():
            return
        if roll < 0.45 and self.pending is not None:
            self._note("return", self.pending.state)
            self._bind(self.pending)
            return
        if roll < 0.47 and self._own_affairs():
            return
        for _ in range(4):
            if self.attack():
                return
        self.sign()

    def play(self, rounds: int) -> None:
        """Let the adversary act in bursts, the honest broker answer each action, and time pass."""
        for _ in range(rounds):
            burst = self.rng.choice((1, 1, 1, 2, 3))
            answer_by = self.now + DRIFT
            for _ in range(burst):
                self._one_action()
                self.now = min(answer_by, self.now + self.rng.choice((0, 0, 0, 1)))
            for _ in range(burst):
                self.answer()
            if self.rng.random() < 0.1:
                self._plot()
            if self.rng.random() < 0.4:
                self._pass_time()
                self.answer()
        self.leave()

    def leave(self) -> None:
        """ADJ-12: whatever the peer does, the honest broker forces the end within the bound."""
        if not self.channel.is_live:
            return
        left = max([0, *(e.state.condition.expiry - self.now for e in self._epoch_book())])
        bound = self.now + 2 * DURATION + left + GRACE
        epoch = self.channel.epoch
        while self.channel.epoch == epoch:
            if self.rng.random() < 0.7:
                self.attack()
                if self.channel.epoch != epoch:
                    break
            if self.answer(is_leaving=True):
                continue
            times = self.boundaries()
            self.require(bool(times), "ADJ-12 nothing left to wait for, and no end")
            self.now = times[0] - (1 if times[0] - 1 > self.now and self.rng.random() < 0.3 else 0)
            self.require(self.now <= bound, "ADJ-12 the end came too late")
