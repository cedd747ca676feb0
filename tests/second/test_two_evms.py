"""Whatever is played, the contracts do the same on two EVMs: results, refusals, events, storage.

The machines of tests/invariants play as they do elsewhere; below them each call runs on revm and on
py-evm. How gas compares is in test_gas.py.
"""

import os
from functools import partial

import pytest

from tests.harness.errors import Refused
from tests.harness.governance import FOR, deploy_governance
from tests.harness.oracle import deploy_oracle
from tests.harness.perp import deploy_perp
from tests.harness.perp_liquidity_twin import LiquidityTwin
from tests.harness.perp_resolution_twin import ResolutionTwin, deploy_resolvers
from tests.invariants import arena, channels, oracle_machine
from tests.invariants.oracle_machine import OracleMachine
from tests.invariants.perp_machine import PerpMachine
from tests.invariants.perp_resolution_machine import ResolutionMachine
from tests.invariants.swaps import VAULTS_USD
from tests.second.paired import Disagreement, PairedRevm

IS_DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
SCHEDULES = 6 if IS_DEEP else 1
CHANNEL_STEPS = 300 if IS_DEEP else 60
ORACLE_STORMS = 4 if IS_DEEP else 1
PERP_STEPS = 100 if IS_DEEP else 50
EVERY = 4 if IS_DEEP else 16
"""One read in so many is asked of both."""


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_channels__whatever_is_played__two_evms_agree(seed, monkeypatch, record_testsuite_property):
    monkeypatch.setattr(arena, "Revm", partial(PairedRevm, every=EVERY))
    here = arena.arena.__wrapped__()
    monkeypatch.setattr(channels, "arena", lambda: here)
    before = here.deployment.chain.pair.calls

    played = channels.play(f"second/{seed}", CHANNEL_STEPS)

    assert played.fault is None
    assert played.steps == CHANNEL_STEPS
    assert here.deployment.chain.pair.calls - before > CHANNEL_STEPS // 2
    record_testsuite_property("calls", here.deployment.chain.pair.calls)


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_oracle__whatever_is_played__two_evms_agree(seed, monkeypatch, record_testsuite_property):
    monkeypatch.setattr(oracle_machine, "STORMS", ORACLE_STORMS)
    chain = PairedRevm(every=EVERY)
    machine = OracleMachine(deploy_oracle(chain), f"second/{seed}")

    machine.play()

    assert chain.pair.calls > machine.cases // EVERY > 0
    record_testsuite_property("calls", chain.pair.calls)


def perp_machine(chain, seed):
    """Return the machine of the swaps; a long run also winds markets down and pays claims."""
    rig = deploy_perp(chain, vault_usd=VAULTS_USD[seed % len(VAULTS_USD)])
    if IS_DEEP:
        return ResolutionMachine(ResolutionTwin(rig, deploy_resolvers(rig)), f"second/{seed}")
    return PerpMachine(LiquidityTwin(rig), f"second/{seed}")


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_perp__whatever_is_played__two_evms_agree(seed, record_testsuite_property):
    chain = PairedRevm(every=EVERY)
    machine = perp_machine(chain, seed)
    before = chain.pair.calls

    machine.play(PERP_STEPS)

    assert chain.pair.calls - before > PERP_STEPS
    record_testsuite_property("calls", chain.pair.calls)


def test_governance__a_proposal_to_its_end__two_evms_agree():
    chain = PairedRevm()
    rig = deploy_governance(chain)
    with pytest.raises(Refused):
        rig.end("queue", rig.parameter)

    rig.make_active(rig.parameter)
    rig.vote(rig.parameter, "holder", FOR)
    with pytest.raises(Refused):
        rig.vote(rig.parameter, "holder", FOR)
    rig.vote(rig.parameter, "whale")
    rig.wait(10 * 86_400)
    rig.end("queue", rig.parameter)
    chain.warp(rig.governor.read("proposalEta", rig.id_of(rig.parameter)))
    rig.end("execute", rig.parameter)

    assert rig.target.read("balanceOf", rig.outsider) == 7


def test_pair__one_slot_differs__is_noticed():
    chain = PairedRevm()
    rig = deploy_governance(chain)
    supply = rig.yellow.read("totalSupply")

    state, token = chain.pair.second.state, rig.yellow.address
    slot = next(at for at in range(8) if state.get_storage(token, at) == supply)
    state.set_storage(token, slot, supply + 1)

    with pytest.raises(Disagreement):
        rig.yellow.read("totalSupply")
