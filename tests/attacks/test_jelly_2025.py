"""Somebody lets a huge position of his own go bankrupt, so that others carry it (JELLY, 2025).

There, one pool took the position over and had no limit of what it could lose for it. Here the
attacker is long 100 ETH with one account and short 100 with the other; whatever happens, he gains
what insurance and the backstop may lose in that market at most, while a keeper looks for winners.
"""

import pytest

from clearing.spec.perp_absorb import Deleveraged
from clearing.spec.perp_types import MarketStatus, Purpose
from clearing.spec.perp_waterfall import Covered
from clearing.spec.units import DAY_S
from tests.harness.actors import key_of
from tests.harness.perp import BACKSTOP, BTC, ETH, INSURANCE, LOT, VAULT, usd
from tests.harness.results import ACCEPTED
from tests.unit.perp_resolution.scene import absorbing

INSURED, BACKED = 5_000, 10_000
"""What insurance and the backstop may lose in a month, USD."""
BAND = 24 * 10**18
"""At 2,400 the LIQUIDATE value favours 100 units by so much: 1 bp, wad."""
FUNDS = {INSURANCE: 50_000, BACKSTOP: 50_000, VAULT: 100_000}


class Jelly:
    """The attacker's two accounts at 3,000 USD, each with 30,000 USD; honest traders of 20 ETH."""

    def __init__(self, twin):
        self.twin = twin
        for account, dollars in FUNDS.items():
            twin.give(account, dollars)
        for market in (ETH, BTC):
            twin.limit(INSURED, BACKED, market)
        self.long, self.short = self.pair("first")
        self.buyer, self.seller = twin.trader("buyer", 50_000), twin.trader("seller", 50_000)
        twin.meet(self.buyer, self.seller, 20)
        self.idle = twin.trader("idle", 70_000)
        self.keeper = twin.trader("keeper", 0)

    def pair(self, name, market=ETH, units=100, at=3_000):
        """Let two more accounts of the attacker meet."""
        long = self.twin.trader(f"{name} long", 30_000)
        short = self.twin.trader(f"{name} short", 30_000)
        self.twin.meet(long, short, units, market=market, at=at)
        return long, short

    def crash(self, *prices):
        """Let the price fall, step by step."""
        for price in prices:
            self.twin.rig.wait(300)
            self.twin.at(price)

    def worth(self, *accounts):
        """Return what accounts are worth together, wad."""
        return sum(self.twin.health(account).equity for account in accounts)

    def absorb(self, account, *listed, market=ETH):
        """Absorb, with a list."""
        assert self.twin.absorb(account, self.keeper, {market: listed}) == ACCEPTED

    def spent(self, market=ETH):
        """Return what insurance and the backstop lost there, wad."""
        return self.twin.fund.read("spent", market)


@pytest.fixture
def jelly():
    """The scene, undone after the test."""
    with absorbing() as twin:
        yield Jelly(twin)


def test_jelly__bankrupt_with_its_winner_listed__gains_the_two_limits_at_most(jelly):
    """At 2,400 the long lacks 30,000 USD: 15,000 are covered, the short gives back the rest."""
    twin = jelly.twin
    vault = twin.cash(VAULT)
    jelly.crash(2_700, 2_400)
    assert jelly.worth(jelly.long) < -usd(29_000)

    jelly.absorb(jelly.long, jelly.short)

    assert jelly.spent() == (usd(INSURED), usd(BACKED))
    assert twin.cash(VAULT) == vault
    (event,) = twin.events(Covered)
    assert (event.shared, event.vault, event.debt) == (0, 0, 0)
    gained = twin.health(jelly.short, Purpose.MID).equity - usd(60_000)
    assert usd(INSURED + BACKED) <= gained <= usd(INSURED + BACKED) + BAND
    assert twin.health(jelly.seller).equity >= usd(50_000) + 20 * usd(599)


def test_jelly__again_and_again__limits_of_the_month_hold(jelly):
    """Three pairs, one after the other: the second and the third find nothing to take."""
    twin = jelly.twin
    pairs = [(jelly.long, jelly.short), jelly.pair("second"), jelly.pair("third")]
    jelly.crash(2_700, 2_400)

    for long, short in pairs:
        jelly.absorb(long, short)

    assert jelly.spent() == (usd(INSURED), usd(BACKED))
    winners = [short for _, short in pairs]
    worth = sum(twin.health(short, Purpose.MID).equity for short in winners)
    gained = worth - len(pairs) * usd(60_000)
    assert usd(INSURED + BACKED) <= gained <= usd(INSURED + BACKED) + BAND


def test_jelly__again_within_the_month__gains_what_was_forgiven_and_at_most_the_limits_again(jelly):
    """Half of the limits after half a month, all of them after a whole one."""
    twin = jelly.twin
    pairs = [jelly.pair("second"), jelly.pair("third")]
    jelly.crash(2_700, 2_400)
    jelly.absorb(jelly.long, jelly.short)
    limits = (usd(INSURED), usd(BACKED))
    assert jelly.spent() == limits

    for long, short in pairs:
        twin.rig.wait(15 * DAY_S - 310)
        jelly.crash(2_400)  # 310 seconds
        again = [most - now for most, now in zip(limits, jelly.spent(), strict=True)]
        assert [2 * part // 10**18 for part in again] == [INSURED, BACKED]
        jelly.absorb(long, short)

        assert jelly.spent() == limits


def test_jelly__in_one_market__leaves_the_limits_of_the_other(jelly):
    twin = jelly.twin
    jelly.crash(2_700, 2_400)

    jelly.absorb(jelly.long, jelly.short)

    assert jelly.spent(BTC) == (0, 0)
    assert twin.fund.read("limitLeft", BTC) == usd(INSURED)
    assert twin.fund.read("backstopLeft", BTC) == usd(BACKED)


def test_jelly__winner_not_listed__pays_its_share_and_nobody_without_a_position_pays(jelly):
    """The attacker absorbs himself, listing nobody.

    Insurance and the backstop still lose no more. A unit shares 72 USD at most, his own too; only
    then the vault pays, and never what it has not. Whoever is listed first by a keeper pays all.
    """
    twin = jelly.twin
    jelly.crash(2_700, 2_400)
    before = {a: jelly.worth(a) for a in (jelly.short, jelly.buyer, jelly.seller, VAULT)}
    cash = twin.cash(jelly.idle)
    short = -jelly.worth(jelly.long)

    with twin.isolated():
        jelly.absorb(jelly.long, jelly.short)
        assert twin.cash(VAULT) == before[VAULT]

    jelly.absorb(jelly.long)

    assert jelly.spent() == (usd(INSURED), usd(BACKED))
    (event,) = twin.events(Covered)
    rest = short - usd(INSURED + BACKED)
    assert event.shared + event.vault == rest
    assert event.shared == (100 + 20 + 20) * usd(72)
    assert event.vault == before[VAULT] - jelly.worth(VAULT) < usd(FUNDS[VAULT])
    assert before[jelly.short] - jelly.worth(jelly.short) == 100 * usd(72)
    assert before[jelly.buyer] - jelly.worth(jelly.buyer) == 20 * usd(72)
    assert twin.cash(jelly.idle) == cash


def test_jelly__position_in_the_backstop__its_losses_stay_there(jelly):
    """Taken over while it was solvent, it loses 30,000 more: the vault does not carry it."""
    twin = jelly.twin
    vault = twin.cash(VAULT)
    jelly.crash(2_750)
    assert 0 < jelly.worth(jelly.long) < usd(6_000)
    jelly.absorb(jelly.long)
    assert twin.size(BACKSTOP) == 100 * LOT

    jelly.crash(2_450)

    assert twin.cash(VAULT) == vault
    assert jelly.worth(BACKSTOP) > usd(20_000)
    assert twin.absorb_protocol(BACKSTOP) == "NotAbsorbable"


def test_jelly__backstop_itself_beyond_its_cash__is_helped_in_order(jelly):
    """It lost all: insurance pays its limit, positions their 63 USD a unit, then the vault."""
    twin = jelly.twin
    jelly.crash(2_750)
    jelly.absorb(jelly.long)
    jelly.crash(2_450, 2_200, 2_100)
    lacks = -jelly.worth(BACKSTOP)
    assert lacks > usd(INSURED)

    assert twin.absorb_protocol(BACKSTOP) == ACCEPTED

    (event,) = twin.events(Covered)
    assert event.insurance == usd(INSURED)
    assert event.shared == min(lacks - usd(INSURED), (100 + 20 + 20) * usd(63))
    assert event.insurance + event.shared + event.vault == lacks
    assert twin.status() == MarketStatus.LIVE


def test_jelly__backstop_laden__anybody_takes_it_for_a_reward(jelly):
    """So it need not carry the position until the price comes back."""
    twin = jelly.twin
    taker = twin.trader("taker", 100_000)
    jelly.crash(2_750)
    jelly.absorb(jelly.long)

    owner = key_of("taker").address
    assert twin.take_backstop(owner, 100 * LOT, taker) == ACCEPTED

    assert twin.size(BACKSTOP) == 0
    assert jelly.worth(BACKSTOP) > usd(FUNDS[BACKSTOP])


def test_jelly__spoofed_list__reaches_no_honest_winner_twice(jelly):
    """The attacker lists an honest winner instead of himself: it pays no more than the loss."""
    twin = jelly.twin
    jelly.crash(2_700, 2_400)
    before = jelly.worth(jelly.seller)

    jelly.absorb(jelly.long, jelly.seller, jelly.seller)

    (event,) = twin.events(Deleveraged)
    assert (event.counterparty, event.lots) == (jelly.seller, 20 * LOT)
    # it keeps the bankruptcy price: 300 USD a unit of gain, for 600
    assert jelly.worth(jelly.seller) == pytest.approx(before - 20 * usd(300), abs=usd(10))
