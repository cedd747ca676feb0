"""`python -m tests.invariants.perp`: the perpetual swaps and their specification, step by step.

Exit code 1 if anything differed, or if a long run never met some result.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from random import Random
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.harness.oracle import ACCEPTED, Divergence
from tests.harness.perp import deploy_perp
from tests.harness.perp_resolution_twin import PAYERS, ResolutionTwin, deploy_resolvers
from tests.invariants.perp_resolution_machine import ResolutionMachine

__all__ = ["play", "unseen"]

SCHEDULE: Final = 400
"""Steps from one deployment on."""
VAULTS_USD: Final = (10_000_000, 200_000, 0)
"""What the vault begins with: enough for everything, little enough to be lost, or its lenders'."""
LONG: Final = 50_000
"""Steps after which everything must have been met."""
WANTED: Final = (
    *(("trade", ACCEPTED), ("trade", "UnderInitialMargin"), ("trade", "BelowMinNotional")),
    *(("trade", "PriceLimit"), ("trade", "NotTrader"), ("trade", "FeedForbids")),
    *(("trade", "SkewTooHigh"), ("trade", "Paused"), ("close", ACCEPTED), ("match", ACCEPTED)),
    *(("match", "LegsUnbalanced"), ("match", "UnderInitialMargin"), ("liquidate", ACCEPTED)),
    *(("liquidate", "NotLiquidatable"), ("liquidate", "NotOwner"), ("withdraw", ACCEPTED)),
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


def play(seed: str, steps: int) -> tuple[int, Counter[tuple[str, str]], str | None]:
    """Play one schedule; return the steps taken, what was seen, and the first fault.

    When all markets have ended, another system is deployed.
    """
    taken, seen = 0, Counter[tuple[str, str]]()
    while taken < steps:
        machine = deployed(f"{seed}:{taken}")
        try:
            machine.play(steps - taken)
        except (Divergence, AssertionError) as fault:
            taken += machine.seen.total()
            return taken, seen + machine.met, f"{seed} of {steps}, step {taken}: {fault}"
        taken += machine.seen.total()
        seen += machine.met
    return steps, seen, None


def deployed(seed: str) -> ResolutionMachine:
    """Return a new system to play on."""
    rig = deploy_perp(vault_usd=Random(seed).choice(VAULTS_USD))
    return ResolutionMachine(ResolutionTwin(rig, deploy_resolvers(rig)), seed)


def unseen(seen: Counter[tuple[str, str]]) -> list[str]:
    """Return what a long run should have met and did not."""
    return [" ".join(wanted) for wanted in WANTED if not seen[wanted]]


def main() -> int:
    """Run, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.invariants.perp", description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    console = Console()
    console.print(f"again: --seed {args.seed} --steps {args.steps}")
    seeds = [f"{args.seed}/{part}" for part in range(-(-args.steps // SCHEDULE))]
    total, seen, fault, started = 0, Counter[tuple[str, str]](), None, time.perf_counter()
    with ProcessPoolExecutor(args.jobs) as pool, console.status("playing") as status:
        for steps, met, failure in pool.map(play, seeds, [SCHEDULE] * len(seeds)):
            total, seen, fault = total + steps, seen + met, fault or failure
            status.update(f"{total:,} steps")
            if fault is not None:
                pool.shutdown(cancel_futures=True)
                break

    table = Table("move", "result", "times", title="What was met")
    for (move, result), times in sorted(seen.items()):
        table.add_row(move, result, f"{times:,}")
    console.print(table)
    console.print(f"{total:,} steps, {total / (time.perf_counter() - started):,.0f} a second")
    missed = unseen(seen) if total >= LONG else []
    if fault is not None or missed:
        console.print(f"[red]{fault or 'never met: ' + ', '.join(missed)}[/red]", soft_wrap=True)
        return 1
    console.print("contracts and specification agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
