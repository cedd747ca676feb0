"""High answers low on the chain alone, or after a refusal: low takes its signature from there."""

import pytest

from clearing.channel import requests
from clearing.clearport.core.agreeing import shown_half
from clearing.clearport.core.events import Consented, Heard, Ticked
from clearing.clearport.core.messages import Answer, Refusal, SettleWish
from clearing.clearport.core.refusals import Code
from clearing.client.session import CoSigned
from clearing.spec.types import LOW_FUNDED, Side
from tests.unit.clearport_core.chain import HOUR
from tests.unit.clearport_core.pair import DEFINITION, Pair, trade


def _kept_from_low(pair: Pair) -> CoSigned:
    """Have high sign a settlement and keep its answer; return what it holds."""
    pair.record_both([trade(1)])
    wanted = pair.want(pair.high, SettleWish(pair.chain.now + HOUR))
    pair.talk()
    pair.happen(pair.low, Consented(wanted))
    while pair.deliver(pair.low):
        pass
    pair.cut()
    pair.chain.pending.clear()
    full = pair.high.line.full
    assert full is not None
    assert pair.low.line.half is not None
    assert pair.low.line.half.version == full.state.version
    return full


def _fund_at_the_last_moment(pair: Pair, full: CoSigned) -> None:
    order = full.require_order()
    pair.chain.blocks.append((pair.chain.world, order.fund_by - 2))
    signed = (DEFINITION, full.state, full.signatures)
    pair.chain.act(Side.HIGH, requests.FundOrder(*signed, order, Side.HIGH))


def _look(pair: Pair) -> None:
    for _ in range(4):
        pair.chain.mine(60)
        pair.happen(pair.low, pair.chain.observed(pair.low.line))
        pair.happen(pair.low, Ticked())


@pytest.mark.parametrize("is_refused", [False, True])
def test_hear_answer__high_funds_what_it_kept_from_low__low_delivers_in_time(
    *, is_refused: bool
) -> None:
    """Without it low would have defaulted, and held no state to end the channel by."""
    pair = Pair().open()
    full = _kept_from_low(pair)
    version = full.state.version
    if is_refused:
        refusal = Refusal(0, version, Code.PRICE_MISMATCH.value, "a lie")
        pair.happen(pair.low, Heard(refusal))
        assert pair.low.line.half is None
    _fund_at_the_last_moment(pair, full)
    _look(pair)
    half = shown_half(pair.low.line, pair.low.phase.link.latest)
    assert half is not None
    assert half.version == version

    pair.happen(pair.low, Heard(Answer(0, version, full.signatures[Side.HIGH])))
    _look(pair)

    assert pair.low.line.full == full
    assert pair.low.line.refused == ()
    channel = pair.chain.channel(pair.low.line.channel_id)
    assert channel.order_flags & LOW_FUNDED
    assert shown_half(pair.low.line, pair.low.phase.link.latest) is None


def test_hear_answer__to_a_refused_version_that_is_not_on_the_chain__is_not_taken() -> None:
    pair = Pair().open()
    full = _kept_from_low(pair)
    version = full.state.version
    pair.happen(pair.low, Heard(Refusal(0, version, Code.PRICE_MISMATCH.value, "a lie")))

    pair.happen(pair.low, Heard(Answer(0, version, full.signatures[Side.HIGH])))

    assert pair.low.version == version - 1
    assert [half.version for half in pair.low.line.refused] == [version]
