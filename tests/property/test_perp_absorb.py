"""Losses that nobody carries, whatever the positions, prices, funds and lists are.

Each call is made on the contracts and on the specification, which must agree in verdict, events
and storage; and what the specification promises of an absorption is asked of every one.
"""

from itertools import chain, pairwise

from hypothesis import event, given
from hypothesis import strategies as st

from clearing.spec.perp_absorb import Absorbed, Deleveraged, TakenBack
from clearing.spec.perp_case import delta_cap, quote_for
from clearing.spec.perp_ledger import position_of, tick
from clearing.spec.perp_margin import in_force, owed_by
from clearing.spec.perp_types import MarketStatus, Purpose
from clearing.spec.perp_units import PICO_TO_WAD, value
from clearing.spec.perp_waterfall import Covered
from tests.harness.actors import key_of
from tests.harness.perp import BACKSTOP, BTC, ETH, INSURANCE, LOT, VAULT, usd
from tests.harness.results import ACCEPTED
from tests.unit.perp_resolution.scene import absorbing

NAMES = ("one", "two", "three", "four", "five")
PRICES = {ETH: 3_000, BTC: 50_000}
UNIT = {ETH: LOT, BTC: LOT // 20}
HOUR = 3_600

few_usd = st.sampled_from((0, 0, 1, 300, 5_000, 100_000))
places = st.integers(0, len(NAMES) - 1)
markets = st.sampled_from((ETH, ETH, BTC))
trades = st.tuples(places, places, markets, st.integers(LOT, 20 * LOT), st.integers(-30, 30))
moves = st.dictionaries(markets, st.integers(-120, 120), min_size=1)
absorptions = st.tuples(
    st.just("absorb"),
    places,
    st.permutations(range(len(NAMES))),
    st.booleans(),
    st.integers(-1_500, 0) | st.integers(-8_000, 300) | st.none(),
)
helps = st.tuples(st.just("help"), st.sampled_from((VAULT, BACKSTOP)))
takings = st.tuples(st.just("take"), places, markets, st.integers(1, 1_000))
steps = st.one_of(
    absorptions,
    helps,
    takings,
    st.tuples(st.just("move"), moves),
    st.tuples(st.just("wait"), st.integers(1, 30) | st.just(40 * 24)),
    st.tuples(st.just("rob"), st.sampled_from((*range(len(NAMES)), -1, -2)), st.integers(-500, 5)),
)


class Story:
    """Five traders, and what happens to them."""

    def __init__(self, twin, funds, limits):
        self.twin = twin
        for account, dollars in zip((INSURANCE, BACKSTOP, VAULT), funds, strict=True):
            if dollars:
                twin.give(account, dollars)
        for market, (insurance, backstop) in zip((ETH, BTC), limits, strict=True):
            twin.limit(insurance, backstop, market)
        self.traders = [twin.trader(name, 4_000) for name in NAMES]
        self.bystander = twin.trader("bystander", 1_000)
        self.keeper = twin.trader("keeper", 0)
        self.prices = dict(PRICES)

    def meet(self, buyer, seller, market, lots, percent):
        """Let two traders meet near the price; the vault sells where a trader would to himself."""
        size = max(1, lots * UNIT[market] // LOT)
        at = self.prices[market] * (1_000 + percent) // 1_000
        other = VAULT if buyer == seller else self.traders[seller]
        if self.twin.status(market) == MarketStatus.LIVE:
            self.twin.meet(self.traders[buyer], other, size / LOT, market=market, at=at)

    def move(self, moved):
        """Let prices move by tenths of a percent."""
        for market, percent in moved.items():
            self.prices[market] = max(100, self.prices[market] * (1_000 + percent) // 1_000)
        for market, price in self.prices.items():
            self.twin.rig.calm(market)
            self.twin.at(price, market)

    def wait(self, hours):
        """Let funding come due."""
        self.twin.rig.wait(hours * HOUR)
        self.move({})

    def rob(self, place, dollars):
        """Take from, or give to, a trader, the vault (-1) or the backstop (-2)."""
        account = self.traders[place] if place >= 0 else VAULT if place == -1 else BACKSTOP
        self.twin.set_cash(account, self.twin.cash(account) + usd(dollars * 20) + place)

    def absorb(self, place, order, sort, worth):
        """Absorb a trader who is worth so many USD, listing all in an order, or the right one."""
        twin = self.twin
        holders = [a for a in self.traders if twin.model.markets_of(a)] or self.traders
        account = holders[place % len(holders)]
        if worth is not None and twin.model.markets_of(account):
            equity = twin.health(account).equity
            twin.set_cash(account, twin.cash(account) - equity + usd(worth) + place)
        listed = [self.traders[i] for i in order]
        if sort:
            listed.sort(key=self.leverage, reverse=True)
        sizes = {(a, m): twin.size(a, m) for a in (*listed, VAULT) for m in (ETH, BTC)}
        view = twin.health(account)
        won = {market: self.won_by_the_vault(market) for market in (ETH, BTC)}
        carried = self.carried()
        idle = [a for a in (*listed, self.bystander) if not twin.model.markets_of(a)]
        cash = [twin.cash(a) for a in idle]
        verdict = twin.absorb(account, self.keeper, {ETH: listed, BTC: listed})
        event(f"absorb: {verdict}")
        if verdict != ACCEPTED:
            return
        assert view.equity < view.penalty
        assert (twin.cash(account), twin.model.markets_of(account)) == (0, ())
        assert [twin.cash(a) for a in idle] == cash, "accounts without positions never pay"
        self.hold_covers(view.equity)
        self.hold_deleveraging(account, sizes)
        self.hold_vault(won)
        self.hold_shared(carried)
        (told,) = twin.events(Absorbed)
        assert 0 <= told.fee <= usd(1) // 2

    def leverage(self, account):
        """Return N / E at mid, to a part of a millionth."""
        view = self.twin.health(account, Purpose.MID)
        return view.notional * 10**30 // view.equity if view.equity > 0 else 0

    def hold_covers(self, equity):
        """What is covered is what was missing, less what deleveraging brought."""
        paid = sum(
            e.insurance + e.backstop + e.shared + e.vault + e.debt
            for e in self.twin.events(Covered)
        )
        if equity >= 0:
            assert paid == 0
        elif not self.twin.events(Deleveraged):
            assert 0 <= -equity - paid <= 10**7, "each quote rounds by a pico at most"
        else:
            event("deleveraged")
            assert paid <= -equity
        for e in self.twin.events(Covered):
            if e.shared:
                event("shared")
            if e.debt:
                event("debt")

    def hold_deleveraging(self, account, sizes):
        """No flip, no overshoot; who is taken from is at maintenance or above."""
        taken = {}
        for e in self.twin.events(Deleveraged):
            taken[e.market] = taken.get(e.market, 0) + e.lots
            held = sizes[e.counterparty, e.market]
            assert held * e.lots < 0
            assert abs(e.lots) <= abs(held)
        for market, lots in taken.items():
            assert abs(lots) <= abs(sizes[account, market])
        covers = self.twin.events(Covered)
        assert all(a.market < b.market for a, b in pairwise(covers))

    def won_by_the_vault(self, market):
        """Return what its position would bring at mid, wad."""
        model, mid = self.twin.model, self.twin.quotes[market].mid
        position = position_of(model, VAULT, market)
        _, look, _ = tick(model, market, self.twin.quotes, self.twin.now)
        owed = owed_by(position, look.market.funding)
        return position.quote * PICO_TO_WAD - owed + value(position.size, mid)

    def hold_vault(self, won):
        """The vault gives up against mid no more than it had won, quotes' rounding included."""
        for e in self.twin.events(Deleveraged):
            if e.counterparty == VAULT:
                event("deleveraged the vault")
                mid = self.twin.quotes[e.market].mid
                given = quote_for(e.lots, e.price) * PICO_TO_WAD - value(e.lots, mid)
                assert given <= won[e.market] > 0

    def carried(self):
        """Return what a unit of each market has carried of shared losses, pico."""
        return {market: self.twin.module.read("sharedOf", market) for market in (ETH, BTC)}

    def hold_shared(self, before):
        """No unit has carried more than the cap, but for a cap that was greater."""
        for market, now in self.carried().items():
            risk = in_force(self.twin.model.markets[market].risk, self.twin.now)
            cap = delta_cap(risk, self.twin.quotes[market].mid)
            assert now <= max(before[market], cap)
            if now == cap:
                event("carried all")

    def help(self, account):
        """Help the vault or the backstop."""
        carried = self.carried()
        verdict = self.twin.absorb_protocol(account)
        event(f"help: {verdict}")
        self.hold_shared(carried)
        # a market that settles counts at mid from then on, no longer in the account's favour
        if verdict == ACCEPTED and not any(e.debt for e in self.twin.events(Covered)):
            assert self.twin.health(account).equity >= -len(PRICES)

    def take(self, place, market, parts):
        """Take some of the backstop's position."""
        held = self.twin.size(BACKSTOP, market)
        size = (abs(held) * parts // 1_000 or 1) * (1 if held > 0 else -1)
        sender = key_of(NAMES[place]).address
        cash = self.twin.cash(BACKSTOP)
        verdict = self.twin.take_backstop(sender, size, self.traders[place], market)
        event(f"take: {verdict}")
        if verdict == ACCEPTED:
            (told,) = self.twin.events(TakenBack)
            assert 0 <= told.reward <= max(0, cash)


@given(
    funds=st.tuples(few_usd, few_usd, few_usd),
    limits=st.tuples(st.tuples(few_usd, few_usd), st.tuples(few_usd, few_usd)),
    met=st.lists(trades, min_size=2, max_size=6),
    first=moves,
    told=st.lists(st.tuples(absorptions, steps), min_size=1, max_size=4),
)
def test_absorb__any_story__contracts_do_what_the_specification_does(
    funds, limits, met, first, told
):
    with absorbing() as twin:
        story = Story(twin, funds, limits)
        for trade in met:
            story.meet(*trade)
        story.move(first)
        for name, *args in chain.from_iterable(told):
            getattr(story, name)(*args)
