"""Found by `clearing fuzz`, machine system, schedule 77/12: SYS-03, a broker left with too little.

The machine's own fault. When all leave, it ended one channel after the other, and let time pass for
each: a challenge with an old version, made just before, ran out unanswered in another one. A broker
answers before time passes, so the machine does now.
"""

from tests.invariants.system_machine import play


def test_system__schedule_77_12__finds_nothing():
    fault = play("77/12", 4000).fault
    assert fault is None, fault.message
