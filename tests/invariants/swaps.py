"""The perpetual swaps and their specification as `clearing fuzz` plays them, step by step."""

from __future__ import annotations

from random import Random
from typing import Final

from tests.harness.oracle import ACCEPTED, Divergence
from tests.harness.perp import deploy_perp
from tests.harness.perp_resolution_twin import PAYERS, ResolutionTwin, deploy_resolvers
from tests.invariants.perp_resolution_machine import ResolutionMachine
from tests.invariants.played import Fault, Played, Seen

__all__ = ["play", "unseen"]

VAULTS_USD: Final = (10_000_000, 200_000, 0)
"""What the vault begins with: enough for everything, little enough to be lost, or its lenders'."""
WANTED: Final = (
    *(("trade", ACCEPTED), ("trade", "UnderInitialMargin"), ("trade", "BelowMinNotional")),
    *(("trade", "PriceLimit"), ("trade", "NotTrader"), ("trade", "FeedForbids")),
    *(("trade", "SkewTooHigh"), ("trade", "Paused"), ("close", ACCEPTED), ("match", ACCEPTED)),
    *(("match", "LegsUnbalanced"), ("match", "UnderInitialMargin"), ("liquidate", ACCEPTED)),
    *(
        ("liquidate", "NotLiquidatable"),
        ("liquidate", "MustBeAbsorbed"),
        ("liquidate", "NotOwner"),
        ("withdraw", ACCEPTED),
    ),
    *(("withdraw", "CashTooLow"), ("withdraw", "UnderInitialMargin"), ("transfer", ACCEPTED)),
    *(("lend", ACCEPTED), ("lend", "HasPositions"), ("lend", "TooFewShares")),
    *(("lend", "VaultNotPriced"), ("ask", ACCEPTED), ("ask", "TooFewShares")),
    *(("claim", ACCEPTED), ("claim", "TooSoon"), ("claim", "TooLate"), ("claim", "NotOwner")),
    *(("force", ACCEPTED), ("force", "NotReduced"), ("force", "NoPosition")),
    *(("ruin", ACCEPTED), ("absorb", ACCEPTED), ("absorb", "NotOrdered"), ("absorb", "Paused")),
    *(("absorb_protocol", ACCEPTED), ("take_backstop", ACCEPTED)),
    *(("take_backstop", "BackstopHasLess"), ("donate", ACCEPTED), ("sweep", ACCEPTED)),
    *(("wind_down", ACCEPTED), ("wind_down", "NotTimelock"), ("settle", ACCEPTED)),
    *(("settle", "TooSoon"), ("settle", "PriceApart"), ("close_at", ACCEPTED)),
    *(("settle_frozen", ACCEPTED), ("settle_frozen", "NotTimelock")),
    *(("retune", ACCEPTED), ("retune", "BadParameter")),
    *(("finalise", "StillOpen"), ("pay_claims", ACCEPTED), ("pay_claims", "NotFinal")),
    *(("event", f"Covered by {payer}") for payer in PAYERS),
    *(("event", "Deleveraged the vault"), ("event", "Deleveraged a trader")),
    *(("event", "ClosedAt with claim"), ("event", "ClosedAt with debt")),
    *(("event", "CloseWaits"), ("event", "ClaimPaid"), ("event", "DebtRepaid")),
    *(("session", ACCEPTED), ("session", "SessionInPast"), ("price", "PRIMARY_ONLY")),
)


def play(seed: str, steps: int) -> Played:
    """Play one schedule; when all markets have ended, another system is deployed."""
    taken, seen = 0, Seen()
    while taken < steps:
        machine = deployed(f"{seed}:{taken}")
        fault = None
        try:
            machine.play(steps - taken)
        except (Divergence, AssertionError) as error:
            fault = Fault(str(error), taken + machine.seen.total())
        taken += machine.seen.total()
        seen += machine.met
        if fault is not None:
            return Played(fault.step + 1, seen, fault)
    return Played(taken, seen)


def deployed(seed: str) -> ResolutionMachine:
    """Return a new system to play on."""
    rig = deploy_perp(vault_usd=Random(seed).choice(VAULTS_USD))
    return ResolutionMachine(ResolutionTwin(rig, deploy_resolvers(rig)), seed)


def unseen(seen: Seen) -> list[str]:
    """Return what a long run should have met and did not."""
    return [" ".join(wanted) for wanted in WANTED if not seen[wanted]]
