"""absorb in markets that have ended, and in the middle of another call."""

import pytest

from clearing.spec.perp_absorb import Deleveraged
from clearing.spec.perp_types import MarketStatus
from clearing.spec.perp_vault import DUST
from clearing.spec.perp_waterfall import Covered
from tests.harness.perp import BACKSTOP, BTC, ETH, INSURANCE, LOT, VAULT, usd
from tests.harness.results import ACCEPTED
from tests.unit.perp_engine.scene import batch, module, refusal_of
from tests.unit.perp_resolution.scene import Trio

SETTLER_ROLE = 2


@pytest.fixture
def ended(trio):
    """ETH is settled at 2,700 by another's debt; the loser is still in it."""
    twin = trio.twin
    first = twin.trader("first", 0)
    twin.meet(first, trio.winner, 1)
    twin.meet(trio.winner, VAULT, 1, at=2_700)
    trio.fall()
    twin.set_cash(first, -usd(20_000))
    assert twin.absorb(first, trio.keeper) == ACCEPTED
    assert twin.status() == MarketStatus.SETTLED
    return trio


def test_absorb__settled_market__nobody_is_deleveraged_and_nobody_shares(ended):
    """Claims carry it: what is missing, 1,000 USD and its part of the first loss, is debt."""
    twin = ended.twin
    owed = twin.debt()
    lacks = -twin.health(ended.loser).equity
    sizes = twin.size(ended.winner), twin.size(BACKSTOP)

    assert ended.absorb(ended.winner) == ACCEPTED

    assert twin.events(Deleveraged) == []
    (event,) = twin.events(Covered)
    assert (event.shared, event.vault, event.debt) == (0, 0, lacks)
    assert twin.debt() == owed + lacks
    assert (twin.size(ended.winner), twin.size(BACKSTOP)) == (sizes[0], sizes[1] + 10 * LOT)


def test_absorb__settled_market__insurance_the_backstop_and_the_vault_keep_theirs(ended):
    """As if he had been closed: the fee alone comes from insurance."""
    twin = ended.twin
    for account in (INSURANCE, BACKSTOP, VAULT):
        twin.give(account, 1_000)
    twin.limit(300, 300)
    owed, cash = twin.debt(), (twin.cash(INSURANCE), twin.cash(VAULT))
    lacks = -twin.health(ended.loser).equity

    assert ended.absorb() == ACCEPTED

    (event,) = twin.events(Covered)
    assert (event.insurance, event.backstop, event.vault, event.debt) == (0, 0, 0, lacks)
    assert twin.debt() == owed + lacks
    assert (twin.cash(INSURANCE), twin.cash(VAULT)) == (cash[0] - Trio.FEE, cash[1])
    assert twin.fund.read("spent", ETH) == (0, 0)


def test_absorb__settled_market_and_a_live_one__each_carries_what_was_lost_there(ended):
    """3,000 USD and its part of the first loss in ETH; insurance pays the 999.5 of BTC in full."""
    twin = ended.twin
    twin.meet(ended.loser, ended.winner, 0.1, market=BTC, at=50_000)
    for market in (ETH, BTC):
        twin.limit(5_000, 0, market)
    twin.give(INSURANCE, 10_000)
    twin.set_cash(ended.loser, -usd(1_000))
    owed = twin.debt()
    lacks = -twin.health(ended.loser).equity

    assert ended.absorb() == ACCEPTED

    settled, live = twin.events(Covered)
    assert (settled.market, settled.insurance, settled.vault, settled.debt) == (
        *(ETH, 0, 0),
        twin.debt() - owed,
    )
    assert (live.market, live.vault, live.debt) == (BTC, 0, 0)
    assert settled.debt >= usd(3_000)
    assert live.insurance == pytest.approx(usd(999) + usd(1) // 2, abs=10**8)
    assert settled.debt + live.insurance == pytest.approx(lacks, abs=10**8)
    assert (twin.debt(BTC), twin.status(BTC)) == (0, MarketStatus.LIVE)


def test_absorb_protocol__most_margin_in_a_settled_market__a_loss_elsewhere_is_no_debt_of_it(ended):
    """Anybody may close others there, and so load the backstop: it lost 81.27 there."""
    twin = ended.twin
    twin.meet(BACKSTOP, ended.winner, 0.01, market=BTC, at=50_000)
    twin.set_cash(BACKSTOP, -usd(1_000))
    owed, lacks = twin.debt(), -twin.health(BACKSTOP).equity

    assert twin.absorb_protocol(BACKSTOP) == ACCEPTED

    settled, live = twin.events(Covered)
    assert (settled.market, live.market) == (ETH, BTC)
    assert twin.debt() - owed == settled.debt == 8_127 * 10**16
    assert settled.debt + live.shared + live.vault + live.debt == lacks


@pytest.mark.parametrize("account", [VAULT, BACKSTOP])
def test_absorb_protocol__settled_market__is_its_debt(ended, account):
    """The vault is short 1 ETH, the backstop long; 100 USD are missing: the others keep theirs.

    What it has lost there is cash from then on.
    """
    twin = ended.twin
    for payer in {INSURANCE, BACKSTOP, VAULT} - {account}:
        twin.give(payer, 1_000)
    twin.limit(300, 300)
    size = twin.size(account)
    assert size != 0
    twin.set_cash(account, twin.cash(account) - twin.health(account).equity - usd(100))
    others = {INSURANCE, BACKSTOP, VAULT} - {account}
    owed, cash = twin.debt(), {a: twin.cash(a) for a in others}

    assert twin.absorb_protocol(account) == ACCEPTED

    assert twin.debt() == owed + usd(100)
    assert {a: twin.cash(a) for a in others} == cash
    assert twin.health(account).equity == 0
    assert 0 <= twin.cash(account) <= DUST
    assert twin.size(account) == size


def test_absorb__market_winding_down__is_deleveraged_and_settles_if_it_must(trio):
    """Closing goes on in it; a debt ends it at once."""
    twin = trio.twin
    twin.put_status(MarketStatus.WIND_DOWN)
    trio.fall()
    with twin.isolated():
        assert trio.absorb(trio.winner) == ACCEPTED
        assert [e.counterparty for e in twin.events(Deleveraged)] == [trio.winner]
        assert twin.status() == MarketStatus.WIND_DOWN

    assert trio.absorb() == ACCEPTED

    assert twin.status() == MarketStatus.SETTLED


@pytest.mark.parametrize("name", ["absorb", "absorbProtocol", "donate", "sweep"])
def test_resolution__while_another_module_holds_the_lock__is_refused(fallen, name):
    """Between two steps of one module nothing of any other runs; before and after it may."""
    twin, rig = fallen.twin, fallen.twin.rig
    twin.meet(BACKSTOP, fallen.winner, 1, at=2_700)
    twin.set_cash(BACKSTOP, -usd(10))
    caller = module(rig, SETTLER_ROLE)
    own = caller.send(
        "execute", batch((rig.engine, "createAccount", ())), sender=rig.roles.outsider
    )
    account = own.of(rig.engine)[0].args[0]
    rig.fund(account, 10)
    rig.fund(INSURANCE, 10)
    twin.fund.send("setTarget", 0, sender=rig.roles.timelock)
    contract, args = {
        "absorb": (twin.module, (fallen.loser, fallen.keeper, [])),
        "absorbProtocol": (twin.module, (BACKSTOP,)),
        "donate": (twin.fund, (account, 1)),
        "sweep": (twin.fund, ()),
    }[name]
    step = (contract, name, args)

    refusal = refusal_of(
        lambda: caller.send(
            "execute",
            batch((rig.engine, "enter", ()), step, (rig.engine, "exit", ())),
            sender=rig.roles.outsider,
        )
    )

    assert refusal == ("Locked", ())
    caller.send("execute", batch(step), sender=rig.roles.outsider)
