"""What the two boxes cost: the hash time lock and the broker registry."""

from __future__ import annotations

from hashlib import sha256

from clearing.spec.htlc import Lock
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import DAY_S
from tests.gas.life import MOVED
from tests.gas.meter import meter
from tests.gas.rig import STAKE_RAW, Scene

__all__: list[str] = []

PREIMAGE = sha256(b"preimage").digest()


def locked(scene: Scene, *, ether: bool = False) -> tuple[Lock, int]:
    """Lock for high; return the lock and the gas."""
    rig = scene.rig
    token, sender = rig.tokens[0], rig.low.address
    if not ether:
        scene.send(token, "approve", rig.htlc.address, MOVED, sender=sender)
    asset = ZERO_ADDRESS if ether else token.address
    terms = (rig.high.address, asset, MOVED, sha256(PREIMAGE).digest(), scene.now + DAY_S)
    receipt = scene.receipt(
        rig.htlc, "lock", *terms, sender=sender, value_wei=MOVED if ether else 0
    )
    return Lock(sender, *terms, receipt.block_number), receipt.gas_used


def ended(scene: Scene, method: str, *, ether: bool = False) -> int:
    """Lock and end; return the gas of the end."""
    lock, _ = locked(scene, ether=ether)
    if method == "refund":
        scene.wait(DAY_S)
        return scene.send(scene.rig.htlc, "refund", lock, sender=scene.rig.low.address)
    return scene.send(scene.rig.htlc, "claim", lock, PREIMAGE, sender=scene.rig.high.address)


@meter("htlc.lock", "an ERC-20 leg by exact approval; the contract holds the token")
def lock_token(scene: Scene) -> int:
    return locked(scene)[1]


@meter("htlc.claim", "an ERC-20 leg; the receiver holds the token")
def claim_token(scene: Scene) -> int:
    return ended(scene, "claim")


@meter("htlc.refund", "an ERC-20 leg; the sender holds the token")
def refund_token(scene: Scene) -> int:
    return ended(scene, "refund")


@meter("htlc.lockEther", "an ether leg")
def lock_ether(scene: Scene) -> int:
    return locked(scene, ether=True)[1]


@meter("htlc.claimEther", "an ether leg; the receiver is an account with ether and without code")
def claim_ether(scene: Scene) -> int:
    return ended(scene, "claim", ether=True)


@meter(
    "registry.stake.first",
    "an account that never staked, exact approval; the registry holds YELLOW of others, the "
    "account keeps some",
)
def stake_first(scene: Scene) -> int:
    rig = scene.rig
    staker = rig.roles["outsider"]
    scene.send(rig.yellow, "transfer", staker, 2 * STAKE_RAW, sender=rig.roles["treasury"])
    scene.send(rig.yellow, "approve", rig.registry.address, STAKE_RAW, sender=staker)
    return scene.send(rig.registry, "stake", STAKE_RAW, sender=staker)


@meter(
    "registry.completeUnstake",
    "the whole stake, 30 days after the request; the broker holds YELLOW, the registry holds "
    "another broker's stake",
)
def complete_unstake(scene: Scene) -> int:
    rig = scene.rig
    broker = rig.low.address
    scene.send(rig.registry, "request_unstake", STAKE_RAW, sender=broker)
    scene.wait(30 * DAY_S)
    return scene.send(rig.registry, "complete_unstake", sender=broker)
