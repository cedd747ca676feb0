"""Look at the deployed perpetual swaps: every answer of a `Perp` is of one block."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from clearing.chain.contract import Contract
from clearing.chain.deployment import recorded_address
from clearing.chain.errors import CallRefusedError, RegistryInvalidError
from clearing.chain.node import Node, as_bytes, as_int
from clearing.chain.sender import Receipt
from clearing.oracle.status import parse_address
from clearing.perp.answers import (
    AccountNow,
    MarketNow,
    PositionNow,
    TradePreview,
    account_from,
    market_from,
    position_from,
    preview_from,
)
from clearing.perp.errors import AccountError, MarketError
from clearing.risk.errors import quote
from clearing.spec.perp_types import MAX_MARKETS, Role
from clearing.spec.units import Address

__all__ = ["ROLE", "Perp", "connect"]

ROLE = "PerpLens"
"""The lens' name in a deployment's record, and its contract's."""
RAW_DECIMALS_OF_WAD = 18


def connect(node: Node, network: str, address: str | None) -> Perp:
    """Return the swaps behind the lens at `address`, or else where the network's record has it.

    Raises AddressError, RegistryInvalidError, and what asking the node raises.
    """
    asked = parse_address(address) if address is not None else None
    lens = asked or recorded_address(node, network, ROLE)
    head = node.request("eth_getBlockByNumber", ["latest", False])
    block = str(head["number"])
    if not as_bytes(node.request("eth_getCode", ["0x" + lens.hex(), block])):
        raise RegistryInvalidError(
            f"no contract stands at 0x{lens.hex()}", "check the address and the node's chain"
        )
    return Perp(node, lens, block, as_int(head["timestamp"]))


@dataclass
class Perp:
    """The perpetual swaps at one block; `block` is its number in hex, `now` its time."""

    node: Node
    lens_address: Address
    block: str
    now: int

    @cached_property
    def lens(self) -> Contract:
        """Everything that is looked at."""
        return Contract(self.node, ROLE, self.lens_address)

    @cached_property
    def engine(self) -> Contract:
        """The ledger."""
        return Contract(self.node, "DerivativesEngine", self.lens.call("ENGINE", block=self.block))

    @cached_property
    def vault(self) -> Contract:
        """Who trades against the vault."""
        address = self.engine.call("moduleOf", Role.VAULT, block=self.block)
        return Contract(self.node, "VaultModule", address)

    @cached_property
    def settlement(self) -> Contract:
        """Who ends markets."""
        address = self.engine.call("moduleOf", Role.SETTLEMENT, block=self.block)
        return Contract(self.node, "SettlementModule", address)

    @cached_property
    def token(self) -> Contract:
        """The collateral; YELLOW's ABI holds the standard's functions."""
        address, *_ = self.engine.call("parameters", block=self.block)
        return Contract(self.node, "YellowToken", address)

    @cached_property
    def raw_decimals(self) -> int:
        """Decimals of the collateral."""
        decimals: int = self.token.call("decimals", block=self.block)
        return decimals

    def wad(self, raw: int) -> int:
        """Return raw token units in wad."""
        scale: int = 10 ** (RAW_DECIMALS_OF_WAD - self.raw_decimals)
        return raw * scale

    # LOOK

    def markets(self) -> tuple[MarketNow, ...]:
        """Return every market."""
        return tuple(map(market_from, self.lens.call("markets", 0, MAX_MARKETS, block=self.block)))

    def market(self, text: str) -> MarketNow:
        """Return the market of a number or of a name, ETH/USD or ETH. Raises MarketError."""
        markets = self.markets()
        wanted = text.upper()
        found = [m for m in markets if wanted in {str(m.market), m.name.upper(), m.unit.upper()}]
        if len(found) == 1:
            return found[0]
        if found:
            numbers = ", ".join(str(m.market) for m in found)
            problem = f"{quote(text)} names several markets"
            raise MarketError("--market", problem, f"write one of their numbers: {numbers}")
        known = ", ".join(f"{m.name} ({m.market})" for m in markets) or "none is listed yet"
        raise MarketError("--market", f"{quote(text)} is no market", f"write one of {known}")

    def account(self, account: int) -> AccountNow:
        """Return an account. Raises AccountError."""
        try:
            return account_from(account, self.lens.call("account", account, block=self.block))
        except CallRefusedError as refusal:
            if refusal.name != "UnknownAccount":
                raise
            fix = "write the number that create-account printed"
            raise AccountError("--account", f"there is no account {account}", fix) from refusal

    def positions(self, account: int) -> tuple[PositionNow, ...]:
        """Return an account's positions by ascending market."""
        answer = self.lens.call("positions", account, block=self.block)
        return tuple(map(position_from, answer))

    def size(self, account: int, market: int) -> int:
        """Return a position's lots, 0 if there is none."""
        lots: int = self.engine.call("sizeOf", account, market, block=self.block)
        return lots

    def account_made_in(self, receipts: Iterable[Receipt]) -> int:
        """Return the number of the account that a transaction made."""
        logs = [log for receipt in receipts for log in receipt.logs]
        made = next(it for it in self.engine.happened(logs) if it.name == "AccountCreated")
        account: int = made.fields["account"]
        return account

    def preview(self, account: int, market: int, size: int) -> TradePreview:
        """Return what a trade against the vault would come to."""
        answer = self.lens.call("previewTrade", account, market, size, block=self.block)
        return preview_from(answer)
