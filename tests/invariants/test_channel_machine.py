"""The channel machine on the contracts and the specification, from seeds and from Hypothesis.

After each step contract and specification agree to the byte, and no invariant that a world or a
call can show is broken: ADJ-01..11, ADJ-15, ADJ-16, ADJ-21..23, SET-01..06, REG-01..03, ENC-02.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.invariants.arena import arena
from tests.invariants.chain import Chain
from tests.invariants.coverage import unseen
from tests.invariants.drawer import HypothesisDrawer
from tests.invariants.machine import ChannelMachine
from tests.invariants.runner import run

STEPS = 40_000
SEED = 20
SCHEDULE = 60


def test_machine__fixed_seed__finds_nothing_and_misses_nothing():
    report = run(STEPS, SEED)
    assert report.failure is None, report.failure
    assert report.steps == STEPS
    assert unseen(report.seen) == []


@given(st.data())
@settings(max_examples=settings.default.max_examples // 2)
def test_machine__any_schedule__finds_nothing(data):
    here = arena()
    with here.deployment.chain.isolated():
        machine = ChannelMachine(here, Chain(here), HypothesisDrawer(data))
        for _ in range(data.draw(st.integers(1, SCHEDULE))):
            machine.step()
        machine.lock.check_everything()
