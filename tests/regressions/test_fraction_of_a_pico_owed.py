"""Found by `clearing fuzz`, machine system, schedule 20261129/7: PERP-48, 579,000 wei owed.

An account whose penalty is all that it has was taken over for a quote that was rounded towards
zero: up to a pico (1e6 wei) was missing, and nobody could absorb it any more. The quote is rounded
up, for the account, whatever its equity.
"""

import pytest

from tests.harness.perp import ETH, LOT, deploy_perp
from tests.unit.perp_engine.scene import FOR_LIQUIDATE, set_cash

PICO = 10**6
"""Wei."""


@pytest.fixture(scope="module")
def stage():
    return deploy_perp()


@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
def test_liquidate__penalty_is_all_there_is__leaves_no_fraction_of_a_pico_owed(stage, side):
    with stage.chain.isolated():
        account, owner = stage.trader("trader", 100_000)
        keeper, by = stage.trader("keeper", 1_000_000)
        stage.trade(account, owner, ETH, side * (10 * LOT + 7))
        stage.wait(300)
        stage.set_price(ETH, 300_123_456_789)
        for equity in range(1, 3 * PICO, PICO // 7):
            with stage.chain.isolated():
                have = stage.engine.read("healthOf", account, FOR_LIQUIDATE)[0]
                set_cash(stage, account, stage.cash(account) - have + equity)

                stage.risk.send("liquidate", account, ETH, keeper, sender=by.address)

                assert stage.size(account, ETH) == 0
                assert 0 <= stage.cash(account) < 2 * PICO, "PERP-48"
