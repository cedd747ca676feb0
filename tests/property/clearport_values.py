"""Hypothesis strategies for everything that two daemons say and one of them keeps."""

from __future__ import annotations

from hypothesis import strategies as st

from clearing.channel.risk_hash import DatedPrices
from clearing.channel.signatures import Signature
from clearing.clearport.core import messages
from clearing.clearport.core.channel import Half, Line, Wait
from clearing.client import moves
from clearing.client.position import Position
from clearing.client.session import CoSigned
from clearing.client.terms import Market, Terms, Token
from clearing.spec.assets import AssetId
from clearing.spec.liabilities import Liabilities, Trade
from clearing.spec.risk import FactorTable, PriceSet
from clearing.spec.types import AssetSplit, ChannelDef, ClearingState, Condition, Side
from tests.harness.draw import addresses, legs, orders, signed_integers, unsigned_integers, words

WORDS = words
AMOUNTS = unsigned_integers(128)
TIMES = unsigned_integers(40)
EPOCHS = unsigned_integers(32)
VERSIONS = unsigned_integers(64)
SIDES = st.sampled_from(Side)
NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)
TEXTS = st.text(max_size=256).filter(str.isprintable)
REQUEST_IDS = st.binary(min_size=16, max_size=16)
signatures = st.builds(Signature, words, words)


def tuples(item, most=2):
    return st.lists(item, max_size=most).map(tuple)


pairs = tuples(st.tuples(signed_integers(128), AMOUNTS), most=2)
asset_ids = words.map(AssetId)

definitions = st.builds(
    ChannelDef,
    chain_id=unsigned_integers(64),
    adjudicator=addresses,
    broker_low=addresses,
    broker_high=addresses,
    signer_low=addresses,
    signer_high=addresses,
    assets=tuples(addresses, most=2),
    challenge_duration=unsigned_integers(32),
    nonce=unsigned_integers(64),
)
tokens = st.builds(Token, asset_ids, addresses, st.integers(0, 77))
terms = st.builds(
    lambda collateral, deliverable: Terms(collateral, {t.asset: t for t in deliverable}),
    tuples(tokens, most=2),
    tuples(tokens, most=2),
)
traded = st.builds(
    Trade, SIDES, asset_ids, unsigned_integers(255), asset_ids, unsigned_integers(255)
)
trades = st.builds(messages.ReportedTrade, NAMES, traded)


def tables(kind, numbers):
    return st.dictionaries(asset_ids, numbers, max_size=2).map(kind.of)


markets = st.builds(
    Market,
    st.builds(DatedPrices, tables(PriceSet, unsigned_integers(255).filter(bool)), TIMES, TIMES),
    tables(FactorTable, unsigned_integers(255)),
)
splits = st.builds(
    AssetSplit, signed_integers(128), signed_integers(128), AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS
)
states = st.builds(
    ClearingState,
    channel_id=words,
    epoch=EPOCHS,
    version=VERSIONS,
    intent=unsigned_integers(8),
    splits=tuples(splits, most=2),
    condition=st.builds(Condition, unsigned_integers(8), words, TIMES, tuples(AMOUNTS, most=3)),
    liabilities_root=words,
    risk_hash=words,
    signed_at=TIMES,
    valid_until=TIMES,
)
short_orders = st.builds(
    lambda order, few: type(order)(
        order.channel_id, order.epoch, order.version, order.fund_by, few
    ),
    orders,
    tuples(legs),
)
cosigned = st.builds(CoSigned, states, st.tuples(signatures, signatures), st.none() | short_orders)
positions = st.builds(
    Position,
    words,
    EPOCHS,
    st.none() | states,
    tables(Liabilities, signed_integers(256).filter(bool)),
    tuples(signed_integers(256), most=2),
    st.none() | short_orders,
)

opens = st.builds(moves.Open, pairs, TIMES)
locks = st.builds(moves.LockHash, words, TIMES, tuples(AMOUNTS, most=2))
unlocks = st.builds(moves.Unlock, st.booleans())
top_ups = st.builds(moves.TopUp, pairs)
closes = st.builds(moves.Close, TIMES, st.booleans())
books = st.builds(moves.Book, tuples(traded), markets)
other_moves = st.one_of(
    opens,
    locks,
    unlocks,
    top_ups,
    closes,
    st.builds(moves.CallMargin, markets),
    st.builds(moves.Settle, TIMES, markets),
    st.builds(moves.Conclude, st.booleans(), markets),
    st.builds(moves.Resize, pairs, TIMES, markets),
)
wishes = st.one_of(
    opens,
    locks,
    unlocks,
    top_ups,
    closes,
    st.just(messages.CallMarginWish()),
    st.builds(messages.SettleWish, TIMES),
    st.builds(messages.ResizeWish, pairs, TIMES),
)


@st.composite
def named_moves(draw):
    """Return a move and the names of its trades."""
    move = draw(books | other_moves)
    count = len(move.trades) if isinstance(move, moves.Book) else 0
    return move, tuple(draw(st.lists(NAMES, min_size=count, max_size=count)))


@st.composite
def proposals(draw):
    move, trade_ids = draw(named_moves())
    return messages.Proposal(
        draw(EPOCHS),
        draw(VERSIONS),
        draw(TIMES),
        move,
        trade_ids,
        draw(words),
        draw(signatures),
    )


standings = st.just((0, b"")) | st.tuples(VERSIONS.filter(bool), words)
requests = st.builds(
    messages.Request, REQUEST_IDS, wishes, st.none() | definitions, st.none() | terms
)
spoken = st.one_of(
    proposals(),
    requests,
    st.builds(messages.Consent, REQUEST_IDS),
    st.builds(messages.Rejection, REQUEST_IDS, TEXTS),
    st.builds(messages.Answer, EPOCHS, VERSIONS, signatures),
    st.builds(messages.Refusal, EPOCHS, VERSIONS, NAMES, TEXTS),
    st.builds(messages.TradeReport, tuples(trades)),
    st.builds(
        lambda epoch, signed, full: messages.Reestablish(epoch, *signed, *full),
        EPOCHS,
        standings,
        standings,
    ),
)


@st.composite
def halves(draw):
    move, trade_ids = draw(named_moves())
    some = st.none() | signatures
    return Half(move, trade_ids, draw(positions), draw(words), draw(some), draw(some))


lines = st.builds(
    Line,
    definition=definitions,
    channel_id=words,
    separator=words,
    side=SIDES,
    terms=terms,
    position=positions,
    full=st.none() | cosigned,
    half=st.none() | halves(),
    signed=tuples(states),
    burnt=VERSIONS,
    trades=tuples(trades),
    reported=tuples(trades),
    waits=tuples(st.builds(Wait, requests, st.booleans(), st.booleans())),
    is_initiator=st.booleans(),
    is_closing=st.booleans(),
    is_forced=st.booleans(),
    is_recovering=st.booleans(),
    floor=VERSIONS,
    alarm=TEXTS,
    backing=st.none() | cosigned,
    refused=tuples(halves()),
)
