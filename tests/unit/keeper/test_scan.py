"""The scan finds exactly whom brute force finds, at the very edge of maintenance margin."""

from random import Random

import pytest

from clearing.keeper.book import Book, Indices
from clearing.keeper.columns import Columns
from clearing.keeper.exact import Terms, standing
from clearing.keeper.scan import brute_force, scan
from clearing.spec.perp_types import FIRST_OWNED, Funding, Position, RiskNow
from clearing.spec.units import WAD

PEOPLE = 400
MARKETS = 8
EDGES = (0, -1, 1, 10**6, -(10**6))
"""Wad by which equity is above maintenance margin."""
RISKS = (
    RiskNow(100_000, 6_000, 0, 100_000, 25_000),
    RiskNow(20_000, 5_000, 0, 20_000, 5_000),
    RiskNow(50_000, 6_000, 400_000, 300_000, 10_000),
    RiskNow(100_000, 6_000, 1_000, 120_000, 25_000),
)


def terms_of(chance, market):
    price = chance.randrange(10**14, 10**23)
    prices = [price + chance.randrange(price // 50) for _ in range(5)]
    funding = Funding(chance.randrange(-(10**20), 10**20), chance.randrange(10**20), 0, 0)
    return Terms(market, *prices, funding, chance.choice(RISKS), 10 * WAD, True, True)


def book_of(chance, terms):
    """Return accounts whose equity is at, just below, just above or anywhere near the edge."""
    book = Book(6)
    book.markets = {market: Indices() for market in terms}
    for account in range(FIRST_OWNED, FIRST_OWNED + PEOPLE):
        held = {}
        for market in chance.sample(range(MARKETS), chance.choice((1, 1, 2, 3, 8))):
            unit = 10**26 // terms[market].mid + 1
            lots = chance.randrange(1, 10**5) * unit * chance.choice((1, -1))
            quote = -lots * terms[market].mid // 10**14
            held[market] = Position(lots, quote, chance.randrange(-(10**20), 10**20))
        equity, mm = standing(0, held, terms)
        spare = chance.choice((*EDGES, chance.randrange(mm) // 300, -chance.randrange(mm) // 300))
        book.held[account] = held
        book.cash[account] = mm - equity + spare
    book.dirty = set(book.cash)
    return book


@pytest.mark.parametrize("seed", range(6))
def test_scan__equity_is_at_the_edge__finds_whom_brute_force_finds(seed):
    chance = Random(seed)
    terms = {market: terms_of(chance, market) for market in range(MARKETS)}
    book, columns = book_of(chance, terms), Columns()

    found = scan(book, columns, terms)

    assert found == brute_force(book, terms)
    assert PEOPLE // 5 < len(found) < PEOPLE


def test_scan__accounts_change__what_is_gone_does_not_count_any_more():
    chance = Random(9)
    terms = {market: terms_of(chance, market) for market in range(MARKETS)}
    book, columns = book_of(chance, terms), Columns()
    scan(book, columns, terms)

    for account in chance.sample(sorted(book.held), PEOPLE // 2):
        held = book.held[account]
        if len(held) > 1:
            del held[min(held)]
        else:
            held.clear()
        book.dirty.add(account)

    assert scan(book, columns, terms) == brute_force(book, terms)
