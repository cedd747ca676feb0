"""High signs what it computes itself and agrees to, and refuses the rest for good."""

from dataclasses import replace

import pytest

from clearing.channel.signatures import Signature
from clearing.clearport.core.channel import Half
from clearing.clearport.core.events import Connected, Heard, Lost, Priced, Ticked
from clearing.clearport.core.messages import Answer, Message, Proposal, Refusal, SettleWish
from clearing.clearport.core.reckoning import digest_of
from clearing.clearport.core.refusals import Code
from clearing.client import moves
from clearing.client.position import advance
from clearing.spec.types import Side
from clearing.spec.units import WAD
from tests.unit.clearport_core.chain import HOUR
from tests.unit.clearport_core.pair import (
    ETH,
    KEYS,
    TERMS,
    Pair,
    market_at,
    trade,
)


@pytest.fixture
def pair() -> Pair:
    """An open channel; both have recorded T1, and nothing of it is said yet."""
    return Pair().open()


def _proposal(pair: Pair, move: moves.Move, *ids: str, version: int = 0, ahead_s: int = 0):
    """Return what low would propose if it did not check anything, signed by low's key."""
    line = pair.high.line
    version = version or pair.high.version + 1
    signed_at = pair.chain.now + ahead_s
    after = advance(line.position, move, line.terms, version, signed_at)
    digest = digest_of(line, after.live)
    signature = KEYS[Side.LOW].sign(digest)
    return Proposal(0, version, signed_at, move, ids, digest, signature)


def _hear(pair: Pair, message: Message) -> list[Message]:
    """Return what high says to a message."""
    pair.high.outbox.clear()
    pair.happen(pair.high, Heard(message))
    return list(pair.high.outbox)


def _book(pair: Pair, *trades, market=None) -> Proposal:
    market = market or market_at(pair.chain.now)
    move = moves.Book(tuple(each.trade for each in trades), market)
    return _proposal(pair, move, *(each.trade_id for each in trades))


def _code(said: list[Message]) -> str:
    (refusal,) = said
    assert isinstance(refusal, Refusal)
    return refusal.code


def test_hear_proposal__recorded_trade__is_signed(pair: Pair) -> None:
    pair.record(pair.high, trade(1))
    proposal = _book(pair, trade(1))

    (answer,) = _hear(pair, proposal)

    assert answer == Answer(0, proposal.version, KEYS[1].sign(proposal.digest))
    assert pair.high.version == proposal.version
    assert pair.high.disk.booked == {"T1": (0, proposal.version)}


def test_hear_proposal__the_same_again__is_answered_the_same(pair: Pair) -> None:
    pair.record(pair.high, trade(1))
    proposal = _book(pair, trade(1))
    first = _hear(pair, proposal)

    assert _hear(pair, proposal) == first


def test_hear_proposal__trade_we_have_not_recorded__is_refused(pair: Pair) -> None:
    pair.record(pair.high, trade(1))

    said = _hear(pair, _book(pair, trade(2)))

    assert said == [Refusal(0, 2, Code.TRADE_UNKNOWN, "T2")]
    assert pair.high.disk.line.burnt == 2


def test_hear_proposal__refused_version_again__is_refused_the_same(pair: Pair) -> None:
    proposal = _book(pair, trade(2))
    first = _hear(pair, proposal)
    pair.record(pair.high, trade(2))

    assert _hear(pair, proposal) == first
    assert pair.high.version == 1


def test_hear_proposal__refused_version_after_a_crash__stays_refused(pair: Pair) -> None:
    proposal = _book(pair, trade(2))
    _hear(pair, proposal)
    pair.high.restart()
    pair.look()
    pair.happen(pair.high, Connected())
    pair.record(pair.high, trade(2))

    assert _hear(pair, proposal) == [Refusal(0, 2, Code.BURNT, "refused before")]


def test_hear_proposal__other_numbers__is_refused(pair: Pair) -> None:
    pair.record(pair.high, trade(1))
    other = replace(trade(1), trade=replace(trade(1).trade, quote_wad=WAD))

    assert _code(_hear(pair, _book(pair, other))) == Code.TRADE_DIFFERS


def test_hear_proposal__trade_named_twice__is_refused(pair: Pair) -> None:
    pair.record(pair.high, trade(1))

    assert _code(_hear(pair, _book(pair, trade(1), trade(1)))) == Code.MOVE


@pytest.mark.parametrize(("btc_usd", "is_taken"), [(50_250, True), (50_251, False)])
def test_hear_proposal__prices_apart__fit_up_to_the_tolerance(
    pair: Pair, btc_usd: int, *, is_taken: bool
) -> None:
    """50 basis points of our 50,000 are 250."""
    pair.record(pair.high, trade(1))
    pair.happen(pair.high, Priced(market_at(pair.chain.now)))

    said = _hear(pair, _book(pair, trade(1), market=market_at(pair.chain.now, btc_usd)))

    assert isinstance(said[0], Answer) is is_taken
    assert is_taken or _code(said) == Code.PRICE_MISMATCH


@pytest.mark.parametrize(("apart_s", "is_taken"), [(60, True), (61, False)])
def test_hear_proposal__prices_of_another_time__fit_up_to_the_age(
    pair: Pair, apart_s: int, *, is_taken: bool
) -> None:
    pair.record(pair.high, trade(1))
    pair.happen(pair.high, Priced(market_at(pair.chain.now)))

    said = _hear(pair, _book(pair, trade(1), market=market_at(pair.chain.now - apart_s)))

    assert isinstance(said[0], Answer) is is_taken


@pytest.mark.parametrize(("seller", "is_taken"), [(Side.LOW, True), (Side.HIGH, False)])
def test_hear_proposal__our_prices_are_stale__only_lower_risk_is_booked(
    pair: Pair, seller: Side, *, is_taken: bool
) -> None:
    pair.record_both([trade(1, Side.HIGH)])
    pair.record(pair.high, trade(2, seller))
    pair.happen(pair.high, Priced(None))

    said = _hear(pair, _book(pair, trade(2, seller)))

    assert isinstance(said[0], Answer) is is_taken
    assert is_taken or _code(said) == Code.STALE_PRICES


@pytest.mark.parametrize(("ahead_s", "is_taken"), [(300, True), (301, False), (-301, False)])
def test_hear_proposal__dated_otherwise__fits_up_to_the_skew(
    pair: Pair, ahead_s: int, *, is_taken: bool
) -> None:
    pair.record(pair.high, trade(1))
    move = moves.Book((trade(1).trade,), market_at(pair.chain.now))

    said = _hear(pair, _proposal(pair, move, "T1", ahead_s=ahead_s))

    assert isinstance(said[0], Answer) is is_taken
    assert is_taken or _code(said) == Code.CLOCK


def test_hear_proposal__settlement_nobody_agreed_to__is_refused(pair: Pair) -> None:
    pair.record_both([trade(1)])
    move = moves.Settle(pair.chain.now + HOUR, market_at(pair.chain.now))

    assert _code(_hear(pair, _proposal(pair, move))) == Code.NOT_AGREED


def test_hear_proposal__other_state_than_ours__is_refused(pair: Pair) -> None:
    pair.record(pair.high, trade(1))
    proposal = _book(pair, trade(1))
    digest = b"\x07" * 32
    other = replace(proposal, digest=digest, signature=KEYS[0].sign(digest))

    assert _code(_hear(pair, other)) == Code.DIGEST


def test_hear_proposal__more_risk_than_collateral__is_refused(pair: Pair) -> None:
    big = trade(1, base_wad=300 * WAD)
    pair.record(pair.high, big)
    proposal = replace(_book(pair, trade(2)), trade_ids=("T1",))
    proposal = replace(proposal, move=moves.Book((big.trade,), market_at(pair.chain.now)))

    assert _code(_hear(pair, proposal)) == Code.MOVE


def test_hear_proposal__signed_by_another_key__is_a_lie_and_burns_nothing(pair: Pair) -> None:
    pair.record(pair.high, trade(1))
    proposal = _book(pair, trade(1))
    forged = replace(proposal, signature=KEYS[1].sign(proposal.digest))

    assert _hear(pair, forged) == []
    assert pair.high.notices("peer_lied") == [{"what": "proposal.signature"}]
    assert isinstance(_hear(pair, proposal)[0], Answer)


def test_hear_proposal__lies_again__are_told_once_in_a_connection(pair: Pair) -> None:
    forged = replace(_book(pair, trade(1)), signature=Signature(b"\1" * 32, b"\1" * 32))
    for _ in range(3):
        _hear(pair, forged)
    assert len(pair.high.notices("peer_lied")) == 1
    pair.happen(pair.high, Lost())
    pair.happen(pair.high, Connected())

    _hear(pair, forged)

    assert len(pair.high.notices("peer_lied")) == 2


def test_hear_proposal__second_digest_for_a_version__ends_all_signing(pair: Pair) -> None:
    other = trade(2, Side.LOW, ETH, WAD)
    pair.record(pair.high, trade(1), other)
    first, second = _book(pair, trade(1)), _book(pair, other)
    _hear(pair, first)

    assert _hear(pair, second) == []

    assert pair.high.line.alarm == "DIVERGED"
    assert _code(_hear(pair, _book(pair, other))) == Code.ALARMED


def test_hear_proposal__version_far_above__burns_nothing(pair: Pair) -> None:
    pair.record(pair.high, trade(1))
    move = moves.Book((trade(1).trade,), market_at(pair.chain.now))

    assert _hear(pair, _proposal(pair, move, "T1", version=2**64 - 1)) == []

    assert pair.high.line.burnt == 0
    assert isinstance(_hear(pair, _proposal(pair, move, "T1", version=2**33))[0], Answer)


def test_hear_proposal__of_another_epoch__is_not_taken(pair: Pair) -> None:
    pair.record(pair.high, trade(1))
    proposal = _book(pair, trade(1))

    assert _hear(pair, replace(proposal, epoch=1)) == []
    assert pair.high.version == 1


def _repeated_after_restart(pair: Pair) -> list[Message]:
    """Return what a high that knows no chain and no prices yet says to what low repeats."""
    pair.record(pair.high, trade(1))
    proposal = _book(pair, trade(1))
    pair.high.restart()
    pair.happen(pair.high, Connected())
    return _hear(pair, proposal)


def test_hear_proposal__just_started__is_held_until_chain_and_prices_are_seen(pair: Pair) -> None:
    """A crash in the middle of an exchange costs no version."""
    assert _repeated_after_restart(pair) == []

    pair.happen(pair.high, Priced(market_at(pair.chain.now)))
    assert not any(isinstance(said, Answer | Refusal) for said in pair.high.outbox)
    pair.happen(pair.high, pair.chain.observed(pair.high.line))

    assert isinstance(pair.high.outbox[-1], Answer)


def test_hear_proposal__just_started_and_chain_not_seen_for_a_minute__is_refused(
    pair: Pair,
) -> None:
    assert _repeated_after_restart(pair) == []
    pair.happen(pair.high, Priced(market_at(pair.chain.now)))

    pair.chain.mine(60)
    pair.happen(pair.high, Ticked())

    assert _code([pair.high.outbox[-1]]) == Code.NOT_READY


def test_hear_proposal__by_high__is_a_lie(pair: Pair) -> None:
    pair.happen(pair.low, Heard(_book(pair, trade(1))))

    assert pair.low.notices("peer_lied") == [{"what": "proposal"}]


def test_try_held__settlement_at_other_prices__is_signed_once_prices_agree(pair: Pair) -> None:
    """Low's signature of an order could run by itself: a refusal would stop low for hours."""
    pair.record_both([trade(1)])
    until = pair.chain.now + HOUR
    pair.want(pair.high, SettleWish(until))
    pair.happen(pair.high, Priced(market_at(pair.chain.now, 51_000)))
    proposal = _proposal(pair, moves.Settle(until, market_at(pair.chain.now)))

    assert _hear(pair, proposal) == []
    pair.happen(pair.high, Priced(market_at(pair.chain.now)))

    assert isinstance(pair.high.outbox[-1], Answer)


def test_try_held__prices_never_agree__is_refused_after_a_minute(pair: Pair) -> None:
    pair.record_both([trade(1)])
    until = pair.chain.now + HOUR
    pair.want(pair.high, SettleWish(until))
    pair.happen(pair.high, Priced(market_at(pair.chain.now, 51_000)))
    _hear(pair, _proposal(pair, moves.Settle(until, market_at(pair.chain.now))))

    pair.chain.mine(59)
    pair.happen(pair.high, Ticked())
    assert not pair.high.outbox
    pair.chain.mine(1)
    pair.happen(pair.high, Ticked())

    assert _code(list(pair.high.outbox)) == Code.PRICE_MISMATCH


def test_take_signature__after_the_half_is_given_up__changes_nothing(pair: Pair) -> None:
    from clearing.clearport.core.events import Signed  # noqa: PLC0415

    before = pair.high.line

    pair.happen(pair.high, Signed(9, KEYS[1].sign(b"\1" * 32)))

    assert pair.high.line is before
    assert before.half is None or isinstance(before.half, Half)
    assert pair.high.line.terms == TERMS
