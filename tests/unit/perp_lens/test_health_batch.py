"""healthBatch: many accounts at once."""

import pytest

from tests.harness.perp import BTC, ETH, LOT, VAULT
from tests.unit.perp_engine.scene import AT_MID, FOR_LIQUIDATE, FOR_OPEN, refusal_of


@pytest.mark.parametrize("purpose", [FOR_OPEN, FOR_LIQUIDATE, AT_MID])
def test_health_batch__several__is_one_by_one(rig, lens, trader, purpose):
    account, owner = trader
    other, its_owner = rig.trader("maker", 50_000)
    rig.trade(account, owner, ETH, 10 * LOT)
    rig.trade(other, its_owner, ETH, -LOT)
    rig.trade(other, its_owner, BTC, LOT)
    asked = [other, VAULT, account, other]

    answers = lens.read("healthBatch", asked, purpose)

    expected = [rig.engine.read("healthOf", one, purpose) for one in asked]
    assert list(answers) == expected
    assert answers[0] != answers[2]


def test_health_batch__nobody__is_empty(rig, lens):
    assert tuple(lens.read("healthBatch", [], AT_MID)) == ()


def test_health_batch__no_such_account__is_refused(rig, lens, trader):
    account, _ = trader
    lens.read("healthBatch", [VAULT, account], AT_MID)

    refused = refusal_of(lambda: lens.read("healthBatch", [VAULT, account + 1], AT_MID))

    assert refused == ("UnknownAccount", (account + 1,))
