"""Laws of the perpetual swaps that no single function says.

Often is as once (PERP-43), the order of strangers does not matter (PERP-44), k times as large pays
k times as much (PERP-45).
"""

from __future__ import annotations

from dataclasses import astuple, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.spec.perp_ledger import Ledger
from clearing.spec.perp_margin import Holding, health_of
from clearing.spec.perp_types import Funding, Position
from clearing.spec.units import WAD
from tests.harness.actors import key_of
from tests.harness.oracle import ACCEPTED
from tests.harness.perp import BTC, ETH, LOT, RAW, deploy_perp
from tests.harness.perp_twin import PerpTwin
from tests.property.perp_scenes import (
    bands,
    between,
    lots,
    plain,
    risks_now,
    signed,
    trade_params,
    word_of_trade,
)

SOL = plain("PlainPerp")
FIRST, SECOND = key_of("first").address, key_of("second").address
LIMITLESS = 10**9 * WAD


# OFTEN


@given(lots, st.lists(signed(80), min_size=2, max_size=6))
def test_owed__settled_on_the_way__costs_at_most_a_wei_each_time(size, steps):
    often = sum(SOL.read("owed", size, step) for step in steps)
    once = SOL.read("owed", size, sum(steps))

    assert 0 <= often - once < len(steps), "PERP-43: it gains nothing by it"


# IN ANY ORDER


@pytest.fixture(scope="module")
def twin() -> PerpTwin:
    """Return a system with two accounts of two owners, who have positions in two markets."""
    made = PerpTwin(deploy_perp())
    for owner, market in ((FIRST, ETH), (SECOND, BTC)):
        account = made.create(owner)
        assert made.deposit(owner, account, 50_000 * RAW) == ACCEPTED
        assert made.trade(owner, account, market, LOT, LIMITLESS) == ACCEPTED
    made.rig.wait(700)
    return made


def acts_of(twin: PerpTwin, owner: bytes, account: int, market: int):
    """Return what an owner may do on his own, by name."""
    return {
        "deposit": lambda: twin.deposit(owner, account, 123 * RAW),
        "withdraw": lambda: twin.withdraw(owner, account, 45 * RAW, owner),
        "buy": lambda: twin.trade(owner, account, market, LOT // 10, LIMITLESS),
        "close": lambda: twin.trade(owner, account, market, -LOT, 0),
        "session": lambda: twin.session(owner, account, owner, twin.now + 60),
        "beyond": lambda: twin.withdraw(owner, account, 10**6 * RAW, owner),
    }


def played(twin: PerpTwin, *acts) -> tuple[Ledger, list[str]]:
    """Return the ledger, which the contracts' is compared with, and each verdict; undo all."""
    before = twin.model
    with twin.rig.chain.isolated():
        told = [act() for act in acts]
        after = twin.model
    twin.model = before
    return after, told


@pytest.mark.parametrize("one", ["deposit", "withdraw", "buy", "close", "session", "beyond"])
def test_accounts__of_two_markets__act_in_any_order(twin, one):
    first = acts_of(twin, FIRST, 4, ETH)[one]
    for second in acts_of(twin, SECOND, 5, BTC).values():
        there, (mine, other) = played(twin, first, second)
        back, told = played(twin, second, first)

        assert there == back, "PERP-44"
        assert told == [other, mine]
        assert (mine == ACCEPTED) == (one != "beyond")


# LARGER


@st.composite
def held(draw: st.DrawFn) -> list[Holding]:
    """Draw up to three positions, small enough to grow; requirements without a slope."""
    one = st.tuples(signed(50), signed(60), signed(60), signed(60), st.integers(1, 2**80))
    return [
        Holding(Position(size, quote, index), Funding(now, now, 0, 0), price, risk)
        for (size, quote, index, now, price), risk in draw(
            st.lists(st.tuples(one, risks_now.filter(lambda r: r.slope == 0)), max_size=3)
        )
    ]


@given(signed(90), held(), st.integers(2, 1_000))
def test_health__k_times_as_large__is_k_times_as_good_but_for_rounding(cash, holdings, k):
    larger = [
        replace(
            it,
            position=replace(it.position, size=k * it.position.size, quote=k * it.position.quote),
        )
        for it in holdings
    ]

    equity, *needed = astuple(health_of(cash, holdings))
    equity_k, *needed_k = astuple(health_of(k * cash, larger))

    # each position rounds value and funding once
    assert 0 <= equity_k - k * equity <= 2 * k * len(holdings), "PERP-45"
    for small, large in zip(needed, needed_k, strict=True):
        assert 0 <= k * small - large <= 3 * k * len(holdings), "PERP-45"


@st.composite
def deals(draw: st.DrawFn):
    """Draw terms with a scale that can grow, a trade, and what the traders hold."""
    terms = replace(draw(trade_params()), skew_scale=draw(st.integers(10, 2**20)))
    most = draw(st.sampled_from((1, 3))) * (terms.skew_lots // 10)
    net = between(draw, -most, most)
    size = between(draw, -most - net, most - net)
    return terms, size or 1, net


@given(deals(), bands(), st.integers(2, 1_000))
def test_quote_of__k_times_as_large__is_k_times_as_much_but_for_rounding(deal, band, k):
    terms, size, net = deal
    deeper = replace(terms, skew_scale=k * terms.skew_scale)

    small = SOL.read("quoteOf", size, net, *band, word_of_trade(terms))
    large = SOL.read("quoteOf", k * size, k * net, *band, word_of_trade(deeper))

    # up for who buys, down for who sells: k trades lose k roundings, one loses one
    apart = k * small - large if size > 0 else large - k * small
    assert 0 <= apart < k, "PERP-45"
