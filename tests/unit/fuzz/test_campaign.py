"""Steps are shared out fully and alike for a seed; a fault ends its machine and nothing else."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.invariants.campaign import play, run, share_out, tally
from tests.invariants.machines import MACHINES, Machine, MachineMissing
from tests.unit.fuzz import toy
from tests.unit.fuzz.toy import TOY

OTHER = replace(TOY, name="other", share=3)


def test_share_out__two_machines__each_gets_its_share_in_whole_schedules():
    schedules = share_out([TOY, OTHER], 101, 7)

    steps = Counter()
    for schedule in schedules:
        assert 0 < schedule.steps <= TOY.schedule
        steps[schedule.machine] += schedule.steps
    assert steps == {TOY: 26, OTHER: 76}
    assert len({(schedule.machine, schedule.seed) for schedule in schedules}) == len(schedules)
    assert [s.seed for s in schedules if s.machine is TOY] == ["7/0", "7/1", "7/2"]


def test_share_out__two_machines__no_one_waits_for_the_other():
    names = [schedule.machine.name for schedule in share_out([TOY, OTHER], 400, 7)]

    assert names[:8].count("toy") == 2
    assert names[-8:].count("toy") == 2


def test_share_out__fewer_steps_than_machines__each_still_plays():
    assert [schedule.steps for schedule in share_out([TOY, OTHER], 1, 7)] == [1, 1]


def test_run__several_processes__play_what_one_plays():
    schedules = share_out([TOY], 95, 7)

    alone, together = (tally(run(schedules, jobs))["toy"] for jobs in (1, 2))

    assert alone.steps == together.steps == 95
    assert alone.schedules == together.schedules == 10
    assert alone.seen == together.seen
    assert alone.seen != tally(run(share_out([TOY], 95, 8), 1))["toy"].seen


def test_run__a_fault__ends_its_machine_only(monkeypatch):
    monkeypatch.setattr(toy, "play", toy.at_fault_in("7/2"))
    well = Machine("well", "tests.unit.fuzz.well", schedule=10, share=1, long=1_000)

    tallies = tally(run(share_out([TOY, well], 200, 7), 1))

    assert tallies["toy"].faulty.schedule.seed == "7/2"
    assert tallies["toy"].steps == 29
    assert (tallies["well"].steps, tallies["well"].faulty) == (100, None)


def test_play__the_machine_itself_breaks__is_a_fault_with_its_place(monkeypatch):
    (schedule,) = share_out([TOY], 10, 7)
    assert play(schedule).played.fault is None

    monkeypatch.setattr(toy, "play", lambda _seed, _steps: {}["nothing"])
    fault = play(schedule).played.fault

    assert fault.message.startswith("KeyError: 'nothing'")
    assert "test_campaign.py" in fault.message


def test_load__a_machine_of_the_table_without_its_module__is_missing_not_skipped():
    assert TOY.load() is toy

    with pytest.raises(MachineMissing, match=r"machine toy: No module named 'tests\.nowhere'"):
        replace(TOY, module="tests.nowhere").load()
    with pytest.raises(MachineMissing, match=r"has no play and no unseen"):
        replace(TOY, module="tests.processes").load()


def test_machines__shares__are_of_a_hundred():
    assert sum(machine.share for machine in MACHINES.values()) == 100
    assert all(name == machine.name for name, machine in MACHINES.items())
