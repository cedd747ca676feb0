"""Governance over the contracts it governs, on one embedded chain and under one timelock.

Token, timelock, list of kinds and governor are those of tests.harness.governance. Adjudicator,
engine and oracle obey that timelock, and their guardian is the PauseGuardian. What they list of
themselves is what a deployment lists. The shape is an account whose code a schedule may change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from clearing.spec.governance import Kind
from clearing.spec.oracle_types import FeedParams, FeedSources
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import DAY_S, Address
from tests.harness.actors import key_of
from tests.harness.contract import Contract
from tests.harness.governance import GovernanceRig, Proposed, deploy_governance
from tests.harness.oracle import DECIMALS, DESCRIPTION, ROUND, round_of, saying, text
from tests.harness.perp import E8, FEEDS, NAMES, PRICES_E8, PYTH_IDS
from tests.harness.puppet import Puppet, words

__all__ = ["CODES", "Stage", "deploy_stage"]

CODES: Final = (b"\x5b\x00", b"\x00", b"", bytes.fromhex("ef0100") + b"\x07" * 20)
"""What may stand at the shape: two contracts that accept all, nothing, a delegation (EIP-7702)."""
KINDS: Final = (
    ("adjudicator", "liftPause", 0, Kind.RISK_CONFIGURATION),
    ("adjudicator", "raiseCap", 2, Kind.RISK_CONFIGURATION),
    ("engine", "liftGuardianPause", 0, Kind.RISK_CONFIGURATION),
    ("oracle", "liftPause", 1, Kind.RISK_CONFIGURATION),
    ("oracle", "addFeed", 4, Kind.MARKET_ADDITION),
)
"""Contract, function, number of its arguments, kind."""
WEALTH: Final = 10**18
"""Wei of the outsider, who sends ether along with executions."""


@dataclass(frozen=True)
class Stage:
    """Everything deployed; `contracts` by the name of their part."""

    gov: GovernanceRig
    contracts: dict[str, Contract]
    wallet: Address
    """The owner of the pause guardian."""
    shape: Address
    feeds: tuple[bytes, ...]

    def __getitem__(self, part: str) -> Contract:
        """Return the contract that plays a part."""
        return self.contracts[part]


def deploy_stage() -> Stage:
    """Deploy all of it; the clock stands at the first second at which anybody can propose."""
    gov = deploy_governance()
    chain, made, timelock = gov.chain, gov.deployer, gov.timelock.address
    wallet = key_of("wallet").address
    pyth = chain.deploy("MockPyth", 0, 0, sender=made)
    token = chain.deploy("MockERC20", "USD Coin", "USDC", 6, sender=made)
    *_, after_registry, guardian = predicted(gov, 4)
    oracle = chain.deploy("PriceOracle", pyth.address, timelock, guardian, sender=made)
    engine = chain.deploy(
        "DerivativesEngine", token.address, oracle.address, timelock, guardian, sender=made
    )
    registry = chain.deploy("BrokerRegistry", gov.yellow.address, after_registry, sender=made)
    adjudicator = chain.deploy(
        "Adjudicator",
        registry.address,
        timelock,
        guardian,
        3_600,
        7 * DAY_S,
        DAY_S,
        100_000,
        sender=made,
    )
    targets = (adjudicator.address, engine.address, oracle.address)
    pauses = chain.deploy("PauseGuardian", wallet, gov.governor.address, *targets, sender=made)
    assert pauses.address == guardian, "the targets must obey it"
    contracts = {
        "yellow": gov.yellow,
        "timelock": gov.timelock,
        "types": gov.types,
        "governor": gov.governor,
        "target": gov.target,
        "adjudicator": adjudicator,
        "engine": engine,
        "oracle": oracle,
        "pauses": pauses,
    }
    _pass_listings(gov, contracts, pyth)
    shape = key_of("shape").address
    chain.set_code(shape, CODES[0])
    chain.set_balance(gov.outsider, WEALTH)
    return Stage(gov, contracts, wallet, shape, FEEDS)


def predicted(gov: GovernanceRig, count: int) -> list[Address]:
    """Return the addresses of the deployments to come, from the next but one on."""
    chain, found = gov.chain, []
    with chain.isolated():
        for _ in range(count):
            chain.deploy("MockERC20", "", "", 0, sender=gov.deployer)
            found.append(chain.next_address(gov.deployer))
    return found


def _pass_listings(gov: GovernanceRig, contracts: dict[str, Contract], pyth: Contract) -> None:
    """Let the holders decide on two feeds and on what is listed."""
    types, oracle = contracts["types"], contracts["oracle"]
    actions = []
    for part, name, arguments, kind in KINDS:
        contract = contracts[part]
        selector = contract.interface.method(name, arguments).selector
        actions.append(gov.action(types, "setKind", contract.address, selector, kind))
    for at, (feed, name) in enumerate(zip(FEEDS, NAMES, strict=True)):
        sources = FeedSources(_puppet(at), E8, PYTH_IDS[at], ZERO_ADDRESS)
        actions.append(gov.action(oracle, "addFeed", feed, sources, FeedParams(), name))
    proposed = Proposed(tuple(actions), "# Listings")
    gov.chain.warp(gov.make_queued(proposed))
    for at, price in enumerate(PRICES_E8):
        _say(gov, pyth, at, price)
    gov.end("execute", proposed)
    gov.wait(1)


def _puppet(at: int) -> Address:
    return Address(bytes([0x51 + at]) * 20)


def _say(gov: GovernanceRig, pyth: Contract, at: int, price: int) -> None:
    """Let the sources of a feed say a price now."""
    now = gov.chain.now
    puppet = Puppet(gov.chain, _puppet(at))
    puppet.says(DECIMALS, saying(E8).data)
    puppet.says(DESCRIPTION, text(NAMES[at]).data)
    puppet.says(ROUND, round_of(price, now).data)
    spread = price // 10_000
    identity = int.from_bytes(PYTH_IDS[at], "big")
    update = words(32, 1, identity, price, spread, -E8, now, now - 1, price, spread)
    pyth.send("updatePriceFeeds", [update], sender=gov.outsider)
