"""The commands `clearing channel …` that move money by transactions, and how far these are."""

from __future__ import annotations

from typing import Annotated

import typer

from clearing.clearport.api.group import channel, full_id
from clearing.clearport.api.running import Call, Shown, command
from clearing.clearport.api.views import document_of, lines_view
from clearing.clearport.api.waiting import wait_for_transaction
from clearing.operator.v1 import operator_pb2 as pb

__all__: list[str] = []

Asset = Annotated[str, typer.Argument(help="Symbol, like USDT.")]
Quantity = Annotated[str, typer.Argument(metavar="AMOUNT", help="Whole units, like 1000.50.")]
OfChannel = Annotated[
    str | None, typer.Option("--channel", help="Of this channel, instead of the broker's ledger.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait, and show how far it is.")]


@command(channel, "deposit", acts=True)
async def deposit(
    call: Call, *, asset: Asset, amount: Quantity, of: OfChannel = None, wait: Wait = False
) -> Shown:
    """Pay into a channel, or into the broker's ledger."""
    known = "" if of is None else await full_id(call, of)
    call.confirm(f"Pay {amount} {asset} into {known or 'the ledger'}")
    request = pb.MoveCollateralRequest(channel_id=known, asset=asset, amount=amount)
    return await _sent(call, await call.act("DepositCollateral", request), wait=wait)


@command(channel, "withdraw", acts=True)
async def withdraw(
    call: Call,
    *,
    asset: Asset,
    amount: Quantity,
    of: OfChannel = None,
    to: Annotated[str, typer.Option(help="Who receives it.", show_default="the broker")] = "",
    wait: Wait = False,
) -> Shown:
    """Take out of a channel, with the peer's consent, or out of the broker's ledger."""
    known = "" if of is None else await full_id(call, of)
    call.confirm(f"Take {amount} {asset} out of {known or 'the ledger'} to {to or 'the broker'}")
    request = pb.WithdrawRequest(channel_id=known, asset=asset, amount=amount, to=to)
    return await _sent(call, await call.act("Withdraw", request), wait=wait)


@command(channel, "stake", acts=True)
async def stake(call: Call, *, amount: Quantity, wait: Wait = False) -> Shown:
    """Stake YELLOW and name the daemon's signer."""
    call.confirm(f"Stake {amount} YELLOW")
    return await _sent(call, await call.act("Stake", pb.StakeRequest(amount=amount)), wait=wait)


@command(channel, "tx")
async def transaction(
    call: Call,
    *,
    transaction_key: Annotated[
        str, typer.Argument(metavar="KEY", help="What the command has printed.")
    ],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is final.")] = False,
) -> Shown:
    """Show how far a transaction is."""
    if wait:
        return _transaction(await wait_for_transaction(call, transaction_key))
    return _transaction(await call.ask("GetTransaction", pb.TransactionRef(key=transaction_key)))


def _transaction(found: pb.Transaction) -> Shown:
    """Return how far a transaction is."""
    rows = (
        ("Transaction", found.key),
        ("What", found.what),
        ("State", found.state),
        ("Hash", found.hash),
        ("Block", f"{found.block_number:,}" if found.block_number else ""),
        ("Reason", found.reason),
    )
    return Shown(document_of(found), lines_view(rows))


async def _sent(call: Call, reply: pb.TransactionReply, *, wait: bool) -> Shown:
    if wait:
        return _transaction(await wait_for_transaction(call, reply.key))
    return Shown(document_of(reply), lines_view((("Transaction", reply.key),)))
