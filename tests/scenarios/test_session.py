"""A session signs nothing that it has not computed itself, and nothing that policy forbids."""

from dataclasses import replace
from pathlib import Path

import pytest

from clearing.channel.signatures import LocalSigner, Signature
from clearing.client import moves
from clearing.client.broker import Broker
from clearing.client.errors import (
    LogError,
    MoveRefusedError,
    ProposalRefusedError,
    StateRefusedError,
)
from clearing.client.session import Session, agree
from clearing.client.signing_log import SigningLog
from clearing.client.terms import Market
from clearing.demo.market import COLLATERAL_RAW, TRADES, market_at, terms_of
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage
from clearing.spec.assets import asset_id
from clearing.spec.risk import FactorTable
from tests.scenarios.conftest import book, call_margin, fund_opening


@pytest.fixture
def market(stage: Stage, pair: Pair) -> Market:
    return pair.observe(market_at(50_000, 3_000, stage.contracts.now()))


def test_answer__proposal_as_computed__is_countersigned_by_both_keys(
    pair: Pair, market: Market
) -> None:
    proposal = pair.low.propose(moves.Book(TRADES, market))
    answer = pair.high.answer(proposal)
    agreed = pair.low.accept(answer)

    assert agreed == answer == pair.low.latest == pair.high.latest
    assert pair.low.position == pair.high.position
    assert pair.low.broker.log.states[-1] == pair.high.broker.log.states[-1] == agreed.state


def test_answer__state_changed_on_the_way__names_the_field_and_signs_nothing(
    pair: Pair, market: Market
) -> None:
    proposal = pair.low.propose(moves.Book(TRADES, market))
    split = proposal.state.splits[0]
    greedy = replace(split, low=split.low + 1, high=split.high - 1)
    forged = replace(proposal, state=replace(proposal.state, splits=(greedy,)))
    before = pair.high.broker.log.states

    with pytest.raises(ProposalRefusedError, match="splits is"):
        pair.high.answer(forged)

    assert pair.high.broker.log.states == before
    assert pair.high.answer(proposal)


def test_answer__signature_of_another_key__is_refused(pair: Pair, market: Market) -> None:
    proposal = pair.low.propose(moves.Book(TRADES, market))
    stranger = LocalSigner(b"\x05" * 32)
    forged = replace(proposal, signature=stranger.sign(bytes(32)))

    with pytest.raises(ProposalRefusedError, match="BadSignature"):
        pair.high.answer(forged)
    assert pair.high.answer(proposal)


def test_answer__other_prices_than_ours__is_refused(
    stage: Stage, pair: Pair, market: Market
) -> None:
    proposal = pair.low.propose(moves.Book(TRADES, market))
    pair.high.observe(market_at(50_001, 3_000, stage.contracts.now()))

    with pytest.raises(MoveRefusedError, match="not those that we observe"):
        pair.high.answer(proposal)
    pair.high.observe(market)
    assert pair.high.answer(proposal)


def test_answer__dated_far_from_now__is_refused(stage: Stage, pair: Pair, market: Market) -> None:
    proposal = pair.low.propose(moves.Book(TRADES, market))
    stage.anvil.travel(301)

    with pytest.raises(ProposalRefusedError, match="is not about"):
        pair.high.answer(proposal)


def test_answer__our_own_proposal__is_refused(pair: Pair, market: Market) -> None:
    proposal = pair.low.propose(moves.Book(TRADES, market))

    with pytest.raises(ProposalRefusedError, match="our own side"):
        pair.low.answer(proposal)


def test_accept__answer_by_another_key__is_refused_and_the_proposal_stays_open(
    pair: Pair, market: Market
) -> None:
    proposal = pair.low.propose(moves.Book(TRADES, market))
    answer = pair.high.answer(proposal)
    low, high = answer.signatures
    flipped = Signature(bytes([high.r[0] ^ 1]) + high.r[1:], high.vs)

    with pytest.raises(ProposalRefusedError, match="not signed by the peer's signer"):
        pair.low.accept(replace(answer, signatures=(low, flipped)))
    assert pair.low.accept(answer)


def test_accept__answer_to_another_state__is_refused(pair: Pair, market: Market) -> None:
    proposal = pair.low.propose(moves.Book(TRADES, market))
    answer = pair.high.answer(proposal)

    with pytest.raises(ProposalRefusedError, match="version is"):
        pair.low.accept(replace(answer, state=replace(answer.state, version=9)))


def test_accept__nothing_proposed__is_refused(pair: Pair) -> None:
    with pytest.raises(ProposalRefusedError, match="nothing was proposed"):
        pair.low.accept(pair.low.latest)


def test_propose__second_while_one_is_unanswered__is_refused(pair: Pair, market: Market) -> None:
    pair.low.propose(moves.Book(TRADES[:1], market))

    with pytest.raises(StateRefusedError, match="unanswered"):
        pair.low.propose(moves.Book(TRADES[1:], market))


def test_propose__after_a_withdrawn_one__uses_a_higher_version(pair: Pair, market: Market) -> None:
    """The withdrawn state is signed: the peer could still countersign and use it."""
    first = pair.low.propose(moves.Book(TRADES[:1], market))
    pair.low.withdraw()

    second = pair.low.propose(moves.Book(TRADES[1:], market))

    assert second.state.version == first.state.version + 1
    assert pair.high.answer(second)


def test_propose__before_the_opening_has_run__is_refused(stage: Stage) -> None:
    fund_opening(stage)
    pair = Pair.of(stage, stage.definition("USDT", nonce=5))
    opening = pair.agree_opening(COLLATERAL_RAW)
    market = pair.observe(market_at(50_000, 3_000, stage.contracts.now()))
    with pytest.raises(StateRefusedError, match="WrongStatus"):
        pair.low.propose(moves.Book(TRADES, market))

    pair.low_hand.open(opening)

    assert pair.agree(moves.Book(TRADES, market))


def test_propose__second_opening_while_the_first_can_run__is_refused(stage: Stage) -> None:
    pair = Pair.of(stage, stage.definition("USDT", nonce=5))
    first = pair.agree_opening(COLLATERAL_RAW)
    with pytest.raises(StateRefusedError, match="another signed OPEN can still run"):
        pair.agree_opening(COLLATERAL_RAW // 2)

    stage.anvil.travel_to(first.state.valid_until)

    assert pair.agree_opening(COLLATERAL_RAW // 2).state.version == 2


def test_propose__above_a_close_that_can_still_run__is_refused(pair: Pair) -> None:
    pair.agree(moves.Close(pair.soon()))

    with pytest.raises(MoveRefusedError, match="nothing follows a CLOSE"):
        pair.low.propose(moves.Close(pair.soon()))


def test_propose__factor_missing__names_it(stage: Stage, pair: Pair, market: Market) -> None:
    blind = replace(market, factors=FactorTable.of({asset_id("BTC"): 1}))
    pair.observe(blind)

    with pytest.raises(MoveRefusedError, match="Book: FactorMissing"):
        pair.low.propose(moves.Book(TRADES, blind))


def test_propose__condition_beyond_policy__is_refused(stage: Stage, pair: Pair) -> None:
    now = stage.contracts.now()
    ref = b"\x01" * 32
    with pytest.raises(StateRefusedError, match="later than policy allows"):
        pair.low.propose(moves.LockHash(ref, now + 7 * 86_400 + 60, (1,)))

    assert pair.agree(moves.LockHash(ref, now + 7 * 86_400 - 60, (1,)))


def test_propose__signing_log_lost__is_refused(stage: Stage, pair: Pair, market: Market) -> None:
    amnesiac = replace(stage.low, log=SigningLog())
    session = Session(amnesiac, stage.contracts, pair.definition, terms_of(stage))
    session.position = pair.low.position
    session.observe(market)

    with pytest.raises(StateRefusedError, match="log of this epoch is lost"):
        session.propose(moves.Book(TRADES, market))


def test_propose__log_cannot_be_written__signs_nothing(
    stage: Stage, pair: Pair, market: Market, tmp_path: Path
) -> None:
    class NoSignature:
        address = stage.low.signer.address

        def sign(self, digest: bytes) -> Signature:
            raise AssertionError("signed before it was logged")

    log = SigningLog(tmp_path / "log.jsonl")
    log.append(pair.low.latest.state)
    careful = Broker("A", stage.low.sender, NoSignature(), log)
    session = Session(careful, stage.contracts, pair.definition, terms_of(stage))
    session.position = pair.low.position
    session.observe(market)
    (tmp_path / "log.jsonl").unlink()
    (tmp_path / "log.jsonl").mkdir()

    with pytest.raises(LogError, match="cannot write"):
        session.propose(moves.Book(TRADES, market))


def test_agree__refused_by_the_peer__leaves_both_where_they_were(
    stage: Stage, pair: Pair, market: Market
) -> None:
    before = pair.low.position
    pair.high.observe(market_at(1, 1, stage.contracts.now()))
    with pytest.raises(MoveRefusedError):
        agree(pair.low, pair.high, moves.Book(TRADES, market))

    pair.high.observe(market)

    assert (pair.low.position, pair.high.position) == (before, before)
    assert agree(pair.low, pair.high, moves.Book(TRADES, market))


def test_settlement__challenged_meanwhile__the_risk_is_still_agreed(
    stage: Stage, pair: Pair
) -> None:
    """The trigger of a settlement is computed alike on both sides."""
    book(stage, pair)
    call_margin(stage, pair)

    assert pair.low.position.variation == pair.high.position.variation == (500 * 10**6,)
