import pytest

from clearing.spec.assets import asset_id
from clearing.spec.errors import SpecError
from clearing.spec.liabilities import NO_LIABILITIES, Liabilities, deliver
from clearing.spec.types import Side
from clearing.spec.units import WAD

BTC, ETH, USDC = asset_id("BTC"), asset_id("ETH"), asset_id("USDC")


def test_deliver__part__leaves_the_rest(owed):
    after = deliver(owed, Side.LOW, ETH, 4 * WAD)

    assert after == Liabilities.of(dict(owed.rows) | {ETH: 6 * WAD})


def test_deliver__all_debts__leaves_nothing(owed):
    after = deliver(owed, Side.LOW, ETH, 10 * WAD)
    after = deliver(after, Side.LOW, USDC, 20_000 * WAD)
    after = deliver(after, Side.HIGH, BTC, WAD)

    assert after == NO_LIABILITIES


@pytest.mark.parametrize(
    ("debtor", "asset", "paid_wad", "debt_wad"),
    [
        (Side.HIGH, BTC, WAD + 1, WAD),
        (Side.HIGH, BTC, 0, WAD),
        (Side.HIGH, BTC, -1, WAD),
        (Side.LOW, BTC, WAD, -WAD),
        (Side.LOW, asset_id("DOGE"), 1, 0),
    ],
)
def test_deliver__other_than_what_is_owed__is_refused(owed, debtor, asset, paid_wad, debt_wad):
    assert deliver(owed, Side.HIGH, BTC, WAD) != owed

    with pytest.raises(SpecError) as refused:
        deliver(owed, debtor, asset, paid_wad)

    assert refused.value.name == "DeliveryAmount"
    assert refused.value.args_ == (asset, paid_wad, debt_wad)
