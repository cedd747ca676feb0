"""Functions that are shut to everybody but one contract, and how they refuse."""

from __future__ import annotations

from typing import Any, Final

from clearing.spec.oracle_types import FeedParams, FeedSources
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import Address
from tests.harness.governance_stage import Stage
from tests.harness.governance_state import ADMIN, EXECUTOR, PROPOSER
from tests.invariants.governance_duo import SENDER

__all__ = ["Door", "doors_of"]

Door = tuple[str, str, tuple[Any, ...], tuple[Any, ...]]
"""Contract, function, arguments; name and values of the refusal."""
FAR: Final = 2**40 - 1
NOBODY: Final = Address(b"\x0b" * 20)
WORD: Final = bytes(32)
TERMS: Final = (400, 5_000, 0)
ONLY_TIMELOCK: Final = ("NotTimelock", SENDER)
ONLY_GUARDIAN: Final = ("NotGuardian", SENDER)
ONLY_EXECUTOR: Final = ("GovernorOnlyExecutor", SENDER)


def doors_of(stage: Stage) -> tuple[Door, ...]:
    """Return the doors, with arguments that would be good of the right caller."""
    feed, target = stage.feeds[0], stage["target"].address
    sources = FeedSources(target, 8, WORD, ZERO_ADDRESS)
    disabled = ("GovernorDisabledDeposit",)
    return (
        ("adjudicator", "pauseOpenings", (FAR,), ONLY_GUARDIAN),
        ("adjudicator", "liftPause", (), ONLY_TIMELOCK),
        ("engine", "pauseAll", (1, FAR), ONLY_GUARDIAN),
        ("engine", "setModule", (7, NOBODY), ONLY_TIMELOCK),
        ("engine", "setOracle", (NOBODY,), ONLY_TIMELOCK),
        ("engine", "proposeTimelock", (NOBODY,), ONLY_TIMELOCK),
        ("oracle", "pause", (feed, FAR), ONLY_GUARDIAN),
        ("oracle", "liftPause", (feed,), ONLY_TIMELOCK),
        ("oracle", "setParams", (feed, FeedParams()), ONLY_TIMELOCK),
        ("oracle", "addFeed", (b"\2" * 16, sources, FeedParams(), "A"), ONLY_TIMELOCK),
        ("oracle", "replaceFeed", (feed, sources, FeedParams(), "A"), ONLY_TIMELOCK),
        ("types", "setTerms", (1, TERMS), ONLY_TIMELOCK),
        ("governor", "setGuardian", (NOBODY, FAR), ONLY_EXECUTOR),
        ("governor", "relay", (target, 0, b""), ONLY_EXECUTOR),
        ("governor", "setProposalGuardian", (NOBODY,), ("GuardianNeedsExpiry",)),
        ("governor", "updateTimelock", (NOBODY,), ("TimelockIsFixed",)),
        ("governor", "onERC721Received", (NOBODY, NOBODY, 1, b""), disabled),
        ("governor", "onERC1155Received", (NOBODY, NOBODY, 1, 1, b""), disabled),
        ("timelock", "updateDelay", (0,), ("TimelockUnauthorizedCaller", SENDER)),
        ("timelock", "grantRole", (PROPOSER, NOBODY), _without(ADMIN)),
        ("timelock", "revokeRole", (EXECUTOR, NOBODY), _without(ADMIN)),
        (
            "timelock",
            "renounceRole",
            (PROPOSER, stage["governor"].address),
            ("AccessControlBadConfirmation",),
        ),
    )


def _without(role: bytes) -> tuple[Any, ...]:
    return ("AccessControlUnauthorizedAccount", SENDER, role)
