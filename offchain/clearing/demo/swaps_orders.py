"""Let traders sign orders, and the settler bring what it matched in one packed batch."""

from __future__ import annotations

from clearing.chain.sender import Receipt
from clearing.channel.codec import (
    DERIVATIVES_NAME,
    domain_separator,
    hash_perp_order,
    signing_digest,
)
from clearing.channel.perp_batch import Match, SignedFill, pack
from clearing.demo.swaps_stage import HOUR_S, SwapsStage, Trader
from clearing.spec.perp_orders import TICK, Order
from clearing.spec.units import mul_div_down

__all__ = ["match", "next_batch", "settle"]

MAX_FEE_PPM = 500


def match(swaps: SwapsStage, market: int, taker: Trader, *makers: tuple[Trader, int]) -> Match:
    """Return a taker's order against makers, each with its lots (+ buys), all at mid."""
    lots = -sum(size for _, size in makers)
    fills = tuple(_signed(swaps, maker, market, size) for maker, size in makers)
    return Match(_signed(swaps, taker, market, lots), fills)


def next_batch(swaps: SwapsStage) -> int:
    """Return the number that the next batch must have."""
    number: int = swaps.call("MatchSettler", "lastBatch") + 1
    return number


def settle(swaps: SwapsStage, batch_id: int, *matches: Match) -> Receipt:
    """Bring a batch. Raises CallRefusedError; AssertionError if a group was skipped."""
    packed = pack(batch_id, matches)
    receipt = swaps.settler.send(swaps["MatchSettler"].transact("settlePacked", packed))
    skipped = swaps.happened("MatchSettler", "FillSkipped", receipt)
    if skipped:
        raise AssertionError(f"groups of batch {batch_id} were skipped: {skipped}")
    return receipt


def _signed(swaps: SwapsStage, who: Trader, market: int, lots: int) -> SignedFill:
    """Return an order of a trader for the next hour, at mid, filled whole."""
    price = mul_div_down(swaps.mid(market), 1, TICK) * TICK
    until = swaps.now + HOUR_S
    order = Order(who.account, market, lots, price, MAX_FEE_PPM, until, next(swaps.nonces))
    contracts = swaps.stage.contracts
    separator = domain_separator(
        contracts.chain_id, swaps["MatchSettler"].address, DERIVATIVES_NAME
    )
    digest = signing_digest(separator, hash_perp_order(order))
    return SignedFill(order, who.key.sign(digest), abs(lots))
