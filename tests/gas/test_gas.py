"""Gas of real transactions: as committed, within its bars, and every number explained."""

import json
import os
import re
from pathlib import Path

import pytest

from tests.gas.meters import METERS, measure_all
from tests.gas.rig import run_rig

ROOT = Path(__file__).resolve().parents[2]
SNAPSHOT = ROOT / "snapshots/gas.json"
BARS = json.loads(Path(__file__).with_name("bars.json").read_text("utf-8"))
PAGE = ROOT / "docs/protocol/gas.md"
ROW = re.compile(r"^\| `([a-z]+\.[A-Za-z0-9.]+)` \| (.+) \|$", re.MULTILINE)
IS_WRITING = os.environ.get("SNAPSHOT") == "write"


@pytest.fixture(scope="module")
def measured():
    """Every number, fresh; with SNAPSHOT=write they become the committed ones."""
    with run_rig() as rig:
        results = measure_all(rig)
    if IS_WRITING:
        SNAPSHOT.parent.mkdir(exist_ok=True)
        SNAPSHOT.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n", "utf-8")
    return results


@pytest.fixture(scope="module")
def committed(measured):
    """The numbers of snapshots/gas.json."""
    return json.loads(SNAPSHOT.read_text("utf-8"))


@pytest.mark.parametrize("key", sorted(METERS))
def test_gas__each_key__is_as_committed(measured, committed, key):
    assert measured[key] == committed.get(key), (
        f"{key}: {measured[key]} now, {committed.get(key)} committed; "
        "if meant, `make snapshot` and commit"
    )


@pytest.mark.parametrize("key", sorted(BARS))
def test_gas__each_bar__holds(measured, key):
    assert measured[key] <= BARS[key], f"{key}: {measured[key]} of at most {BARS[key]}"


def test_gas__measured_again__is_the_same():
    """Nothing of a number comes from the clock, the order of tests, or chance."""
    some = ("channel.lifecycle.disputed", "channel.settle.legs2", "htlc.claim")
    results = []
    for keys in (some, some[::-1]):
        with run_rig() as rig:
            for key in keys:
                with rig.scene() as scene:
                    results.append((key, METERS[key].measure(scene)))

    assert sorted(results[: len(some)]) == sorted(results[len(some) :])


def test_gas__each_key__says_its_state_on_the_page():
    """docs/protocol/gas.md has a row for each key, in the words of the code."""
    rows = dict(ROW.findall(PAGE.read_text("utf-8")))

    assert rows == {key: meter.given for key, meter in METERS.items()}


def test_gas__committed_keys__are_the_measured_ones(committed):
    assert sorted(committed) == sorted(METERS)
