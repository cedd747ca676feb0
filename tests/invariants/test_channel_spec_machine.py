"""The channel machine on the specification alone: more steps, the same invariants."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.invariants.arena import arena
from tests.invariants.drawer import HypothesisDrawer
from tests.invariants.machine import ChannelMachine
from tests.invariants.runner import EPISODE, Report, play

EPISODES = 100
SCHEDULE = 120


def test_specification__fixed_seeds__breaks_no_invariant():
    report = Report()
    for seed in range(EPISODES):
        play(arena(), f"specification/{seed}", EPISODE, report, on_chain=False)
        assert report.failure is None, report.failure
    assert report.steps == EPISODES * EPISODE


@given(st.data())
@settings(max_examples=settings.default.max_examples // 2)
def test_specification__any_schedule__breaks_no_invariant(data):
    machine = ChannelMachine(arena(), None, HypothesisDrawer(data))
    for _ in range(data.draw(st.integers(1, SCHEDULE))):
        machine.step()
