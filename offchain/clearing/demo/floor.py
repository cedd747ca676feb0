"""Hold the two brokers of the first act: their daemons, their operators, what they send."""

from __future__ import annotations

import json
import time
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path

from clearing.chain.node import as_bytes
from clearing.demo.daemon import BrokerDaemon, Keys, make_daemon
from clearing.demo.desk import Desk
from clearing.demo.journal import Journal
from clearing.demo.market import PRICES_BEFORE, SEED_FACTORS
from clearing.demo.stage import Stage, secret_of
from clearing.demo.teller import Teller
from clearing.operator.v1 import operator_pb2 as pb
from clearing.risk.decimal_text import WAD_DECIMALS, parse_scaled, scaled_text
from clearing.spec.assets import asset_id, symbol_of
from clearing.spec.liabilities import Liabilities, Trade
from clearing.spec.types import Side

__all__ = ["Floor", "daemons_of"]

SETTINGS = {
    "CLEARPORT__POLICY__CALL_SHARE_PERMILLE": "400",
    "CLEARPORT__POLICY__PRICE_AGE_S": "600",
    "CLEARPORT__PRICES__MAX_AGE_S": "600",
}
"""Margin is called once risk uses half of this share, a fifth of the collateral; by default it is
two fifths. Prices stay good for as long as the slowest machine takes."""
POLLED_S = 0.3
"""Longer than a daemon goes without looking at its prices."""


def daemons_of(stage: Stage, folder: Path) -> tuple[BrokerDaemon, BrokerDaemon]:
    """Make low's and high's daemon, each with a folder, with the factors of the example."""
    made = []
    for broker in (stage.low, stage.high):
        account, state = stage.keys_of(broker)
        keys = Keys(account, state, operator=secret_of(f"operator {broker.name}"))
        daemon = make_daemon(stage, broker.name, folder / broker.name, keys, SETTINGS)
        rows = {symbol_of(asset): {"factor_wad": str(wad)} for asset, wad in SEED_FACTORS.rows}
        text = json.dumps({"factors": rows}, indent=2)
        (daemon.folder / "factors.json").write_text(text, encoding="utf-8")
        daemon.observe(**PRICES_BEFORE)
        made.append(daemon)
    low, high = made
    return low, high


@dataclass
class Floor:
    """Both operators at their desks. `journal` reads what their daemons send."""

    stage: Stage
    teller: Teller
    low: Desk
    high: Desk
    journal: Journal
    sessions: AsyncExitStack
    channel_id: str = ""

    @property
    def desks(self) -> tuple[Desk, Desk]:
        """Low, then high."""
        return self.low, self.high

    @property
    def channel(self) -> bytes:
        """The channel's id."""
        return as_bytes(self.channel_id)

    def observe(self, prices_usd: dict[str, int]) -> None:
        """Let both see the market at once: whoever saw a price first would be told a mismatch."""
        with ExitStack() as still:
            for desk in self.desks:
                still.enter_context(desk.broker.paused())
            for desk in self.desks:
                desk.broker.observe(**prices_usd)
            time.sleep(POLLED_S)

    async def record(self, number: int, trade: Trade, *desks: Desk) -> None:
        """Let operators record a trade, each as it sees it."""
        for desk in desks:
            side = Side.LOW if desk is self.low else Side.HIGH
            view = pb.Trade(
                trade_id=f"trade-{number}",
                is_sale=trade.seller is side,
                base=symbol_of(trade.base),
                quantity=scaled_text(trade.base_wad, WAD_DECIMALS),
                quote=symbol_of(trade.quote),
                quote_amount=scaled_text(trade.quote_wad, WAD_DECIMALS),
            )
            await desk.record(self.channel_id, view)

    async def reach(self, phase: str, version: int = 0) -> tuple[pb.Channel, pb.Channel]:
        """Return the channel as low and high see it, once both are there."""
        low, high = [await desk.reaches(self.channel_id, phase, version) for desk in self.desks]
        if low.version != high.version:
            raise AssertionError(f"low is at version {low.version}, high at {high.version}")
        return low, high

    async def liabilities(self) -> Liabilities:
        """Return what low owes high. Raises AssertionError if high sees it otherwise."""
        low, high = [await self._owed(desk) for desk in self.desks]
        if low != {asset: -wad for asset, wad in high.items()}:
            raise AssertionError(f"low says it owes {low}, high says {high}")
        return Liabilities.of({asset_id(symbol): wad for symbol, wad in low.items()})

    async def _owed(self, desk: Desk) -> dict[str, int]:
        owed = await desk.owed(self.channel_id)
        return {each: parse_scaled(text, WAD_DECIMALS, each) for each, text in owed.items()}
