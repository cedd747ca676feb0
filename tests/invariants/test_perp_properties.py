"""Each property that the machine holds after a move is seen to fail when it is broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from clearing.spec.perp_doors import SMALL_DEBT
from clearing.spec.perp_ending import Ending
from clearing.spec.perp_ledger import Ledger, account_of, put_account, put_market, put_position
from clearing.spec.perp_types import BACKSTOP, INSURANCE, MarketStatus, Position
from tests.harness.actors import key_of
from tests.harness.perp import ETH, LOT, RAW, deploy_perp
from tests.harness.perp_resolution_twin import ResolutionTwin, deploy_resolvers

OWNER = key_of("owner").address
STRANGER = key_of("stranger").address


@pytest.fixture(scope="module")
def system() -> ResolutionTwin:
    rig = deploy_perp()
    return ResolutionTwin(rig, deploy_resolvers(rig))


@pytest.fixture
def twin(system: ResolutionTwin) -> Iterator[ResolutionTwin]:
    before = system.model, system.endings
    with system.rig.chain.isolated():
        yield system
    system.model, system.endings = before


@pytest.fixture
def account(twin: ResolutionTwin) -> int:
    made = twin.create(OWNER)
    twin.deposit(OWNER, made, 100 * RAW)
    return made


def paid(ledger: Ledger, account: int, wad: int) -> Ledger:
    """Return a ledger in which an account has less."""
    found = account_of(ledger, account)
    return put_account(ledger, account, replace(found, cash=found.cash - wad))


def test_insurance__owing_a_wei__is_a_fault(twin: ResolutionTwin) -> None:
    twin.check()
    twin.model = paid(twin.model, INSURANCE, 1)

    with pytest.raises(AssertionError, match="PERP-32"):
        twin._check_protocol()


def test_debt__of_a_live_market__is_a_fault(twin: ResolutionTwin) -> None:
    market = replace(twin.model.markets[ETH], debt=SMALL_DEBT + 1)
    ended = replace(market, risk=replace(market.risk, status=MarketStatus.WIND_DOWN))
    twin.model = put_market(twin.model, ETH, ended)
    twin._check_protocol()
    twin.model = put_market(twin.model, ETH, replace(market, debt=SMALL_DEBT))
    twin._check_protocol()

    twin.model = put_market(twin.model, ETH, market)
    with pytest.raises(AssertionError, match="PERP-33"):
        twin._check_protocol()


def test_cash__of_an_account_without_positions__is_taken_by_its_owner_alone(
    twin: ResolutionTwin, account: int
) -> None:
    before = twin.model
    twin.model = paid(before, account, 1)
    twin._check_untouched(before, OWNER)

    with pytest.raises(AssertionError, match="PERP-34"):
        twin._check_untouched(before, STRANGER)


def test_cash__of_an_account_with_a_position__may_pay(twin: ResolutionTwin, account: int) -> None:
    before = put_position(twin.model, account, ETH, Position(LOT, 0, 0))
    twin.model = paid(before, account, 1)

    twin._check_untouched(before, STRANGER)


def test_absorbed__with_cash_left__is_a_fault(twin: ResolutionTwin, account: int) -> None:
    before = twin.model
    twin.model = paid(before, account, account_of(before, account).cash)
    twin._check_absorbed(before, account)

    twin.model = paid(twin.model, account, -1)
    with pytest.raises(AssertionError, match="PERP-35"):
        twin._check_absorbed(before, account)


def deleveraged(twin: ResolutionTwin, account: int, now: int) -> None:
    """Let two lots become so many while another account is absorbed into the backstop."""
    other = twin.create(STRANGER)
    before = put_position(twin.model, account, ETH, Position(2, 0, 0))
    after = put_position(twin.model, account, ETH, Position(now, 0, 0))
    twin.model = put_position(after, BACKSTOP, ETH, Position(-5, 0, 0))
    twin._check_absorbed(before, other)


@pytest.mark.parametrize("now", [2, 1, 0])
def test_deleveraged__to_nothing_at_most__is_right(
    twin: ResolutionTwin, account: int, now: int
) -> None:
    deleveraged(twin, account, now)


@pytest.mark.parametrize("now", [-1, 3])
def test_deleveraged__beyond_nothing_or_loaded__is_a_fault(
    twin: ResolutionTwin, account: int, now: int
) -> None:
    with pytest.raises(AssertionError, match="PERP-36"):
        deleveraged(twin, account, now)


def test_pot__with_less_or_more_than_its_claims__is_a_fault(twin: ResolutionTwin) -> None:
    pot = twin.endings.pot
    ending = Ending(1, 1, claims=5)
    twin.endings = replace(twin.endings.put(ETH, ending), claims={(ETH, pot + 1): 5})
    twin.model = paid(twin.model, pot, -5)
    twin._check_protocol()

    for more in (-1, 1, 6):
        twin.model = paid(twin.model, pot, more)
        with pytest.raises(AssertionError, match="PERP-37"):
            twin._check_protocol()
        twin.model = paid(twin.model, pot, -more)
