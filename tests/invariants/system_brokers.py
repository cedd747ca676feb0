"""Brokers at work: ledgers, channels from opening to end, stakes, and legs on the HashTimeLock.

A broker does its duty before time passes: whatever version a challenge names, it answers with the
newest one that both have signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, Final

from clearing.channel.validate import identify
from clearing.spec.types import (
    ZERO_ADDRESS,
    AssetSplit,
    ChannelDef,
    ClearingState,
    Condition,
    ConditionKind,
    Intent,
    Leg,
    SettlementOrder,
    Side,
    Status,
    WithdrawAuth,
)
from clearing.spec.units import DAY_S, Address
from tests.harness.actors import Broker
from tests.harness.oracle import ACCEPTED
from tests.harness.revm import CHAIN_ID
from tests.invariants.book import Entry
from tests.invariants.system_stage import LOT, RAW
from tests.invariants.system_town import Line, Lock, Town, View

__all__ = ["Brokers"]

ADJUDICATOR: Final = "Adjudicator"
REGISTRY: Final = "BrokerRegistry"
LOCKS: Final = "HashTimeLock"
SOON_S: Final = 3_600
GRACE_S: Final = DAY_S
LIVE: Final = (Status.OPEN, Status.CHALLENGED)
Move = tuple[Callable[[], str], float]


class Brokers:
    """Two honest brokers, and the rogue while it behaves."""

    def __init__(self, town: Town) -> None:
        self.town, self.desk = town, town.desk
        self.brokers = town.stage.brokers
        for pair in combinations(sorted(self.brokers, key=lambda b: b.address), 2):
            for nonce, assets in enumerate((("USDC", "Yellow"), ("USDC",), ("EURC", "USDC"))):
                self._draw_up(pair, nonce, [town.address(name) for name in assets])

    def _draw_up(self, pair: tuple[Broker, ...], nonce: int, assets: list[Address]) -> None:
        low, high = pair
        definition = ChannelDef(
            chain_id=CHAIN_ID,
            adjudicator=self.town.address(ADJUDICATOR),
            broker_low=low.address,
            broker_high=high.address,
            signer_low=low.signer.address,
            signer_high=high.signer.address,
            assets=tuple(sorted(assets)),
            challenge_duration=DAY_S * (1 + nonce),
            nonce=nonce,
        )
        line = Line(identify(definition), (low, high))
        self.town.lines[line.id] = line
        self.town.books.meet_channel(line.id)

    def moves(self) -> tuple[Move, ...]:
        """Return what brokers do, and how often."""
        return (
            (self.deposit, 3),
            (self.withdraw, 1),
            (self.withdraw_by_word, 1),
            (self.cancel_word, 0.3),
            (self.work, 14),
            (self.stake, 0.5),
            (self.leave, 0.7),
            (self.rotate, 0.3),
            (self.lock, 1),
            (self.end_lock, 1.5),
        )

    # LEDGERS

    def _any(self) -> Broker:
        return self.town.pick(self.brokers)

    def _token(self) -> str:
        return self.town.pick(("USDC", "USDC", "Yellow", "EURC"))

    def _wallet(self, token: str, who: Address) -> int:
        return self.town.books.word(("wallet", token, who))

    def _ledger(self, token: str, who: Address) -> int:
        return self.town.books.word(("ledger", token, who))

    def deposit(self) -> str:
        """Pay into a ledger; a token that is not listed is refused."""
        who, token = self._any().address, self._token()
        amount = self.town.part(self._wallet(token, who) // 4)
        return self._send("deposit", self.town.address(token), amount, by=who)

    def withdraw(self) -> str:
        """Take out of a ledger, sometimes more than there is."""
        who, token = self._any().address, self._token()
        amount = self.town.part(self._ledger(token, who)) + (1 if self.town.chance(10) else 0)
        to = self.town.pick((who, who, self._any().address))
        return self._send("withdraw", self.town.address(token), amount, to, by=who)

    def withdraw_by_word(self) -> str:
        """Sign a WithdrawAuth; anybody brings it."""
        town, who, token = self.town, self._any().address, self._token()
        amount = min(town.part(self._ledger(token, who)), 2**128 - 1)
        nonce, until = town.random.randrange(2**12), town.now + SOON_S
        auth = WithdrawAuth(who, town.address(token), who, amount, nonce, until)
        signature = town.notary.auth(auth, who)
        return self._send("withdrawWithAuth", auth, signature, by=self._anybody())

    def cancel_word(self) -> str:
        """Take a nonce back."""
        return self._send("cancelAuth", self.town.random.randrange(2**12), by=self._any().address)

    # CHANNELS

    def work(self) -> str:
        """Take one channel a step further."""
        line = self.town.pick(tuple(self.town.lines.values()))
        view = self.town.look(line)
        if view.status not in LIVE:
            return self.open(line, view)
        if view.status is Status.CHALLENGED and self.town.now >= view.deadline:
            return self.finalize(line) if self.town.chance(70) else self.refund(line, view)
        steps: list[tuple[Callable[[Line, View], str], float]] = [
            (self.operate, 6),
            (self.checkpoint, 3),
            (self.challenge, 1.5),
            (self.add, 1.5),
            (self.resize, 1.5),
            (self.settle, 2),
            (self.promise, 1.5),
            (self.reveal, 1.5),
            (self.fund, 2),
            (self.refund, 1.5),
            (self.close, 1),
        ]
        chosen, weights = zip(*steps, strict=True)
        step: Callable[[Line, View], str] = self.town.random.choices(chosen, weights)[0]
        return step(line, view)

    def open(self, line: Line, view: View) -> str:
        """Put collateral in, from ledgers and wallets; rarely of a token that is not listed."""
        caps = [self._cap(asset) for asset in line.assets]
        if not all(caps) and self.town.chance(95):
            return ACCEPTED
        splits = []
        for asset in line.assets:
            name = self.town.name_of(asset)
            nets = [self._means(name, broker.address) for broker in line.brokers]
            splits.append(AssetSplit(nets[0], nets[1], nets[0], nets[1]))
        entry = self._sign(line, view, Intent.OPEN, splits, until=self._soon())
        return self._bring("open", entry)

    def _cap(self, asset: Address) -> int:
        return self.town.books.word(("power", "cap", self.town.name_of(asset)))

    def _means(self, token: str, who: Address) -> int:
        """Return what somebody puts into a channel."""
        most = self._ledger(token, who)
        if self.town.chance(30):
            most += self._wallet(token, who) // 4
        unit = RAW if token != "Yellow" else 10**18
        return min(self.town.part(most), 10**5 * unit)

    def operate(self, line: Line, view: View) -> str:
        """Book a trade off chain; sometimes bring it at once."""
        entry = self._sign(line, view, Intent.OPERATE, self._divided(view))
        if self.town.chance(40):
            return self._bring("checkpoint", entry)
        return ACCEPTED

    def checkpoint(self, line: Line, view: View) -> str:
        """Make the newest version the least that counts."""
        entry = self.town.newest(line, view)
        return self._bring("checkpoint", entry) if entry else ACCEPTED

    def challenge(self, line: Line, view: View) -> str:
        """Begin the end, oneself or by a signed intent."""
        entry = self.town.newest(line, view)
        if entry is None:
            return ACCEPTED
        if self.town.chance(30):
            signer = self.town.pick(line.brokers).signer.address
            intent = self.town.notary.intent(entry, signer)
            return self._bring("challenge", entry, intent)
        return self._bring("challenge", entry, by=self.town.pick(line.brokers).address)

    def add(self, line: Line, view: View) -> str:
        """Put more collateral in."""
        del view
        broker = self.town.pick(line.brokers).address
        token = self.town.pick(line.assets)
        amount = self.town.part(self._ledger(self.town.name_of(token), broker) // 2)
        amount = min(amount, 2**128 - 1)
        return self._send("depositCollateral", line.identified.definition, token, amount, by=broker)

    def resize(self, line: Line, view: View) -> str:
        """Take collateral out that stands free: nobody's claim changes."""
        if self.town.newest(line, view, is_plain=True) is None:
            return self.operate(line, view)
        splits = []
        for low, high, (net_low, net_high) in self._claims(line, view):
            out_low, out_high = self.town.part(max(low, 0)), self.town.part(max(high, 0))
            splits.append(
                AssetSplit(
                    net_low - out_low,
                    net_high - out_high,
                    low - out_low,
                    high - out_high,
                    out_low,
                    out_high,
                )
            )
        entry = self._sign(line, view, Intent.RESIZE, splits, until=self._soon())
        return self._bring("resize", entry)

    def close(self, line: Line, view: View) -> str:
        """End together, some of it to the brokers' addresses."""
        if self.town.newest(line, view, is_plain=True) is None:
            return self.operate(line, view)
        splits = [
            AssetSplit(*nets, low, high, self.town.part(low), self.town.part(high))
            for low, high, nets in self._claims(line, view)
        ]
        entry = self._sign(line, view, Intent.CLOSE, splits, until=self._soon())
        return self._bring("closeCooperative", entry)

    def settle(self, line: Line, view: View) -> str:
        """Deliver against payment at once; if that fails, agree on something newer."""
        entry = self._with_order(line, view)
        told = self._bring("settle", entry, entry.order)
        if told != ACCEPTED and self.town.chance(60):
            plain = self._sign(line, view, Intent.OPERATE, self._divided(view))
            self._bring("checkpoint", plain)
        return told

    def promise(self, line: Line, view: View) -> str:
        """Sign what a preimage or an order decides, and mostly let it come to an end."""
        if self.town.chance(50):
            entry = self._with_order(line, view)
        else:
            preimage = self.town.word()
            splits = self._divided(view)
            lock = Condition(
                ConditionKind.HASHLOCK,
                hashlib.sha256(preimage).digest(),
                self.town.now + SOON_S,
                tuple(self.town.part(split.low + split.high) for split in splits),
            )
            entry = self._sign(line, view, Intent.OPERATE, splits, lock, preimage=preimage)
        if self.town.chance(50):
            told = self._bring("challenge", entry, by=self.town.pick(line.brokers).address)
        else:
            told = self._bring("checkpoint", entry)
        if self.town.chance(60):
            self.reveal(line, view) if entry.preimage else self.fund(line, view)
        if entry.order and self.town.chance(40):
            self.fund(line, view)
        return told

    def reveal(self, line: Line, view: View) -> str:
        """Show a preimage."""
        hidden = [entry for entry in line.of(view.epoch) if entry.preimage]
        if not hidden:
            return ACCEPTED
        return self._bring("reveal", hidden[-1], hidden[-1].preimage)

    def fund(self, line: Line, view: View) -> str:
        """Lock one side's legs of the newest order."""
        ordered = [entry for entry in line.of(view.epoch) if entry.order]
        if not ordered:
            return ACCEPTED
        entry, side = ordered[-1], self.town.pick((Side.LOW, Side.HIGH))
        by = line.brokers[side].address
        return self._bring("fundOrder", entry, entry.order, int(side), by=by)

    def refund(self, line: Line, view: View) -> str:
        """Give the legs of an order back whose time is over."""
        ordered = [e for e in line.of(view.epoch) if e.order and e.state.version]
        if not ordered:
            return ACCEPTED
        held = [e for e in ordered if e.state.version == view.order_version] or ordered
        definition, order = line.identified.definition, held[-1].order
        return self._send("refundOrder", definition, order, by=self._anybody())

    def finalize(self, line: Line) -> str:
        """End by the challenged state."""
        digest = self.town.books.word(("digest", line.id)).to_bytes(32, "big")
        for entry in line.entries:
            if entry.state_hash == digest:
                definition = line.identified.definition
                return self._send("finalize", definition, entry.state, by=self._anybody())
        return ACCEPTED

    # DUTY

    def watch(self) -> None:
        """Answer every challenge that names less than the newest version."""
        for line in self.town.lines.values():
            view = self.town.look(line)
            if view.status is not Status.CHALLENGED or self.town.now >= view.deadline:
                continue
            entry = self.town.newest(line, view)
            if entry is not None and entry.state.version > view.enforced:
                honest = [b for b in line.brokers if b is not self.brokers[-1]]
                self._bring("challenge", entry, by=honest[0].address)

    # SIGNING

    def _claims(self, line: Line, view: View) -> Sequence[tuple[int, int, tuple[int, int]]]:
        """Return for each asset what both own, and its nets."""
        low, high = (self.town.claim(line, view, side) for side in Side)
        return list(zip(low, high, view.nets, strict=True))

    def _divided(self, view: View) -> list[AssetSplit]:
        """Return the nets and a new division of them."""
        splits = []
        for low, high in view.nets:
            part = self.town.part(low + high)
            splits.append(AssetSplit(low, high, part, low + high - part))
        return splits

    def _with_order(self, line: Line, view: View) -> Entry:
        splits, fund_by = self._divided(view), self.town.now + SOON_S
        version = self._version(line, view)
        legs = tuple(self._leg(line) for _ in range(self.town.pick((1, 2, 2))))
        order = SettlementOrder(line.id, view.epoch, version, fund_by, legs)
        totals = [split.low + split.high for split in splits]
        shares = tuple(self.town.part(total) for _ in range(3) for total in totals)
        condition = Condition(ConditionKind.ORDER, self.town.notary.hash(order), fund_by, shares)
        return self._sign(line, view, Intent.SETTLE, splits, condition, order=order)

    def _leg(self, line: Line) -> Leg:
        side = self.town.pick((Side.LOW, Side.HIGH))
        token = self.town.pick(("USDC", "Yellow"))
        have = self._ledger(token, line.brokers[side].address)
        amount = max(1, min(self.town.part(have // 2), 2**128 - 1))
        return Leg(self.town.address(token), side is Side.LOW, amount)

    def _version(self, line: Line, view: View) -> int:
        signed = (entry.state.version for entry in line.of(view.epoch))
        return max(max(signed, default=0), view.enforced) + 1

    def _sign(
        self,
        line: Line,
        view: View,
        intent: Intent,
        splits: Sequence[AssetSplit],
        condition: Condition | None = None,
        *,
        until: int = 0,
        order: SettlementOrder | None = None,
        preimage: bytes = b"",
    ) -> Entry:
        """Let both sign the next version."""
        state = ClearingState(
            channel_id=line.id,
            epoch=view.epoch,
            version=self._version(line, view),
            intent=intent,
            splits=tuple(splits),
            condition=condition or Condition(),
            valid_until=until,
        )
        entry = self.town.notary.entry(line.identified, state, order, preimage)
        line.entries.append(entry)
        return entry

    def _soon(self) -> int:
        return self.town.now + self.town.pick((60, SOON_S, DAY_S))

    def _bring(self, function: str, entry: Entry, *more: Any, by: Address | None = None) -> str:
        """Send a signed state."""
        args = (entry.definition, entry.state, entry.signatures, *more)
        return self._send(function, *args, by=by or self._anybody())

    def _send(self, function: str, *args: Any, by: Address) -> str:
        return self.desk.send(ADJUDICATOR, function, *args, by=by)

    def _anybody(self) -> Address:
        return self.town.stage.roles["anybody"].address

    # STAKE

    def stake(self) -> str:
        """Stake a lot more."""
        return self.desk.send(REGISTRY, "stake", self.town.pick((1, LOT)), by=self._any().address)

    def leave(self) -> str:
        """Ask for stake back, think better of it, or take it."""
        who = self._any().address
        match self.town.random.randrange(3):
            case 0:
                amount = self.town.part(self.town.books.word(("stake", who)))
                return self.desk.send(REGISTRY, "request_unstake", amount, by=who)
            case 1:
                return self.desk.send(REGISTRY, "cancel_unstake", by=who)
            case _:
                return self.desk.send(REGISTRY, "complete_unstake", by=who)

    def rotate(self) -> str:
        """Name another key for a while: openings wait, everything else goes on."""
        broker = self._any()
        spare = self.town.stage.roles["anybody"].address
        self.desk.send(REGISTRY, "set_signer", spare, by=broker.address)
        if self.town.chance(30):
            self.work()
        return self.desk.send(REGISTRY, "set_signer", broker.signer.address, by=broker.address)

    # THE OTHER LEG

    def lock(self) -> str:
        """Lock tokens or ether for another broker."""
        town, preimage = self.town, self.town.word()
        sender, receiver = town.random.sample(self.brokers, 2)
        token, amount, value = town.address("USDC"), town.part(1_000 * RAW), 0
        if town.chance(40):
            token, value = ZERO_ADDRESS, amount
        hashlock, until = hashlib.sha256(preimage).digest(), town.now + town.pick((60, SOON_S))
        terms = (receiver.address, token, amount, hashlock, until)
        told = self.desk.send(LOCKS, "lock", *terms, by=sender.address, value=value)
        if told == ACCEPTED:
            (fields,) = (
                fields
                for name, fields in map(self.desk.fields_of, self.desk.logs)
                if name == "Locked"
            )
            town.locks[fields[0]] = Lock(fields[1:], preimage)
            town.books.meet_lock(fields[0])
        return told

    def end_lock(self) -> str:
        """Claim in time, give back later, or fetch a credit."""
        town = self.town
        if town.chance(10) or not town.locks:
            token = town.pick((ZERO_ADDRESS, town.address("USDC")))
            who = self._any().address
            return self.desk.send(LOCKS, "collect", token, who, by=who)
        lock = town.pick(tuple(town.locks.values())[-6:])
        if town.chance(60):
            return self.desk.send(LOCKS, "claim", lock.terms, lock.preimage, by=self._anybody())
        return self.desk.send(LOCKS, "refund", lock.terms, by=self._anybody())
