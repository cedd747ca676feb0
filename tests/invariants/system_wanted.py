"""What a long run of the whole-system machine must meet: every function, every way to attack.

A function counts as met when somebody's own transaction called it, or the timelock did; those that
only other contracts may call count with the function that calls them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.harness.oracle import ACCEPTED
from tests.invariants.played import Seen
from tests.invariants.system_adversary import MUTATORS, mutable
from tests.invariants.system_stage import ARTIFACTS

__all__ = ["INSIDE", "NEVER", "OUTCOMES", "OUTSIDE", "missing"]

OUTSIDE: Final = frozenset({"Pyth", "USDC", "EURC", "HostileAccount"})
"""On the stage, but not the protocol's."""

INSIDE: Final = {
    "Adjudicator.pauseOpenings": "PauseGuardian.pause",
    "Adjudicator.pushTransfer": "Adjudicator.closeCooperative",
    "BrokerRegistry.release_slots": "Adjudicator.finalize",
    "BrokerRegistry.take_slots": "Adjudicator.open",
    "DerivativesEngine.book": "MatchSettler.settle",
    "DerivativesEngine.context": "MatchSettler.settle",
    "DerivativesEngine.deal": "VaultModule.trade",
    "DerivativesEngine.enter": "VaultModule.addLiquidity",
    "DerivativesEngine.exit": "VaultModule.addLiquidity",
    "DerivativesEngine.finish": "RiskManager.liquidate",
    "DerivativesEngine.inspect": "RiskManager.liquidate",
    "DerivativesEngine.moveCash": "VaultModule.addLiquidity",
    "DerivativesEngine.moveDebt": "SettlementModule.repayDebt",
    "DerivativesEngine.pauseAll": "PauseGuardian.pause",
    "DerivativesEngine.setStatus": "SettlementModule.windDown",
    "DerivativesEngine.setTerms": "MarketAdmin.setMarket",
    "DerivativesEngine.shareLoss": "ResolutionModule.absorb",
    "HashTimeLock.push_token": "HashTimeLock.claim",
    "InsuranceFund.spend": "ResolutionModule.absorb",
    "MatchSettler.applyGroup": "MatchSettler.settle",
    "MatchSettler.applyPacked": "MatchSettler.settlePacked",
    "PriceOracle.pause": "PauseGuardian.pause",
    "ProtocolTimelock.cancel": "ProtocolGovernor.cancelExpired",
    "ProtocolTimelock.executeBatch": "ProtocolGovernor.execute",
    "ProtocolTimelock.scheduleBatch": "ProtocolGovernor.queue",
    "ResolutionModule.allotRest": "SettlementModule.closeAt",
    "SettlementModule.noteCovered": "ResolutionModule.absorb",
    "VaultModule.terms": "VaultModule.trade",
}
"""Functions for other contracts alone, and the function of a person's that calls them."""

NEVER: Final = {
    "ProtocolGovernor.onERC1155BatchReceived": "the governor takes no tokens: always refused",
    "ProtocolGovernor.onERC1155Received": "the governor takes no tokens: always refused",
    "ProtocolGovernor.onERC721Received": "the governor takes no tokens: always refused",
    "ProtocolTimelock.execute": "the governor executes batches alone",
    "ProtocolTimelock.schedule": "the governor schedules batches alone",
}
"""Functions that no run sees accepted, and why."""

OUTCOMES: Final = {
    "drawn": (ACCEPTED, "NotOwner", "NotTimelock", "NotModule", "UnknownMarket"),
    "extreme": (ACCEPTED, "NotTimelock", "UnknownAccount", "GovernorNonexistentProposal"),
    "changed": (ACCEPTED, "NotOwner", "BadSignature", "StaleVersion", "NotSettler"),
    "replayed": (ACCEPTED, "StaleVersion", "WrongStatus", "AuthAlreadySpent", "NotOwner"),
    "foreign": (ACCEPTED, "BadSignature", "WrongChannel", "NotOwner"),
    "spoiled": (ACCEPTED, "REVERT", "BadSignature"),
    "starved": (ACCEPTED, "HALTED"),
    "in one": (ACCEPTED, "NotTimelock", "NotOwner", "NotModule"),
    "called back": ("accepted inside", "refused inside", "never called", "armed"),
    "called back in another's step": ("accepted inside", "refused inside", "never called"),
    "settler": (ACCEPTED,),
    "own": (ACCEPTED, "NotLiquidatable", "UnderInitialMargin", "NotAbsorbable"),
    "cheat": (ACCEPTED, "StaleVersion"),
    "grab": (
        ACCEPTED,
        "GovernorNonexistentProposal",
        "GovernorUnexpectedProposalState",
        "GovernorAlreadyCastVote",
    ),
}
"""What each way to attack must come to."""


def missing(seen: Seen) -> list[str]:
    """Return what was not met, in words."""
    return [*_functions(seen), *_tries(seen), *_outcomes(seen)]


def _all() -> Iterator[str]:
    for name in ARTIFACTS:
        if name not in OUTSIDE:
            yield from dict.fromkeys(f"{name}.{entry['name']}" for entry in mutable(name))


def _functions(seen: Seen) -> Iterator[str]:
    for function in _all():
        caller = INSIDE.get(function, function)
        tried = (caller, f"adversary: {caller}")
        if function not in NEVER and not any(seen[who, ACCEPTED] for who in tried):
            yield f"{function}: accepted"


def _tries(seen: Seen) -> Iterator[str]:
    tried = {move for move, _ in seen}
    yield from (
        f"adversary: {function}" for function in _all() if f"adversary: {function}" not in tried
    )


def _outcomes(seen: Seen) -> Iterator[str]:
    for mutator in (*MUTATORS, "called back in another's step"):
        for outcome in OUTCOMES[mutator]:
            if not seen[f"adversary: {mutator}", outcome]:
                yield f"adversary: {mutator}: {outcome}"
