"""The estimated OP fee: Fjord's upper bound, worked by hand."""

from clearing.chain.fees import ASSUMED, FeeAssumptions, l1_fee_wei, op_fee_usd_wad, op_fee_wei
from clearing.spec.units import WAD

PLAIN = FeeAssumptions(
    l2_gas_price_wei=10,
    l1_base_fee_wei=1_000,
    blob_base_fee_wei=7,
    base_fee_scalar=2_000_000,
    blob_base_fee_scalar=3_000_000,
    ether_usd_wad=2_000 * WAD,
)
# l1FeeScaled = 2e6 * 1,000 * 16 + 3e6 * 7 = 32,021,000,000 (a price of 32,021 wei a byte)


def test_l1_fee_wei__small_transaction__counts_the_least_size() -> None:
    # 10 + 68 = 78 bytes; 78 + 78 // 255 + 16 = 94; -42.5856 + 0.8365 * 94 < 100 -> 100 bytes
    assert l1_fee_wei(10, PLAIN) == 100 * 32_021


def test_l1_fee_wei__large_transaction__follows_the_line_and_rounds_up() -> None:
    # 932 + 68 = 1,000; 1,000 + 3 + 16 = 1,019; -42.5856 + 0.8365 * 1,019 = 809.8079 bytes
    assert l1_fee_wei(932, PLAIN) == 25_930_859  # 809.8079 * 32,021 = 25,930,858.7659


def test_op_fee_wei__any__adds_execution() -> None:
    assert op_fee_wei(21_000, 10, PLAIN) == 21_000 * 10 + 3_202_100


def test_op_fee_usd_wad__any__values_the_fee_and_rounds_up() -> None:
    assert op_fee_usd_wad(21_000, 10, PLAIN) == 3_412_100 * 2_000


def test_describe__assumed__names_every_assumption() -> None:
    text = ASSUMED.describe()

    assert "L2 gas 0.01 gwei" in text
    assert "L1 base fee 5 gwei" in text
    assert "blob base fee 1 gwei" in text
    assert "5227 / 1014213" in text
    assert "3,300 USD" in text
