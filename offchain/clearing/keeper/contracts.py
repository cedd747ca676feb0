"""Find the swaps' contracts from the lens alone: each names the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from clearing.chain.contract import Contract, as_text, explain
from clearing.chain.errors import NodeRefusedError, NodeUnreachableError
from clearing.chain.node import Node, as_bytes
from clearing.keeper.exact import Terms, terms_of
from clearing.perp.answers import MarketNow, market_from
from clearing.spec.perp_ledger import HealthView
from clearing.spec.perp_types import MAX_MARKETS, Purpose, Role
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import Address

__all__ = ["Swaps", "terms_by_market"]

WORD: Final = 32
HEAD_BYTES: Final = 2 * WORD
ROW_BYTES: Final = 7 * WORD


@dataclass(frozen=True, slots=True)
class Swaps:
    """The contracts that keepers call; a module that is not named yet is None."""

    lens: Contract
    engine: Contract
    oracle: Contract
    risk: Contract | None
    resolution: Contract | None
    settlement: Contract | None
    settler: Contract | None
    decimals: int

    @classmethod
    def behind(cls, node: Node, lens_address: Address) -> Swaps:
        """Return the contracts behind a lens. Raises ChainError."""
        lens = Contract(node, "PerpLens", lens_address)
        engine = Contract(node, "DerivativesEngine", lens.call("ENGINE"))
        token, oracle, *_ = engine.call("parameters")
        decimals: int = Contract(node, "YellowToken", token).call("decimals")

        def module(role: Role, name: str) -> Contract | None:
            address = engine.call("moduleOf", role)
            return None if address == ZERO_ADDRESS else Contract(node, name, address)

        return cls(
            lens=lens,
            engine=engine,
            oracle=Contract(node, "PriceOracle", oracle),
            risk=module(Role.RISK, "RiskManager"),
            resolution=module(Role.RESOLUTION, "ResolutionModule"),
            settlement=module(Role.SETTLEMENT, "SettlementModule"),
            settler=module(Role.SETTLER, "MatchSettler"),
            decimals=decimals,
        )

    def markets(self, block: str) -> tuple[MarketNow, ...]:
        """Return every market at a block."""
        answer = self.lens.call("markets", 0, MAX_MARKETS, block=block)
        return tuple(map(market_from, answer))

    def healths(self, accounts: Sequence[int], block: str = "latest") -> list[HealthView]:
        """Return what accounts are worth for liquidation. Raises ChainError.

        The answer's words are taken apart here: an ABI decoder takes most of a second for 1,000.
        """
        entry = self.lens.interface.method("healthBatch")
        data = entry.encode(list(accounts), Purpose.LIQUIDATE)
        request = {"to": as_text(self.lens.address), "data": "0x" + data.hex()}
        try:
            answer = as_bytes(self.lens.node.request("eth_call", [request, block]))
        except NodeRefusedError as refusal:
            raise explain(refusal, "PerpLens.healthBatch") from refusal
        if len(answer) != HEAD_BYTES + ROW_BYTES * len(accounts):
            raise NodeUnreachableError(
                f"{len(answer)} bytes for {len(accounts)} accounts", "ask another node"
            )
        rows = (answer[at : at + ROW_BYTES] for at in range(HEAD_BYTES, len(answer), ROW_BYTES))
        return [_health_of(row) for row in rows]


def _health_of(row: bytes) -> HealthView:
    words = [row[at : at + WORD] for at in range(0, ROW_BYTES, WORD)]
    equity = int.from_bytes(words[0], "big", signed=True)
    return HealthView(equity, *(int.from_bytes(word, "big") for word in words[1:]))


def terms_by_market(markets: tuple[MarketNow, ...], guardian_mask: int) -> dict[int, Terms]:
    """Return the terms of all markets."""
    return {each.market: terms_of(each, guardian_mask) for each in markets}
