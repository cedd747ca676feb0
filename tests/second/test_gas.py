"""Gas, events and the whole state are the same on two EVMs: anvil (revm) and py-evm.

Every number of snapshots/gas.json is measured again on py-evm, transaction by transaction, from the
first block on. By default a part of them; with the nightly profile all.
"""

import dataclasses
import json
import os
from pathlib import Path

import pytest

from tests.gas.meters import METERS
from tests.gas.rig import run_rig
from tests.second.pyevm import PyEvm
from tests.second.replay import Disagreement, doubled_scene, replay_of

COMMITTED = json.loads(
    (Path(__file__).resolve().parents[2] / "snapshots/gas.json").read_text("utf-8")
)
FEW = (
    "channel.checkpoint",
    "channel.deposit.first",
    "channel.lifecycle.cooperative.first",
    "channel.lifecycle.disputed",
    "channel.settle.legs2",
    "gov.execute",
    "htlc.claim",
    "oracle.poke.first",
    "registry.stake.first",
)
"""Deposit, open, checkpoint, challenge, finalize, close, settle, vote, execute."""
IS_DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"


@pytest.fixture(scope="module")
def rig():
    with run_rig() as rig:
        yield rig


@pytest.fixture(scope="module")
def replay(rig):
    """The rig's chain on py-evm, each receipt of its deployment compared, and the state."""
    return replay_of(rig)


@pytest.mark.parametrize("key", sorted(METERS) if IS_DEEP else FEW)
def test_gas__measured_on_py_evm__is_as_committed(rig, replay, key, record_testsuite_property):
    before = replay.ran
    with doubled_scene(rig, replay) as scene:
        measured = METERS[key].measure(scene)

    assert measured == COMMITTED[key]
    record_testsuite_property("receipts", replay.ran - before)


def test_replay__the_deployment__has_the_same_receipts_and_state(replay, record_testsuite_property):
    """The fixture compares them; here they are counted."""
    assert replay.deployed > 100
    record_testsuite_property("receipts", replay.deployed)


def test_replay__one_slot_differs__is_noticed(rig, replay):
    with doubled_scene(rig, replay) as scene:
        METERS["channel.deposit.first"].measure(scene)
        replay.require_same_state()
        slot = 2**255
        state, vault = replay.evm.state, rig.adjudicator.address

        state.set_storage(vault, slot, 1)
        with pytest.raises(Disagreement):
            replay.require_same_state()
        state.set_storage(vault, slot, 0)


def test_replay__one_unit_of_gas_differs__is_noticed(rig, replay, monkeypatch):
    honest = PyEvm.transact

    def dearer(self, raw):
        outcome = honest(self, raw)
        return dataclasses.replace(outcome, gas_used=outcome.gas_used + 1)

    with doubled_scene(rig, replay) as scene:
        METERS["channel.deposit.first"].measure(scene)
        monkeypatch.setattr(PyEvm, "transact", dearer)
        with pytest.raises(Disagreement, match="on anvil"):
            METERS["channel.deposit.first"].measure(scene)
        monkeypatch.setattr(PyEvm, "transact", honest)
