"""Estimate what a transaction costs on an OP Stack chain, from what it used on the embedded one.

fee = gas used × L2 gas price + L1 data fee. The data fee is the upper bound that the predeploy
`GasPriceOracle.getL1FeeUpperBound` gives since the Fjord upgrade: the signed transaction's size is
taken as incompressible. The predeploy is not on the embedded chain and prices move, so a result is
an estimate under the assumptions of `FeeAssumptions`, and is to be labelled so. Rounds up.
"""

from __future__ import annotations

from dataclasses import dataclass

from clearing.spec.units import WAD, mul_div_up, mul_up

__all__ = ["ASSUMED", "FeeAssumptions", "l1_fee_wei", "op_fee_usd_wad", "op_fee_wei"]

GWEI = 10**9

# Fjord's constants: OP Stack specification, "Fjord: execution engine", L1-cost fee changes; the
# same numbers stand in the GasPriceOracle's code.
COST_INTERCEPT = -42_585_600  # scaled by 1e6
COST_FASTLZ = 836_500  # scaled by 1e6
MIN_SIZE = 100 * 10**6  # bytes, scaled by 1e6
L1_GAS_PER_BYTE = 16
SCALE = 10**12  # the size's 1e6 times the scalars' 1e6

SIGNATURE_BYTES = 68


@dataclass(frozen=True, slots=True)
class FeeAssumptions:
    """Prices in wei per gas, scalars of the chain's SystemConfig (millionths), ether in WAD USD."""

    l2_gas_price_wei: int
    l1_base_fee_wei: int
    blob_base_fee_wei: int
    base_fee_scalar: int
    blob_base_fee_scalar: int
    ether_usd_wad: int

    def describe(self) -> str:
        """Say in one line what the estimate assumes."""
        return (
            f"L2 gas {_gwei(self.l2_gas_price_wei)} gwei, L1 base fee "
            f"{_gwei(self.l1_base_fee_wei)} gwei, blob base fee {_gwei(self.blob_base_fee_wei)} "
            f"gwei, scalars {self.base_fee_scalar} / {self.blob_base_fee_scalar}, "
            f"ether {self.ether_usd_wad // WAD:,} USD"
        )


# Prices are round numbers above a quiet day's (OP Mainnet's floor is a thousandth of a gwei); the
# scalars are those that OP Mainnet set for Fjord; ether is the price of the worked example. Whoever
# wants today's fee reads gasPrice(), l1BaseFee(), blobBaseFee(), baseFeeScalar() and
# blobBaseFeeScalar() of the predeploy 0x420000000000000000000000000000000000000F.
ASSUMED = FeeAssumptions(
    l2_gas_price_wei=GWEI // 100,
    l1_base_fee_wei=5 * GWEI,
    blob_base_fee_wei=GWEI,
    base_fee_scalar=5_227,
    blob_base_fee_scalar=1_014_213,
    ether_usd_wad=3_300 * WAD,
)


def l1_fee_wei(unsigned_size: int, assumed: FeeAssumptions = ASSUMED) -> int:
    """Return the upper bound of the L1 data fee for a transaction of so many bytes, unsigned."""
    size = unsigned_size + SIGNATURE_BYTES
    worst_compressed = size + size // 255 + 16
    scaled_size = max(MIN_SIZE, COST_INTERCEPT + COST_FASTLZ * worst_compressed)
    scaled_price = (
        assumed.base_fee_scalar * assumed.l1_base_fee_wei * L1_GAS_PER_BYTE
        + assumed.blob_base_fee_scalar * assumed.blob_base_fee_wei
    )
    return mul_div_up(scaled_size, scaled_price, SCALE)


def op_fee_wei(gas_used: int, unsigned_size: int, assumed: FeeAssumptions = ASSUMED) -> int:
    """Return the estimated fee: execution at the assumed gas price, and the L1 data fee."""
    return gas_used * assumed.l2_gas_price_wei + l1_fee_wei(unsigned_size, assumed)


def op_fee_usd_wad(gas_used: int, unsigned_size: int, assumed: FeeAssumptions = ASSUMED) -> int:
    """Return the estimated fee in WAD USD."""
    return mul_up(op_fee_wei(gas_used, unsigned_size, assumed), assumed.ether_usd_wad)


def _gwei(amount_wei: int) -> str:
    """Return an amount in gwei without trailing zeros."""
    whole, part = divmod(amount_wei, GWEI)
    return f"{whole}.{part:09d}".rstrip("0").rstrip(".")
