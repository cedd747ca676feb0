"""liquidateBatch: many accounts in one market, the healthy ones skipped."""

from functools import partial

import pytest

from tests.harness.perp import ETH, INSURANCE, LOT, usd
from tests.unit.perp_engine.scene import (
    FOR_LIQUIDATE,
    LIQUIDATION_KIND,
    assert_only_fails_for,
    set_cash,
    told,
)

HI = 290_029 * 10**16
"""Favourable to a long at 2,900."""
COUNT = 4
POOR = (600, 1_600, 90_000, 0)
"""Equity of four accounts in USD: all goes, a part, healthy, all and no penalty."""


@pytest.fixture
def keeper(rig):
    return rig.trader("keeper", 1_000_000)


@pytest.fixture
def accounts(rig):
    """Four accounts of 10 ETH long each, at 2,900."""
    made = []
    for index in range(COUNT):
        account, owner = rig.trader(f"trader {index}", 100_000)
        rig.trade(account, owner, ETH, 10 * LOT)
        made.append(account)
    rig.wait(300)
    rig.set_price(ETH, 2_900 * 10**8)
    for account, equity in zip(made, POOR, strict=True):
        health = rig.engine.read("healthOf", account, FOR_LIQUIDATE)
        set_cash(rig, account, rig.cash(account) - health[0] + usd(equity))
    return made


def liquidate(rig, accounts, keeper):
    id_, owner = keeper
    return partial(rig.risk.send, "liquidateBatch", accounts, ETH, id_, sender=owner.address)


def test_liquidate_batch__four__equals_one_by_one_to_the_wei(rig, accounts, keeper):
    """[PERP-24] Every account, the keeper and insurance end as they would one at a time."""
    with rig.chain.isolated():
        for account in (accounts[0], accounts[1], accounts[3]):
            id_, owner = keeper
            rig.risk.send("liquidate", account, ETH, id_, sender=owner.address)
        one_by_one = rig.everything()

    receipt = liquidate(rig, accounts, keeper)()

    assert receipt.output == 3
    after = rig.everything()
    # a penalty's odd wei goes to insurance: of the sum here, of each there
    cash = [[state[1] for state in states] for states in (after[0], one_by_one[0])]
    for who in (keeper[0], INSURANCE):
        assert abs(cash[0][who] - cash[1][who]) <= 2, "PERP-24: a wei for each odd penalty"
        cash[0][who] = cash[1][who] = 0
    assert cash[0] == cash[1], "PERP-24: a batch is its liquidations"
    assert after[1:] == one_by_one[1:], "PERP-24: a batch is its liquidations"


def test_liquidate_batch__four__emits_each_and_the_one_it_skipped(rig, accounts, keeper):
    receipt = liquidate(rig, accounts, keeper)()

    events = told(receipt, rig.risk)
    assert [(name, values[0]) for name, values in events] == [
        ("Liquidated", accounts[0]),
        ("Liquidated", accounts[1]),
        ("LiquidationSkipped", accounts[2]),
        ("Liquidated", accounts[3]),
    ]
    assert events[0][1] == (accounts[0], ETH, keeper[0], 10 * LOT, HI, usd(600))
    assert events[3][1] == (accounts[3], ETH, keeper[0], 10 * LOT, HI, 0)
    booked = [values for name, values in told(receipt, rig.engine) if name == "Booked"]
    assert [values[1] for values in booked] == [
        accounts[0],
        accounts[1],
        accounts[3],
        keeper[0],
        INSURANCE,
    ]
    assert sum(values[2] for values in booked) == 0
    assert all(values[6] == LIQUIDATION_KIND for values in booked)


def test_liquidate_batch__healthy_ones_alone__does_nothing_and_frees_the_lock(
    rig, accounts, keeper
):
    before = rig.everything()

    receipt = liquidate(rig, [0, 2, accounts[2]], keeper)()

    assert receipt.output == 0
    assert rig.everything() == before
    assert [name for name, _ in told(receipt, rig.risk)] == ["LiquidationSkipped"] * 3


def test_liquidate_batch__nobody__does_nothing(rig, accounts, keeper):
    before = rig.everything()

    assert liquidate(rig, [], keeper)().output == 0
    assert rig.everything() == before


@pytest.mark.parametrize(
    ("order", "index"),
    [((0, 0), 1), ((1, 1, 3), 1), ((0, 1, 1), 2), ((1, 0), 1), ((0, 3, 1), 2), ((2, 2), 1)],
)
def test_liquidate_batch__not_ascending__is_refused(rig, accounts, keeper, order, index):
    """[PERP-24] Twice in a batch, an account would lose twice what one liquidation takes."""
    assert_only_fails_for(
        rig,
        lambda chosen: liquidate(rig, [accounts[i] for i in chosen], keeper),
        broken=order,
        fixed=sorted(set(order)),
        error=("NotAscending", (index,)),
    )


def test_liquidate_batch__the_liquidator_among_them__is_refused(rig, accounts, keeper):
    assert_only_fails_for(
        rig,
        lambda chosen: liquidate(rig, chosen, keeper),
        broken=[*accounts, keeper[0]],
        fixed=accounts,
        error=("OwnLiquidation", (keeper[0],)),
    )


def test_liquidate_batch__more_than_two_hundred__is_refused(rig, accounts, keeper):
    for index in range(201):
        rig.trader(f"filler {index}")
    last = rig.engine.read("parameters")[4]
    many = [i for i in range(last - 202, last) if i != keeper[0]][-201:]
    assert len(many) == 201
    assert_only_fails_for(
        rig,
        lambda chosen: liquidate(rig, chosen, keeper),
        broken=many,
        fixed=many[1:],
        error=("TooManyAccounts", (201, 200)),
    )


def test_liquidate_batch__with_anothers_account__is_refused(rig, accounts, keeper):
    stranger = rig.trader("stranger", 1_000_000)[1]
    assert_only_fails_for(
        rig,
        lambda by: liquidate(rig, accounts, (keeper[0], by)),
        broken=stranger,
        fixed=keeper[1],
        error=("NotOwner", (keeper[0], stranger.address)),
    )


def test_liquidate_batch__a_liquidator_who_would_not_be_covered__is_refused_whole(
    rig, accounts, keeper
):
    """Two positions of 28,997.10 at OPEN need 5,799.42; less comes to him by the penalties."""
    poor = rig.trader("poor", 4_000)
    assert_only_fails_for(
        rig,
        lambda chosen: liquidate(rig, chosen, poor),
        broken=[accounts[0], accounts[3]],
        fixed=[accounts[0]],
        error=("UnderInitialMargin", (poor[0], usd(4_300) - 11_600 * 10**15, 5_799_420 * 10**15)),
    )
