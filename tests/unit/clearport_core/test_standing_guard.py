"""A channel that can neither sign nor speak still does on the chain what is due."""

from clearing.channel import requests
from clearing.clearport.core.effects import Submit
from clearing.clearport.core.events import Priced
from clearing.clearport.core.step import stand_guard
from clearing.spec.types import Side
from tests.unit.clearport_core.pair import DEFINITION, Pair, market_at, trade


def test_stand_guard__a_stale_challenge__is_answered_and_the_line_stays() -> None:
    pair = Pair().open()
    opening = pair.low.line.full
    pair.record_both([trade(1)])
    latest = pair.low.line.full
    assert opening is not None
    assert latest is not None
    challenge = requests.Challenge(DEFINITION, opening.state, opening.signatures)
    pair.chain.act(Side.HIGH, challenge)
    pair.record(pair.low, trade(2))
    before = pair.low.phase

    seen = pair.chain.observed(before.line)
    after, effects = stand_guard(before, seen, now=pair.chain.now)
    again, none = stand_guard(after, seen, now=pair.chain.now)

    [submit] = effects
    assert isinstance(submit, Submit)
    assert submit.request == requests.Checkpoint(DEFINITION, latest.state, latest.signatures)
    assert after.line is before.line
    assert none == ()
    assert again.line is before.line


def test_stand_guard__nothing_is_due__does_nothing() -> None:
    pair = Pair().open()
    before = pair.low.phase

    seen = pair.chain.observed(before.line)
    after, effects = stand_guard(before, seen, now=pair.chain.now)

    assert effects == ()
    assert after.line is before.line
    priced, _ = stand_guard(before, Priced(market_at(pair.chain.now)), now=pair.chain.now)
    assert priced == before
