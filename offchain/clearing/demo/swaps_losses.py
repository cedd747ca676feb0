"""Scene: a day on which nobody looks, a loss that its owner cannot carry, and who pays it."""

from __future__ import annotations

from clearing.chain.sender import Receipt
from clearing.demo.bad_day import refusal_of
from clearing.demo.facts import Refused
from clearing.demo.swaps_facts import Loss
from clearing.demo.swaps_market import BTC, ETH, HOURS, MARKETS, RELAPSE
from clearing.demo.swaps_orders import match, settle
from clearing.demo.swaps_stage import SwapsStage
from clearing.demo.swaps_words import fall, plainly, size, tell_positions, usd
from clearing.demo.teller import Teller
from clearing.spec.perp_units import LOTS, value

__all__ = ["play_losses"]

FRESH_USD = 5_000


def play_losses(swaps: SwapsStage, teller: Teller) -> None:
    """Let Bull borrow as much as he can, the price fall at night, and the keeper wake up."""
    teller.chapter("15 · Nobody looks for a day: a loss that its owner cannot carry")
    swaps.at(RELAPSE, 0)
    _buy_again(swaps, teller)
    teller.refused(
        Refused(
            attack="Keeper lets Bull be absorbed while he can pay",
            error=plainly(refusal_of(lambda: _absorb(swaps))),
            fixed="the same call when he cannot",
        )
    )
    swaps.at(RELAPSE, HOURS)
    _, _, favourable, *_ = swaps.call("PerpLens", "account", swaps.traders["Bull"].account)
    teller.say(
        f"  … the day passes. ETH has fallen by {fall(ETH, RELAPSE)} and BTC by "
        f"{fall(BTC, RELAPSE)}, Bull's margin was 5 %: he lacks\n"
        f"  {usd(-favourable[0])} USD, at the prices that favour him."
    )
    (absorbed,) = swaps.keepers.liquidate(swaps.traders["Keeper"].account)
    teller.step("Keeper calls absorb, once for all of it", absorbed)
    _tell_cover(swaps, teller, absorbed)
    tell_positions(swaps, teller)


def _buy_again(swaps: SwapsStage, teller: Teller) -> None:
    """On the evening of the rebound Bull buys all that Swing has, at 20 times leverage."""
    bull, swing = swaps.traders["Bull"], swaps.traders["Swing"]
    teller.say(
        f"  On 20 May ETH is at {usd(swaps.mid(ETH))} again. Swing has had enough, Bull has not."
    )
    teller.step("Bull deposits 5,000", *swaps.pay_in(bull.sender, bull.account, FRESH_USD))
    swaps.speak(RELAPSE, 0)
    receipt = settle(
        swaps,
        match(swaps, ETH, swing, (bull, 20 * LOTS)),
        match(swaps, BTC, swing, (bull, LOTS)),
    )
    teller.step("Swing sells Bull all he has: settlePacked", receipt)
    tell_positions(swaps, teller)


def _absorb(swaps: SwapsStage) -> Receipt:
    """Try it by hand, as no keeper would; Bear is on the other side in both markets."""
    keeper, bull, bear = (swaps.traders[name] for name in ("Keeper", "Bull", "Bear"))
    lists = [(market, [bear.account]) for market in (ETH, BTC)]
    return swaps.send(keeper, "ResolutionModule", "absorb", bull.account, keeper.account, lists)


def _tell_cover(swaps: SwapsStage, teller: Teller, absorbed: Receipt) -> None:
    """Tell who paid what, in the order in which they pay."""
    gained = _tell_deleveraging(swaps, teller, absorbed)
    losses = teller.facts.swaps.losses
    for told in swaps.happened("ResolutionModule", "Covered", absorbed):
        names = ("insuranceWad", "backstopWad", "sharedWad", "vaultWad", "debtWad")
        insurance, backstop, shared, vault, debt = (told[name] for name in names)
        loss = Loss(insurance, backstop, gained[told["market"]], shared, vault, debt)
        losses[MARKETS[told["market"]].symbol] = loss
    teller.say(
        "  BTC: nobody has gained, for Bear sold below today's price. So what insurance and the\n"
        "  backstop leave is shared by all positions, which is his, up to 1.5 % of their value;\n"
        "  the vault pays the rest."
    )
    teller.table(
        "Who pays, USD",
        *losses,
        rows=[
            (name, *(usd(getattr(loss, name)) for loss in losses.values()))
            for name in Loss.__dataclass_fields__
        ],
    )


def _tell_deleveraging(swaps: SwapsStage, teller: Teller, absorbed: Receipt) -> dict[int, int]:
    """Tell at what prices positions were closed; return what it brought in each market, wad."""
    gained = dict.fromkeys((ETH, BTC), 0)
    for told in swaps.happened("ResolutionModule", "Deleveraged", absorbed):
        market, lots, price = told["market"], told["lots"], told["priceWad"]
        _, favourable = swaps.liquidation_prices(market)
        gain = value(lots, price - favourable)
        gained[market] += gain
        teller.say(
            f"  {MARKETS[market].symbol}: {size(lots)} of Bull's are closed against Bear, who has "
            f"gained on the fall, at {usd(price)}\n  instead of {usd(favourable)}: there Bull owes "
            f"nothing. It brings {usd(gain)} USD."
        )
    return gained
