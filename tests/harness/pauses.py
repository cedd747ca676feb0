"""The pause guardian over the whole protocol on one embedded chain, and over targets that obey.

The rigs of the channels and of the perpetual swaps name an account as their guardian. Here the
code of a PauseGuardian stands at that account, as its address is what a deployment would predict.
"""

from __future__ import annotations

from dataclasses import dataclass

from eth_abi.abi import encode

from clearing.chain.artifacts import abi_of
from clearing.spec.units import Address
from tests.harness import deployment, perp
from tests.harness.actors import key_of
from tests.harness.contract import Contract, Receipt
from tests.harness.governance import GovernanceRig, Proposed, deploy_governance
from tests.harness.revm import text_of

__all__ = ["OPENINGS", "TRADING", "PauseRig", "deploy_pauses", "encoded", "feed_scope", "obeying"]

OPENINGS = (1).to_bytes(32, "big")
TRADING = (2).to_bytes(32, "big")
STOP = b"\x00"
"""Code that accepts every call."""


def feed_scope(feed: bytes) -> bytes:
    """Return the scope of a price feed."""
    return feed.ljust(32, b"\0")


def encoded(proposed: Proposed) -> bytes:
    """Return what the governor hashes into a proposal's id."""
    types = ["address[]", "uint256[]", "bytes[]", "bytes32"]
    targets, values, calldatas, description_hash = proposed.hashed
    return encode(types, [list(map(text_of, targets)), values, calldatas, description_hash])


@dataclass(frozen=True)
class PauseRig:
    """The guardian, its wallet, the contracts it pauses, and the governor it listens to."""

    gov: GovernanceRig
    guardian: Contract
    wallet: Address
    adjudicator: Contract
    engine: Contract
    oracle: Contract
    timelock: Address
    """The account that the targets obey; not the governor's timelock."""

    def pause(self, scope: bytes, duration: int) -> Receipt:
        """Pause as the wallet."""
        return self.guardian.send("pause", scope, duration, sender=self.wallet)

    def extend(self, scope: bytes, proposed: Proposed, action: int = 0) -> Receipt:
        """Extend as the wallet."""
        arguments = (scope, encoded(proposed), action)
        return self.guardian.send("extend", *arguments, sender=self.wallet)

    def window(self, scope: bytes) -> tuple[int, int]:
        """Return when the last pause of a scope began and ends."""
        return self.guardian.read("began_at", scope), self.guardian.read("ends_at", scope)


def deploy_pauses() -> PauseRig:
    """Deploy the protocol and the guardian over it."""
    gov = deploy_governance()
    chain = gov.chain
    channels = deployment.deploy(chain)
    swaps = perp.deploy_perp(chain)
    at = channels.roles.guardian
    wallet = key_of("wallet").address
    targets = (channels.adjudicator, swaps.engine, swaps.oracle)
    made = chain.deploy(
        "PauseGuardian",
        wallet,
        gov.governor.address,
        *(target.address for target in targets),
        sender=gov.deployer,
    )
    code = chain.evm.get_code(text_of(made.address))
    assert code is not None, "it has just been deployed"
    chain.set_code(at, code)
    guardian = chain.at(at, abi_of("PauseGuardian"))
    return PauseRig(gov, guardian, wallet, *targets, channels.roles.timelock)


def obeying() -> PauseRig:
    """Return a guardian whose targets accept every pause: what it lets through is all there is."""
    gov = deploy_governance()
    chain, wallet = gov.chain, key_of("wallet").address
    targets = [key_of(name).address for name in ("adjudicator", "engine", "oracle")]
    for target in targets:
        chain.set_code(target, STOP)
    guardian = chain.deploy(
        "PauseGuardian", wallet, gov.governor.address, *targets, sender=gov.deployer
    )
    adjudicator, engine, oracle = (
        chain.at(target, abi_of(name))
        for target, name in zip(
            targets, ("Adjudicator", "DerivativesEngine", "PriceOracle"), strict=True
        )
    )
    return PauseRig(gov, guardian, wallet, adjudicator, engine, oracle, gov.timelock.address)
