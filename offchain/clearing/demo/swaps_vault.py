"""Scene: LP asks for half of its money before the crash, and gets it a day later."""

from __future__ import annotations

from clearing.demo.bad_day import refusal_of
from clearing.demo.facts import Refused
from clearing.demo.swaps_market import REBOUND
from clearing.demo.swaps_stage import SwapsStage
from clearing.demo.swaps_words import usd
from clearing.demo.teller import Teller

__all__ = ["play_claim", "play_request"]


def play_request(swaps: SwapsStage, teller: Teller) -> None:
    """Ask, and try to be paid at once."""
    lp = swaps.traders["LP"]
    half = swaps.call("VaultModule", "sharesOf", lp.account) // 2
    asked = swaps.send(lp, "VaultModule", "requestClaim", lp.account, half)
    teller.step("LP asks for half of it back: requestClaim", asked)
    teller.refused(
        Refused(
            attack="LP claims at once, on what it knows of the price",
            error=refusal_of(lambda: swaps.send(lp, "VaultModule", "claim", lp.account)),
            fixed="the same claim 24 hours later",
        )
    )


def play_claim(swaps: SwapsStage, teller: Teller) -> None:
    """Be paid, at what the vault is worth by then."""
    teller.chapter("14 · LP is paid: the vault has taken the other side of all this")
    swaps.at(REBOUND, 1)
    lp = swaps.traders["LP"]
    claimed = swaps.send(lp, "VaultModule", "claim", lp.account)
    (told,) = swaps.happened("VaultModule", "LiquidityClaimed", claimed)
    teller.facts.swaps.claimed = told["amountWad"]
    teller.step("LP claims, a day after it asked: claim", claimed)
    teller.say(f"  Half of the shares that cost 500,000 brings {usd(told['amountWad'])} USD.")
