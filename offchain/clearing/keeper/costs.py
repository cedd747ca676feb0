"""Say in USD what sending costs: execution, the upper bound of the L1 data fee, the operator's fee.

On an OP Stack chain the predeploy GasPriceOracle names L1 prices and scalars; elsewhere there is no
data fee. Rounds up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from clearing.chain.errors import NodeRefusedError
from clearing.chain.fees import FeeAssumptions, l1_fee_wei
from clearing.chain.node import BatchNode, as_bytes, as_int
from clearing.channel.keccak import keccak256
from clearing.keeper.endpoints import Head
from clearing.keeper.plan import Costs
from clearing.spec.units import PPM, mul_div_up, mul_up

__all__ = [
    "ENVELOPE_BYTES",
    "MOST_GAS",
    "WORD_BYTES",
    "GasModel",
    "Prices",
    "costs_of",
    "prices_at",
    "usd_of",
]

PREDEPLOY: Final = "0x420000000000000000000000000000000000000F"
ASKED: Final = ("l1BaseFee()", "blobBaseFee()", "baseFeeScalar()", "blobBaseFeeScalar()")
ENVELOPE_BYTES: Final = 220
"""Of a liquidation batch without its accounts: envelope, selector, three words, the length."""
WORD_BYTES: Final = 32
MOST_GAS: Final = 16_777_216
"""Of a transaction, EIP-7825."""


@dataclass(frozen=True, slots=True)
class GasModel:
    """Gas of a batch without accounts, of each account, of an absorption; the operator's fee.

    `operator_ppm` is a share of the execution fee, `operator_wei` is added to each transaction:
    Isthmus' operatorFeeScalar and operatorFeeConstant. The limits are what transactions may use;
    what they leave costs nothing. An absorption's grows with the listed markets, up to 14,300,000
    in all of 24 (docs/adr/0015), and with whom it names to be deleveraged.
    """

    batch: int = 130_000
    account: int = 30_000
    absorb: int = 450_000
    operator_ppm: int = 0
    operator_wei: int = 0
    batch_limit: int = 600_000
    account_limit: int = 100_000
    absorb_limit: int = 1_000_000
    absorb_market_limit: int = 650_000

    def limit(self, accounts: int) -> int:
        """Return the gas that a batch may use: for accounts in as many markets as there can be."""
        return min(MOST_GAS, self.batch_limit + accounts * self.account_limit)

    def absorption(self, markets: int, names: int = 0) -> int:
        """Return the gas that an absorption may use where so many markets are listed."""
        named = names * self.account_limit
        return min(MOST_GAS, self.absorb_limit + markets * self.absorb_market_limit + named)


@dataclass(frozen=True, slots=True)
class Prices:
    """What a unit of gas costs, wei, what L1 asks for, and a unit of ether, wad USD."""

    gas_wei: int
    ether_wad: int
    l1: FeeAssumptions | None


def prices_at(node: BatchNode, head: Head, tip_wei: int, ether_wad: int) -> Prices:
    """Return what sending costs now. Raises NodeUnreachableError."""
    calls = [
        (
            "eth_call",
            [{"to": PREDEPLOY, "data": "0x" + keccak256(each.encode())[:4].hex()}, "latest"],
        )
        for each in ASKED
    ]
    words = [
        0 if isinstance(answer, NodeRefusedError) or not as_bytes(answer) else as_int(answer)
        for answer in node.batch(calls)
    ]
    gas_wei = head.base_fee_wei + tip_wei
    if not any(words):
        return Prices(gas_wei, ether_wad, None)
    l1_base, blob_base, scalar, blob_scalar = words
    l1 = FeeAssumptions(gas_wei, l1_base, blob_base, scalar, blob_scalar, ether_wad)
    return Prices(gas_wei, ether_wad, l1)


def usd_of(gas: int, size: int, prices: Prices, model: GasModel) -> int:
    """Return what a transaction of so much gas and so many unsigned bytes costs at most, wad."""
    execution = gas * prices.gas_wei
    data = 0 if prices.l1 is None else l1_fee_wei(size, prices.l1)
    operator = mul_div_up(execution, model.operator_ppm, PPM) + model.operator_wei
    return mul_up(execution + data + operator, prices.ether_wad)


def costs_of(prices: Prices, model: GasModel) -> Costs:
    """Return what the planner counts with: an account's share is what it adds to a batch."""
    alone = usd_of(model.batch, ENVELOPE_BYTES, prices, model)
    with_one = usd_of(model.batch + model.account, ENVELOPE_BYTES + WORD_BYTES, prices, model)
    absorb = usd_of(model.absorb, ENVELOPE_BYTES, prices, model)
    return Costs(alone, with_one - alone, absorb)
