"""setKind: what is listed as less than an upgrade, and what never can be."""

from functools import partial

import pytest

from clearing.channel.keccak import keccak256
from clearing.spec.governance import Kind
from tests.harness.govern import assert_only_fails_for, refusal_of, told
from tests.harness.governance import Proposed

BURN = b"\x42\x96\x6c\x68"
FORWARDERS = (
    "relay(address,uint256,bytes)",
    "multicall(bytes[])",
    "multicall(uint256,bytes[])",
    "multicall(bytes32,bytes[])",
)


def selector_of(signature):
    return keccak256(signature.encode())[:4]


def setting(rig, target, selector, kind):
    """Everything but the execution of a proposal that lists a function; return that."""
    proposed = Proposed((rig.action(rig.types, "setKind", target, selector, kind),))
    rig.chain.warp(rig.make_queued(proposed))
    return partial(rig.end, "execute", proposed)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.NONE])
def test_set_kind__by_proposal__lists_the_function(rig, kind):
    assert rig.types.read("kindOf", rig.target.address, BURN) == Kind.UPGRADE

    setting(rig, rig.target.address, BURN, kind)()

    assert rig.types.read("kindOf", rig.target.address, BURN) == kind


def test_set_kind__by_proposal__emits_old_and_new(rig):
    setting(rig, rig.target.address, BURN, Kind.PARAMETER)()
    rig.wait(1)

    receipt = setting(rig, rig.target.address, BURN, Kind.UPGRADE)()

    changed = (rig.target.address, BURN, Kind.PARAMETER, Kind.UPGRADE)
    assert told(receipt)[0] == ("KindChanged", changed)


@pytest.mark.parametrize("who", ["outsider", "guardian", "deployer"])
def test_set_kind__without_a_proposal__is_refused(rig, who):
    """[GOV-10]."""
    caller = getattr(rig, who)

    refusal = refusal_of(
        partial(rig.types.send, "setKind", rig.target.address, BURN, Kind.PARAMETER, sender=caller)
    )

    assert refusal == ("NotTimelock", (caller,)), "GOV-10"
    assert rig.types.read("kindOf", rig.target.address, BURN) == Kind.UPGRADE
    setting(rig, rig.target.address, BURN, Kind.PARAMETER)()


@pytest.mark.parametrize("kind", [Kind.PARAMETER, Kind.UPGRADE])
@pytest.mark.parametrize("which", ["governor", "timelock", "types"])
def test_set_kind__of_governance_itself__is_refused(rig, which, kind):
    """[GOV-05] UPGRADE for ever."""
    target = getattr(rig, which).address

    assert_only_fails_for(
        rig,
        lambda target: setting(rig, target, BURN, kind),
        broken=target,
        fixed=rig.target.address,
        error=("AlwaysUpgrade", (target, BURN)),
    )
    assert rig.types.read("kindOf", target, BURN) == Kind.UPGRADE, "GOV-05"


@pytest.mark.parametrize("signature", FORWARDERS)
def test_set_kind__of_what_passes_calls_on__is_refused(rig, signature):
    """[GOV-05]."""
    selector = selector_of(signature)

    assert_only_fails_for(
        rig,
        lambda selector: setting(rig, rig.target.address, selector, Kind.PARAMETER),
        broken=selector,
        fixed=BURN,
        error=("AlwaysUpgrade", (rig.target.address, selector)),
    )


def test_set_kind__none__is_refused(rig):
    assert_only_fails_for(
        rig,
        lambda kind: setting(rig, rig.target.address, BURN, kind),
        broken=Kind.NONE,
        fixed=Kind.PARAMETER,
        error=("NoKind", ()),
    )
