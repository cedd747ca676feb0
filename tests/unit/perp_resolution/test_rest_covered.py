"""What a final market owes beyond its claims, in step with the specification (PERP-52)."""

from collections.abc import Iterator

import pytest

from clearing.spec.perp_book import Leg, Sample
from tests.harness.actors import key_of
from tests.harness.perp import BACKSTOP, ETH, INSURANCE, LOT, RAW, VAULT, deploy_perp, usd
from tests.harness.perp_resolution_twin import ResolutionTwin, deploy_resolvers
from tests.harness.results import ACCEPTED

HOUR, DAY = 3_600, 86_400
LENT = 10_000_000
"""USD that the vault has as it is deployed."""


@pytest.fixture(scope="module")
def system() -> ResolutionTwin:
    rig = deploy_perp()
    return ResolutionTwin(rig, deploy_resolvers(rig))


@pytest.fixture
def twin(system: ResolutionTwin) -> Iterator[ResolutionTwin]:
    before = system.model, system.endings, system.store
    with system.rig.chain.isolated():
        yield system
    system.model, system.endings, system.store = before


def funded(twin: ResolutionTwin, name: str, dollars: int) -> int:
    account = twin.create(key_of(name).address)
    assert twin.deposit(twin.rig.roles.outsider, account, dollars * RAW) == ACCEPTED
    return account


def meet(twin: ResolutionTwin, buyer: int, seller: int, units: int, at: int) -> None:
    legs = (
        Leg(buyer, units * LOT, -units * at * 10**12),
        Leg(seller, -units * LOT, units * at * 10**12),
    )
    assert twin.match(ETH, legs, Sample()) == ACCEPTED


def say(twin: ResolutionTwin, dollars: int) -> None:
    twin.rig.set_price(ETH, dollars * 10**8)
    twin.rig.calm(ETH)


def end_with_a_debt(twin: ResolutionTwin, units: int) -> None:
    """A short of `units` from 3,000 to 3,600 with 5,000 USD is closed; who won has left before."""
    by, timelock = twin.rig.roles.outsider, twin.rig.roles.timelock
    rich = units * 1_000
    loser, winner, last = (
        funded(twin, name, has)
        for name, has in (("loser", 5_000), ("winner", rich), ("last", rich))
    )
    meet(twin, winner, loser, units, 3_000)
    assert twin.wind_down(timelock, ETH) == ACCEPTED
    twin.rig.wait(22 * HOUR)
    for dollars in (3_150, 3_300, 3_450, 3_600, 3_600):
        for _ in range(2):
            twin.rig.wait(95)
            say(twin, dollars)
    meet(twin, last, winner, units, 3_600)
    for _ in range(2):
        twin.rig.wait(HOUR)
        say(twin, 3_600)
    assert twin.settle(by, ETH) == ACCEPTED
    assert twin.close_at(by, ETH, [loser, last]) == ACCEPTED
    assert twin.endings.of(ETH).is_final


@pytest.mark.parametrize(
    ("has", "limits", "units", "paid"),
    [
        ((0, 0), (0, 0), 100, (0, 0, 55_000)),
        ((30_000, 0), (9_000, 0), 100, (9_000, 0, 46_000)),
        ((90_000, 90_000), (90_000, 90_000), 100, (55_000, 0, 0)),
        ((20_000, 30_000), (90_000, 15_000), 100, (20_000, 15_000, 20_000)),
        ((1_000, 2_000), (90_000, 90_000), 20_000, (1_000, 2_000, LENT)),
    ],
)
def test_close_at__the_last__who_has_to_spare_pays_the_rest(twin, has, limits, units, paid):
    """[PERP-52] Insurance and the backstop within their limits, then the vault; else it is owed."""
    by, rest = twin.rig.roles.outsider, units * 600 - 5_000
    for account, dollars in zip((INSURANCE, BACKSTOP), has, strict=True):
        assert twin.deposit(by, account, dollars * RAW) in {ACCEPTED, "ZeroAmount"}
    twin.set_limits(ETH, *map(usd, limits))
    lenders = twin.model.accounts[VAULT].cash
    assert lenders == usd(LENT)

    end_with_a_debt(twin, units)

    cash = [twin.rig.cash(account) for account in (INSURANCE, BACKSTOP, VAULT)]
    before = (*map(usd, has), lenders)
    assert [one - left for one, left in zip(before, cash, strict=True)] == [*map(usd, paid)]
    assert twin.rig.engine.read("debtOf", ETH) == usd(rest - sum(paid))
    assert twin.resolvers.fund.read("spent", ETH) == tuple(map(usd, paid[:2]))


@pytest.mark.parametrize("name", ["finalise", "close_at"])
@pytest.mark.parametrize(("seconds", "paid"), [(1, 70_000), (DAY, 70_000), (DAY + 1, 0)])
def test_finalise__again_within_a_day__who_has_to_spare_by_then_pays(twin, name, seconds, paid):
    """[PERP-52] The vault had 10,000,000 USD of 12,000,000; a day later nobody pays for others."""
    by = twin.rig.roles.outsider
    end_with_a_debt(twin, 20_000)
    owed = twin.rig.engine.read("debtOf", ETH)
    assert twin.deposit(by, VAULT, 70_000 * RAW) == ACCEPTED
    twin.rig.chain.warp(twin.endings.of(ETH).final_at + seconds)

    again = {"finalise": twin.finalise, "close_at": lambda *at: twin.close_at(*at, [])}[name]
    assert again(by, ETH) == ACCEPTED

    assert owed - twin.rig.engine.read("debtOf", ETH) == usd(paid)
    assert twin.rig.cash(VAULT) == usd(70_000 - paid)
