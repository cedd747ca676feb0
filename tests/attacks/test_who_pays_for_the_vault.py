"""Nobody chooses which market pays for what the vault has lost, nor lets one pay twice."""

import pytest

from clearing.spec.perp_types import MarketStatus, Purpose
from clearing.spec.perp_waterfall import Covered
from tests.attacks.perp_stage import dollars
from tests.harness.actors import key_of
from tests.harness.perp import BTC, ETH, FAR, INSURANCE, LOT, VAULT, usd
from tests.harness.results import ACCEPTED
from tests.unit.perp_engine.scene import refusal_of, set_cash
from tests.unit.perp_resolution.scene import absorbing

ANY = 2**127


def fund_vault(twin, amount):
    lender = twin.trader("lender", amount)
    owner = key_of("lender").address
    twin.rig.vault.send("addLiquidity", lender, usd(amount), 0, sender=owner)


def deal(twin, name, account, market, lots):
    limit = ANY if lots > 0 else 0
    owner = key_of(name).address
    twin.rig.vault.send("trade", account, market, lots, limit, FAR, sender=owner)


def test_absorbed_in_a_settled_market__loss_elsewhere__is_paid_by_the_market_it_was_lost_in():
    """[PERP-50] The vault lost 30,000 USD in ETH, which is over, then 40,000 in BTC, by steps.

    Before, each step was a debt of ETH: 23,022 USD stayed unpaid there, and BTC's insurance whole.
    """
    with absorbing() as twin:
        winner, later = twin.trader("winner", 100_000), twin.trader("later", 100_000)
        twin.give(VAULT, 15_000)
        twin.give(INSURANCE, 1_000_000)
        twin.limit(1_000_000, 0, BTC)
        twin.meet(winner, VAULT, 100)
        twin.meet(later, VAULT, 1, market=BTC, at=50_000)
        twin.at(3_300)
        assert twin.absorb_protocol(VAULT) == ACCEPTED
        assert (twin.status(), twin.status(BTC)) == (MarketStatus.SETTLED, MarketStatus.LIVE)
        # it was ended at mid, and absorbed at LIQUIDATE: a difference that is still its own
        assert twin.absorb_protocol(VAULT) == ACCEPTED
        assert [told.market for told in twin.events(Covered)] == [ETH]
        owed = twin.debt()
        assert usd(5_000) < owed < usd(5_200)

        for price in range(54_000, 90_001, 4_000):
            for _ in range(2):
                twin.rig.wait(95)
                twin.at(price, BTC)
                twin.rig.calm(BTC)
            assert twin.absorb_protocol(VAULT) == ACCEPTED
            (told,) = twin.events(Covered)
            assert (told.market, told.debt, told.shared) == (BTC, 0, 0), "PERP-50"
            assert 3_990 * usd(1) < told.insurance < 4_010 * usd(1)
        assert (twin.debt(), twin.debt(BTC)) == (owed, 0)


@pytest.mark.parametrize("is_loaded", [False, True])
def test_vault_loaded_before_its_absorption__loss__is_still_paid_by_who_was_in_the_market(
    is_loaded,
):
    """[PERP-50] All of 9,790 USD was lost in ETH; `x` and `y` are in BTC, against each other alone.

    Before, 20 BTC bought and sold around the absorption took 3,198 USD from each of the two, and
    spared who was in ETH 7,435.
    """
    with absorbing() as twin:
        x, y = twin.trader("x", 1_000_000), twin.trader("y", 1_000_000)
        long, helper = twin.trader("long", 300_000), twin.trader("helper", 300_000)
        twin.meet(x, y, 100, market=BTC, at=50_000)
        fund_vault(twin, 1_100_000)
        deal(twin, "long", long, ETH, 100 * LOT)
        twin.at(3_300)
        twin.at(50_000, BTC)
        rig, by = twin.rig, twin.rig.roles.outsider
        rig.engine.send("setModule", 4, twin.stand_in.address, sender=rig.roles.timelock)
        set_cash(rig, VAULT, usd(20_000))
        rig.engine.send("setModule", 4, twin.module.address, sender=rig.roles.timelock)
        before = [dollars(rig, each) for each in (long, helper, x, y)]

        if is_loaded:
            deal(twin, "helper", helper, BTC, 20 * LOT)
        twin.module.send("absorbProtocol", VAULT, sender=by)
        if is_loaded:
            deal(twin, "helper", helper, BTC, -20 * LOT)

        paid = [
            had - dollars(rig, each) for had, each in zip(before, (long, helper, x, y), strict=True)
        ]
        assert paid[2:] == [0, 0], "PERP-50"
        # what helping cost, fees and spread, is what the loss fell by
        low, high = (9_350, 9_360) if is_loaded else (9_755, 9_760)
        assert low <= paid[0] <= high
        assert (1_395 if is_loaded else 0) <= paid[1] <= 1_405
        assert rig.engine.read("debtOf", BTC) == rig.engine.read("debtOf", ETH) == 0


def test_vault_without_positions_below_zero__opening__does_not_end_another_market():
    """Who closed took more than the vault had, by what its skew gave back: nothing else was lost.

    Before, 0.001 BTC opened against it, and an absorption, laid 57,388 USD to BTC: 7,500 to each
    of two who had never dealt with it, and a debt that ended their market.
    """
    with absorbing() as twin:
        x, y, other = (twin.trader(n, 100_000) for n in ("x", "y", "other"))
        closer = twin.trader("closer", 5_000_000)
        twin.set_terms(ETH, skewScale=2_000)
        twin.meet(x, y, 5, market=BTC, at=50_000)
        fund_vault(twin, 610_000)
        deal(twin, "closer", closer, ETH, 200 * LOT)
        rig, by = twin.rig, twin.rig.roles.outsider
        for price in [*range(3_100, 6_101, 100), 6_180]:
            for _ in range(2):
                rig.wait(70)
                rig.set_price(ETH, price * 10**8)
                rig.calm(ETH)
        rig.wait(70)
        rig.set_price(ETH, 6_180 * 10**8)
        rig.set_price(BTC, 50_000 * 10**8)
        with rig.chain.isolated():
            deal(twin, "other", other, BTC, LOT // 1_000)
        assert dollars(rig, VAULT) > 0
        deal(twin, "closer", closer, ETH, -200 * LOT)
        lacks = rig.engine.read("healthOf", VAULT, Purpose.LIQUIDATE)[0]
        assert -usd(57_400) < lacks < -usd(57_300)

        refused = refusal_of(lambda: deal(twin, "other", other, BTC, LOT // 1_000))
        assert refused == ("VaultMustBeAbsorbed", (lacks,))
        absorbed = refusal_of(lambda: twin.module.send("absorbProtocol", VAULT, sender=by))
        assert absorbed[0] == "NotAbsorbable"
        assert twin.status(BTC) == MarketStatus.LIVE

        rig.fund(VAULT, 57_400)
        deal(twin, "other", other, BTC, LOT // 1_000)
