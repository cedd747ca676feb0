"""Settle what is owed: both pay their legs in, the daemons deliver in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from clearing.demo.dealing import by_broker
from clearing.demo.desk import COLLATERAL, Desk
from clearing.demo.floor import Floor
from clearing.demo.market import DECIMALS, PRICES_AFTER, TOKEN_OF
from clearing.operator.v1 import operator_pb2 as pb
from clearing.risk.decimal_text import WAD_DECIMALS, parse_scaled, rounded_text, scaled_text
from clearing.spec.assets import asset_id

__all__ = ["settle"]

WITHIN_S = 3_600


async def settle(floor: Floor) -> None:
    """Let high ask and low agree. Raises AssertionError if the margin does not go back."""
    teller = floor.teller
    teller.chapter("6 · Settlement: delivery versus payment in one transaction")
    owed = by_broker(floor, await floor.liabilities())
    version = await _agree(floor)
    legs = [(desk, owed[desk.broker.name]) for desk in floor.desks]
    await asyncio.gather(*(_pay_in(floor, desk, debts) for desk, debts in legs))
    for channel in await floor.reach("open", version + 1):
        if [(each.own, each.theirs) for each in channel.balances] != [(COLLATERAL, COLLATERAL)]:
            raise AssertionError(f"the margin did not go back: {channel}")

    mined = floor.journal.take()
    adjudicator = floor.stage.contracts.adjudicator
    (settling,) = [each for each in mined if each.is_call(adjudicator, "settle")]
    for desk, debts in legs:
        sent = [each for each in mined if each.sender == desk.broker.account]
        receipts = [each.receipt for each in sent if each is not settling]
        teller.step(f"{desk.broker.name} pays {_listed(debts)} into its ledger", *receipts)
    low, high = (_listed(debts) for _, debts in legs)
    teller.step(f"settle: {low} against {high}", settling.receipt)
    teller.say("  Nothing is owed any more, so the margin goes back: each owns 10,000 USDT again.")


async def _agree(floor: Floor) -> int:
    """Have the order signed; return its version."""
    before, _ = await floor.reach("open")
    floor.observe(PRICES_AFTER)
    wish = pb.RequestSettlementRequest(channel_id=floor.channel_id, seconds=WITHIN_S)
    await floor.high.client.act("RequestSettlement", wish)
    request = await floor.low.asked(floor.channel_id, "Settle")
    wanted = pb.RequestRef(channel_id=floor.channel_id, request_id=request.request_id)
    await floor.low.client.act("AcceptSettlement", wanted)
    agreed, _ = await floor.reach("settling", before.version + 1)
    return agreed.version


async def _pay_in(floor: Floor, desk: Desk, debts: Mapping[str, int]) -> None:
    """Let a broker, who has the tokens elsewhere, pay what it will deliver into its ledger."""
    for symbol, wad in debts.items():
        token, amount = TOKEN_OF[asset_id(symbol)], scaled_text(wad, WAD_DECIMALS)
        raw = parse_scaled(amount, DECIMALS[token], "amount")
        floor.stage.give(token, desk.broker.account, raw)
        await desk.deposit(symbol, amount)


def _listed(debts: Mapping[str, int]) -> str:
    """Return the tokens of some debts, for people."""
    return " and ".join(
        f"{rounded_text(wad, WAD_DECIMALS, 0)} {TOKEN_OF[asset_id(symbol)]}"
        for symbol, wad in debts.items()
    )
