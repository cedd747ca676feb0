"""absorb: who covers a loss, each step alone and all in their order.

The loser lacks 997.3 USD at 2,700. Whoever pays is told by Covered, and their cash agrees.
"""

from itertools import product

import pytest

from clearing.spec.perp_absorb import Absorbed, Deleveraged
from clearing.spec.perp_types import MarketStatus, Purpose
from clearing.spec.perp_units import PICO_TO_WAD
from clearing.spec.perp_waterfall import Covered
from clearing.spec.units import DAY_S
from tests.harness.perp import BACKSTOP, BTC, ETH, INSURANCE, LOT, VAULT, usd
from tests.harness.results import ACCEPTED
from tests.unit.perp_resolution.scene import Trio, bankrupt

SHORT, FEE = Trio.SHORT, Trio.FEE
CAP = usd(81)
"""Half of 6 % of 2,700 USD: what a unit pays of a shared loss at most."""


def covered(scene):
    """Return what the one Covered event says, after market and account: five amounts."""
    (event,) = scene.twin.events(Covered)
    assert (event.market, event.account) == (ETH, scene.loser)
    return event.insurance, event.backstop, event.shared, event.vault, event.debt


def assert_empty(scene):
    """The loser is out, at exactly zero."""
    twin = scene.twin
    assert twin.rig.engine.read("accountOf", scene.loser)[1:] == (0, 0)


# EACH ALONE


def test_absorb__insurance_alone__pays_all_and_the_fee(fallen):
    twin = fallen.twin
    twin.limit(2_000, 0)
    twin.give(INSURANCE, 5_000)

    assert fallen.absorb() == ACCEPTED

    assert covered(fallen) == (SHORT, 0, 0, 0, 0)
    assert twin.cash(INSURANCE) == usd(5_000) - SHORT - FEE
    assert twin.cash(fallen.keeper) == FEE
    assert twin.size(BACKSTOP) == 10 * LOT
    assert_empty(fallen)


def test_absorb__backstop_alone__pays_all_and_no_fee(fallen):
    twin = fallen.twin
    twin.limit(0, 2_000)
    twin.give(BACKSTOP, 5_000)

    assert fallen.absorb() == ACCEPTED

    assert covered(fallen) == (0, SHORT, 0, 0, 0)
    assert twin.cash(BACKSTOP) == usd(5_000) - SHORT
    assert twin.cash(fallen.keeper) == 0
    assert_empty(fallen)


def test_absorb__deleveraging_alone__winner_pays_at_the_bankruptcy_price(fallen):
    """The winner gets 2,000 of its 3,000 USD: what the loser had."""
    twin = fallen.twin

    assert fallen.absorb(fallen.winner) == ACCEPTED

    (event,) = twin.events(Deleveraged)
    assert event == Deleveraged(ETH, fallen.loser, fallen.winner, 10 * LOT, usd(2_800))
    assert covered(fallen) == (0, 0, 0, 0, 0)
    assert twin.cash(fallen.winner) == usd(12_000)
    assert twin.size(fallen.winner) == twin.size(BACKSTOP) == 0
    assert_empty(fallen)


def test_absorb__sharing_alone__every_position_pays_but_the_backstop(fallen):
    """500 USD are missing; 10 ETH of the winner's and 5 of each of two others share them."""
    twin = fallen.twin
    one, two = twin.trader("one", 5_000), twin.trader("two", 5_000)
    twin.meet(one, two, 5, at=2_700)
    twin.set_cash(fallen.loser, usd(2_000) + SHORT - usd(500))
    before = [twin.health(account).equity for account in (fallen.winner, one, two)]
    backstop = twin.cash(BACKSTOP)

    assert fallen.absorb() == ACCEPTED

    assert covered(fallen) == (0, 0, usd(500), 0, 0)
    after = [twin.health(account).equity for account in (fallen.winner, one, two)]
    paid = [then - now for then, now in zip(before, after, strict=True)]
    assert paid == pytest.approx([usd(250), usd(125), usd(125)], abs=10**8)
    assert sum(paid) >= usd(500)
    assert twin.cash(BACKSTOP) > backstop
    assert twin.health(BACKSTOP).equity == pytest.approx(0, abs=10**8)
    assert_empty(fallen)


def test_absorb__sharing_with_nobody_left_but_the_backstop__is_skipped(fallen):
    """The backstop is short 10 as well: after the take-over nobody has a position."""
    twin = fallen.twin
    twin.give(VAULT, 5_000)
    twin.meet(fallen.winner, BACKSTOP, 10, at=2_700)

    assert fallen.absorb() == ACCEPTED

    assert covered(fallen) == (0, 0, 0, SHORT, 0)
    assert twin.size(BACKSTOP) == twin.size(fallen.winner) == 0


def test_absorb__vault_alone__pays_what_the_cap_of_sharing_leaves(fallen):
    twin = fallen.twin
    twin.give(VAULT, 5_000)

    assert fallen.absorb() == ACCEPTED

    assert covered(fallen) == (0, 0, 10 * CAP, SHORT - 10 * CAP, 0)
    assert twin.cash(VAULT) == usd(5_000) - SHORT + 10 * CAP
    assert twin.status() == MarketStatus.LIVE
    assert_empty(fallen)


def test_absorb__nobody__is_the_markets_debt_and_it_settles_at_mid(fallen):
    twin = fallen.twin

    assert fallen.absorb() == ACCEPTED

    assert covered(fallen) == (0, 0, 10 * CAP, 0, SHORT - 10 * CAP)
    assert twin.debt() == SHORT - 10 * CAP
    assert twin.status() == MarketStatus.SETTLED
    assert twin.model.markets[ETH].price == usd(2_700)
    assert_empty(fallen)


def test_absorb__shared_again_within_the_month__only_as_far_as_it_is_forgiven(fallen):
    """A unit has carried 81 USD at once; half of that a fortnight later, and all after a month."""
    twin = fallen.twin
    twin.give(VAULT, 50_000)
    losers = [twin.trader(f"again {i}", 2_000) for i in range(3)]
    rich = twin.trader("rich", 100_000)
    for loser in losers:
        twin.meet(loser, rich, 10)
    read, units = twin.module.read, 40
    assert read("sharedOf", ETH) == 0

    shared = []
    for loser, days in zip((fallen.loser, *losers), (0, 0, 15, 30), strict=True):
        if days:
            twin.rig.wait(days * DAY_S - 10)
            twin.at(2_700)
        twin.set_cash(loser, twin.cash(loser) - twin.health(loser).equity - usd(9_000))
        assert twin.absorb(loser, fallen.keeper) == ACCEPTED
        (event,) = twin.events(Covered)
        assert event.shared + event.vault == usd(9_000)
        shared.append(event.shared)
        assert read("sharedOf", ETH) == CAP // PICO_TO_WAD
        twin.set_cash(VAULT, usd(50_000))

    assert shared == [
        (2 * units - 10) * CAP,
        0,
        (2 * units - 30) * CAP // 2,
        (2 * units - 40) * CAP,
    ]


# IN ORDER


def test_absorb__all_steps__pay_in_their_order(fallen):
    """Insurance 300, backstop 200; 497.3 of 997.3 of the position closes against the winner."""
    twin = fallen.twin
    twin.limit(300, 200)
    twin.give(INSURANCE, 1_000)
    twin.give(BACKSTOP, 1_000)
    twin.give(VAULT, 1_000)

    assert fallen.absorb(fallen.winner) == ACCEPTED

    assert covered(fallen) == (usd(300), usd(200), 0, 0, 0)
    (event,) = twin.events(Deleveraged)
    assert event.lots == -(-10 * LOT * 4_973 // 9_973)
    assert twin.size(BACKSTOP) == 10 * LOT - event.lots
    assert twin.cash(VAULT) == usd(1_000)
    assert_empty(fallen)


@pytest.mark.parametrize(
    ("insurance", "backstop", "vault", "listed"),
    list(product((0, 400), (0, 400), (0, 400), (0, 1))),
)
def test_absorb__whatever_there_is__is_never_refused(fallen, insurance, backstop, vault, listed):
    """Σ of what is paid is what is missing, and the loser ends at zero."""
    twin = fallen.twin
    twin.limit(300, 300)
    for account, dollars in ((INSURANCE, insurance), (BACKSTOP, backstop), (VAULT, vault)):
        if dollars:
            twin.give(account, dollars)

    assert fallen.absorb(*[fallen.winner] * listed) == ACCEPTED

    paid = sum(covered(fallen))
    by_winner = sum(
        event.lots * (event.price - usd(2_700) - usd(27) // 100) // LOT
        for event in twin.events(Deleveraged)
    )
    assert paid + by_winner == pytest.approx(SHORT, abs=10**13)
    assert_empty(fallen)


def test_absorb__limits_zero__fund_keeps_its_cash(fallen):
    twin = fallen.twin
    twin.give(INSURANCE, 5_000)
    twin.give(BACKSTOP, 5_000)

    assert fallen.absorb(fallen.winner) == ACCEPTED

    assert covered(fallen) == (0, 0, 0, 0, 0)
    assert twin.cash(INSURANCE) == usd(5_000) - FEE
    assert twin.cash(BACKSTOP) == usd(5_000)


def test_absorb__backstop_that_needs_its_cash__pays_what_it_has_at_open(fallen):
    """It has 1,000 USD of cash, but its own position lost 900."""
    twin = fallen.twin
    other = twin.trader("other", 100_000)
    twin.give(BACKSTOP, 1_000)
    twin.meet(BACKSTOP, other, 3)
    twin.limit(0, 5_000)
    spare = twin.health(BACKSTOP, Purpose.OPEN).equity
    assert 0 < spare < usd(110)

    assert fallen.absorb(fallen.winner) == ACCEPTED

    assert covered(fallen)[1] == spare


def test_absorb__accounts_without_positions__never_pay(fallen):
    twin = fallen.twin
    bystander = twin.trader("bystander", 50_000)

    assert fallen.absorb() == ACCEPTED

    assert twin.debt() > 0
    assert twin.cash(bystander) == usd(50_000)


def test_absorb__without_a_loss__tells_of_no_cover(trio):
    """E of 100 USD is below the penalty of 675: the backstop gets what the fee leaves."""
    twin = trio.twin
    trio.fall()
    twin.set_cash(trio.loser, usd(2_000) + SHORT + usd(100))

    assert trio.absorb(trio.winner) == ACCEPTED

    assert twin.events(Covered) == twin.events(Deleveraged) == []
    assert twin.events(Absorbed) == [Absorbed(trio.loser, trio.keeper, usd(100), FEE)]
    assert twin.cash(trio.keeper) == FEE
    assert twin.cash(BACKSTOP) == usd(100) - FEE
    assert twin.health(BACKSTOP).equity == usd(100) - FEE
    assert_empty(trio)


@pytest.mark.parametrize("carrier", [VAULT, BACKSTOP])
@pytest.mark.parametrize(("lost", "other"), [(BTC, ETH), (ETH, BTC)])
def test_absorb_protocol__lost_in_one_of_its_markets__that_one_pays(absorbed, carrier, lost, other):
    """[PERP-50] 1,000 USD of each; a carrier is in both, and one price moves against it."""
    twin, prices = absorbed, {ETH: 3_000, BTC: 50_000}
    trader = twin.trader("trader", 100_000)
    for market, price in prices.items():
        twin.meet(trader, carrier, 100_000 / price, market=market, at=price)
    twin.at(prices[lost] * 102 // 100, lost)
    bankrupt(twin, carrier, usd(1_000))

    assert twin.absorb_protocol(carrier) == ACCEPTED

    (told,) = twin.events(Covered)
    assert told.market == lost, "PERP-50"
    assert told.shared + told.vault + told.debt == usd(1_000)
    assert twin.size(carrier, other) != 0
