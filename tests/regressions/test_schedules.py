"""Schedules of the channel machine that once failed, shrunk: they come to what they must now.

`clearing fuzz` writes such a file for a fault in the channels, beside the test that plays it.
"""

from pathlib import Path

import pytest

from tests.invariants.arena import arena
from tests.invariants.trace import load, replay

HERE = Path(__file__).parent
ENDS = {
    "challenge_with_open_state_past_deadline": ("challenge", "StaleVersion"),
    "open_with_fee_token_from_both_wallets": ("open", "InexactTransfer"),
    "refund_of_a_version_that_was_revealed": ("refundOrder", "accepted"),
}
"""What the last action of each schedule must come to."""


@pytest.mark.parametrize("name", ENDS)
def test_schedule__played_again__agrees_and_ends_as_it_must(name: str):
    lock = replay(arena(), load(HERE / f"{name}.json"))
    assert lock.last == ENDS[name]


def test_schedules__kept__are_all_played():
    """Those with a test of their own beside them are played by it."""
    kept = [path for path in HERE.glob("*.json") if not path.with_suffix(".py").exists()]
    assert {path.stem for path in kept} == ENDS.keys()
