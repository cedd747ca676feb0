"""Two cores keep CLP-01 to CLP-09 under crashes, a lossy link and hostile words."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.clearport_schedules import WEIGHTS, Schedule, hear_hostile

EXAMPLES = 60
ACTIONS = st.lists(
    st.tuples(st.sampled_from(WEIGHTS), st.integers(0, 255)), min_size=20, max_size=120
)
HOSTILE = st.lists(
    st.tuples(st.sampled_from((*WEIGHTS, "hostile", "hostile")), st.integers(0, 2**24)),
    min_size=20,
    max_size=120,
)


@settings(max_examples=EXAMPLES)
@given(ACTIONS)
def test_step__any_schedule_of_crashes_and_losses__both_agree_afterwards(
    actions: list[tuple[str, int]],
) -> None:
    schedule = Schedule()

    for name, number in actions:
        schedule.do(name, number)

    schedule.heal()


@settings(max_examples=EXAMPLES)
@given(HOSTILE)
def test_step__hostile_words_among_honest_ones__change_no_money(
    actions: list[tuple[str, int]],
) -> None:
    schedule = Schedule()

    for name, number in actions:
        if name == "hostile":
            hear_hostile(schedule.pair, schedule.pair.nodes[number & 1], number >> 1)
        else:
            schedule.do(name, number & 255)
