"""The registry's lock: what a token calls while it moves is refused, and works at any other time.

YELLOW calls nobody; over a token that does, the registry must not be entered twice all the same.
"""

from typing import Any, NamedTuple

import pytest

from clearing.spec.registry import LOT, UNSTAKE_DELAY_S
from clearing.spec.units import Address
from tests.harness.contract import Contract
from tests.harness.revm import Revm

BROKER, SIGNER, ADJUDICATOR = (Address(bytes([index]) * 20) for index in (0x11, 0xAA, 0x0A))


class Scene(NamedTuple):
    """A registry over a token that calls back, and that is a broker of three lots itself."""

    chain: Revm
    token: Contract
    registry: Contract

    def arm(self, target: Contract, name: str, *args: Any) -> None:
        """Let the token make this call whenever it moves."""
        payload = target.interface.method(name, len(args)).encode(*args)
        self.token.send("arm", target.address, payload, sender=BROKER)

    def calls(self, target: Contract, name: str, *args: Any) -> bool:
        """Let the token make this call, while the registry does nothing; whether it succeeded."""
        self.arm(target, name, *args)
        self.token.send("transfer", BROKER, 0, sender=BROKER)
        return bool(self.token.read("succeeded"))


@pytest.fixture
def scene() -> Scene:
    """The token and BROKER have each three lots, one of them ready to be taken out."""
    chain = Revm()
    token = chain.deploy("ReentrantToken", "Token", "TKN", 18, sender=BROKER)
    registry = chain.deploy("BrokerRegistry", token.address, ADJUDICATOR, sender=BROKER)
    scene = Scene(chain, token, registry)
    for holder in (BROKER, token.address):
        token.send("mint", holder, 100 * LOT, sender=BROKER)
    token.send("approve", registry.address, 100 * LOT, sender=BROKER)
    for name, amount in (("stake", 3 * LOT), ("request_unstake", LOT)):
        registry.send(name, amount, sender=BROKER)
    assert scene.calls(token, "approve", registry.address, 100 * LOT)
    assert scene.calls(registry, "stake", 3 * LOT)
    assert scene.calls(registry, "request_unstake", LOT)
    chain.warp(chain.now + UNSTAKE_DELAY_S)
    return scene


@pytest.mark.parametrize(("outer", "given"), [("stake", (LOT,)), ("complete_unstake", ())])
@pytest.mark.parametrize(
    ("inner", "args"),
    [
        ("stake", (LOT,)),
        ("request_unstake", (LOT,)),
        ("cancel_unstake", ()),
        ("complete_unstake", ()),
        ("set_signer", (SIGNER,)),
    ],
)
def test_registry__token_calls_it_while_it_moves__is_locked_out(scene, outer, given, inner, args):
    chain, token, registry = scene
    if inner == "request_unstake":  # of which there may be one at a time
        assert scene.calls(registry, "cancel_unstake")
    with chain.isolated():
        assert scene.calls(registry, inner, *args)
    scene.arm(registry, inner, *args)
    before = registry.read("stake_of", token.address), registry.read("unstake_of", token.address)

    registry.send(outer, *given, sender=BROKER)

    assert token.read("calls") == 1
    assert not token.read("succeeded")
    assert registry.read("signer_of", token.address) == bytes(20)
    after = registry.read("stake_of", token.address), registry.read("unstake_of", token.address)
    assert after == before
