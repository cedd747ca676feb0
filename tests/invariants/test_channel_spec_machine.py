"""The channel machine on the specification alone: more steps, the same invariants."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.invariants.arena import arena
from tests.invariants.channels import record
from tests.invariants.drawer import HypothesisDrawer
from tests.invariants.machine import ChannelMachine
from tests.invariants.machines import MACHINES

EPISODES = 100
SCHEDULE = 120


def test_specification__fixed_seeds__breaks_no_invariant():
    steps = MACHINES["channels"].schedule
    for seed in range(EPISODES):
        played, actions = record(f"specification/{seed}", steps, on_chain=False)
        assert played.fault is None
        assert played.steps == len(actions) == steps


@given(st.data())
@settings(max_examples=settings.default.max_examples // 2)
def test_specification__any_schedule__breaks_no_invariant(data):
    machine = ChannelMachine(arena(), None, HypothesisDrawer(data))
    for _ in range(data.draw(st.integers(1, SCHEDULE))):
        machine.step()
