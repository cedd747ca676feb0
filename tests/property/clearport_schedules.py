"""Drive two cores through schedules that nobody would wish on a daemon.

Each action is a name and a number; what the number means is the action's affair. Afterwards the
pair is healed: both processes run, the stream stands, blocks come and prices are fresh.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

from clearing.channel import requests
from clearing.channel.errors import CodecError
from clearing.channel.signatures import Signature
from clearing.clearport.core.channel import Line
from clearing.clearport.core.events import Consented, Heard, Priced, Rejected, Ticked
from clearing.clearport.core.messages import (
    CallMarginWish,
    Message,
    Proposal,
    Reestablish,
    ReportedTrade,
    ResizeWish,
    SettleWish,
)
from clearing.client import moves
from clearing.client.position import advance
from clearing.spec.errors import SpecError
from clearing.spec.types import ConditionKind, Intent, Side, Status
from clearing.spec.units import WAD
from tests.unit.clearport_core.chain import HOUR
from tests.unit.clearport_core.pair import (
    DEFINITION,
    ETH,
    KEYS,
    UNIT,
    Node,
    Pair,
    Promise,
    market_at,
    trade,
)

TRADES = 12
Action = Callable[["Schedule", int], None]


def _trade(number: int) -> ReportedTrade:
    """Return the trade of a number: small, so that all of them fit the collateral together."""
    seller = Side.LOW if number % 3 else Side.HIGH
    if number % 2:
        return trade(number, seller, base_wad=WAD // 100)
    return trade(number, seller, ETH, WAD // 10)


class Schedule:
    """A pair with an open channel, and what may befall it."""

    def __init__(self) -> None:
        self.pair = Pair().open()
        self.btc_usd = 50_000
        self.recorded: tuple[set[int], set[int]] = (set(), set())
        self.different: set[int] = set()
        self.challenges = 0
        self.is_forced = False

    def do(self, name: str, number: int) -> None:
        """Do one action."""
        ACTIONS[name](self, number)

    # THE LINK

    def deliver(self, number: int) -> None:
        self.pair.deliver(self.pair.nodes[number & 1])

    def deliver_some(self, number: int) -> None:
        for place in range(2 + number % 5):
            self.pair.deliver(self.pair.nodes[(number >> place) & 1])

    def double(self, number: int) -> None:
        self.pair.deliver(self.pair.nodes[number & 1], is_doubled=True)

    def cut(self, _number: int) -> None:
        self.pair.cut()

    def link(self, _number: int) -> None:
        self.pair.link()

    # CRASHES

    def kill(self, number: int) -> None:
        """Have a node die some effect boundaries from now."""
        self.pair.nodes[number & 1].kill_in = (number >> 1) % 12

    def restart(self, _number: int) -> None:
        """Start what is down; the chain and the market are seen before the peer is met."""
        for node in self.pair.nodes:
            if not node.is_up:
                node.restart()
                self.pair.happen(node, Priced(market_at(self.pair.chain.now, self.btc_usd)))
                self.pair.happen(node, self.pair.chain.observed(node.line))
        self.pair.link()

    # OPERATORS

    def record(self, number: int) -> None:
        """Record a trade on one side; the other side may have it, later, or with other numbers."""
        side, which = number & 1, (number >> 1) % TRADES
        if which in self.recorded[side] or which in self.different:
            return
        node = self.pair.nodes[side]
        self._record(node, which, _trade(which))

    def record_both(self, number: int) -> None:
        """Record a trade on both sides; what one of them forgets in a crash is not recorded."""
        for side in (number & 1, 1 - (number & 1)):
            self.record((number & ~1) | side)

    def record_other(self, number: int) -> None:
        """Record a trade with numbers of one's own."""
        side, which = number & 1, (number >> 1) % TRADES
        if which in self.recorded[side] or which in self.different:
            return
        self.different.add(which)
        each = _trade(which)
        wrong = replace(each, trade=replace(each.trade, base_wad=each.trade.base_wad + 1))
        self._record(self.pair.nodes[side], which, wrong)

    def _record(self, node: Node, which: int, each: ReportedTrade) -> None:
        self.pair.record(node, each)
        if any(known.trade_id == each.trade_id for known in node.disk.line.trades) or (
            each.trade_id in node.disk.booked
        ):
            self.recorded[node.side].add(which)

    def want(self, number: int) -> None:
        node = self.pair.nodes[number & 1]
        until = self.pair.chain.now + HOUR
        match (number >> 1) % 5:
            case 0:
                self.pair.want(node, CallMarginWish())
            case 1:
                out = ((UNIT, 0),) if node.side is Side.LOW else ((0, UNIT),)
                self.pair.want(node, ResizeWish(out, until))
            case 2:
                self.pair.want(node, moves.LockHash(b"\x05" * 32, until, (90_000 * UNIT,)))
            case 3:
                self.pair.want(node, SettleWish(until))
            case _ if number > 200:
                self.pair.want(node, moves.Close(until))

    def answer(self, number: int) -> None:
        """Have an operator who is asked say yes, seldom no."""
        for node in self.pair.nodes:
            for wait in node.line.waits:
                if not wait.is_ours and not wait.is_agreed:
                    wanted = wait.request.request_id
                    event = Rejected(wanted, "no") if number % 8 == 0 else Consented(wanted)
                    self.pair.happen(node, event)
                    return

    # THE WORLD

    def price(self, number: int) -> None:
        self.btc_usd = 49_000 + 10 * number
        for node in self.pair.nodes:
            self.pair.happen(node, Priced(market_at(self.pair.chain.now, self.btc_usd)))

    def price_one(self, number: int) -> None:
        """Let one side's feed run ahead, or dry."""
        node = self.pair.nodes[number & 1]
        market = None if number % 8 == 0 else market_at(self.pair.chain.now, 49_000 + 10 * number)
        self.pair.happen(node, Priced(market))

    def block(self, number: int) -> None:
        self.pair.chain.mine(1 + number)
        self.pair.look()

    def tick(self, number: int) -> None:
        self.pair.happen(self.pair.nodes[number & 1], Ticked())

    def deposit(self, number: int) -> None:
        side = Side(number & 1)
        request = requests.DepositCollateral(DEFINITION, DEFINITION.assets[0], UNIT + number)
        if self.pair.chain.channel(self.pair.low.line.channel_id).status is Status.OPEN:
            self.pair.chain.act(side, request)

    def challenge_old(self, number: int) -> None:
        """Have one side's broker challenge with a state that is not its latest."""
        side = Side(number & 1)
        node = self.pair.nodes[side]
        channel = self.pair.chain.channel(node.line.channel_id)
        old = [
            each
            for (epoch, version), each in node.disk.agreed.items()
            if epoch == channel.epoch
            and channel.enforced_version < version < node.version
            and each.state.intent in (Intent.OPERATE, Intent.SETTLE)
        ]
        if channel.status is Status.OPEN and old and number % 4 == 0:
            found = old[number % len(old)]
            request = requests.Challenge(DEFINITION, found.state, found.signatures)
            self.pair.chain.act(side, request)
            self.challenges += 1

    def force(self, number: int) -> None:
        """Have an operator end the channel by a challenge."""
        if number > 240:
            self.is_forced = True
            self.pair.force(self.pair.nodes[number & 1])

    # AFTERWARDS

    def heal(self) -> None:
        """Let both run and talk until nothing changes any more; then hold them to all of it."""
        pair = self.pair
        pair.cut()
        for node in pair.nodes:
            node.kill_in = None
            if not node.is_up:
                node.restart()
        pair.price(self.btc_usd)
        pair.look()
        pair.link()
        pair.talk()
        for node in pair.nodes:
            for wait in node.line.waits:
                if not wait.is_ours and not wait.is_agreed:
                    pair.happen(node, Consented(wait.request.request_id))
        for _ in range(60):
            pair.price(self.btc_usd)
            pair.mine(299)
            pair.both(Ticked())
            pair.talk()
        self.require_kept()

    def require_kept(self) -> None:
        pair = self.pair
        pair.require_agreed()
        if "finalize" in [name for _, name in pair.chain.done] and not self.is_forced:
            raise Promise("CLP-09: a stale challenge has ended the channel")
        for node in pair.nodes:
            if node.line.alarm or node.line.is_recovering or node.line.half is not None:
                raise Promise(f"CLP-03: {node.side.name} has not healed: {node.line.alarm}")
            if node.notices("peer_lied"):
                raise Promise(f"an honest peer is called a liar: {node.notices('peer_lied')}")
        if pair.low.disk.agreed.keys() - pair.high.disk.agreed.keys():
            raise Promise("CLP-03: low has a full state that high has not")
        self._require_booked()

    def _require_booked(self) -> None:
        """Hold what both have booked against what both have recorded."""
        low, high = self.pair.low, self.pair.high
        if low.disk.booked != high.disk.booked:
            raise Promise("CLP-06: the two have booked different trades")
        for number in self.different:
            if f"T{number}" in low.disk.booked:
                raise Promise(f"CLP-06: T{number} is booked with one side's numbers")
        state = low.line.position.state
        if state is None or state.intent == Intent.CLOSE or low.line.waits or self.is_forced:
            return
        if state.condition.kind != ConditionKind.NONE or low.line.is_closing:
            return
        both = (self.recorded[0] & self.recorded[1]) - self.different
        missing = {n for n in both if f"T{n}" not in low.disk.booked}
        if missing and not high.line.is_closing:
            raise Promise(f"CLP-06: {missing} are recorded by both and not booked")


ACTIONS: dict[str, Action] = {
    name: getattr(Schedule, name)
    for name in (
        "deliver",
        "deliver_some",
        "double",
        "cut",
        "link",
        "kill",
        "restart",
        "record",
        "record_both",
        "record_other",
        "want",
        "answer",
        "price",
        "price_one",
        "block",
        "tick",
        "deposit",
        "challenge_old",
        "force",
    )
}
WEIGHTS = (
    *("deliver_some", "deliver_some", "deliver_some", "deliver_some", "deliver", "double"),
    *("record", "record", "record_both", "record_both", "record_both", "record_other"),
    *("restart", "restart", "link", "kill", "cut", "tick", "block", "deposit"),
    *("price", "price", "price_one", "want", "answer", "answer", "challenge_old", "force"),
)


# HOSTILE MESSAGES

NUMBERS = (0, 1, -1, 2**31, 2**63, 2**64 - 1, 2**64, 2**255)
TEXTS = ("", "T1", "T2", "CLOCK", "BELOW_FLOOR", "9" * 19, "x" * 5_000)


def mutated(value: Any, number: int) -> Any:
    """Return a value of the same kind with one part changed; None if there is no such value."""
    if is_dataclass(value) and not isinstance(value, type):
        names = [each.name for each in fields(value)]
        if not names:
            return None
        name = names[number % len(names)]
        # floor: the rest of the number is for the part
        part = mutated(getattr(value, name), number // len(names))
        try:
            return replace(value, **{name: part})
        except (SpecError, CodecError, TypeError, ValueError):
            return None
    return _mutated_plain(value, number)


def _mutated_plain(value: Any, number: int) -> Any:
    match value:
        case bool():
            return not value
        case Enum():
            kinds = list(type(value))
            return kinds[number % len(kinds)]
        case int():
            return (value + 1, value - 1, value * 2, *NUMBERS)[number % 11]
        case bytes() if value:
            place = number % len(value)
            return value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]
        case str():
            return TEXTS[number % len(TEXTS)]
        case tuple() if value:
            place = number % len(value)
            rest = number // len(value)  # floor: as above
            if rest % 3 == 0:
                return value[:place] + value[place + 1 :]
            if rest % 3 == 1:
                return (*value, value[place])
            # floor: as above
            changed = mutated(value[place], rest // 3)
            return (*value[:place], changed, *value[place + 1 :])
        case _:
            return value


def hostile(pair: Pair, node: Node, number: int) -> Message | None:
    """Return a message that the peer has not said: mutated, perhaps signed by the peer's key."""
    said = [message for side, message in pair.said if side is node.side.other]
    if not said:
        return None
    message = said[number % len(said)]
    if isinstance(message, Reestablish) and number % 16:
        return None  # most of them are the end of all signing
    changed: Message | None = mutated(message, number // 7)  # floor: another draw of the number
    if changed is None or changed == message:
        return None
    if isinstance(changed, Proposal) and number % 3 == 0 and len(changed.digest) == 32:
        signature: Signature = KEYS[node.side.other].sign(changed.digest)
        return replace(changed, signature=signature)
    return changed


def _require_right(node: Node, proposal: Proposal, before: Line) -> None:
    """Refuse what was signed unless it is our own computation of a move that we know of."""
    want = advance(
        before.position, proposal.move, before.terms, proposal.version, proposal.signed_at
    )
    if node.line.position != want:
        raise Promise("CLP-08: a hostile proposal has led to a state that we do not compute")
    known = {each.trade_id: each.trade for each in before.trades}
    booked = tuple(known.get(each) for each in proposal.trade_ids)
    if booked != getattr(proposal.move, "trades", ()):
        raise Promise("CLP-08: a trade is booked that our operator has not recorded")


def hear_hostile(pair: Pair, node: Node, number: int) -> None:
    """Let a node hear a hostile message: nothing that money depends on may change by it."""
    message = hostile(pair, node, number)
    if message is None or not node.is_up:
        return
    before = node.line
    pair.happen(node, Heard(message))
    after = node.line
    if isinstance(message, Proposal):
        if after.full is not before.full:
            _require_right(node, message, before)
        return
    if (after.full, after.position) != (before.full, before.position):
        raise Promise(f"CLP-08: {type(message).__name__} has changed the state")
