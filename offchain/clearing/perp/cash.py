"""Plan a deposit or a withdrawal of collateral."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from clearing.chain.contract import Call, as_text
from clearing.oracle.errors import AddressError
from clearing.oracle.status import parse_address
from clearing.perp.amounts import parse_usd
from clearing.perp.answers import AccountNow, MarketNow, PositionNow
from clearing.perp.client import Perp
from clearing.perp.errors import AccountError, AmountError
from clearing.perp.refusals import Options
from clearing.perp.whatif import CashPreview, with_cash
from clearing.risk.decimal_text import scaled_text
from clearing.risk.errors import quote
from clearing.spec.perp_types import FIRST_OWNED
from clearing.spec.units import Address

__all__ = ["ALL", "CashPlan", "parse_receiver", "plan_deposit", "plan_withdrawal"]

ALL: Final = "all"
"""What `--amount` says for everything that can be withdrawn."""
PLACE: Final = "--amount"


@dataclass(frozen=True, slots=True)
class CashPlan:
    """A move of `raw` token units; `calls` in the order in which they are sent.

    `to` is who receives a withdrawal, None for a deposit.
    """

    account: AccountNow
    positions: tuple[PositionNow, ...]
    markets: tuple[MarketNow, ...]
    raw: int
    to: Address | None
    preview: CashPreview
    calls: tuple[Call, ...]
    options: Options


def parse_receiver(text: str) -> Address:
    """Return who shall receive a withdrawal. Raises AddressError, also for a wrong checksum."""
    address = parse_address(text, "--to")
    if text[2:] not in {text[2:].lower(), text[2:].upper()} and text != as_text(address):
        problem = f"{quote(text)} has a wrong checksum"
        raise AddressError("--to", problem, "copy it again, or write it in lower case")
    return address


def plan_deposit(perp: Perp, account: int, text: str, payer: Address) -> CashPlan:
    """Plan a deposit from the payer's wallet, with an allowance of exactly that.

    Raises NumberError, AmountError if the wallet holds less, AccountError.
    """
    if account < FIRST_OWNED:
        problem = f"account {account} is the protocol's: nobody could withdraw a deposit"
        raise AccountError("--account", problem, "write the number of somebody's account")
    raw = parse_usd(text, perp.raw_decimals, PLACE)
    held = perp.token.call("balanceOf", payer, block=perp.block)
    if held < raw:
        has = scaled_text(held, perp.raw_decimals)
        raise AmountError(PLACE, f"the wallet holds {has} USD", "deposit less, or fill it first")
    deposit = perp.engine.transact("deposit", account, raw)
    calls = (*_allowances(perp, payer, raw), deposit)
    return _plan(perp, account, raw, None, calls)


def plan_withdrawal(perp: Perp, account: int, text: str, to: Address) -> CashPlan:
    """Plan a withdrawal; the text is an amount, or `all`.

    Raises NumberError, AmountError, AccountError.
    """
    if text == ALL:
        raw = perp.account(account).withdrawable
        if not raw:
            fix = "see clearing perp position for its margin, markets for pauses"
            raise AmountError(PLACE, f"nothing can be withdrawn from account {account}", fix)
    else:
        raw = parse_usd(text, perp.raw_decimals, PLACE)
    call = perp.engine.transact("withdraw", account, raw, to)
    return _plan(perp, account, raw, to, (call,))


def _plan(
    perp: Perp, account: int, raw: int, to: Address | None, calls: tuple[Call, ...]
) -> CashPlan:
    now, positions, markets = perp.account(account), perp.positions(account), perp.markets()
    more = perp.wad(raw) if to is None else -perp.wad(raw)
    preview = with_cash(now, positions, markets, more)
    return CashPlan(now, positions, markets, raw, to, preview, calls, Options(PLACE))


def _allowances(perp: Perp, payer: Address, raw: int) -> tuple[Call, ...]:
    """Return what sets the allowance, through 0 where the token may insist on that."""
    engine = perp.engine.address
    have = perp.token.call("allowance", payer, engine, block=perp.block)
    if have == raw:
        return ()
    steps = (0, raw) if have else (raw,)
    return tuple(
        replace(perp.token.transact("approve", engine, step), what="token.approve")
        for step in steps
    )
