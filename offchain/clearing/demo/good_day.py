"""A good day: stake, open, trade, a crash, risk, margin call, settlement, close, by two daemons.

Each broker's daemon is a process with its own folder, keys, store and certificate; the demo is both
operators, and reads from the chain what the daemons have sent.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from clearing.chain.sender import Receipt
from clearing.client.session import CoSigned
from clearing.demo.crash import same_states
from clearing.demo.daemon import BrokerDaemon, running
from clearing.demo.dealing import move_prices, trade
from clearing.demo.delivery import settle
from clearing.demo.desk import Desk, join, meet, open_channel
from clearing.demo.floor import Floor, daemons_of
from clearing.demo.journal import Journal
from clearing.demo.market import COLLATERAL_RAW
from clearing.demo.stage import Stage
from clearing.demo.teller import Teller
from clearing.operator.v1 import operator_pb2 as pb

__all__ = ["play_good_day"]


def play_good_day(stage: Stage, teller: Teller, folder: Path) -> tuple[CoSigned, ...]:
    """Play it, the daemons' folders in `folder`; return every state of the channel's life."""
    teller.chapter("1 · Access: two daemons start; each stakes YELLOW and names its state key")
    low, high = daemons_of(stage, folder)
    with running(low, high):
        for daemon in (low, high):
            teller.say(
                f"  {daemon.name}'s clearing daemon is process {daemon.pid}: "
                "its own folder, keys, store and certificate."
            )
        channel_id = asyncio.run(_live(stage, teller, low, high))
        for daemon in (low, high):
            daemon.ask_to_stop()
        for daemon in (low, high):
            if daemon.wait_stopped():
                raise AssertionError(f"{daemon.name} did not stop well: {daemon.log()}")
    states = same_states(low, high, channel_id)
    if teller.facts.crash is not None:
        teller.facts.crash = replace(teller.facts.crash, states=len(states))
    teller.say(
        f"  Both daemons have stopped; their stores hold the same {len(states)} states, each "
        "signed by both."
    )
    return states


async def _live(stage: Stage, teller: Teller, low: BrokerDaemon, high: BrokerDaemon) -> bytes:
    """Play what the operators do; return the channel's id."""
    async with AsyncExitStack() as sessions:
        at_low, at_high = [
            Desk(it, await sessions.enter_async_context(it.client())) for it in (low, high)
        ]
        journal = Journal(stage.anvil.node, (low.account, high.account))
        floor = Floor(stage, teller, at_low, at_high, journal, sessions)
        await _join(floor)
        opening = await _open(floor)
        await trade(floor)
        await move_prices(floor)
        await settle(floor)
        closing = await _close(floor)
    teller.say(
        "  On the chain the channel's whole cooperative life was 2 transactions: open and "
        f"closeCooperative, {opening.gas_used + closing.gas_used:,} gas."
    )
    return floor.channel


async def _join(floor: Floor) -> None:
    await asyncio.gather(*(join(desk) for desk in floor.desks))
    mined = floor.journal.take()
    for desk in floor.desks:
        receipts = [each.receipt for each in mined if each.sender == desk.broker.account]
        floor.teller.step(
            f"{desk.broker.name} stakes 250,000 YELLOW and names its signer", *receipts
        )
    floor.teller.say(
        "  A lot of 250,000 gives four slots; every open channel holds one of each broker."
    )
    await meet(*floor.desks)
    floor.teller.say("  They have each other's signed record, and meet over mutual TLS.")


async def _open(floor: Floor) -> Receipt:
    teller, stage = floor.teller, floor.stage
    teller.chapter("2 · Opening: 10,000 USDT each, pulled from allowances in one transaction")
    for desk in floor.desks:
        stage.give("USDT", desk.broker.account, 2 * COLLATERAL_RAW)
    floor.channel_id = await open_channel(floor.low, floor.high, nonce=1)
    mined = floor.journal.take()
    (opening,) = [each for each in mined if each.is_call(stage.contracts.adjudicator, "open")]
    approvals = [each.receipt for each in mined if each is not opening]
    teller.step("each approves exactly one opening's collateral", *approvals)
    teller.step("open", opening.receipt)
    return opening.receipt


async def _close(floor: Floor) -> Receipt:
    """Let low ask for the end; high's policy agrees where nothing is owed."""
    floor.teller.chapter("7 · Cooperative close: both are paid out at once")
    wish = pb.CloseChannelRequest(channel_id=floor.channel_id)
    await floor.low.client.act("CloseChannel", wish)
    await floor.reach("closed")
    (closing,) = floor.journal.take()
    floor.teller.step("closeCooperative", closing.receipt)
    return closing.receipt
