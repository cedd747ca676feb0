"""The lock of the hash time locks: what a token calls while it moves is refused, at all doors.

A lock inside a lock would see the same tokens arrive twice.
Each inner call is one that succeeds when it comes alone, so nothing but the lock can stop it.
"""

from hashlib import sha256
from typing import Any, NamedTuple

import pytest

from clearing.spec.units import Address
from tests.harness.contract import Contract
from tests.harness.revm import Revm

SENDER, RECEIVER = (Address(bytes([index]) * 20) for index in (0x11, 0x22))
ETH = Address(bytes(20))
PREIMAGE = b"\x07" * 32
HASHLOCK = sha256(PREIMAGE).digest()
SOON, LATE = 100, 10_000
"""Seconds after which a lock can be refunded."""
Call = tuple[str, tuple[Any, ...]]


class Scene(NamedTuple):
    """Hash time locks over a token that calls back, and calls that would succeed alone."""

    chain: Revm
    token: Contract
    locks: Contract
    outer: dict[str, Call]
    inner: dict[str, Call]

    def arm(self, target: Contract, call: Call) -> None:
        """Let the token make this call whenever it moves."""
        name, args = call
        payload = target.interface.method(name, len(args)).encode(*args)
        self.token.send("arm", target.address, payload, sender=SENDER)

    def calls(self, target: Contract, call: Call) -> bool:
        """Let the token make this call alone; whether it succeeded."""
        self.arm(target, call)
        self.token.send("transfer", SENDER, 0, sender=SENDER)
        return bool(self.token.read("succeeded"))


@pytest.fixture
def scene() -> Scene:
    """Locks of the token for the outer calls, of another for the inner ones, and a credit."""
    chain = Revm()
    token, other = (
        chain.deploy("ReentrantToken", name, name, 18, sender=SENDER) for name in ("Hook", "Other")
    )
    locks = chain.deploy("HashTimeLock", sender=SENDER)
    for minted in (token, other):
        minted.send("mint", SENDER, 1_000, sender=SENDER)
        minted.send("approve", locks.address, 1_000, sender=SENDER)
        minted.send("mint", token.address, 1_000, sender=SENDER)
    chain.set_balance(SENDER, 10)

    def locked(asset: Address, receiver: Address, seconds: int, value: int = 0) -> Any:
        given = (receiver, asset, 10, HASHLOCK, chain.now + seconds)
        locks.send("lock", *given, sender=SENDER, value=value)
        return (SENDER, *given, chain.number)

    ours, ours_late = (locked(token.address, RECEIVER, seconds) for seconds in (LATE, SOON))
    theirs, theirs_late = (locked(other.address, RECEIVER, seconds) for seconds in (LATE, SOON))
    unpaid = locked(ETH, token.address, LATE, value=10)
    chain.warp(chain.now + SOON)
    locks.send("claim", unpaid, PREIMAGE, sender=SENDER)  # the token takes no ether
    assert locks.read("credit_of", token.address, ETH) == 10
    terms = (RECEIVER, token.address, 10, HASHLOCK, chain.now + LATE)
    scene = Scene(
        chain,
        token,
        locks,
        outer={
            "lock": ("lock", terms),
            "claim": ("claim", (ours, PREIMAGE)),
            "refund": ("refund", (ours_late,)),
        },
        inner={
            "lock": ("lock", (RECEIVER, other.address, *terms[2:])),
            "lock of the same": ("lock", terms),
            "claim": ("claim", (theirs, PREIMAGE)),
            "refund": ("refund", (theirs_late,)),
            "collect": ("collect", (ETH, RECEIVER)),
        },
    )
    for asset in (token, other):
        assert scene.calls(asset, ("approve", (locks.address, 1_000)))
    return scene


@pytest.mark.parametrize("outer", ["lock", "claim", "refund"])
@pytest.mark.parametrize("inner", ["lock", "lock of the same", "claim", "refund", "collect"])
def test_token__calls_the_locks_while_it_moves__is_locked_out(scene, outer, inner):
    chain, token, locks = scene.chain, scene.token, scene.locks
    name, args = scene.outer[outer]
    with chain.isolated():
        assert scene.calls(locks, scene.inner[inner])
    scene.arm(locks, scene.inner[inner])

    receipt = locks.send(name, *args, sender=SENDER)

    assert token.read("calls") == 1
    assert not token.read("succeeded")
    assert token.read("answer") == b""  # of all refusals the lock's alone has no text
    told = {"lock": "Locked", "claim": "Claimed", "refund": "Refunded"}[outer]
    assert [log.event for log in receipt.of(locks)] == [told]
