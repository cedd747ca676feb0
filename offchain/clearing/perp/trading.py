"""Plan a trade against the vault: what it would come to, the worst price, and until when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from clearing.chain.contract import Call
from clearing.chain.errors import CallRefusedError
from clearing.chain.sender import Receipt
from clearing.perp.answers import MarketNow, TradePreview
from clearing.perp.client import Perp
from clearing.perp.errors import AmountError, PositionError, PriceError
from clearing.perp.figures import exact, size_text
from clearing.perp.refusals import Options, translated
from clearing.spec.perp_units import TICK
from clearing.spec.units import PPM, mul_div_down, mul_div_up

__all__ = ["Bounds", "Done", "TradePlan", "done_of", "plan_change", "plan_close", "plan_open"]

PLACE_OPEN: Final = "--size"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the trader accepts: `limit_price` wad, or else `slippage` ppm off the preview's price.

    `lifetime_s`: seconds after the newest block in which the trade may run.
    """

    slippage: int
    limit_price: int | None
    lifetime_s: int


@dataclass(frozen=True, slots=True)
class TradePlan:
    """A trade: `size` lots, + bought; `limit_price` wad, `deadline` Unix seconds."""

    account: int
    market: MarketNow
    size: int
    preview: TradePreview
    limit_price: int
    deadline: int
    call: Call
    options: Options


@dataclass(frozen=True, slots=True)
class Done:
    """What a trade came to: `size` lots, `quote` and `fee` pico, `price` wad."""

    size: int
    quote: int
    fee: int
    price: int


def plan_open(perp: Perp, account: int, market: MarketNow, size: int, bounds: Bounds) -> TradePlan:
    """Plan a first position in a market. Raises PositionError, PriceError, AccountError."""
    held = perp.size(account, market.market)
    if held:
        problem = f"account {account} holds {size_text(held, signed=True)} {market.unit} already"
        raise PositionError("--market", problem, "use modify, or close")
    return _trade(perp, account, market, size, bounds, PLACE_OPEN)


def plan_change(
    perp: Perp,
    account: int,
    market: MarketNow,
    bounds: Bounds,
    *,
    by: int | None,
    to: int | None,
) -> TradePlan:
    """Plan a change of a position, by so much or to so much.

    Raises AmountError unless one of the two is given, PositionError, PriceError, AccountError.
    """
    if (by is None) == (to is None):
        problem = "and --to are both given" if by is not None else "and --to are both missing"
        raise AmountError("--by", problem, "give one of them")
    held = _held(perp, account, market)
    size = by if by is not None else (to or 0) - held
    if not size:
        problem = f"account {account} holds {size_text(held, signed=True)} {market.unit} already"
        raise PositionError("--to", problem, "write another size")
    return _trade(perp, account, market, size, bounds, "--by" if by is not None else "--to")


def plan_close(perp: Perp, account: int, market: MarketNow, bounds: Bounds) -> TradePlan:
    """Plan the end of a position, whatever its size is when it runs.

    Raises PositionError, PriceError, AccountError.
    """
    held = _held(perp, account, market)
    preview = _preview(perp, account, market, -held, Options("--market"))
    limit = _limit_of(preview, -held, bounds)
    deadline = perp.now + bounds.lifetime_s
    call = perp.vault.transact("close", account, market.market, limit, deadline)
    options = _options("--market", market, bounds)
    return TradePlan(account, market, -held, preview, limit, deadline, call, options)


def _held(perp: Perp, account: int, market: MarketNow) -> int:
    held = perp.size(account, market.market)
    if not held:
        problem = f"account {account} has no position in {market.name}"
        raise PositionError("--market", problem, "use open, or name a market that it is in")
    return held


def _trade(
    perp: Perp, account: int, market: MarketNow, size: int, bounds: Bounds, place: str
) -> TradePlan:
    options = _options(place, market, bounds)
    preview = _preview(perp, account, market, size, options)
    limit = _limit_of(preview, size, bounds)
    deadline = perp.now + bounds.lifetime_s
    call = perp.vault.transact("trade", account, market.market, size, limit, deadline)
    return TradePlan(account, market, size, preview, limit, deadline, call, options)


def _options(place: str, market: MarketNow, bounds: Bounds) -> Options:
    price = "--max-slippage" if bounds.limit_price is None else "--limit-price"
    return Options(place, price, market.unit)


def _preview(
    perp: Perp, account: int, market: MarketNow, size: int, options: Options
) -> TradePreview:
    try:
        return perp.preview(account, market.market, size)
    except CallRefusedError as refusal:
        raise translated(refusal, options) from refusal


def _limit_of(preview: TradePreview, size: int, bounds: Bounds) -> int:
    """Return the worst average price, wad: the given one, or the preview's with the slippage on it.

    Raises PriceError if the given one would refuse the trade as it stands.
    """
    limit = bounds.limit_price
    if limit is None:
        if size > 0:
            return mul_div_up(preview.price, PPM + bounds.slippage, PPM)
        return mul_div_down(preview.price, PPM - bounds.slippage, PPM)
    if (preview.price > limit) if size > 0 else (preview.price < limit):
        asks = "asks" if size > 0 else "pays"
        problem = f"the vault {asks} {exact(preview.price)} USD, the limit is {exact(limit)}"
        raise PriceError("--limit-price", problem, "allow that price, or trade less")
    return limit


def done_of(perp: Perp, receipts: Iterable[Receipt]) -> Done:
    """Return what the vault says that the trade came to."""
    logs = [log for receipt in receipts for log in receipt.logs]
    traded = next(it.fields for it in perp.vault.happened(logs) if it.name == "Traded")
    size, quote, fee = traded["sizeLots"], traded["quotePico"], traded["feePico"]
    rounded = mul_div_up if size > 0 else mul_div_down
    return Done(size, quote, fee, rounded(abs(quote), TICK, abs(size)))
