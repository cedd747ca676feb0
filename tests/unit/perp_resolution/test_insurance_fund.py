"""InsuranceFund: limits that are forgiven, gifts, and what is too much."""

import pytest

from clearing.spec.perp_absorb import Deleveraged
from clearing.spec.perp_waterfall import Covered
from clearing.spec.units import DAY_S
from tests.harness.actors import key_of
from tests.harness.perp import BTC, ETH, FEES, INSURANCE, usd
from tests.harness.results import ACCEPTED
from tests.unit.perp_engine.scene import refusal_of
from tests.unit.perp_resolution.scene import RESOLUTION, Trio

DONOR = key_of("donor").address


def left(twin, market=ETH):
    """Return what insurance and the backstop may still lose."""
    return twin.fund.read("limitLeft", market), twin.fund.read("backstopLeft", market)


# LIMITS


def test_set_limits__anybody_but_the_timelock__is_refused(absorbed):
    fund, roles = absorbed.fund, absorbed.rig.roles
    fund.send("setLimits", ETH, 1, 2, sender=roles.timelock)

    for caller in (roles.guardian, roles.outsider):
        refusal = refusal_of(lambda by=caller: fund.send("setLimits", ETH, 3, 4, sender=by))
        assert refusal == ("NotTimelock", (caller,))
    assert left(absorbed) == (1, 2)


def test_set_limits__tells_old_and_new(absorbed):
    fund, timelock = absorbed.fund, absorbed.rig.roles.timelock
    fund.send("setLimits", ETH, 1, 2, sender=timelock)

    (log,) = fund.send("setLimits", ETH, 3, 4, sender=timelock).logs

    assert (log.event, log.args) == ("LimitsChanged", (ETH, 1, 2, 3, 4))


def test_set_limits__unknown_market__is_refused(absorbed):
    fund, timelock = absorbed.fund, absorbed.rig.roles.timelock
    fund.send("setLimits", BTC, 1, 2, sender=timelock)

    refusal = refusal_of(lambda: fund.send("setLimits", 2, 1, 2, sender=timelock))

    assert refusal == ("UnknownMarket", (2,))


def test_spend__anybody_but_resolution__is_refused(absorbed):
    """The timelock neither; the module of the role may."""
    fund, rig = absorbed.fund, absorbed.rig
    absorbed.limit(100, 100)
    for caller in (rig.roles.timelock, rig.roles.outsider):
        refusal = refusal_of(lambda by=caller: fund.send("spend", ETH, 1, 0, sender=by))
        assert refusal == ("NotResolution", (caller,))

    rig.engine.send("setModule", RESOLUTION, rig.roles.outsider, sender=rig.roles.timelock)
    fund.send("spend", ETH, 1, 0, sender=rig.roles.outsider)
    assert fund.read("spent", ETH) == (1, 0)


@pytest.mark.parametrize(("insurance", "backstop", "told"), [(101, 0, 101), (0, 202, 202)])
def test_spend__beyond_a_limit__is_refused(absorbed, insurance, backstop, told):
    """The module never asks for more; a later one could not either."""
    fund, rig = absorbed.fund, absorbed.rig
    outsider = rig.roles.outsider
    fund.send("setLimits", ETH, 100, 201, sender=rig.roles.timelock)
    rig.engine.send("setModule", RESOLUTION, outsider, sender=rig.roles.timelock)
    with rig.chain.isolated():
        fund.send("spend", ETH, 100, 201, sender=outsider)

    refusal = refusal_of(lambda: fund.send("spend", ETH, insurance, backstop, sender=outsider))

    assert refusal == ("LimitExceeded", (ETH, told, told - 1))


def test_spent__is_forgiven_evenly_over_30_days(fallen):
    twin = fallen.twin
    twin.limit(2_000, 0)
    twin.give(INSURANCE, 5_000)
    assert fallen.absorb() == ACCEPTED
    spent = Trio.SHORT

    for days, part in ((0, 30), (10, 20), (20, 10), (30, 0), (40, 0)):
        with twin.isolated():
            twin.rig.wait(days * DAY_S)
            expected = -(-spent * part // 30)
            assert twin.fund.read("spent", ETH) == (expected, 0)
            assert left(twin) == (usd(2_000) - expected, 0)


def test_limits__of_one_market__leave_the_other_alone(fallen):
    twin = fallen.twin
    twin.limit(400, 0)
    twin.limit(700, 0, BTC)
    twin.give(INSURANCE, 5_000)

    assert fallen.absorb(fallen.winner) == ACCEPTED

    assert left(twin)[0] == 0
    assert left(twin, BTC)[0] == usd(700)


def test_limits__lowered_below_what_is_spent__leave_nothing(fallen):
    twin = fallen.twin
    twin.limit(2_000, 0)
    twin.give(INSURANCE, 5_000)
    assert fallen.absorb() == ACCEPTED

    twin.limit(500, 0)

    assert left(twin) == (0, 0)


def test_limits__second_loss_in_a_month__gets_what_is_left(fallen):
    """1,500 less 997.3 is 502.7; the winner pays the rest of the second."""
    twin = fallen.twin
    twin.limit(1_500, 0)
    twin.give(INSURANCE, 5_000)
    assert fallen.absorb() == ACCEPTED
    second = twin.trader("second", 0)
    twin.meet(second, fallen.winner, 5, at=2_700)
    twin.set_cash(second, -usd(1_000))
    rich = twin.trader("rich", 10_000)
    twin.meet(twin.trader("more", 90_000), rich, 5)

    assert twin.absorb(second, fallen.keeper, {ETH: [rich]}) == ACCEPTED

    (event,) = twin.events(Covered)
    assert event.insurance == usd(1_500) - Trio.SHORT
    assert [e.counterparty for e in twin.events(Deleveraged)] == [rich]


# GIFTS


def test_donate__owners_cash__goes_to_insurance(absorbed):
    twin = absorbed
    account = twin.trader("donor", 100)

    assert twin.donate(DONOR, account, usd(40)) == ACCEPTED

    assert (twin.cash(account), twin.cash(INSURANCE)) == (usd(60), usd(40))


def test_donate__stranger__is_refused(absorbed):
    twin = absorbed
    account = twin.trader("donor", 100)

    assert twin.donate(twin.rig.roles.outsider, account, 1) == "NotOwner"
    assert twin.donate(DONOR, account, 1) == ACCEPTED


def test_donate__with_a_session_key__is_refused(absorbed):
    """[PERP-14] The key may trade."""
    twin, key = absorbed, key_of("session").address
    account = twin.trader("donor", 10_000)
    assert twin.session(DONOR, account, key, twin.now + 3_600) == ACCEPTED
    assert twin.rig.engine.read("isTrader", account, key)

    assert twin.donate(key, account, 1) == "NotOwner"
    assert twin.donate(DONOR, account, 1) == ACCEPTED


def test_donate__more_than_there_is__is_refused(absorbed):
    twin = absorbed
    account = twin.trader("donor", 100)

    assert twin.donate(DONOR, account, usd(100) + 1) == "CashTooLow"
    assert twin.donate(DONOR, account, usd(100)) == ACCEPTED


def test_donate__nothing__is_refused(absorbed):
    twin = absorbed
    account = twin.trader("donor", 100)

    assert twin.donate(DONOR, account, 0) == "ZeroAmount"
    assert twin.donate(DONOR, account, 1) == ACCEPTED


def test_donate__account_with_a_position__is_refused(absorbed):
    twin = absorbed
    account, other = twin.trader("donor", 10_000), twin.trader("other", 10_000)
    with twin.isolated():
        assert twin.donate(DONOR, account, 1) == ACCEPTED
    twin.meet(account, other, 1)

    assert twin.donate(DONOR, account, 1) == "HasPositions"


# TOO MUCH


def set_target(twin, wad):
    """Let the timelock say how much insurance keeps."""
    twin.fund.send("setTarget", wad, sender=twin.rig.roles.timelock)
    fund = twin.store.fund
    twin.store = type(twin.store)(type(fund)(fund.limits, wad))


def test_sweep__without_a_target__keeps_all(absorbed):
    twin = absorbed
    twin.give(INSURANCE, 1_000)
    assert twin.sweep() == "ZeroAmount"

    set_target(twin, usd(400))
    assert twin.sweep() == ACCEPTED

    assert (twin.cash(INSURANCE), twin.cash(FEES)) == (usd(400), usd(600))


def test_sweep__at_the_target__is_refused(absorbed):
    twin = absorbed
    twin.give(INSURANCE, 1_000)
    set_target(twin, usd(1_000))
    assert twin.sweep() == "ZeroAmount"

    set_target(twin, usd(1_000) - 1)
    assert twin.sweep() == ACCEPTED


def test_sweep__insurance_below_zero__is_refused(absorbed):
    twin = absorbed
    set_target(twin, 0)
    twin.set_cash(INSURANCE, -1)
    assert twin.sweep() == "ZeroAmount"

    twin.set_cash(INSURANCE, 1)
    assert twin.sweep() == ACCEPTED


def test_sweep__while_a_market_owes__is_refused(fallen):
    twin = fallen.twin
    set_target(twin, 0)
    twin.give(INSURANCE, 100)
    with twin.isolated():
        assert twin.sweep() == ACCEPTED
    assert fallen.absorb() == ACCEPTED
    assert twin.debt() > 0

    assert twin.sweep() == "DebtOutstanding"


def test_set_target__anybody_but_the_timelock__is_refused(absorbed):
    fund, roles = absorbed.fund, absorbed.rig.roles
    (log,) = fund.send("setTarget", 5, sender=roles.timelock).logs
    assert (log.event, log.args) == ("TargetChanged", (2**256 - 1, 5))

    refusal = refusal_of(lambda: fund.send("setTarget", 7, sender=roles.outsider))

    assert refusal == ("NotTimelock", (roles.outsider,))
    assert fund.read("target") == 5


def test_fund__without_its_role__moves_nothing(absorbed):
    """Another module took the role: gifts and sweeps are refused by the engine."""
    twin, rig = absorbed, absorbed.rig
    account = twin.trader("donor", 100)
    with twin.isolated():
        assert twin.donate(DONOR, account, 1) == ACCEPTED
    rig.engine.send("setModule", 5, rig.roles.outsider, sender=rig.roles.timelock)

    refusal = refusal_of(lambda: twin.fund.send("donate", account, 1, sender=DONOR))

    assert refusal == ("NotModule", (twin.fund.address, 0))
