"""Let an embedded chain look like the network that parameters are for: stand-ins at its addresses.

So the very parameters of OP Sepolia are deployed, checked and governed on an anvil with its chain
id: Chainlink's aggregators, Pyth, USDC and the fee oracle answer at the addresses they have there.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import encode

from clearing.chain.anvil import Anvil
from clearing.chain.artifacts import load
from clearing.chain.contract import Contract, as_address, interface_of
from clearing.chain.errors import ChainError
from clearing.chain.fees import l1_fee_wei
from clearing.chain.node import as_bytes, as_int
from clearing.chain.params import Parameters
from clearing.deploy.fee import GAS_PRICE_ORACLE
from clearing.spec.units import mul_div_down

__all__ = ["StandIns", "plant"]

SLOTS: Final = 16
"""More than any of the mocks fills when it is made."""
PRICES_E8: Final = {"ETH / USD": 3_000 * 10**8, "BTC / USD": 50_000 * 10**8}
E8: Final = 8
SURENESS: Final = 10_000
UPDATE: Final = "(bytes32,int64,uint64,int32,uint64,uint64,int64,uint64)[]"
POLL_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class StandIns:
    """The sources of prices on an embedded chain; `mouth` is an account of the chain's own."""

    anvil: Anvil
    parameters: Parameters
    mouth: str

    def refresh(self) -> None:
        """Let Chainlink and Pyth say their prices now, each in a block of its own."""
        oracle = self.parameters.protocol.oracle
        for feed in oracle.feeds:
            self._say("MockAggregator", feed.aggregator, "transmit", PRICES_E8[feed.name])
        at = self.anvil.now + 1
        rows = []
        for feed in oracle.feeds:
            price = PRICES_E8[feed.name]
            conf = mul_div_down(price, 1, SURENESS)
            rows.append((as_bytes(feed.pyth_id), price, conf, -E8, at, at - 1, price, conf))
        self._say("MockPyth", oracle.pyth.value, "updatePriceFeeds", [encode([UPDATE], [rows])])

    def _say(self, name: str, at: str, method: str, *args: Any) -> None:
        call = Contract(self.anvil.node, name, as_address(at)).transact(method, *args)
        send(self.anvil, self.mouth, at, call.data)


def plant(anvil: Anvil, parameters: Parameters) -> StandIns:
    """Put a stand-in at every address outside that the parameters name."""
    oracle = parameters.protocol.oracle
    (mouth, *_) = anvil.node.request("eth_accounts", [])
    for feed in oracle.feeds:
        _copy(anvil, mouth, feed.aggregator, "MockAggregator", feed.decimals, feed.name)
    _copy(anvil, mouth, oracle.pyth.value, "MockPyth", 0, 0)
    for token in parameters.tokens:
        if token.address is not None:
            named = (token.symbol, token.symbol, token.decimals)
            _copy(anvil, mouth, token.address, "MockERC20", *named)
    anvil.node.request("anvil_setCode", [GAS_PRICE_ORACLE, "0x" + _fee_oracle().hex()])
    return StandIns(anvil, parameters, mouth)


def send(anvil: Anvil, account: str, to: str | None, data: bytes) -> dict[str, Any]:
    """Send from an unlocked account and return the receipt. Raises ChainError if it failed."""
    request = {"from": account, "data": "0x" + data.hex()}
    if to is not None:
        request["to"] = to
    sent = anvil.node.request("eth_sendTransaction", [request])
    receipt: dict[str, Any] | None = None
    while receipt is None:
        receipt = anvil.node.request("eth_getTransactionReceipt", [sent])
        if receipt is None:
            time.sleep(POLL_S)
    if as_int(receipt["status"]) != 1:
        raise ChainError(f"a call to {to} failed", "look at the stand-ins")
    return receipt


def _copy(anvil: Anvil, mouth: str, to: str, name: str, *args: Any) -> None:
    """Make a mock and copy its code and first slots to an address."""
    made = send(
        anvil, mouth, None, load(name).bytecode + interface_of(name).constructor.encode(args)
    )
    source = made["contractAddress"]
    code = anvil.node.request("eth_getCode", [source, "latest"])
    anvil.node.request("anvil_setCode", [to, code])
    for slot in range(SLOTS):
        word = anvil.node.request("eth_getStorageAt", [source, hex(slot), "latest"])
        key = "0x" + slot.to_bytes(32, "big").hex()
        anvil.node.request("anvil_setStorageAt", [to, key, word])


def _fee_oracle() -> bytes:
    """Return code that answers every call with the assumed fee of so many bytes, linear in them."""
    size = 1_000
    per_byte = mul_div_down(l1_fee_wei(size), 1, size)
    code = bytes.fromhex("600435") + b"\x67" + per_byte.to_bytes(8, "big")
    return code + bytes.fromhex("025f5260205ff3")
