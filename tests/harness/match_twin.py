"""The MatchSettler and its specification, kept in step; and matches drawn for both.

The engine is the real one. What a settlement may know of it stands in `Book`: owners, session keys,
sizes, terms, and the one refusal that these traders can meet, a position below the minimum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from random import Random
from types import MappingProxyType
from typing import Any, Final, NoReturn, Self

from clearing.channel.perp_batch import Match, SignedFill
from clearing.channel.signatures import LocalSigner
from clearing.spec import perp_orders as spec
from clearing.spec.errors import SpecError
from clearing.spec.perp_book import Leg, Sample
from clearing.spec.perp_orders import (
    REACH,
    SLOTS,
    TICK,
    Fill,
    Flag,
    Group,
    Matcher,
    Order,
    Rings,
    SignedOrder,
    Slot,
    Terms,
)
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import WAD, Address, mul_div_up
from tests.harness.actors import key_of
from tests.harness.contract import Contract, Log, Receipt
from tests.harness.errors import Refused
from tests.harness.match import MatchRig, Trader, abi_group, deploy_match, reason_of
from tests.harness.perp import BTC, ETH, LIMIT, LOT, TRADE
from tests.harness.results import ACCEPTED, Divergence

__all__ = ["FLAWS", "PACKABLE", "Book", "Drawer", "MatchTwin", "Vouched", "deploy_twin", "rebuilt"]

MIDS: Final = {ETH: 3_000 * WAD, BTC: 50_000 * WAD}
PROTOCOLS: Final = 4
SESSION_S: Final = 7_200


@dataclass(frozen=True, slots=True)
class Book:
    """The engine as settlements see it, and what they booked in it."""

    owners: Mapping[int, Address]
    sessions: frozenset[tuple[int, Address]] = frozenset()
    sizes: Mapping[tuple[int, int], int] = field(default_factory=lambda: MappingProxyType({}))
    booked_legs: tuple[tuple[int, tuple[Leg, ...], Sample], ...] = ()

    def owner_of(self, account: int) -> Address:
        """Return the owner of an account. Raises UnknownAccount."""
        if account not in self.owners:
            raise SpecError("UnknownAccount", account)
        return self.owners[account]

    def is_trader(self, account: int, actor: Address) -> bool:
        """Return whether it is the owner or a session key."""
        is_owner = actor != ZERO_ADDRESS and self.owners.get(account) == actor
        return is_owner or (account, actor) in self.sessions

    def size_of(self, account: int, market: int) -> int:
        """Return the lots of a position."""
        return self.sizes.get((account, market), 0)

    def terms_of(self, market: int) -> Terms:
        """Return the terms of a market. Raises UnknownMarket."""
        if market not in MIDS:
            raise SpecError("UnknownMarket", market)
        return Terms(
            MIDS[market],
            LIMIT["band"],
            TRADE["takerFee"],
            TRADE["makerFee"],
            TRADE["premCap"],
            TRADE["minNotional"] * WAD,
        )

    def booked(self, market: int, legs: Sequence[Leg], sample: Sample) -> Self:
        """Return the book after legs. Raises BelowMinNotional."""
        sizes = dict(self.sizes)
        for leg in legs:
            after = sizes.get((leg.account, market), 0) + leg.size
            sizes[leg.account, market] = after
            notional = mul_div_up(abs(after), MIDS[market], LOT)
            if after and notional < TRADE["minNotional"] * WAD:
                raise SpecError("BelowMinNotional", market, leg.account, notional)
        done = (*self.booked_legs, (market, tuple(legs), sample))
        return replace(self, sizes=MappingProxyType(sizes), booked_legs=done)


@dataclass(frozen=True, slots=True)
class Vouched:
    """A group as it is signed, and for which of its accounts a contract vouches."""

    match: Match
    vouching: frozenset[int] = frozenset()


class MatchTwin:
    """Both at once; a difference raises `Divergence`."""

    def __init__(self, rig: MatchRig, traders: Sequence[Trader], wallet: Contract) -> None:
        self.rig = rig
        self.traders = tuple(traders)
        self.wallet = wallet
        owners = dict.fromkeys(range(PROTOCOLS), ZERO_ADDRESS)
        owners |= {trader.account: trader.owner for trader in traders}
        self.wallet_account = len(owners)
        owners[self.wallet_account] = wallet.address
        self.model = Matcher(rig.bringer.address, rig.settler.read("lastBatchAt"))
        self.book = Book(MappingProxyType(owners))
        self.logs: list[Log] = []

    @property
    def now(self) -> int:
        """Time of the next call."""
        return self.rig.perp.chain.now

    def fork(self) -> MatchTwin:
        """Return a twin that goes on from here on its own; the chain is the caller's to isolate."""
        twin = MatchTwin(self.rig, self.traders, self.wallet)
        twin.model, twin.book = self.model, self.book
        return twin

    # CALLS

    def allow(self, trader: Trader, key: LocalSigner) -> None:
        """Let a key trade for an account."""
        expiry = self.now + SESSION_S
        engine = self.rig.perp.engine
        engine.send("setSession", trader.account, key.address, expiry, sender=trader.owner)
        sessions = self.book.sessions | {(trader.account, key.address)}
        self.book = replace(self.book, sessions=sessions)

    def settle(self, groups: Sequence[Vouched], *, packed: bool = False) -> list[str]:
        """Settle on both; return what became of each group."""
        number = self.model.last_batch + 1
        signed = tuple(self._group_of(group, packed=packed) for group in groups)
        before = self.book
        self.model, self.book, events = spec.settle(
            self.model,
            before,
            signed,
            batch_id=number,
            caller=self.rig.bringer.address,
            now=self.now,
        )
        matches = [group.match for group in groups]
        if packed:
            receipt = self.rig.settle_packed(*matches)
        else:
            receipt = self.rig.settle_groups([abi_group(match) for match in matches])
        self._compare(receipt, events)
        self._compare_legs(receipt, self.book.booked_legs[len(before.booked_legs) :])
        self.check()
        skipped = {e.group: e.reason.name for e in events if isinstance(e, spec.FillSkipped)}
        return [skipped.get(index, ACCEPTED) for index in range(len(groups))]

    def cancel(self, account: int, nonces: Sequence[int], caller: Address) -> str:
        """Cancel orders on both."""
        return self._both(
            lambda: self.rig.settler.send("cancel", account, nonces, sender=caller),
            lambda: spec.cancel(self.model, self.book, account, nonces, caller=caller),
        )

    def cancel_up_to(self, account: int, nonce: int, caller: Address) -> str:
        """Cancel all orders below a nonce on both."""
        return self._both(
            lambda: self.rig.settler.send("cancelUpTo", account, nonce, sender=caller),
            lambda: spec.cancel_up_to(self.model, self.book, account, nonce, caller=caller),
        )

    def _both(
        self,
        act: Callable[[], Receipt],
        model: Callable[[], tuple[Matcher, tuple[spec.MatcherEvent, ...]]],
    ) -> str:
        try:
            after, events = model()
        except SpecError as expected:
            try:
                act()
            except Refused as refusal:
                if (refusal.name, refusal.args_) != (expected.name, expected.args_):
                    self._fail(f"{refusal!r}, specification: {expected!r}")
                return refusal.name
            self._fail(f"accepted, specification: {expected!r}")
        self._compare(act(), events)
        self.model = after
        self.check()
        return ACCEPTED

    def _group_of(self, group: Vouched, *, packed: bool) -> Group:
        def signed(fill: SignedFill) -> SignedOrder:
            signer = self.rig.signer_of(fill)
            vouched = not packed and fill.order.account in group.vouching
            return SignedOrder(fill.order, signer, vouched)

        match = group.match
        fills = tuple(Fill(signed(maker), maker.lots) for maker in match.makers)
        return Group(signed(match.taker), fills)

    # COMPARE

    def _compare(self, receipt: Receipt, events: Sequence[spec.MatcherEvent]) -> None:
        logs = receipt.of(self.rig.settler)
        self.logs += logs
        told = [self._told(log) for log in logs]
        wanted = [_wanted(event) for event in events]
        if told != wanted:
            self._fail(f"told {told}, specification: {wanted}")

    def _told(self, log: Log) -> tuple[Any, ...]:
        if log.event != "FillSkipped":
            return log.event, *log.args
        reason = reason_of(self.rig, log.args[2])
        return log.event, *log.args[:2], reason.name, reason.args_

    def _compare_legs(
        self, receipt: Receipt, groups: Sequence[tuple[int, tuple[Leg, ...], Sample]]
    ) -> None:
        """Compare what the engine was told, by its own events."""
        logs = receipt.of(self.rig.perp.engine)
        told = [log.args[:5] for log in logs if log.event == "Booked"]
        wanted = [
            (market, leg.account, leg.size, leg.quote, leg.fee)
            for market, legs, _ in groups
            for leg in legs
        ]
        if told != wanted:
            self._fail(f"booked {told}, specification: {wanted}")
        sampled = [log.args[:2] for log in logs if log.event == "PremiumSampled"]
        spoken = [(market, sample.premium) for market, _, sample in groups if sample.notional]
        if sampled != spoken:
            self._fail(f"sampled {sampled}, specification: {spoken}")

    def check(self) -> None:
        """Compare the last batch, the rings and the positions."""
        last = self.rig.settler.read("lastBatch"), self.rig.settler.read("lastBatchAt")
        if last != (self.model.last_batch, self.model.last_batch_at):
            self._fail(f"last batch {last}, specification: {self.model}")
        rings = self.model.rings
        for account in self.book.owners:
            least = self.rig.settler.read("minNonceOf", account)
            if least != rings.least_of(account):
                self._fail(f"least of {account} is {least}, specification: {rings}")
        for (account, index), slot in rings.slots.items():
            if self.rig.slot(account, index) != slot:
                self._fail(f"slot {index} of {account} is not {slot}")
        for (account, market), size in self.book.sizes.items():
            if self.rig.perp.size(account, market) != size:
                self._fail(f"size of {account} in {market} is not {size}")

    def state(self) -> Any:
        """Return all that settlements can change, but the number of the batch."""
        slots = {key: astuple(self.rig.slot(*key)) for key in sorted(self.model.rings.slots)}
        return slots, self.rig.perp.everything()

    def _fail(self, message: str) -> NoReturn:
        raise Divergence(f"time {self.now}: {message}")


def _wanted(event: spec.MatcherEvent) -> tuple[Any, ...]:
    match event:
        case spec.OrderFilled(account, nonce, _, size, quote, filled):
            return "OrderFilled", account, nonce | filled << 40, size, quote
        case spec.FillSkipped(number, group, reason):
            return "FillSkipped", number, group, reason.name, reason.args_
        case _:
            return type(event).__name__, *astuple(event)


def rebuilt(logs: Sequence[Log]) -> Rings:
    """Return the rings as the events alone tell them."""
    rings = Rings()
    for log in logs:
        match log.event, log.args:
            case "OrderFilled", (account, slot, _, _):
                rings = rings.written(account, slot & 2**40 - 1, slot >> 40)
            case "OrderCancelled", (account, nonce):
                rings = rings.written(account, nonce, spec.FILLED_MAX)
            case "NoncesCancelled", (account, nonce):
                least = MappingProxyType({**rings.least, account: nonce})
                rings = replace(rings, least=least)
            case _:
                pass
    return rings


# DRAW


FLAWS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "none": ACCEPTED,
        "forged": "InvalidSignature",
        "unknown account": "UnknownAccount",
        "unknown market": "UnknownMarket",
        "expired": "OrderExpired",
        "flags": "UnknownFlags",
        "fee": "OrderFeeTooHigh",
        "post-only taker": "PostOnlyTaker",
        "ioc maker": "IocMaker",
        "no makers": "EmptyGroup",
        "zero fill": "ZeroFill",
        "other market": "WrongMarket",
        "same side": "SameSide",
        "unsorted": "MakersUnsorted",
        "own account": "SelfTrade",
        "off the tick": "PriceOffTick",
        "beyond the limit": "PriceBeyondLimit",
        "outside the band": "PriceOutsideBand",
        "not reducing": "NotReducing",
        "nonce low": "NonceTooLow",
        "nonce high": "NonceTooHigh",
        "nonce replaced": "NonceReplaced",
        "overfill": "Overfilled",
        "trigger": "NotTriggered",
        "dust": "BelowMinNotional",
        "contract": ACCEPTED,
        "session": ACCEPTED,
    }
)
"""What may be wrong with a drawn group, and why it is skipped then; some are only odd."""
PACKABLE: Final = tuple(
    sorted(set(FLAWS) - {"off the tick", "trigger", "fee", "contract", "other market", "flags"})
)


class Drawer:
    """Draws groups that settle, but for the flaw that was asked for."""

    def __init__(self, twin: MatchTwin, rng: Random) -> None:
        self.twin, self.rng = twin, rng
        self.session = key_of("session key")

    def group(self, flaw: str = "none") -> Vouched:
        """Return a group of a taker and one to four makers."""
        rng, twin = self.rng, self.twin
        taker, *others = rng.sample(twin.traders, rng.randint(2, min(5, len(twin.traders))))
        makers = sorted(others, key=lambda trader: trader.account)
        market, side = rng.choice((ETH, BTC)), rng.choice((1, -1))
        orders = [self._maker(maker, market, -side) for maker in makers]
        if rng.random() < 1 / 2:  # one of them twice
            again = self._maker(makers[0], market, -side)
            orders.insert(0, replace(again, nonce=self.nonce(makers[0].account, 1)))
        lots = [self._part(order) for order in orders]
        worst = MIDS[market] + side * MIDS[market] * 45 // 1_000
        bought = Order(
            taker.account,
            market,
            side * (sum(lots) + rng.choice((0, 0, LOT))),
            worst // TICK * TICK,
            TRADE["takerFee"],
            twin.now + rng.choice((0, 1, 3_600)),
            self.nonce(taker.account),
            rng.choice((0, 0, 0, Flag.IOC)),
        )
        drawn = _Drawn(taker, bought, orders, lots)
        return self._signed(self._flawed(drawn, flaw), flaw)

    def _maker(self, maker: Trader, market: int, side: int) -> Order:
        rng, mid = self.rng, MIDS[market]
        price = mid + mid * rng.randint(-400, 400) // 10_000
        return Order(
            maker.account,
            market,
            side * rng.randint(1, 20) * LOT // rng.choice((1, 2, 5)),
            price // TICK * TICK,
            TRADE["takerFee"],
            self.twin.now + rng.choice((0, 1, 3_600)),
            self.nonce(maker.account),
            rng.choice((0, 0, Flag.POST_ONLY)),
        )

    def nonce(self, account: int, more: int = 0) -> int:
        """Return a nonce that no slot has seen, within reach."""
        rings, index = self.twin.model.rings, self.rng.randrange(SLOTS // 2) * 2 + more
        used = rings.slots.get((account, index), Slot())
        first = max(rings.least_of(account), used.nonce + 1 if used != Slot() else 0)
        return first + (index - first) % SLOTS + SLOTS * self.rng.randrange(3)

    def least(self, drawn: _Drawn) -> int:
        """Return the least nonce of the first maker."""
        return self.twin.model.rings.least_of(drawn.orders[0].account)

    def low(self, drawn: _Drawn) -> int:
        """Return a nonce below the least; where there is none, one that is dead as well."""
        least = self.least(drawn)
        return least - 1 if least else REACH + 1

    def _part(self, order: Order) -> int:
        return self.rng.choice((abs(order.size), abs(order.size) // 2))

    def _flawed(self, drawn: _Drawn, flaw: str) -> _Drawn:
        if flaw in _MAKER_FLAWS:
            return drawn.with_maker(**_MAKER_FLAWS[flaw](self, drawn))
        if flaw in _TAKER_FLAWS:
            return drawn.with_taker(**_TAKER_FLAWS[flaw](self, drawn))
        return _GROUP_FLAWS[flaw](self, drawn) if flaw in _GROUP_FLAWS else drawn

    def unsorted(self, drawn: _Drawn) -> _Drawn:
        """Return two makers, the greater account first."""
        accounts = sorted(t.account for t in self.twin.traders if t is not drawn.taker)
        maker = drawn.orders[0]
        swapped = (replace(maker, account=accounts[-1]), replace(maker, account=accounts[0]))
        orders = [replace(each, nonce=self.nonce(each.account)) for each in swapped]
        lots = [abs(maker.size)] * 2
        return replace(drawn, orders=orders, lots=lots).with_taker(size=drawn.side * sum(lots))

    def outside(self, drawn: _Drawn) -> _Drawn:
        """Return a taker who would pay anything, and a maker a tick beyond the band."""
        edge = drawn.mid + drawn.side * drawn.mid * LIMIT["band"] // 10**6
        drawn = drawn.with_taker(limit_price=edge + drawn.side * TICK * 9)
        return drawn.with_maker(limit_price=edge + drawn.side * TICK)

    def not_reducing(self, drawn: _Drawn) -> _Drawn:
        """Return a maker whose reduction goes beyond its position."""
        held = self.twin.book.size_of(drawn.orders[0].account, drawn.bought.market)
        lots = LOT + max(0, held * drawn.side)
        drawn = drawn.with_maker(size=-drawn.side * lots, flags=Flag.REDUCE_ONLY)
        return drawn.with_lots(lots)

    def overfill(self, drawn: _Drawn) -> _Drawn:
        """Return a maker filled beyond its size."""
        return drawn.with_lots(abs(drawn.orders[0].size) + LOT)

    def dusty(self, drawn: _Drawn) -> _Drawn:
        """Return one maker that is left with one lot."""
        held = self.twin.book.size_of(drawn.orders[0].account, drawn.bought.market)
        lots = max(0, held * drawn.side) + 1
        drawn = replace(drawn, orders=drawn.orders[:1], lots=[lots])
        return drawn.with_maker(size=-drawn.side * lots).with_lots(lots)

    def contract(self, drawn: _Drawn) -> _Drawn:
        """Return a last maker whose owner is a contract."""
        wallet = self.twin.wallet_account
        order = replace(drawn.orders[-1], account=wallet, nonce=self.nonce(wallet))
        return replace(drawn, orders=[*drawn.orders[:-1], order])

    def replaced(self, account: int) -> int:
        """Return a nonce within reach whose slot a later one has."""
        rings = self.twin.model.rings
        taken = [
            slot.nonce - SLOTS
            for (owner, _), slot in sorted(rings.slots.items())
            if owner == account and slot.nonce - SLOTS >= rings.least_of(account)
        ]
        return self.rng.choice(taken) if taken else rings.least_of(account) + REACH + 1

    def _signed(self, drawn: _Drawn, flaw: str) -> Vouched:
        twin = self.twin
        keys = {trader.account: trader.key for trader in twin.traders}
        forger = key_of("forger")

        def signed(order: Order, lots: int, *, is_first: bool) -> SignedFill:
            key = keys.get(order.account, forger)
            if flaw == "forged" and is_first:
                key = forger
            if flaw == "session" and is_first:
                key = self.session
            return twin.rig.signed(Trader(order.account, key), order, lots)

        makers = tuple(
            signed(order, lots, is_first=index == 0)
            for index, (order, lots) in enumerate(zip(drawn.orders, drawn.lots, strict=True))
        )
        taker = signed(drawn.bought, sum(drawn.lots), is_first=False)
        if flaw == "session":
            trader = next(t for t in twin.traders if t.account == drawn.orders[0].account)
            twin.allow(trader, self.session)
        vouching = frozenset({twin.wallet_account}) if flaw == "contract" else frozenset[int]()
        return Vouched(Match(taker, makers), vouching)


@dataclass(frozen=True, slots=True)
class _Drawn:
    taker: Trader
    bought: Order
    orders: list[Order]
    lots: list[int]

    @property
    def side(self) -> int:
        return 1 if self.bought.size > 0 else -1

    @property
    def mid(self) -> int:
        return MIDS[self.bought.market]

    def with_lots(self, first: int) -> _Drawn:
        """Fill so much of the first maker; the taker takes it all."""
        lots = [first, *self.lots[1:]]
        return replace(self, lots=lots).with_taker(size=self.side * sum(lots))

    def with_taker(self, **changes: int) -> _Drawn:
        return replace(self, bought=replace(self.bought, **changes))

    def with_maker(self, **changes: int) -> _Drawn:
        return replace(self, orders=[replace(self.orders[0], **changes), *self.orders[1:]])

    def with_all(self, **changes: int) -> _Drawn:
        orders = [replace(order, **changes) for order in self.orders]
        return replace(self.with_taker(**changes), orders=orders)


_Changes = Callable[[Drawer, _Drawn], dict[str, int]]

_MAKER_FLAWS: Final[Mapping[str, _Changes]] = {
    "unknown account": lambda _, __: {"account": 10**6, "nonce": 0},
    "expired": lambda drawer, _: {"expiry": drawer.twin.now - 1},
    "flags": lambda _, __: {"flags": 8},
    "fee": lambda _, __: {"max_fee_ppm": TRADE["makerFee"] - 1},
    "ioc maker": lambda _, __: {"flags": Flag.IOC},
    "other market": lambda _, drawn: {"market": 1 - drawn.bought.market},
    "same side": lambda _, drawn: {"size": -drawn.orders[0].size},
    "own account": lambda drawer, drawn: {
        "account": drawn.taker.account,
        "nonce": drawer.nonce(drawn.taker.account, 1),
    },
    "off the tick": lambda _, drawn: {"limit_price": drawn.orders[0].limit_price + 1},
    "nonce low": lambda drawer, drawn: {"nonce": drawer.low(drawn)},
    "nonce high": lambda drawer, drawn: {"nonce": drawer.least(drawn) + REACH + 1},
    "nonce replaced": lambda drawer, drawn: {"nonce": drawer.replaced(drawn.orders[0].account)},
}
_TAKER_FLAWS: Final[Mapping[str, _Changes]] = {
    "post-only taker": lambda _, __: {"flags": Flag.POST_ONLY},
    "beyond the limit": lambda _, drawn: {
        "limit_price": drawn.orders[0].limit_price - drawn.side * TICK
    },
    "trigger": lambda _, drawn: {"trigger_price": drawn.mid + drawn.side},
}
_GROUP_FLAWS: Final[Mapping[str, Callable[[Drawer, _Drawn], _Drawn]]] = {
    "unknown market": lambda _, drawn: drawn.with_all(market=7),
    "no makers": lambda _, drawn: replace(drawn, orders=[], lots=[]),
    "zero fill": lambda _, drawn: replace(drawn, lots=[0, *drawn.lots[1:]]),
    "unsorted": Drawer.unsorted,
    "outside the band": Drawer.outside,
    "not reducing": Drawer.not_reducing,
    "overfill": Drawer.overfill,
    "dust": Drawer.dusty,
    "contract": Drawer.contract,
}


def deploy_twin(traders: int = 5) -> MatchTwin:
    """Deploy, with so many traders and a contract wallet that signs whatever it is asked."""
    rig = deploy_match()
    people = [rig.trader(f"trader {index}") for index in range(traders)]
    chain = rig.perp.chain
    wallet = chain.deploy("HostileSigner", sender=rig.perp.roles.deployer)
    create = rig.perp.engine.call("createAccount", 0).method.encode()
    wallet.send("execute", rig.perp.engine.address, create, sender=rig.perp.roles.outsider)
    twin = MatchTwin(rig, people, wallet)
    rig.perp.fund(twin.wallet_account, 1_000_000)
    return twin
