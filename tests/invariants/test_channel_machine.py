"""The channel machine on the contracts and the specification, from seeds and from Hypothesis.

After each step contract and specification agree to the byte (ENC-02), the vault and the registry
hold what they owe (ADJ-01, REG-04), and nothing is broken that a world or a call can show: ADJ-02,
ADJ-03, ADJ-04, ADJ-05, ADJ-06, ADJ-07, ADJ-08, ADJ-09, ADJ-10, ADJ-11, ADJ-15, ADJ-16, ADJ-18,
ADJ-21, ADJ-22, ADJ-23, SET-01, SET-02, SET-03, SET-04, SET-05, SET-06, REG-01, REG-03.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.invariants.arena import arena
from tests.invariants.campaign import run, share_out, tally
from tests.invariants.chain import Chain
from tests.invariants.channels import unseen
from tests.invariants.drawer import HypothesisDrawer
from tests.invariants.machine import ChannelMachine
from tests.invariants.machines import MACHINES

STEPS = 30_000
SEED = 20
SCHEDULE = 60


def test_machine__fixed_seed__finds_nothing_and_misses_nothing():
    played = tally(run(share_out([MACHINES["channels"]], STEPS, SEED), jobs=1))["channels"]
    assert played.faulty is None
    assert played.steps == STEPS
    assert unseen(played.seen) == []


@given(st.data())
@settings(max_examples=settings.default.max_examples // 2)
def test_machine__any_schedule__finds_nothing(data):
    here = arena()
    with here.deployment.chain.isolated():
        machine = ChannelMachine(here, Chain(here), HypothesisDrawer(data))
        for _ in range(data.draw(st.integers(1, SCHEDULE))):
            machine.step()
        machine.lock.check_everything()
