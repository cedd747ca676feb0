"""Plan to leave a market that has ended: close at its price, or take what is paid at the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clearing.chain.contract import Call
from clearing.chain.errors import CallRefusedError
from clearing.chain.sender import Receipt
from clearing.perp.answers import MarketNow
from clearing.perp.client import Perp
from clearing.perp.errors import AccountError, PositionError
from clearing.perp.figures import money, size_text
from clearing.spec.perp_types import FIRST_OWNED, MarketStatus

__all__ = ["LeavePlan", "Left", "left_of", "plan_leave"]

PLACE = "--market"


@dataclass(frozen=True, slots=True)
class LeavePlan:
    """What is left of an account in a market that has ended, and the calls that bring it home.

    `size` lots, `profit` of the position and `claim` that is not paid yet, wad. One of `size` and
    `claim` is not 0.
    """

    account: int
    market: MarketNow
    size: int
    profit: int
    claim: int
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Left:
    """What came of it, wad; `is_done`: not somebody else's doing meanwhile.

    `claim` waits until everybody is out, `debt` the account could not pay; of a claim the account
    got `paid`, and insurance `kept` what others had covered for the account. `not_before`: Unix
    seconds until which the account keeps a gain that its other positions need.
    """

    is_done: bool = True
    profit: int = 0
    claim: int = 0
    debt: int = 0
    paid: int = 0
    kept: int = 0
    not_before: int = 0


def plan_leave(perp: Perp, account: int, market: MarketNow) -> LeavePlan:
    """Plan it. Anybody may leave for anybody: the cash stays in the account.

    Raises AccountError; PositionError: the market goes on, nothing is left there, or a gain waits
    for others.
    """
    if account < FIRST_OWNED:
        problem = f"account {account} is the protocol's, which leaves last and by itself"
        raise AccountError("--account", problem, "write the number of somebody's account")
    if market.status is not MarketStatus.SETTLED:
        raise PositionError(PLACE, f"is {market.status.name}, not SETTLED", "use close")
    found = [held for held in perp.positions(account) if held.market == market.market]
    if found:
        call = perp.settlement.transact("closeAt", market.market, [account])
        return LeavePlan(account, market, found[0].size, found[0].pnl, 0, (call,))
    claim: int = perp.settlement.call("claimOf", market.market, account, block=perp.block)
    if not claim:
        problem = f"account {account} has no position and no claim in {market.name}"
        raise PositionError(PLACE, problem, "see clearing perp position for what it has")
    paying = perp.settlement.transact("payClaims", market.market, [account])
    return LeavePlan(account, market, 0, 0, claim, (*_last(perp, market, claim), paying))


def _last(perp: Perp, market: MarketNow, claim: int) -> tuple[Call, ...]:
    """Return what makes the market final, if it is not yet and nobody else is in it."""
    _, _, final_at, *_ = perp.settlement.call("settlementOf", market.market, block=perp.block)
    if final_at:
        return ()
    try:
        perp.settlement.call("finalise", market.market, block=perp.block)
    except CallRefusedError as refusal:
        if refusal.name != "StillOpen":
            raise
        left = size_text(market.open_interest)
        problem = (
            f"{money(claim)} USD are paid when everybody is out: {left} {market.unit} are open"
        )
        fix = "try again later; anybody may let others leave"
        raise PositionError(PLACE, problem, fix) from refusal
    return (perp.settlement.transact("finalise", market.market),)


def left_of(perp: Perp, account: int, receipts: Iterable[Receipt]) -> Left:
    """Return what the settlement module says that came of it."""
    logs = [log for receipt in receipts for log in receipt.logs]
    told = {
        event.name: event.fields
        for event in perp.settlement.happened(logs)
        if event.fields.get("account") == account
    }
    closed, paid = told.get("ClosedAt", {}), told.get("ClaimPaid", {})
    return Left(
        is_done=bool(closed or paid),
        profit=closed.get("pnlWad", 0),
        claim=closed.get("claimWad", 0),
        debt=closed.get("debtWad", 0),
        paid=paid.get("paidWad", 0),
        kept=told.get("ClaimKept", {}).get("wad", 0),
        not_before=told.get("CloseWaits", {}).get("notBefore", 0),
    )
