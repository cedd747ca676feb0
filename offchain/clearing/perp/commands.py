"""The commands `clearing perp …`.

What reaches a chain is imported by the command that needs it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clearing.risk.printing import print_json, print_view

if TYPE_CHECKING:
    from clearing.perp.cash import CashPlan
    from clearing.perp.client import Perp
    from clearing.perp.sending import Signer
    from clearing.perp.trading import Bounds, TradePlan

__all__ = ["perp"]

LAST_ACCOUNT = 2**32 - 1

perp = typer.Typer(help="Trade perpetual swaps, and look at them.")

Network = Annotated[str, typer.Option(help="Whose record in deployments/registry names the lens.")]
Url = Annotated[str, typer.Option(help="The node's JSON-RPC address.", envvar="CLEARING_NODE_URL")]
Address = Annotated[str | None, typer.Option(help="Where the lens stands, instead of the record.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
AccountId = Annotated[int, typer.Option(min=0, max=LAST_ACCOUNT, help="Number of the account.")]
Market = Annotated[str, typer.Option(help="Name or number, like ETH/USD, ETH or 0.")]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key", help="Keystore, or file of a private key.", envvar="CLEARING_KEY"),
]
Slippage = Annotated[
    str | None,
    typer.Option(help="How much worse than shown the price may be.", show_default="0.5%"),
]
LimitPrice = Annotated[
    str | None, typer.Option(help="Worst average price in USD, instead of --max-slippage.")
]
Deadline = Annotated[
    int, typer.Option(min=1, max=86_400, help="Seconds in which the transaction may run.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Send without asking.")]

LOCAL = "local"
LOCAL_URL = "http://127.0.0.1:8545"
DEFAULT_SLIPPAGE = "0.5%"
DEFAULT_LIFETIME_S = 120


def _connect(url: str, network: str, address: str | None) -> Perp:
    from clearing.chain.node import HttpNode  # noqa: PLC0415 - only commands that need a chain
    from clearing.perp.client import connect  # noqa: PLC0415 - the same

    return connect(HttpNode(url), network, address)


@perp.command("markets")
def markets(
    *,
    network: Network = LOCAL,
    url: Url = LOCAL_URL,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Show every market: status, prices, premium, funding, open interest, terms."""
    from clearing.perp import views  # noqa: PLC0415 - see _connect

    swaps = _connect(url, network, address)
    found = swaps.markets()
    if as_json:
        print_json(views.markets_json(swaps, found))
    else:
        print_view(views.markets_view(swaps, found))


@perp.command("position")
def position(
    *,
    account: AccountId,
    network: Network = LOCAL,
    url: Url = LOCAL_URL,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Show an account: cash, equity, margin, and each position with its liquidation price."""
    from clearing.perp import views  # noqa: PLC0415 - see _connect

    swaps = _connect(url, network, address)
    asked = swaps.account(account), swaps.positions(account), [m.name for m in swaps.markets()]
    if as_json:
        print_json(views.account_json(swaps, *asked))
    else:
        print_view(views.account_view(swaps, *asked))


@perp.command("liquidation-price")
def liquidation_price(
    *,
    account: AccountId,
    market: Annotated[
        str | None, typer.Option(help="Name or number; every position if left out.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="As it would be after a trade of so many units.")
    ] = None,
    network: Network = LOCAL,
    url: Url = LOCAL_URL,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Show the prices at which an account's positions are liquidated, now or after a trade."""
    from clearing.perp import liquidation  # noqa: PLC0415 - see _connect
    from clearing.perp.amounts import parse_size  # noqa: PLC0415 - the same
    from clearing.perp.errors import MarketError  # noqa: PLC0415 - the same

    lots = None if by is None else parse_size(by, "--by")
    if lots is not None and market is None:
        raise MarketError("--market", "is not given", "name the market of --by")
    swaps = _connect(url, network, address)
    where = None if market is None else swaps.market(market)
    if where is None or lots is None:
        found = liquidation.triggers_of(swaps, account, where)
    else:
        found = (liquidation.trigger_after(swaps, account, where, lots),)
    if as_json:
        print_json(liquidation.liquidation_json(swaps, account, found))
    else:
        print_view(liquidation.liquidation_view(swaps, found))


@perp.command("funding")
def funding(  # noqa: PLR0913 - the options of a command
    *,
    market: Market,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="How far back to read.")] = 7,
    from_block: Annotated[
        int | None, typer.Option(min=0, help="First block to read, instead of --days.")
    ] = None,
    to_block: Annotated[
        int | None, typer.Option(min=0, help="Last block to read; the newest if left out.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw rate and index into this PNG file.")
    ] = None,
    network: Network = LOCAL,
    url: Url = LOCAL_URL,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Show what funding a market has charged: time, rate, and what a long paid."""
    from clearing.perp import funding_history, funding_views  # noqa: PLC0415 - see _connect

    swaps = _connect(url, network, address)
    where = swaps.market(market)
    span = funding_history.span_of(swaps, first=from_block, last=to_block, days=days)
    charges = funding_history.charges_in(swaps, where.market, span)
    if plot is not None:
        from clearing.perp.plot import write_plot  # noqa: PLC0415 - loads a drawing library

        write_plot(plot, where, charges)
    if as_json:
        print_json(funding_views.funding_json(swaps, where, span, charges))
    else:
        print_view(funding_views.funding_view(swaps, where, span, charges))


# TRADES


@perp.command("open")
def open_position(  # noqa: PLR0913 - the options of a command
    *,
    account: AccountId,
    market: Market,
    size: Annotated[str, typer.Option(help="Units: 1.5 buys (long), -1.5 sells (short).")],
    max_slippage: Slippage = None,
    limit_price: LimitPrice = None,
    deadline: Deadline = DEFAULT_LIFETIME_S,
    key: KeyFile = None,
    yes: Yes = False,
    network: Network = LOCAL,
    url: Url = LOCAL_URL,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Open a position against the vault; shows price, fee, margin and liquidation price first."""
    from clearing.perp.amounts import parse_size  # noqa: PLC0415 - see _connect
    from clearing.perp.trading import plan_open  # noqa: PLC0415 - the same

    lots = parse_size(size, "--size")
    bounds = _bounds(max_slippage, limit_price, deadline)
    swaps = _connect(url, network, address)
    signer = _signer(swaps, key)
    plan = plan_open(swaps, account, swaps.market(market), lots, bounds)
    _run_trade(swaps, signer, plan, yes=yes, as_json=as_json)


@perp.command("modify")
def modify_position(  # noqa: PLR0913 - the options of a command
    *,
    account: AccountId,
    market: Market,
    by: Annotated[str | None, typer.Option(help="Units more (0.5) or less (-0.5).")] = None,
    to: Annotated[str | None, typer.Option(help="Units that the position shall have.")] = None,
    max_slippage: Slippage = None,
    limit_price: LimitPrice = None,
    deadline: Deadline = DEFAULT_LIFETIME_S,
    key: KeyFile = None,
    yes: Yes = False,
    network: Network = LOCAL,
    url: Url = LOCAL_URL,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Change a position, by so many units or to so many; the rest is as with open."""
    from clearing.perp.amounts import parse_size  # noqa: PLC0415 - see _connect
    from clearing.perp.trading import plan_change  # noqa: PLC0415 - the same

    less = None if by is None else parse_size(by, "--by")
    whole = None if to is None else parse_size(to, "--to")
    bounds = _bounds(max_slippage, limit_price, deadline)
    swaps = _connect(url, network, address)
    signer = _signer(swaps, key)
    plan = plan_change(swaps, account, swaps.market(market), bounds, by=less, to=whole)
    _run_trade(swaps, signer, plan, yes=yes, as_json=as_json)


@perp.command("close")
def close_position(  # noqa: PLR0913 - the options of a command
    *,
    account: AccountId,
    market: Market,
    max_slippage: Slippage = None,
    limit_price: LimitPrice = None,
    deadline: Deadline = DEFAULT_LIFETIME_S,
    key: KeyFile = None,
    yes: Yes = False,
    network: Network = LOCAL,
    url: Url = LOCAL_URL,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Close a position, whatever its size is by then; the rest is as with open."""
    from clearing.perp.trading import plan_close  # noqa: PLC0415 - see _connect

    bounds = _bounds(max_slippage, limit_price, deadline)
    swaps = _connect(url, network, address)
    signer = _signer(swaps, key)
    plan = plan_close(swaps, account, swaps.market(market), bounds)
    _run_trade(swaps, signer, plan, yes=yes, as_json=as_json)


@perp.command("leave")
def leave_market(
    *,
    account: AccountId,
    market: Market,
    key: KeyFile = None,
    yes: Yes = False,
    network: Network = LOCAL,
    url: Url = LOCAL_URL,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Leave a market that has ended: close at its price, later take the gain; for any account."""
    from clearing.perp import ending, ending_views, plan_views  # noqa: PLC0415 - see _connect
    from clearing.perp.asking import require_yes  # noqa: PLC0415 - the same
    from clearing.perp.refusals import Options  # noqa: PLC0415 - the same

    swaps = _connect(url, network, address)
    signer = _signer(swaps, key)
    plan = ending.plan_leave(swaps, account, swaps.market(market))
    document = ending_views.leave_json(swaps, plan)
    if as_json and not yes:
        print_json({**document, "sent": [], "left": None})
        return
    if not as_json:
        print_view(ending_views.leave_view(swaps, plan))
        require_yes(yes=yes)
    receipts = signer.send(plan.calls, Options("--market"))
    left = ending.left_of(swaps, account, receipts)
    if as_json:
        sent = plan_views.sent_json(receipts)
        print_json({**document, "sent": sent, "left": ending_views.left_json(left)})
    else:
        print_view(ending_views.left_view(plan, left))
        print_view(plan_views.sent_view(receipts))


def _bounds(slippage: str | None, limit: str | None, lifetime_s: int) -> Bounds:
    from clearing.perp.amounts import parse_percent, parse_price  # noqa: PLC0415 - see _connect
    from clearing.perp.errors import AmountError  # noqa: PLC0415 - the same
    from clearing.perp.trading import Bounds  # noqa: PLC0415 - the same

    if slippage is not None and limit is not None:
        problem = "and --max-slippage are both given"
        raise AmountError("--limit-price", problem, "give one of them")
    ppm = parse_percent(slippage or DEFAULT_SLIPPAGE, "--max-slippage")
    price = None if limit is None else parse_price(limit, "--limit-price")
    return Bounds(ppm, price, lifetime_s)


def _signer(swaps: Perp, key: Path | None) -> Signer:
    from clearing.perp.asking import ask_passphrase  # noqa: PLC0415 - see _connect
    from clearing.perp.key import read_key  # noqa: PLC0415 - the same
    from clearing.perp.sending import Signer  # noqa: PLC0415 - the same

    return Signer(swaps.node, read_key(key, ask_passphrase))


def _run_trade(swaps: Perp, signer: Signer, plan: TradePlan, *, yes: bool, as_json: bool) -> None:
    """Show the plan, ask, send, and show what came of it; JSON without --yes only previews."""
    from clearing.perp import plan_views, trading  # noqa: PLC0415 - see _connect
    from clearing.perp.asking import require_yes  # noqa: PLC0415 - the same

    signer.attempt(plan.call, plan.options)
    document = plan_views.trade_json(swaps, plan)
    if as_json and not yes:
        print_json({**document, "sent": [], "done": None})
        return
    if not as_json:
        print_view(plan_views.trade_view(swaps, plan))
        require_yes(yes=yes)
    receipts = signer.send((plan.call,), plan.options)
    done = trading.done_of(swaps, receipts)
    if as_json:
        sent = plan_views.sent_json(receipts)
        print_json({**document, "sent": sent, "done": plan_views.done_json(done)})
    else:
        print_view(plan_views.done_view(plan, done))
        print_view(plan_views.sent_view(receipts))


# CASH


@perp.command("create-account")
def create_account(
    *,
    key: KeyFile = None,
    yes: Yes = False,
    network: Network = LOCAL,
    url: Url = LOCAL_URL,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Make an account that belongs to the key, and print its number."""
    from clearing.perp import plan_views  # noqa: PLC0415 - see _connect
    from clearing.perp.asking import require_yes  # noqa: PLC0415 - the same
    from clearing.perp.refusals import Options  # noqa: PLC0415 - the same

    swaps = _connect(url, network, address)
    signer = _signer(swaps, key)
    owner = f"0x{signer.address.hex()}"
    if as_json and not yes:
        print_json({"owner": owner, "account": None, "sent": []})
        return
    if not as_json:
        typer.echo(f"A new account for {owner}")
        require_yes(yes=yes)
    receipts = signer.send((swaps.engine.transact("createAccount"),), Options("--key"))
    account = swaps.account_made_in(receipts)
    if as_json:
        print_json({"owner": owner, "account": account, "sent": plan_views.sent_json(receipts)})
    else:
        typer.echo(f"Account {account}")
        print_view(plan_views.sent_view(receipts))


@perp.command("deposit")
def deposit(
    *,
    account: AccountId,
    amount: Annotated[str, typer.Option(help="USD, like 1000.50.")],
    key: KeyFile = None,
    yes: Yes = False,
    network: Network = LOCAL,
    url: Url = LOCAL_URL,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Pay collateral from the key's wallet into any account."""
    from clearing.perp.cash import plan_deposit  # noqa: PLC0415 - see _connect

    swaps = _connect(url, network, address)
    signer = _signer(swaps, key)
    plan = plan_deposit(swaps, account, amount, signer.address)
    _run_cash(swaps, signer, plan, yes=yes, as_json=as_json)


@perp.command("withdraw")
def withdraw(  # noqa: PLR0913 - the options of a command
    *,
    account: AccountId,
    amount: Annotated[str, typer.Option(help="USD, like 1000.50, or all.")],
    to: Annotated[
        str | None, typer.Option(help="Who receives it, instead of the key's wallet.")
    ] = None,
    key: KeyFile = None,
    yes: Yes = False,
    network: Network = LOCAL,
    url: Url = LOCAL_URL,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Take collateral out of the key's own account."""
    from clearing.perp.cash import parse_receiver, plan_withdrawal  # noqa: PLC0415 - see _connect

    receiver = None if to is None else parse_receiver(to)
    swaps = _connect(url, network, address)
    signer = _signer(swaps, key)
    plan = plan_withdrawal(swaps, account, amount, receiver or signer.address)
    signer.attempt(plan.calls[-1], plan.options)
    _run_cash(swaps, signer, plan, yes=yes, as_json=as_json)


def _run_cash(swaps: Perp, signer: Signer, plan: CashPlan, *, yes: bool, as_json: bool) -> None:
    """Show the plan, ask, send; JSON without --yes only previews."""
    from clearing.perp import plan_views  # noqa: PLC0415 - see _connect
    from clearing.perp.asking import require_yes  # noqa: PLC0415 - the same

    document = plan_views.cash_json(swaps, plan)
    if as_json and not yes:
        print_json({**document, "sent": []})
        return
    if not as_json:
        print_view(plan_views.cash_view(swaps, plan))
        require_yes(yes=yes)
    receipts = signer.send(plan.calls, plan.options)
    if as_json:
        print_json({**document, "sent": plan_views.sent_json(receipts)})
    else:
        print_view(plan_views.sent_view(receipts))
