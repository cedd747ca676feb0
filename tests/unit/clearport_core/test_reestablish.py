"""After every connect both find out where they stand, and one repeats what the other missed."""

from dataclasses import replace

import pytest

from clearing.clearport.core.events import Connected, Heard, Lost
from clearing.clearport.core.messages import (
    Answer,
    Proposal,
    Reestablish,
    Refusal,
    Request,
    SettleWish,
    TradeReport,
)
from clearing.clearport.core.reestablish import standing
from clearing.clearport.core.refusals import Code
from clearing.client import moves
from clearing.spec.types import Side
from tests.unit.clearport_core.chain import HOUR
from tests.unit.clearport_core.pair import KEYS, Node, Pair, trade


@pytest.fixture
def pair() -> Pair:
    """An open channel with one booked trade at version 2."""
    pair = Pair().open()
    pair.record_both([trade(1)])
    return pair


def _half_done(pair: Pair) -> Pair:
    """Let low propose T2 as version 3; the proposal is lost with the stream."""
    pair.record(pair.high, trade(2))
    while pair.deliver(pair.high):
        pass
    pair.record(pair.low, trade(2))
    half = pair.low.line.half
    assert half is not None
    assert half.ours is not None
    pair.cut()
    return pair


def _killed_at(pair: Pair, node: Node, boundary: int) -> Pair:
    """Have a node die while T2 is booked, then bring it back."""
    node.kill_in = boundary
    pair.record_both([trade(2)])
    node.kill_in = None
    pair.cut()
    if not node.is_up:
        node.restart()
    for each in pair.nodes:
        if trade(2) not in each.line.trades and "T2" not in each.disk.booked:
            pair.record(each, trade(2))
    pair.look()
    pair.price()
    pair.link()
    pair.talk()
    return pair


def test_connect__in_step__says_where_we_stand(pair: Pair) -> None:
    pair.cut()
    pair.happen(pair.low, Connected())

    said = pair.low.outbox[0]

    assert said == standing(pair.high.line)
    assert isinstance(said, Reestablish)
    assert (said.epoch, said.last_signed, said.last_full) == (0, 2, 2)


def test_hear_reestablish__proposal_was_lost__is_repeated_as_it_was(pair: Pair) -> None:
    pair = _half_done(pair)
    half = pair.low.line.half
    assert half is not None

    pair.link()
    pair.talk()

    again = [each for side, each in pair.said if isinstance(each, Proposal)][-1]
    assert (again.digest, again.signature) == (half.digest, half.ours)
    pair.require_agreed()
    assert pair.low.disk.booked["T2"] == (0, 3)


def test_hear_reestablish__answer_was_lost__is_repeated_as_it_was(pair: Pair) -> None:
    pair.record(pair.high, trade(2))
    while pair.deliver(pair.high):
        pass
    pair.record(pair.low, trade(2))
    while pair.deliver(pair.low):
        pass
    assert (pair.low.version, pair.high.version) == (2, 3)
    answer = pair.high.outbox[-1]
    pair.cut()

    pair.link()
    pair.deliver(pair.high)
    pair.deliver(pair.low)

    assert answer in pair.high.outbox
    pair.talk()
    pair.require_agreed()


def test_hear_reestablish__refusal_was_lost__is_repeated(pair: Pair) -> None:
    pair = _half_done(pair)
    half = pair.low.line.half
    assert half is not None
    pair.high.phase = replace(pair.high.phase, line=replace(pair.high.line, burnt=half.version))
    pair.high.disk.line = pair.high.line

    pair.link()
    pair.talk()

    refusal = next(each for _, each in reversed(pair.said) if isinstance(each, Refusal))
    assert (refusal.version, refusal.code) == (half.version, Code.BURNT)
    assert pair.low.line.burnt == half.version


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("boundary", range(14))
def test_step__killed_at_any_boundary_of_a_booking__both_agree_after_reconnect(
    side: Side, boundary: int
) -> None:
    pair = Pair().open()

    pair = _killed_at(pair, pair.nodes[side], boundary)

    pair.require_agreed()
    assert set(pair.low.disk.booked) == set(pair.high.disk.booked) == {"T2"}


def test_hear_reestablish__other_digest_of_a_version__ends_all_signing(pair: Pair) -> None:
    lie = replace(standing(pair.high.line), last_full_digest=b"\x09" * 32)

    pair.happen(pair.low, Heard(lie))
    pair.record_both([trade(2)])

    assert pair.low.line.alarm == "DIVERGED"
    assert pair.low.notices("diverged") == [{"version": "2"}]
    assert "T2" not in pair.low.disk.booked


def test_hear_reestablish__peer_has_lost_states__is_told(pair: Pair) -> None:
    old = Reestablish(0, 1, b"", 1, b"")

    pair.happen(pair.low, Heard(replace(standing(pair.high.line), last_signed=0, last_full=0)))

    assert pair.low.notices("peer_behind") == [{"version": "0", "ours": "2"}]
    assert old.last_full < pair.low.version


def test_hear_reestablish__peer_has_just_begun__is_told_where_we_stand() -> None:
    pair = Pair()
    pair.look()
    pair.happen(pair.low, Connected())
    pair.low.outbox.clear()
    pair.is_linked = True
    new = Reestablish(0, 0, b"", 0, b"")

    pair.happen(pair.low, Heard(new))
    pair.happen(pair.low, Heard(new))

    assert list(pair.low.outbox).count(standing(pair.low.line)) == 1


def test_connect__requests_wait__are_repeated_until_answered(pair: Pair) -> None:
    wanted = pair.want(pair.high, SettleWish(pair.chain.now + HOUR))
    pair.cut()

    pair.link()
    pair.talk()

    assert [each.request.request_id for each in pair.low.line.waits] == [wanted]
    pair.cut()
    pair.link()
    assert any(isinstance(each, Request) for each in pair.high.outbox)
    assert len(pair.low.notices("request")) == 1


def test_report_all__low_waits_for_an_answer__comes_after_it(pair: Pair) -> None:
    """What high has booked already would be reported by low as if it were not."""
    pair.record(pair.high, trade(2))
    while pair.deliver(pair.high):
        pass
    pair.record(pair.low, trade(2))
    while pair.deliver(pair.low):
        pass
    pair.cut()

    pair.link()
    pair.talk()

    assert pair.high.line.reported == ()
    reports = [each for side, each in pair.said if isinstance(each, TradeReport)]
    assert reports


def test_lose__with_a_proposal_out__keeps_it(pair: Pair) -> None:
    pair = _half_done(pair)
    half = pair.low.line.half

    pair.happen(pair.low, Lost())

    assert pair.low.line.half is half


def test_resume__half_without_a_signature__is_signed_by_the_same_digest() -> None:
    pair = Pair().open()
    pair.record(pair.high, trade(1))
    while pair.deliver(pair.high):
        pass
    pair.low.kill_in = 1  # durable and reserved, not signed
    pair.record(pair.low, trade(1))
    assert not pair.low.is_up
    half = pair.low.disk.line.half
    assert half is not None
    assert half.ours is None
    assert not pair.low.signed.get((0, half.version))

    pair.low.restart()
    pair.look()

    assert pair.low.signed[0, half.version] == half.digest
    pair.link()
    pair.talk()
    pair.require_agreed()


def test_resume__half_that_is_not_to_be_signed_any_more__is_burnt() -> None:
    pair = Pair().open()
    pair.record(pair.high, trade(1))
    while pair.deliver(pair.high):
        pass
    pair.low.kill_in = 1
    pair.record(pair.low, trade(1))
    half = pair.low.disk.line.half
    assert half is not None
    pair.force(pair.high)
    pair.chain.mine()

    pair.low.restart()
    pair.look()

    assert pair.low.line.half is None
    assert pair.low.line.burnt == half.version
    assert (0, half.version) not in pair.low.signed


def test_hear_answer__with_a_wrong_signature__is_a_lie(pair: Pair) -> None:
    pair = _half_done(pair)
    half = pair.low.line.half
    assert half is not None
    pair.happen(pair.low, Connected())
    forged = Answer(0, half.version, KEYS[0].sign(half.digest))
    right = Answer(0, half.version, KEYS[1].sign(half.digest))

    pair.happen(pair.low, Heard(forged))
    assert pair.low.notices("peer_lied") == [{"what": "answer.signature"}]
    assert pair.low.line.half is half
    pair.happen(pair.low, Heard(right))

    assert pair.low.version == half.version


def test_hear_refusal__of_a_version_on_the_chain__is_a_lie(pair: Pair) -> None:
    pair = _half_done(pair)
    half = pair.low.line.half
    assert half is not None
    observed = pair.chain.observed(pair.low.line)
    enforced = replace(observed.latest, enforced_version=half.version)
    pair.happen(pair.low, replace(observed, latest=enforced))
    pair.happen(pair.low, Connected())

    pair.happen(pair.low, Heard(Refusal(0, half.version, Code.POLICY, "")))

    assert pair.low.line.half is half
    assert moves.Book is type(half.move)
