"""Whether a loser is absorbed before his market is settled or closed after it, others are paid."""

from collections.abc import Iterator

import pytest

from clearing.chain.artifacts import abi_of
from clearing.spec.perp_types import Kind, Role
from clearing.spec.units import WAD
from tests.attacks.perp_stage import dollars, resolution_of, walk
from tests.harness.perp import BACKSTOP, BTC, ETH, FEES, INSURANCE, LOT, VAULT, usd
from tests.harness.perp_twin import SCALE
from tests.harness.puppet import Manner
from tests.harness.results import ACCEPTED
from tests.unit.perp_engine.scene import in_lock, module, refusal_of, told
from tests.unit.perp_resolution.settle_scene import DAY, HOUR, SettlementTwin, settling


class Left:
    """A market about to be settled: a loser lacks 55,000 USD of 60,000, and nobody absorbs him.

    Who won against him has sold to `last`, who has won nothing, and waits for his cash.
    """

    def __init__(self, twin: SettlementTwin) -> None:
        self.twin, self.by = twin, twin.rig.roles.outsider
        names = (("loser", 5_000), ("winner", 100_000), ("last", 100_000), ("keeper", 10))
        self.loser, self.winner, self.last, self.keeper = (twin.trader(*each) for each in names)
        twin.meet(self.winner, self.loser, 100)
        twin.wind_down()
        twin.rig.wait(DAY - 2 * HOUR)
        walk(twin, ETH, (3_150, 3_300, 3_450, 3_600))
        twin.meet(self.last, self.winner, 100, at=3_600)
        for _ in range(2):
            twin.rig.wait(HOUR)
            twin.at(3_600)
        self.name_resolution()

    def name_resolution(self) -> None:
        """Let a module and a fund stand behind the market."""
        self.resolution = resolution_of(self.twin.rig)
        fund = self.resolution.read("FUND")
        self.fund = self.twin.rig.chain.at(fund, abi_of("InsuranceFund"))

    def lend(self, dollars: int) -> None:
        """Leave the vault so much; the rest goes to account 3."""
        rig = self.twin.rig
        taken = rig.cash(VAULT) - usd(dollars)
        in_lock(rig, module(rig, Role.RESOLUTION), ("moveCash", (VAULT, FEES, taken)))
        self.name_resolution()

    def limit(self, insurance: int, backstop: int) -> None:
        """Let insurance and the backstop lose so much in the market, USD."""
        timelock, limits = self.twin.rig.roles.timelock, (usd(insurance), usd(backstop))
        self.fund.send("setLimits", ETH, *limits, sender=timelock)

    def absorb(self) -> None:
        """Let anybody absorb him."""
        self.resolution.send("absorb", self.loser, self.keeper, [], sender=self.by)

    def settle(self) -> None:
        """End the market, and close everybody."""
        ending, everybody = self.twin.module, [self.loser, self.last, self.winner]
        ending.send("settle", ETH, sender=self.by)
        ending.send("closeAt", ETH, everybody, sender=self.by)
        ending.send("payClaims", ETH, everybody, sender=self.by)
        assert ending.read("settlementOf", ETH)[2], "it is final"

    @property
    def debt(self) -> int:
        """What the market owes, wad."""
        debt: int = self.twin.rig.engine.read("debtOf", ETH)
        return debt

    def missing(self) -> int:
        """Return what the engine's tokens lack to pay everybody, wad."""
        rig = self.twin.rig
        tokens: int = rig.token.read("balanceOf", rig.engine.address) * SCALE
        accounts = range(len(self.twin.model.accounts))
        return sum(max(0, rig.cash(account)) for account in accounts) - tokens


@pytest.fixture
def left() -> Iterator[Left]:
    with settling() as twin:
        yield Left(twin)


@pytest.mark.parametrize("is_absorbed", [False, True])
def test_settle__loser_absorbed_before_or_closed_after__lenders_pay_and_nobody_is_short(
    left, is_absorbed
):
    """[PERP-52] Closed after, the market went on owing 55,000 USD: who withdrew last lacked it."""
    lenders, has = left.twin.rig.cash(VAULT), left.twin.rig.cash(left.last)
    if is_absorbed:
        left.absorb()
    left.settle()

    assert (left.debt, left.missing()) == (0, 0)
    paid = lenders - left.twin.rig.cash(VAULT)
    shared = has - left.twin.rig.cash(left.last)
    if is_absorbed:
        assert (paid, shared) == (usd(44_200), usd(10_800)), "positions share before the vault pays"
    else:
        assert (paid, shared) == (usd(55_000), 0)


@pytest.mark.parametrize(
    ("account", "has", "limit", "pays"),
    [
        (INSURANCE, 0, 90_000, 0),
        (INSURANCE, 30_000, 10_000, 10_000),
        (INSURANCE, 30_000, 90_000, 30_000),
        (INSURANCE, 90_000, 90_000, 55_000),
        (BACKSTOP, 30_000, 10_000, 10_000),
        (BACKSTOP, 30_000, 90_000, 30_000),
    ],
)
def test_settle__fund__pays_before_lenders_within_its_limit(left, account, has, limit, pays):
    """[PERP-52] What is spent in a market counts what was paid for its end."""
    rig = left.twin.rig
    lenders = rig.cash(VAULT)
    left.twin.deposit(left.by, account, has * 10**6)
    insures = account == INSURANCE
    left.limit(*((limit, 0) if insures else (0, limit)))

    left.settle()

    assert rig.cash(account) == usd(has - pays)
    assert left.fund.read("spent", ETH) == ((usd(pays), 0) if insures else (0, usd(pays)))
    assert lenders - rig.cash(VAULT) == usd(55_000 - pays)
    assert (left.debt, left.missing()) == (0, 0)


def test_settle__insurance_and_the_backstop__pay_one_after_the_other(left):
    """[PERP-52] 20,000, 15,000, and lenders the rest."""
    left.twin.deposit(left.by, INSURANCE, 20_000 * 10**6)
    left.twin.deposit(left.by, BACKSTOP, 50_000 * 10**6)
    left.limit(90_000, 15_000)

    left.twin.module.send("settle", ETH, sender=left.by)
    everybody = [left.loser, left.last, left.winner]
    receipt = left.twin.module.send("closeAt", ETH, everybody, sender=left.by)

    paid = (usd(20_000), usd(15_000), usd(20_000), 0)
    assert ("RestCovered", (ETH, *paid)) in told(receipt, left.twin.module)
    assert left.fund.read("spent", ETH) == paid[:2]


def test_settle__lenders_have_less__the_rest_stays_owed(left):
    """[PERP-52] 35,000 USD, until account 3 repays it."""
    left.lend(20_000)

    left.settle()

    assert left.twin.rig.cash(VAULT) == 0
    assert left.debt == left.missing() == usd(35_000)
    left.twin.module.send("repayDebt", ETH, sender=left.by)
    assert (left.debt, left.missing()) == (0, 0)


def test_settle__claims__carry_a_debt_before_insurance_and_lenders(left):
    """[PERP-52] `last` bought 100 at 3,600 and has won nothing; who still holds has."""
    twin = left.twin
    late, against = twin.trader("late", 100_000), twin.trader("against", 100_000)
    twin.meet(late, against, 10, at=2_600)
    lenders = twin.rig.cash(VAULT)
    twin.module.send("settle", ETH, sender=left.by)

    twin.module.send("closeAt", ETH, [left.loser, left.last, late, against], sender=left.by)

    assert twin.module.read("settlementOf", ETH)[5:] == (usd(10_000), 0), "all of his claim"
    assert lenders - twin.rig.cash(VAULT) == usd(45_000)
    assert (left.debt, left.missing()) == (0, 0)


def test_settle__vault_leans_on_a_silent_feed__pays_as_soon_as_it_speaks(left):
    """[PERP-52] Of 55,000 USD it pays 5,000 while BTC's last price may be wrong by a tenth.

    It has 70,000 USD and is long 13 BTC. Before, 50,000 stayed owed for ever.
    """
    twin, rig = left.twin, left.twin.rig
    twin.at(50_000, BTC)
    twin.meet(VAULT, left.winner, 13, market=BTC, at=50_000)
    left.lend(70_000)
    rig.aggregators[BTC].says("latestRoundData()", b"", Manner.REVERT)
    rig.wait(100)

    left.settle()
    assert usd(49_000) < left.debt < usd(51_000)
    rig.set_price(BTC, 50_000 * 10**8)
    rig.calm(BTC)
    twin.module.send("finalise", ETH, sender=left.by)

    assert (left.debt, left.missing()) == (0, 0)


@pytest.mark.parametrize("is_first", [False, True])
def test_settle__vault_has_won_in_another_end__pays_whichever_is_final_first(left, is_first):
    """[PERP-52] It has 20,000 USD and a gain of 60,000 in BTC, which no market's rest may spend."""
    twin, by = left.twin, left.by
    seller = twin.trader("seller", 200_000)
    twin.meet(VAULT, seller, 12, market=BTC, at=45_000)
    assert twin.wind_down(market=BTC) == ACCEPTED
    twin.rig.wait(DAY - HOUR)
    for _ in range(2):
        twin.at(50_000, BTC)
        twin.at(3_600)
        twin.rig.wait(HOUR)
    twin.at(50_000, BTC)
    twin.at(3_600)
    left.lend(20_000)
    for market in (ETH, BTC):
        twin.module.send("settle", market, sender=by)

    for market in (BTC, ETH) if is_first else (ETH, BTC):
        whom = [left.loser, left.last] if market == ETH else [seller]
        twin.module.send("closeAt", market, whom, sender=by)
    if not is_first:
        assert left.debt == usd(35_000)
        twin.module.send("finalise", ETH, sender=by)

    assert (left.debt, twin.rig.cash(VAULT)) == (0, usd(25_000))


@pytest.mark.parametrize(
    ("is_closed", "lenders", "opponent"), [(False, 39_968, 280_000), (True, 11_168, 270_400)]
)
def test_absorbed__lost_elsewhere_before_anybody_closed_him__others_pay_more(
    left, is_closed, lenders, opponent
):
    """KI-111: of 100,000 USD he lost 60,000 in ETH, then 80,000 in BTC to an account of his own.

    What he lost first is laid to ETH, where lenders carry it; closed there before, it is the loss
    of BTC, whose positions share it.
    """
    twin, rig = left.twin, left.twin.rig
    rig.fund(left.loser, 95_000)
    own, u, v = (rig.trader(name, 200_000)[0] for name in ("own", "u", "v"))
    before = rig.cash(VAULT)
    rig.set_price(BTC, 50_000 * 10**8)
    for buyer, seller in ((left.loser, own), (u, v)):
        size, quote = 8 * LOT, 8 * 50_000 * 10**12
        legs = [(buyer, size, -quote, 0, 0, False), (seller, -size, quote, 0, 0, False)]
        in_lock(rig, rig.settler, ("book", (BTC, legs, (0, 0), Kind.MATCH)))
    twin.module.send("settle", ETH, sender=left.by)
    if is_closed:
        twin.module.send("closeAt", ETH, [left.loser], sender=left.by)
    for price in (47_500, 45_000, 42_500, 40_000):
        for _ in range(2):
            rig.wait(95)
            rig.set_price(BTC, price * 10**8)
            rig.calm(BTC)

    left.absorb()
    twin.module.send("closeAt", ETH, [left.loser, left.last], sender=left.by)

    assert left.debt == 0
    assert lenders * WAD <= before - rig.cash(VAULT) <= (lenders + 1) * WAD
    assert dollars(rig, own) == opponent


def test_allot_rest__not_from_settlement__reverts(left):
    """[PERP-52] Only the end of a market lets the fund and lenders pay for it."""
    said = refusal_of(lambda: left.resolution.send("allotRest", ETH, usd(1), sender=left.by))
    assert said == ("NotSettlement", (left.by,))
