"""withdraw and transferCash: the owner's cash, while what he holds stays covered."""

from functools import partial

import pytest

from tests.harness.perp import BTC, ETH, LOT, RAW, deploy_perp, usd
from tests.unit.perp_engine.scene import (
    NO_ROLE,
    NOWHERE,
    RAW_TO_WAD,
    WITHDRAW,
    assert_only_fails_for,
    deaf,
    refusal_of,
    told,
)

TO = b"\x70" * 20
FEE = 15_003_750_300_008 * 10**6
"""Of 10 ETH: 10 · 3,000.3 · 1.0001 · (1 + 10 / 200,000) = 30,007.500600015; 0.05 % of it, up."""


@pytest.fixture
def long_trader(rig, trader):
    """10 ETH long, bought at 30,007.500600015 USD."""
    account, owner = trader
    rig.trade(account, owner, ETH, 10 * LOT)
    return account, owner


def spare():
    """Return the wad that a `long_trader` may take out: E - IM at OPEN.

    π is 0 within the timestamp of the trade. E = 100,000 - fee - 30,007.500600015 + 10 · 2,999.7;
    IM = 10 % of 29,997.
    """
    equity = usd(100_000) - FEE - 30_007_500_600_015 * 10**9 + 10 * 2_999_700 * 10**15
    return equity - 2_999_700 * 10**15


def taking(rig, function, account, wad, owner):
    """Return the call that takes cash out by one of the two ways."""
    if function == "withdraw":
        arguments = (account, wad // RAW_TO_WAD, TO)
    else:
        arguments = (account, 0, wad // RAW_TO_WAD * RAW_TO_WAD)
    return partial(rig.engine.send, function, *arguments, sender=owner.address)


BOTH = pytest.mark.parametrize("function", ["withdraw", "transferCash"])


def test_withdraw__units__leave_the_cash_and_arrive(rig, trader):
    account, owner = trader
    held = rig.token.read("balanceOf", rig.engine.address)

    rig.engine.send("withdraw", account, 7 * RAW + 1, TO, sender=owner.address)

    assert rig.cash(account) == usd(99_993) - RAW_TO_WAD
    assert rig.token.read("balanceOf", TO) == 7 * RAW + 1
    assert rig.token.read("balanceOf", rig.engine.address) == held - 7 * RAW - 1


def test_withdraw__units__emits_withdrawn(rig, trader):
    account, owner = trader

    receipt = rig.engine.send("withdraw", account, 5, TO, sender=owner.address)

    assert told(receipt, rig.engine) == (("Withdrawn", (account, TO, 5)),)


def test_transfer_cash__wad__moves_and_tells(rig, trader):
    account, owner = trader
    other, _ = rig.trader("other", 1)

    receipt = rig.engine.send("transferCash", account, other, 3, sender=owner.address)

    assert (rig.cash(account), rig.cash(other)) == (usd(100_000) - 3, usd(1) + 3)
    assert told(receipt) == (("CashMoved", (account, other, 3, NO_ROLE)),)


def test_transfer_cash__to_itself__changes_nothing(rig, trader):
    account, owner = trader
    before = rig.everything()

    rig.engine.send("transferCash", account, account, 3, sender=owner.address)

    assert rig.everything() == before


@BOTH
def test_withdraw__without_positions__never_asks_the_oracle(function):
    """[PERP-12] An oracle that refuses everything stops only who holds a position."""
    rig = deploy_perp()  # code that a test has put somewhere stays there
    account, owner = rig.trader("trader", 100_000)
    other, other_owner = rig.trader("other", 100_000)
    rig.trade(other, other_owner, ETH, 10 * LOT)
    rig.chain.set_code(rig.oracle.address, bytes.fromhex("5f5ffd"))

    assert refusal_of(taking(rig, function, other, usd(1), other_owner)) == ("0x", ())
    taking(rig, function, account, usd(100_000), owner)()

    assert rig.cash(account) == 0, "PERP-12: a position-less withdrawal depends on nothing"


@BOTH
def test_withdraw__without_positions__works_whatever_is_paused(rig, trader, function):
    account, owner = trader
    deaf(rig, ETH)
    for market in (ETH, BTC):
        rig.admin.send("setPause", market, 63, sender=rig.roles.timelock)

    taking(rig, function, account, usd(100_000), owner)()

    assert rig.cash(account) == 0


@BOTH
def test_withdraw__by_another__is_refused(rig, trader, function):
    account, owner = trader
    other = rig.trader("other")[1]
    assert_only_fails_for(
        rig,
        lambda by: taking(rig, function, account, usd(1), by),
        broken=other,
        fixed=owner,
        error=("NotOwner", (account, other.address)),
    )


@BOTH
def test_withdraw__nothing__is_refused(rig, trader, function):
    account, owner = trader
    assert_only_fails_for(
        rig,
        lambda wad: taking(rig, function, account, wad, owner),
        broken=0,
        fixed=RAW_TO_WAD,
        error=("ZeroAmount", ()),
    )


@BOTH
def test_withdraw__more_than_the_cash__is_refused(rig, trader, function):
    account, owner = trader
    want = usd(100_000) + RAW_TO_WAD
    assert_only_fails_for(
        rig,
        lambda wad: taking(rig, function, account, wad, owner),
        broken=want,
        fixed=usd(100_000),
        error=("CashTooLow", (account, usd(100_000), want)),
    )


@pytest.mark.parametrize("to", ["nobody", "the engine"])
def test_withdraw__to_nobody_or_the_engine__is_refused(rig, trader, to):
    account, owner = trader
    wrong = NOWHERE if to == "nobody" else rig.engine.address
    assert_only_fails_for(
        rig,
        lambda to: partial(rig.engine.send, "withdraw", account, 1, to, sender=owner.address),
        broken=wrong,
        fixed=TO,
        error=("ZeroAddress", ()),
    )


def test_transfer_cash__to_an_account_that_nobody_made__is_refused(rig, trader):
    account, owner = trader
    assert_only_fails_for(
        rig,
        lambda to: partial(rig.engine.send, "transferCash", account, to, 1, sender=owner.address),
        broken=account + 1,
        fixed=account,
        error=("UnknownAccount", (account + 1,)),
    )


def test_withdraw__a_token_that_takes_a_fee__is_not_short_of_cash(rig):
    """What leaves is exactly what was asked for; what the receiver gets is the token's affair."""
    token = rig.chain.deploy("FeeOnTransferToken", "Fee", "FEE", 6, 0, sender=rig.roles.deployer)
    roles = rig.roles
    parties = (rig.oracle.address, roles.timelock, roles.guardian)
    engine = rig.chain.deploy("DerivativesEngine", token.address, *parties, sender=roles.deployer)
    owner = roles.outsider
    token.send("mint", owner, 10_000, sender=owner)
    token.send("approve", engine.address, 10_000, sender=owner)
    account = engine.send("createAccount", sender=owner).output
    engine.send("deposit", account, 10_000, sender=owner)
    token.send("setFeeBps", 1, sender=owner)

    engine.send("withdraw", account, 10_000, TO, sender=owner)

    assert engine.read("accountOf", account)[1] == 0
    assert token.read("balanceOf", engine.address) == 0


# WITH POSITIONS


@BOTH
def test_withdraw__with_a_position__leaves_initial_margin(rig, long_trader, function):
    """[PERP-13] The greatest amount passes, one unit more is refused."""
    account, owner = long_trader
    most = spare() // RAW_TO_WAD * RAW_TO_WAD
    equity = spare() + 2_999_700 * 10**15 - most - RAW_TO_WAD
    assert_only_fails_for(
        rig,
        lambda wad: taking(rig, function, account, wad, owner),
        broken=most + RAW_TO_WAD,
        fixed=most,
        error=("UnderInitialMargin", (account, equity, 2_999_700 * 10**15)),
    )


def test_transfer_cash__with_a_position__may_leave_exactly_initial_margin(rig, long_trader):
    """[PERP-13] To the wei."""
    account, owner = long_trader
    im = 2_999_700 * 10**15
    assert_only_fails_for(
        rig,
        lambda wad: partial(rig.engine.send, "transferCash", account, 0, wad, sender=owner.address),
        broken=spare() + 1,
        fixed=spare(),
        error=("UnderInitialMargin", (account, im - 1, im)),
    )


@BOTH
@pytest.mark.parametrize("market", [ETH, BTC])
def test_withdraw__a_paused_market__binds_only_who_is_in_it(rig, long_trader, function, market):
    account, owner = long_trader
    rig.admin.send("setPause", market, WITHDRAW, sender=rig.roles.timelock)
    before = rig.everything()
    call = taking(rig, function, account, usd(1), owner)

    if market == ETH:
        assert refusal_of(call) == ("Paused", (ETH, WITHDRAW))
        assert rig.everything() == before
    else:
        call()
        assert rig.everything() != before


@BOTH
def test_withdraw__every_other_bit_paused__works(rig, long_trader, function):
    account, owner = long_trader
    rig.admin.send("setPause", ETH, 63 & ~WITHDRAW, sender=rig.roles.timelock)

    taking(rig, function, account, usd(1), owner)()


@BOTH
def test_withdraw__a_frozen_feed__binds_who_is_in_it(rig, long_trader, function):
    """[PERP-46] And nobody else."""
    account, owner = long_trader

    def arrange(market):
        deaf(rig, market)
        return taking(rig, function, account, usd(1), owner)

    assert_only_fails_for(rig, arrange, broken=ETH, fixed=BTC, error=("FeedForbids", (ETH, 0, 0)))


@BOTH
def test_withdraw__profit_that_is_not_cash__cannot_leave(rig, long_trader, function):
    account, owner = long_trader
    rig.set_price(ETH, 3_060 * 10**8)
    cash = rig.cash(account)
    want = cash // RAW_TO_WAD * RAW_TO_WAD + RAW_TO_WAD

    assert refusal_of(taking(rig, function, account, want, owner)) == (
        "CashTooLow",
        (account, cash, want),
    )
