"""Found by `clearing fuzz`, machine governance, schedule 20261129/1987: GOV-07, never queued.

The witness's own fault. A vote had given the timelock's proposer role away, its holder scheduled
the operation of a proposal that had passed, and the governor executed it unqueued. Who is given
the timelock can do more than that; GOV-07 speaks of proposals while nobody is.
"""

from tests.invariants.governance_machine import play


def test_governance__schedule_1987__finds_nothing():
    fault = play("20261129/1987", 300).fault
    assert fault is None, fault.message
