"""Let traders sign orders, and the settler's keeper bring what was matched in a packed batch."""

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

__all__ = ["bring_again", "last_batch", "match", "settle"]

MAX_FEE_PPM = 500


def match(swaps: SwapsStage, market: int, taker: Trader, *makers: tuple[Trader, int]) -> Match:
    """Return a taker's order against makers, each with its lots (+ buys), all at mid."""
    lots = -sum(size for _, size in makers)
    fills = tuple(_signed(swaps, maker, market, size) for maker, size in makers)
    return Match(_signed(swaps, taker, market, lots), fills)


def last_batch(swaps: SwapsStage) -> int:
    """Return the number of the newest batch."""
    number: int = swaps.call("MatchSettler", "lastBatch")
    return number


def settle(swaps: SwapsStage, *matches: Match) -> Receipt:
    """Let the settler's keeper bring one batch. Raises AssertionError if a group was skipped."""
    (receipt,) = swaps.keepers.settle(matches)
    skipped = swaps.happened("MatchSettler", "FillSkipped", receipt)
    if skipped:
        raise AssertionError(f"groups were skipped: {skipped}")
    return receipt


def bring_again(swaps: SwapsStage, batch_id: int, *matches: Match) -> Receipt:
    """Bring a batch by hand, as no keeper would. Raises CallRefusedError."""
    packed = pack(batch_id, matches)
    return swaps.settler.send(swaps["MatchSettler"].transact("settlePacked", packed))


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
