"""Say which functions of the protocol are which kind of decision; all others are UPGRADE.

A function has one kind, so one that can do two things has the higher: `raiseCap` lists a token or
raises its cap, and `setMarket` can change liquidations as well as fees. What the insurance fund
keeps and may lose decides who pays for a loss, so that it is no mere parameter.
"""

from __future__ import annotations

from typing import Final

from clearing.chain.contract import interface_of
from clearing.chain.recipe import Ref
from clearing.spec.governance import Kind

__all__ = ["KINDS", "kind_rows", "selector_of"]

KINDS: Final = (
    ("MarketAdmin", "setRates", Kind.PARAMETER),
    ("PriceOracle", "addFeed", Kind.MARKET_ADDITION),
    ("MarketAdmin", "addMarket", Kind.MARKET_ADDITION),
    ("Adjudicator", "raiseCap", Kind.RISK_CONFIGURATION),
    ("MarketAdmin", "setMarket", Kind.RISK_CONFIGURATION),
    ("MarketAdmin", "setPause", Kind.RISK_CONFIGURATION),
    ("InsuranceFund", "setTarget", Kind.RISK_CONFIGURATION),
    ("InsuranceFund", "setLimits", Kind.RISK_CONFIGURATION),
    ("PriceOracle", "replaceFeed", Kind.RISK_CONFIGURATION),
    ("PriceOracle", "setParams", Kind.RISK_CONFIGURATION),
    ("PriceOracle", "liftPause", Kind.RISK_CONFIGURATION),
    ("DerivativesEngine", "liftGuardianPause", Kind.RISK_CONFIGURATION),
    ("Adjudicator", "liftPause", Kind.RISK_CONFIGURATION),
)
"""Contract, function, kind."""


def selector_of(contract: str, method: str) -> bytes:
    """Return a function's selector."""
    return interface_of(contract).method(method).selector


def kind_rows() -> list[tuple[Ref, bytes, int]]:
    """Return the table as ProposalTypes takes it."""
    return [
        (Ref(contract), selector_of(contract, method), int(kind))
        for contract, method, kind in KINDS
    ]
