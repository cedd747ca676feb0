"""What a long run must have seen: every function accepted, every error of the contract raised."""

from __future__ import annotations

from collections import Counter
from typing import Final

from clearing.chain.artifacts import load
from tests.invariants.lockstep import ACCEPTED

__all__ = ["by_function", "unseen"]

Seen = Counter[tuple[str, str]]

NEVER_ACCEPTED: Final = {"pushTransfer": "only the contract itself may call it"}
NEVER_RAISED: Final = {
    "BadParameter": "of the constructor",
    "InvalidShortString": "of a library, for names that are stored, which the domain's are not",
    "RegistryNotOurs": "of the constructor",
    "StringTooLong": "of a library, for names that are stored, which the domain's are not",
}
REGISTRY: Final = (
    "cancel_unstake",
    "complete_unstake",
    "request_unstake",
    "set_signer",
    "stake",
)


def unseen(seen: Seen) -> list[str]:
    """Return the functions that were never accepted and the errors that were never raised."""
    abi = load("Adjudicator").abi
    changing = {
        entry["name"]
        for entry in abi
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    }
    errors = {entry["name"] for entry in abi if entry["type"] == "error"}
    raised = {result for _, result in seen}
    missed = {
        f"{name} accepted"
        for name in (changing | {*REGISTRY}) - NEVER_ACCEPTED.keys()
        if not seen[name, ACCEPTED]
    }
    return sorted(missed | (errors - raised - NEVER_RAISED.keys()))


def by_function(seen: Seen) -> dict[str, dict[str, int]]:
    """Return the counts by function, the most frequent result first."""
    table: dict[str, dict[str, int]] = {}
    for (function, result), count in sorted(seen.items(), key=lambda item: (item[0][0], -item[1])):
        table.setdefault(function, {})[result] = count
    return table
