"""Find what a settlement order has a broker deliver, and pay it in."""

from __future__ import annotations

from clearing.chain.sender import Receipt
from clearing.client.broker import Broker
from clearing.client.session import CoSigned
from clearing.demo.market import TOKEN_OF
from clearing.demo.stage import Stage
from clearing.spec.types import Side

__all__ = ["provide_legs"]


def provide_legs(stage: Stage, broker: Broker, agreed: CoSigned, side: Side) -> list[Receipt]:
    """Let a broker, who has the tokens elsewhere, pay what it will deliver into its ledger."""
    symbols = {stage.contracts.address_of(symbol): symbol for symbol in TOKEN_OF.values()}
    receipts: list[Receipt] = []
    for leg in agreed.require_order().legs:
        if leg.payer is side:
            stage.give(symbols[leg.token], broker.address, leg.amount)
            receipts += stage.treasury(broker).deposit(leg.token, leg.amount)
    return receipts
