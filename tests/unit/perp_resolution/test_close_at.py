"""closeAt, finalise, payClaims, repayDebt: who gets what when a market has ended.

Four traders met at 3,000 USD: `first` is 10 ETH long with 10,000 USD against `poor`, who has 2,000;
`second` is 5 long with 10,000 against `rich`, who has as much. At 3,300 the longs gained 3,000 and
1,500 USD; `poor` lacks 1,000 of his 3,000. So 3,500 of 4,500 USD are there: each gain pays 7/9.
"""

from fractions import Fraction
from itertools import permutations

import pytest

from clearing.spec.perp_book import Leg, Sample
from clearing.spec.perp_types import Role
from tests.harness.actors import key_of
from tests.harness.perp import BACKSTOP, BTC, ETH, FEES, INSURANCE, LOT, RAW, VAULT, usd
from tests.harness.results import ACCEPTED
from tests.unit.perp_engine.scene import refusal_of, told
from tests.unit.perp_resolution.settle_scene import DAY, HOUR, settling

DEPOSITS = {"first": 10_000, "poor": 2_000, "second": 10_000, "rich": 10_000}
SHARE = Fraction(7, 9)
AT_MOST = usd(10**9)
TO = b"\x70" * 20


class Scene:
    """The four, by name and all together."""

    def __init__(self, twin):
        self.twin = twin
        self.first, self.poor, self.second, self.rich = (
            twin.trader(name, dollars) for name, dollars in DEPOSITS.items()
        )
        self.all = (self.first, self.poor, self.second, self.rich)
        twin.meet(self.first, self.poor, 10)
        twin.meet(self.second, self.rich, 5)

    def cash(self):
        """Return what the four have, wad."""
        return [self.twin.cash(account) for account in self.all]

    def total(self):
        """Return Σ cash of all accounts less Σ debt, wad."""
        accounts = self.twin.model.accounts
        return sum(self.twin.cash(account) for account in accounts) - self.twin.debt()


@pytest.fixture
def twin():
    """Two markets, and the module that ends them. Undone after the test."""
    with settling() as it:
        yield it


@pytest.fixture
def scene(twin):
    """The four traders, before the end."""
    return Scene(twin)


@pytest.fixture
def short_of(scene):
    """Settled at 3,300: `poor` cannot pay 1,000 USD."""
    scene.twin.end(3_300)
    return scene


@pytest.fixture
def solvent(scene):
    """Settled at 3,100: everybody can pay."""
    scene.twin.end(3_100)
    return scene


# WHAT CLOSING DOES


def test_close_at__loser_who_can_pay__pays_from_cash(solvent):
    solvent.twin.close_at([solvent.rich])

    assert solvent.twin.cash(solvent.rich) == usd(9_500)
    assert solvent.twin.debt() == 0
    assert solvent.twin.rig.size(solvent.rich, ETH) == 0


def test_close_at__winner__keeps_his_cash_and_has_a_claim(solvent):
    solvent.twin.close_at([solvent.first])

    assert solvent.twin.cash(solvent.first) == usd(10_000)
    assert solvent.twin.claim(solvent.first) == usd(1_000)
    assert solvent.twin.cash(solvent.twin.endings.pot) == usd(1_000)


def test_close_at__loser_who_cannot_pay__is_left_with_nothing_and_the_market_owes(short_of):
    short_of.twin.close_at([short_of.poor])

    assert short_of.twin.cash(short_of.poor) == 0
    assert short_of.twin.debt() == usd(1_000)


def test_close_at__tells_each_who_is_out(short_of):
    twin, module = short_of.twin, short_of.twin.module

    receipt = module.send(
        "closeAt", ETH, [short_of.poor, short_of.second], sender=twin.rig.roles.outsider
    )

    assert told(receipt, module) == (
        ("ClosedAt", (ETH, short_of.poor, -10 * LOT, -usd(3_000), 0, usd(1_000))),
        ("ClosedAt", (ETH, short_of.second, 5 * LOT, usd(1_500), usd(1_500), 0)),
    )


def test_close_at__positions__go_to_the_backstop_until_they_cancel(solvent):
    solvent.twin.close_at([solvent.first])
    assert solvent.twin.rig.size(BACKSTOP, ETH) == 10 * LOT

    solvent.twin.close_at([solvent.rich, solvent.second, solvent.poor])

    assert solvent.twin.rig.size(BACKSTOP, ETH) == 0
    assert solvent.twin.cash(BACKSTOP) == 0


def test_close_at__who_has_no_position_or_is_the_protocols__is_skipped(solvent):
    other = solvent.twin.trader("other", 1)
    before = solvent.total()

    assert (
        solvent.twin.close_at([VAULT, BACKSTOP, FEES, other, solvent.twin.endings.pot])
        == "accepted"
    )

    assert solvent.total() == before
    assert solvent.twin.rig.size(solvent.first, ETH) == 10 * LOT


def test_close_at__the_same_account_twice__is_closed_once(solvent):
    solvent.twin.close_at([solvent.first, solvent.first])

    assert solvent.twin.claim(solvent.first) == usd(1_000)


def test_close_at__market_that_is_not_settled__reverts(scene):
    scene.twin.wind_down()
    assert scene.twin.close_at([scene.first]) == "WrongStatus"
    assert scene.twin.finalise() == "WrongStatus"

    scene.twin.rig.wait(DAY)
    scene.twin.at(3_000)
    scene.twin.settle()
    assert scene.twin.close_at([scene.first]) == ACCEPTED


def test_close_at__no_such_account_or_market__reverts(solvent):
    module, by = solvent.twin.module, solvent.twin.rig.roles.outsider
    assert solvent.twin.close_at([solvent.first]) == ACCEPTED

    # nobody has a position under an id that nobody has
    assert solvent.twin.close_at([99]) == ACCEPTED
    assert refusal_of(lambda: module.send("closeAt", 2, [], sender=by)) == ("UnknownMarket", (2,))
    assert refusal_of(lambda: module.send("closeAt", BTC, [], sender=by))[0] == "WrongStatus"


# WHO GETS WHAT


def test_pay_claims__losers_paid__winners_get_everything(solvent):
    solvent.twin.close_at(solvent.all)
    solvent.twin.pay(solvent.all)

    assert solvent.cash() == [usd(11_000), usd(1_000), usd(10_500), usd(9_500)]
    assert solvent.twin.cash(solvent.twin.endings.pot) == 0


def test_pay_claims__losers_could_not_pay__each_gain_is_cut_by_the_same_share(short_of):
    short_of.twin.close_at(short_of.all)
    short_of.twin.pay(short_of.all)

    first, second = int(usd(3_000) * SHARE), int(usd(1_500) * SHARE)
    assert short_of.cash() == [usd(10_000) + first, 0, usd(10_000) + second, usd(8_500)]
    assert short_of.twin.debt() == 0
    dust = short_of.twin.cash(short_of.twin.endings.pot)
    assert dust == usd(3_500) - first - second
    assert dust < 2


@pytest.mark.parametrize("price", [3_300, 3_100, 2_700])
def test_close_at__in_any_order__pays_the_same(scene, price):
    scene.twin.end(price)
    outcomes = set()

    for order in permutations(scene.all):
        with scene.twin.isolated():
            for account in order:
                scene.twin.close_at([account])
            scene.twin.pay(order)
            outcomes.add((*scene.cash(), scene.twin.debt(), scene.twin.cash(BACKSTOP)))

    assert len(outcomes) == 1


def test_pay_claims__whoever_is_paid_first__gets_no_more(short_of):
    short_of.twin.close_at(short_of.all)
    outcomes = set()

    for order in ([short_of.first, short_of.second], [short_of.second, short_of.first]):
        with short_of.twin.isolated():
            for account in order:
                short_of.twin.pay([account])
            outcomes.add(tuple(short_of.cash()))

    assert len(outcomes) == 1


def test_close_at__cash_of_all_accounts_less_the_debt__is_conserved(short_of):
    """Σ cash moves with the open sides of the book, and is whole again when it is empty."""
    deposited = short_of.total()

    short_of.twin.close_at(short_of.all[:2])
    short_of.twin.close_at(short_of.all[2:])
    assert short_of.total() == deposited
    short_of.twin.pay(short_of.all)

    assert short_of.total() == deposited
    assert short_of.twin.debt() == 0


def test_pay_claims__everybody__withdraws_all_and_the_tokens_suffice(short_of):
    short_of.twin.close_at(short_of.all)
    short_of.twin.pay(short_of.all)

    for name, account in zip(DEPOSITS, short_of.all, strict=True):
        raw = short_of.twin.cash(account) // 10**12
        if raw:
            owner = key_of(name).address
            assert short_of.twin.withdraw(owner, account, raw, TO) == ACCEPTED
    assert short_of.twin.rig.token.read("balanceOf", short_of.twin.rig.engine.address) >= 10**13


# ONLY ONCE, ONLY AT THE END


def test_pay_claims__while_somebody_is_left__reverts(solvent):
    solvent.twin.close_at(solvent.all[:3])
    assert solvent.twin.pay([solvent.first]) == "NotFinal"
    assert solvent.twin.finalise() == "StillOpen"

    solvent.twin.close_at([solvent.rich])
    assert solvent.twin.pay([solvent.first]) == ACCEPTED


def test_pay_claims__twice__pays_once(solvent):
    solvent.twin.close_at(solvent.all)
    solvent.twin.pay([solvent.first, solvent.first])
    solvent.twin.pay([solvent.first])

    assert solvent.twin.cash(solvent.first) == usd(11_000)
    assert solvent.twin.claim(solvent.first) == 0


def test_pay_claims__tells_claim_and_payment(short_of):
    twin, module = short_of.twin, short_of.twin.module
    twin.close_at(short_of.all)

    receipt = module.send("payClaims", ETH, [short_of.first], sender=twin.rig.roles.outsider)

    paid = int(usd(3_000) * SHARE)
    assert told(receipt, module) == (("ClaimPaid", (ETH, short_of.first, usd(3_000), paid)),)


def test_finalise__nobody_had_a_position__is_final_and_owes_nothing(twin):
    twin.end(3_000)

    assert twin.finalise() == ACCEPTED
    assert twin.module.read("settlementOf", ETH)[2]
    assert twin.finalise() == ACCEPTED
    assert twin.close_at([]) == ACCEPTED


def test_pay_claims__another_markets_pot__is_not_touched(scene):
    twin = scene.twin
    long_, short = twin.trader("long", 20_000), twin.trader("short", 20_000)
    twin.meet(long_, short, 1, market=BTC, at=50_000)
    twin.end(3_300)
    twin.close_at(scene.all)
    twin.rig.say(BTC, 50_000 * 10**8)
    twin.rig.oracle.send("poke", b"BTC/USD".ljust(16, b"\0"), sender=twin.rig.roles.outsider)
    twin.end(51_000, BTC)
    twin.close_at([long_, short], BTC)

    twin.pay([long_], BTC)

    assert twin.cash(long_) == usd(21_000)
    assert twin.cash(twin.endings.pot) == usd(3_500)


# WHAT IS STILL OWED


def test_repay_debt__residual_of_a_market_without_gains__comes_from_fees(twin):
    lost = twin.trader("lost", 0)
    twin.owe(lost, usd(700))
    twin.end(3_000)
    twin.finalise()
    assert twin.debt() == usd(700)

    twin.deposit(twin.rig.roles.outsider, FEES, 500 * RAW)
    twin.repay()
    assert (twin.debt(), twin.cash(FEES)) == (usd(200), 0)
    twin.deposit(twin.rig.roles.outsider, FEES, 500 * RAW)
    twin.repay()

    assert (twin.debt(), twin.cash(FEES)) == (0, usd(300))


def test_repay_debt__nothing_owed_or_nothing_there__moves_nothing(twin):
    twin.deposit(twin.rig.roles.outsider, FEES, 500 * RAW)
    assert twin.repay() == ACCEPTED
    assert twin.cash(FEES) == usd(500)

    assert twin.repay(market=BTC) == ACCEPTED
    module, by = twin.module, twin.rig.roles.outsider
    assert refusal_of(lambda: module.send("repayDebt", 2, sender=by)) == ("UnknownMarket", (2,))


def test_repay_debt__fees_account_below_zero__gives_nothing(twin):
    lost = twin.trader("lost", 0)
    twin.owe(lost, usd(100), BTC)
    twin.owe(FEES, -usd(100), BTC)
    twin.owe(lost, usd(50))

    assert twin.repay() == ACCEPTED

    assert (twin.debt(), twin.cash(FEES)) == (usd(50), -usd(100))


def test_repay_debt__before_the_end__leaves_more_for_the_winners(short_of):
    short_of.twin.close_at([short_of.poor])
    short_of.twin.deposit(short_of.twin.rig.roles.outsider, FEES, 1_000 * RAW)

    short_of.twin.repay()
    short_of.twin.close_at(short_of.all)
    short_of.twin.pay(short_of.all)

    assert short_of.cash() == [usd(13_000), 0, usd(11_500), usd(8_500)]


def test_finalise__debt_from_before_the_settlement__is_shared_by_the_winners(scene):
    lost = scene.twin.trader("lost", 0)
    scene.twin.owe(lost, usd(300))
    scene.twin.end(3_100)
    scene.twin.close_at(scene.all)
    scene.twin.pay(scene.all)

    # claims 1,500, debt 300: each gain pays 4/5
    assert scene.cash() == [usd(10_800), usd(1_000), usd(10_400), usd(9_500)]
    assert scene.twin.debt() == 0


# WHO HOLDS OTHER POSITIONS TOO


def leaning(scene, deposit_raw):
    """`first` also bought 1 BTC at 50,000, which is at 42,000 when ETH settles at 3,900."""
    twin = scene.twin
    seller = twin.trader("seller", 50_000)
    twin.meet(scene.first, seller, 1, market=BTC, at=50_000)
    twin.end(3_900)
    twin.rig.set_price(BTC, 42_000 * 10**8)
    if deposit_raw:
        twin.deposit(twin.rig.roles.outsider, scene.first, deposit_raw)
    return twin


def test_close_at__winner_who_needs_the_gain_as_margin__waits_a_day(scene):
    """Cash 10,000 and -8,000 in BTC are less than 10 % of 42,000; with 9,000 gained he is safe."""
    twin = leaning(scene, 0)
    settled = twin.endings.of(ETH).settled_at

    twin.close_at(scene.all)

    assert twin.rig.size(scene.first, ETH) == 10 * LOT
    assert not twin.rig.risk.read("isLiquidatable", scene.first)
    twin.rig.wait(settled + DAY - 1 - twin.now)
    twin.close_at(scene.all)
    assert twin.rig.size(scene.first, ETH) == 10 * LOT
    twin.rig.wait(1)
    twin.close_at(scene.all)
    assert twin.rig.size(scene.first, ETH) == 0
    assert twin.endings.of(ETH).is_final


def test_close_at__winner_who_adds_just_enough__does_not_wait(scene):
    """Without the gain E = 10,000 + deposit - 50,000 + value, IM = value / 10, value as at OPEN."""
    with scene.twin.isolated():
        value = leaning(scene, 0).quote(BTC).open_lo
    lacking = usd(40_000) - value + -(-value // 10)
    enough = -(-lacking // 10**12)

    with scene.twin.isolated():
        twin = leaning(scene, enough - 1)
        twin.close_at([scene.first])
        assert twin.rig.size(scene.first, ETH) == 10 * LOT

    twin = leaning(scene, enough)
    twin.close_at([scene.first])
    assert twin.rig.size(scene.first, ETH) == 0


def test_close_at__loser_under_margin_elsewhere__does_not_wait(scene):
    """His loss cannot be taken from under him: it is his already."""
    twin = scene.twin
    seller = twin.trader("seller", 50_000)
    twin.meet(scene.poor, seller, 1, market=BTC, at=50_000)
    twin.end(3_050)
    twin.rig.set_price(BTC, 49_000 * 10**8)

    twin.close_at([scene.poor])

    assert twin.rig.size(scene.poor, ETH) == 0
    assert twin.cash(scene.poor) == usd(1_500)


def test_close_at__winner_waits__is_told(scene):
    twin = leaning(scene, 0)
    module, by = twin.module, twin.rig.roles.outsider

    receipt = module.send("closeAt", ETH, [scene.first], sender=by)

    ends = twin.endings.of(ETH).settled_at + DAY
    assert told(receipt, module) == (("CloseWaits", (ETH, scene.first, ends)),)


def test_close_at__gain_that_fills_a_hole__is_no_claim(scene):
    """`first` lost 12,000 USD in BTC, 2,000 more than he had: of 3,000 gained 1,000 is a claim."""
    twin = scene.twin
    hole(scene, scene.first, 12_000)
    assert twin.cash(scene.first) == -usd(2_000)
    twin.end(3_300)

    twin.close_at([scene.first])

    assert (twin.cash(scene.first), twin.claim(scene.first)) == (0, usd(1_000))


def hole(scene, account, dollars):
    """Let an account lose in BTC, to the `seller` returned: 1 bought at 50,000, sold for less."""
    seller = scene.twin.trader("seller", 50_000)
    scene.twin.meet(account, seller, 1, market=BTC, at=50_000)
    scene.twin.meet(seller, account, 1, market=BTC, at=50_000 - dollars)
    return seller


@pytest.mark.parametrize(("price", "debt"), [(3_050, 2_500), (3_000, 2_000), (2_950, 1_500)])
def test_close_at__hole_from_elsewhere__is_the_debt_of_the_last_market(scene, price, debt):
    """`poor` lost 4,000 USD in BTC, 2,000 more than he had, and 500, 0 or -500 in ETH."""
    hole(scene, scene.poor, 4_000)
    scene.twin.end(price)

    scene.twin.close_at([scene.poor])

    assert (scene.twin.cash(scene.poor), scene.twin.debt()) == (0, usd(debt))


@pytest.mark.parametrize(("price", "debt"), [(3_050, 500), (3_000, 0), (2_950, 0)])
def test_close_at__hole_of_who_is_in_another_market__is_left_to_be_absorbed_there(
    scene, price, debt
):
    twin = scene.twin
    twin.meet(scene.poor, hole(scene, scene.poor, 4_000), 1, market=BTC, at=50_000)
    twin.end(price)
    twin.rig.wait(DAY)  # nor does a gain wait any longer
    twin.rig.set_price(BTC, 49_000 * 10**8)

    twin.close_at([scene.poor])

    assert (twin.rig.size(scene.poor, ETH), twin.debt()) == (0, usd(debt))


def test_close_at__gain_that_just_fills_a_hole__is_neither_claim_nor_debt(scene):
    hole(scene, scene.first, 11_000)
    scene.twin.end(3_100)

    scene.twin.close_at([scene.first])

    assert (scene.twin.cash(scene.first), scene.twin.claim(scene.first)) == (0, 0)
    assert scene.twin.debt() == 0


def test_close_at__loser_whose_other_positions_carry_it__owes_nothing(scene):
    """`poor` is 1,000 USD short in cash, and has gained far more in BTC."""
    twin = scene.twin
    seller = twin.trader("seller", 50_000)
    twin.meet(scene.poor, seller, 1, market=BTC, at=40_000)
    twin.end(3_300)
    twin.rig.set_price(BTC, 50_000 * 10**8)

    twin.close_at([scene.poor])

    assert (twin.cash(scene.poor), twin.debt()) == (-usd(1_000), 0)


# THE PROTOCOL'S OWN


def test_close_at__vault__is_closed_last_and_paid_in_the_same_call(twin):
    """A trader bought 10 ETH of the vault; what he lost it gained, less what he could not pay."""
    owner, buyer = key_of("buyer").address, twin.trader("buyer", 4_000)
    assert twin.trade(owner, buyer, ETH, 10 * LOT, AT_MOST) == ACCEPTED
    other, poor = twin.trader("other", 10_000), twin.trader("poor", 1_000)
    twin.meet(poor, other, 10)
    twin.end(2_700)
    before = twin.cash(VAULT)

    twin.close_at([VAULT, other, poor])
    assert twin.rig.size(VAULT, ETH) == -10 * LOT
    assert twin.cash(VAULT) == before
    twin.close_at([buyer])

    assert twin.rig.size(VAULT, ETH) == 0
    assert twin.endings.of(ETH).is_final
    assert twin.claim(VAULT) == 0
    assert twin.cash(VAULT) > before
    assert twin.claim(other) >= usd(3_000)  # and what funding brought him


def test_close_at__vault_that_would_lean_on_its_gain__does_not_wait(twin):
    """2,000 BTC need 10,000,000 USD of margin, all that it has; it is nobody's to liquidate."""
    other = twin.trader("other", 100)
    seller = twin.trader("seller", 10_000)
    quote = 2_000 * 50_000 * 10**12
    twin.resolve((Leg(VAULT, 2_000 * LOT, -quote), Leg(other, -2_000 * LOT, quote)), BTC)
    twin.resolve((Leg(VAULT, LOT, -3_000 * 10**12), Leg(seller, -LOT, 3_000 * 10**12)))
    twin.end(3_100)

    twin.close_at([seller])

    assert twin.rig.size(VAULT, ETH) == 0
    assert twin.cash(VAULT) == usd(10_000_100)


def test_close_at__backstop_named__is_skipped(twin):
    seller = twin.trader("seller", 10_000)
    quote = 10 * 3_000 * 10**12
    twin.resolve((Leg(BACKSTOP, 10 * LOT, -quote), Leg(seller, -10 * LOT, quote)))
    twin.end(3_300)

    receipt = twin.module.send("closeAt", ETH, [BACKSTOP], sender=twin.rig.roles.outsider)

    assert told(receipt, twin.module, twin.rig.engine) == ()
    assert (twin.claim(BACKSTOP), twin.cash(BACKSTOP)) == (0, usd(3_000))
    assert twin.module.read("unreckoned") == usd(3_000), "reckoned at the end"


def test_close_at__vault_that_lost__pays(twin):
    owner, buyer = key_of("buyer").address, twin.trader("buyer", 10_000)
    twin.trade(owner, buyer, ETH, 10 * LOT, AT_MOST)
    twin.end(3_300)
    before = twin.cash(VAULT)

    twin.close_at([buyer])
    twin.pay([buyer])

    gained = twin.cash(buyer) - twin.cash(twin.endings.pot)
    assert twin.cash(VAULT) < before
    assert gained > usd(12_000)


@pytest.mark.parametrize(("price", "cash"), [(3_300, 3_000), (2_700, 0)])
def test_close_at__backstops_own_position__wins_and_loses_as_any_other(twin, price, cash):
    """It holds 10 ETH from 3,000, and 1,000 USD; `seller` can pay either way."""
    seller = twin.trader("seller", 10_000)
    quote = 10 * 3_000 * 10**12
    twin.resolve((Leg(BACKSTOP, 10 * LOT, -quote), Leg(seller, -10 * LOT, quote)))
    twin.end(price)

    twin.close_at([seller])
    assert twin.endings.of(ETH).is_final
    twin.pay([seller])

    assert twin.cash(BACKSTOP) == usd(cash)
    # a backstop without a cent cannot pay 3,000: the market owed it, and the only gain bore it
    assert twin.cash(seller) == usd(10_000 - cash)
    assert twin.debt() == 0


def test_close_at__backstops_gain__is_cut_as_others_are(twin):
    poor = twin.trader("poor", 1_000)
    quote = 10 * 3_000 * 10**12
    twin.resolve((Leg(BACKSTOP, 10 * LOT, -quote), Leg(poor, -10 * LOT, quote)))
    twin.end(3_300)

    twin.close_at([poor])

    assert twin.cash(BACKSTOP) == usd(1_000)
    assert twin.debt() == 0


@pytest.mark.parametrize(("lost", "debt"), [(2_999, 0), (3_000, 0), (3_700, 700)])
def test_finalise__backstop_below_zero_in_no_other_market__leaves_the_rest_to_it(twin, lost, debt):
    """It lost in BTC, where it is out, and gained 3,000 USD here."""
    seller, winner = twin.trader("seller", 10_000), twin.trader("winner", 10_000)
    for size, price in ((LOT, 50_000), (-LOT, 50_000 - lost)):
        paid = (price if size > 0 else -price) * 10**12
        twin.resolve((Leg(BACKSTOP, size, -paid), Leg(winner, -size, paid)), BTC)
    assert twin.cash(BACKSTOP) == -usd(lost)
    size, quote = 10 * LOT, 10 * 3_000 * 10**12
    twin.resolve((Leg(BACKSTOP, size, -quote), Leg(seller, -size, quote)))
    twin.end(3_300)

    twin.close_at([seller])

    assert twin.endings.of(ETH).is_final
    assert (twin.debt(), twin.cash(BACKSTOP)) == (usd(debt), usd(max(0, 3_000 - lost)))


# WHAT A CLAIM ANSWERS FOR


def note_covered(twin, account, wad):
    """Note it as resolution does."""
    by, other = twin.rig.roles.outsider, twin.stand_in
    twin.rig.engine.send(
        "setModule", Role.RESOLUTION, other.address, sender=twin.rig.roles.timelock
    )
    noting = twin.module.call("noteCovered", 2).method.encode(account, wad)
    other.send("execute", [(twin.module.address, 0, noting)], sender=by)
    twin.endings = twin.endings.note_covered(account, wad)


def test_note_covered__not_from_resolution__reverts(twin):
    account, by = twin.trader("any", 0), twin.rig.roles.outsider
    with twin.isolated():
        note_covered(twin, account, usd(5))
        assert twin.module.read("coveredFor", account) == usd(5)

    said = refusal_of(lambda: twin.module.send("noteCovered", account, usd(5), sender=by))

    assert said == ("NotResolution", (by,))
    assert twin.module.read("coveredFor", account) == 0


@pytest.mark.parametrize(
    ("covered", "kept", "left"), [(1, 1, 0), (999, 999, 0), (1_700, 1_000, 700)]
)
def test_pay_claims__others_covered_for_him__insurance_is_paid_first(solvent, covered, kept, left):
    """[PERP-51] His claim is 1,000 USD."""
    twin, first = solvent.twin, solvent.first
    twin.close_at(solvent.all)
    note_covered(twin, first, usd(covered))
    before = twin.cash(first)

    assert twin.pay([first, solvent.second]) == ACCEPTED

    assert twin.cash(first) - before == usd(1_000 - kept)
    assert twin.cash(INSURANCE) == usd(kept)
    assert twin.module.read("coveredFor", first) == usd(left)
    assert twin.cash(solvent.second) == usd(10_500)


def test_pay_claims__others_covered_for_him__is_told(solvent):
    twin = solvent.twin
    twin.close_at(solvent.all)
    note_covered(twin, solvent.first, usd(300))

    receipt = twin.module.send("payClaims", ETH, [solvent.first], sender=twin.rig.roles.outsider)

    assert told(receipt, twin.module) == (
        ("ClaimKept", (ETH, solvent.first, usd(300))),
        ("ClaimPaid", (ETH, solvent.first, usd(1_000), usd(700))),
    )


def test_close_at__loser_who_cannot_pay__his_claims_elsewhere_answer(short_of):
    """[PERP-51] The market covered 1,000 USD for `poor`."""
    short_of.twin.close_at(short_of.all)

    assert short_of.twin.module.read("coveredFor", short_of.poor) == usd(1_000)
    assert short_of.twin.endings.covered == {short_of.poor: usd(1_000)}


def test_close_at__odd_price_and_sizes__every_rounding_is_the_accounts(twin):
    """A third of a cent in the price, odd lots: closing gives nobody a pico that another lacks."""
    names = [twin.trader(f"odd {i}", 10_000) for i in range(6)]
    for i in range(0, 6, 2):
        size = 123_456_789 + i
        legs = (
            Leg(names[i], size, -size * 3_000 * 10**4),
            Leg(names[i + 1], -size, size * 3_000 * 10**4),
        )
        assert twin.match(ETH, legs, Sample()) == ACCEPTED
    twin.wind_down()
    twin.rig.wait(DAY - HOUR)
    twin.rig.set_price(ETH, 301_333_333_333)
    twin.rig.wait(HOUR // 3)
    twin.rig.set_price(ETH, 301_333_333_337)
    twin.rig.wait(2 * HOUR // 3 + 1)
    twin.rig.set_price(ETH, 301_333_333_337)
    assert twin.settle() == ACCEPTED
    assert twin.endings.of(ETH).price % 10**14

    twin.close_at(names)
    twin.pay(names)

    assert sum(twin.cash(name) for name in names) <= 6 * usd(10_000)
    assert sum(twin.cash(name) for name in names) > 6 * usd(10_000) - 10**8
    assert 0 <= twin.cash(BACKSTOP) < 6 * 10**6
    assert twin.debt() == 0
