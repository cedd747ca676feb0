"""Say what a step costs on an OP Stack chain: its own predeploy bounds the data fee."""

from __future__ import annotations

from typing import Final

from clearing.chain.fees import l1_fee_wei
from clearing.chain.node import Node, as_bytes, as_int
from clearing.deploy.executor import StepCost

__all__ = ["GAS_CAP", "GAS_PRICE_ORACLE", "fee_wei"]

GAS_PRICE_ORACLE: Final = "0x420000000000000000000000000000000000000F"
UPPER_BOUND: Final = bytes.fromhex("f1c7a58b")
"""getL1FeeUpperBound(uint256): of so many bytes, unsigned, raw wei."""
GAS_CAP: Final = 16_777_216
"""No transaction may use more gas on OP chains since Karst."""


def fee_wei(node: Node, cost: StepCost) -> int:
    """Return what a step's transaction costs at most now, wei.

    Execution at the node's gas price, and the data fee by the chain's GasPriceOracle; where there
    is none, by the assumptions of clearing.chain.fees.
    """
    price = as_int(node.request("eth_gasPrice", []))
    return cost.gas_used * price + _data_fee_wei(node, cost.unsigned_size)


def _data_fee_wei(node: Node, unsigned_size: int) -> int:
    if not as_bytes(node.request("eth_getCode", [GAS_PRICE_ORACLE, "latest"])):
        return l1_fee_wei(unsigned_size)
    asked = UPPER_BOUND + unsigned_size.to_bytes(32, "big")
    request = {"to": GAS_PRICE_ORACLE, "data": "0x" + asked.hex()}
    return int.from_bytes(as_bytes(node.request("eth_call", [request, "latest"])), "big")
