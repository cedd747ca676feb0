"""Each move leads to one state; what does not follow is refused."""

from dataclasses import replace

import pytest

from clearing.channel.codec import hash_order
from clearing.channel.liabilities import liabilities_root
from clearing.client import moves
from clearing.client.errors import MoveRefusedError
from clearing.client.position import Position, advance, risk_at
from clearing.client.terms import Terms
from clearing.spec.errors import SpecError
from clearing.spec.liabilities import NO_LIABILITIES, Liabilities, Trade
from clearing.spec.rules import require_valid_state
from clearing.spec.types import (
    ZERO_WORD,
    AssetSplit,
    Condition,
    ConditionKind,
    Intent,
    Leg,
    Side,
)
from clearing.spec.units import WAD
from tests.unit.client.conftest import (
    BTC,
    CALM,
    DAI,
    ETH,
    MOVED,
    SIGNED_AT,
    TRADES,
    UNIT,
    USDC,
    USDT,
    market_at,
)

NOW = 2_000
NEXT = 20


def _valid(position: Position) -> None:
    """Every state that a move leads to is one that the contract would call valid."""
    require_valid_state(position.live, position.channel_id, position.epoch, 2, NOW)


def test_advance__open__pays_each_sides_nets(opened: Position) -> None:
    state = opened.live

    _valid(opened)
    assert (state.intent, state.version, state.epoch, state.valid_until) == (1, 5, 3, 9_000)
    assert state.splits == (
        AssetSplit(10_000 * UNIT, 10_000 * UNIT, 10_000 * UNIT, 10_000 * UNIT),
        AssetSplit(500 * WAD, 0, 500 * WAD, 0),
    )
    assert state.signed_at == SIGNED_AT


def test_advance__open_again_before_it_ran__is_a_new_offer(opened: Position, terms: Terms) -> None:
    again = advance(opened, moves.Open(((1, 1), (0, 0)), 9_500), terms, NEXT, SIGNED_AT)

    assert again.live.version == NEXT
    assert again.live.splits[0].low == 1


def test_advance__open_while_trading__is_refused(owing: Position, terms: Terms) -> None:
    with pytest.raises(MoveRefusedError, match="open already"):
        advance(owing, moves.Open(((1, 1), (0, 0)), 9_500), terms, NEXT, SIGNED_AT)


def test_advance__anything_before_the_opening__is_refused(terms: Terms) -> None:
    with pytest.raises(MoveRefusedError, match="not co-signed yet"):
        advance(Position(b"\x07" * 32, 0), moves.Book(TRADES, CALM), terms, NEXT, SIGNED_AT)


def test_advance__book__nets_the_trades_and_commits_to_them(
    opened: Position, owing: Position
) -> None:
    _valid(owing)
    assert owing.liabilities == Liabilities.of({BTC: -WAD, ETH: 10 * WAD, USDC: 20_000 * WAD})
    assert owing.live.liabilities_root == liabilities_root(owing.liabilities)
    assert owing.live.risk_hash != ZERO_WORD
    assert (owing.live.version, owing.live.intent) == (6, Intent.OPERATE)
    assert owing.live.splits == opened.live.splits


def test_advance__book_beyond_the_bearers_collateral__is_refused(
    opened: Position, terms: Terms
) -> None:
    # 400 ETH at 3,000 with 2.68 % is a risk of 32,160 + 324 USD, low has 10,500.
    fits = Trade(Side.LOW, ETH, 100 * WAD, USDC, 300_000 * WAD)
    exceeds = Trade(Side.LOW, ETH, 400 * WAD, USDC, 1_200_000 * WAD)
    assert advance(opened, moves.Book((fits,), CALM), terms, NEXT, SIGNED_AT)

    with pytest.raises(MoveRefusedError, match="the risk would exceed the collateral"):
        advance(opened, moves.Book((exceeds,), CALM), terms, NEXT, SIGNED_AT)


def test_advance__book_what_cannot_be_delivered__is_refused(opened: Position, terms: Terms) -> None:
    trade = Trade(Side.LOW, DAI, WAD, USDC, WAD)

    with pytest.raises(MoveRefusedError, match="DAI cannot be delivered"):
        advance(opened, moves.Book((trade,), CALM), terms, NEXT, SIGNED_AT)


def test_advance__book_without_a_price__is_refused(opened: Position, terms: Terms) -> None:
    blind = replace(CALM, dated=replace(CALM.dated, prices=type(CALM.prices)()))

    with pytest.raises(SpecError, match="PriceMissing"):
        advance(opened, moves.Book(TRADES, blind), terms, NEXT, SIGNED_AT)


def test_risk_at__worked_example__is_what_the_protocol_says(
    owing: Position, called: Position, terms: Terms
) -> None:
    # 33,884.40 + 20,005.40 - 51,402.75, then 500 less once the margin call has moved it
    assert risk_at(owing, terms, MOVED).risk_wad == 248_705 * WAD // 100
    assert risk_at(called, terms, MOVED).low.required_wad == 198_705 * WAD // 100


def test_advance__margin_call__moves_the_difference_to_who_is_owed_more(
    called: Position, terms: Terms
) -> None:
    _valid(called)
    assert called.variation == (500 * UNIT, 0)
    assert (called.live.splits[0].low, called.live.splits[0].high) == (9_500 * UNIT, 10_500 * UNIT)
    again = advance(called, moves.CallMargin(MOVED), terms, NEXT, SIGNED_AT)
    assert again.live.splits == called.live.splits


def test_advance__margin_call_when_prices_return__moves_it_back(
    called: Position, terms: Terms
) -> None:
    back = advance(called, moves.CallMargin(CALM), terms, NEXT, SIGNED_AT)

    assert back.variation == (0, 0)
    assert back.live.splits[0].low == 10_000 * UNIT


def test_advance__margin_call_beyond_the_first_asset__takes_the_next(
    owing: Position, terms: Terms
) -> None:
    # ETH at 4,020: low owes 60,200 against 50,000: 10,200 USD = 10,000 USDT and 200 DAI.
    far = advance(owing, moves.CallMargin(market_at(50_000, 4_020)), terms, NEXT, SIGNED_AT)

    _valid(far)
    assert far.variation == (10_000 * UNIT, 200 * WAD)
    assert [split.low for split in far.live.splits] == [0, 300 * WAD]


def test_advance__settle__names_an_order_and_what_each_outcome_pays(settling: Position) -> None:
    order = settling.order
    assert order is not None
    low_tokens = {(leg.token[0], leg.from_low, leg.amount) for leg in order.legs}
    assert low_tokens == {(3, False, 10**8), (4, True, 10 * WAD), (5, True, 20_000 * UNIT)}
    assert (order.version, order.fund_by) == (settling.live.version, 8_000)

    _valid(settling)
    condition = settling.live.condition
    assert (condition.kind, condition.ref) == (ConditionKind.ORDER, hash_order(order))
    assert condition.expiry == 8_000
    # delivered: the margin is back; a defaulter pays the whole risk, 2,487.05 USD
    assert condition.alt_low == (
        *(10_000 * UNIT, 500 * WAD),
        *(10_000 * UNIT - 2_487_050_000, 500 * WAD),
        *(10_000 * UNIT + 2_487_050_000, 500 * WAD),
    )
    assert settling.live.splits[0].low == 9_500 * UNIT


def test_advance__settle_risk_beyond_the_first_asset__takes_the_next(
    owing: Position, terms: Terms
) -> None:
    # At ETH 3,800 low owes 38,000 · 1.0268 + 20,005.40 = 59,023.80 against 48,955: 10,068.80 USD.
    far = advance(owing, moves.Settle(8_000, market_at(50_000, 3_800)), terms, NEXT, SIGNED_AT)

    _valid(far)
    delivered, low_out, high_out = (far.live.condition.alt_low[i : i + 2] for i in (0, 2, 4))
    assert delivered == (10_000 * UNIT, 500 * WAD)
    assert low_out == (0, 500 * WAD - 688 * WAD // 10)  # 10,000 USDT and 68.80 DAI
    assert high_out == (20_000 * UNIT, 500 * WAD)  # high has no more than its 10,000 USDT


def test_advance__settle_nothing__is_refused(idle: Position, terms: Terms) -> None:
    with pytest.raises(MoveRefusedError, match="nothing is owed"):
        advance(idle, moves.Settle(8_000, MOVED), terms, NEXT, SIGNED_AT)


def test_advance__settle_a_fraction_that_no_token_holds__is_refused(
    opened: Position, terms: Terms
) -> None:
    dust = Trade(Side.LOW, BTC, 10**9, USDC, WAD)  # a tenth of a satoshi
    position = advance(opened, moves.Book((dust,), CALM), terms, NEXT, SIGNED_AT)

    with pytest.raises(MoveRefusedError, match="more than 8 decimals"):
        advance(position, moves.Settle(8_000, CALM), terms, NEXT + 1, SIGNED_AT)


def test_advance__concluded_as_delivered__nothing_is_owed_and_the_margin_is_back(
    settling: Position, terms: Terms
) -> None:
    after = advance(
        settling, moves.Conclude(is_delivered=True, market=MOVED), terms, NEXT, SIGNED_AT
    )

    _valid(after)
    assert after.liabilities == NO_LIABILITIES
    assert (after.variation, after.order) == ((0, 0), None)
    assert after.live.splits[0].low == 10_000 * UNIT
    assert after.live.liabilities_root == ZERO_WORD


def test_advance__concluded_as_not_delivered__everything_is_as_before(
    settling: Position, called: Position, terms: Terms
) -> None:
    after = advance(
        settling, moves.Conclude(is_delivered=False, market=MOVED), terms, NEXT, SIGNED_AT
    )

    _valid(after)
    assert after.liabilities == called.liabilities
    assert after.variation == called.variation
    assert after.live.splits == called.live.splits
    assert after.order is None


@pytest.mark.parametrize(
    "move",
    [
        moves.Book(TRADES, MOVED),
        moves.CallMargin(MOVED),
        moves.Settle(8_000, MOVED),
        moves.Unlock(is_revealed=False),
        moves.Close(9_000),
    ],
    ids=lambda move: type(move).__name__,
)
def test_advance__while_an_order_is_open__only_its_conclusion_follows(
    settling: Position, terms: Terms, move: moves.Move
) -> None:
    assert advance(
        settling, moves.Conclude(is_delivered=False, market=MOVED), terms, NEXT, SIGNED_AT
    )

    with pytest.raises(MoveRefusedError, match="does not follow"):
        advance(settling, move, terms, NEXT, SIGNED_AT)


def test_advance__conclusion_without_an_order__is_refused(owing: Position, terms: Terms) -> None:
    with pytest.raises(MoveRefusedError, match="does not follow"):
        advance(owing, moves.Conclude(is_delivered=True, market=MOVED), terms, NEXT, SIGNED_AT)


def test_advance__hash_lock__then_unlocked_either_way(idle: Position, terms: Terms) -> None:
    locked = advance(
        idle, moves.LockHash(b"\x09" * 32, 8_000, (4_000 * UNIT, 500 * WAD)), terms, NEXT, SIGNED_AT
    )
    revealed = advance(locked, moves.Unlock(is_revealed=True), terms, NEXT + 1, SIGNED_AT)
    expired = advance(locked, moves.Unlock(is_revealed=False), terms, NEXT + 1, SIGNED_AT)

    for position in (locked, revealed, expired):
        _valid(position)
    assert locked.live.condition.kind == ConditionKind.HASHLOCK
    assert locked.live.splits == idle.live.splits
    assert revealed.live.splits[0].low == 4_000 * UNIT
    assert revealed.live.splits[0].high == 16_000 * UNIT
    assert expired.live.splits == idle.live.splits
    assert revealed.live.condition == Condition()


def test_advance__resize__takes_out_and_lowers_the_nets(idle: Position, terms: Terms) -> None:
    after = advance(
        idle,
        moves.Resize(((2_000 * UNIT, 500 * UNIT), (0, 0)), 9_000, CALM),
        terms,
        NEXT,
        SIGNED_AT,
    )

    _valid(after)
    assert after.live.splits[0] == AssetSplit(
        net_low=8_000 * UNIT,
        net_high=9_500 * UNIT,
        low=8_000 * UNIT,
        high=9_500 * UNIT,
        out_low=2_000 * UNIT,
        out_high=500 * UNIT,
    )
    assert after.live.valid_until == 9_000


def test_advance__resize_by_more_than_a_side_owns__is_refused(idle: Position, terms: Terms) -> None:
    most = moves.Resize(((10_000 * UNIT, 0), (0, 0)), 9_000, CALM)
    assert advance(idle, most, terms, NEXT, SIGNED_AT)

    with pytest.raises(MoveRefusedError, match="asset 0: a side takes out more"):
        advance(
            idle,
            moves.Resize(((10_000 * UNIT + 1, 0), (0, 0)), 9_000, CALM),
            terms,
            NEXT,
            SIGNED_AT,
        )


def test_advance__resize_that_the_risk_forbids__is_refused(called: Position, terms: Terms) -> None:
    # low must cover 1,987.05 USD and has 9,500 USDT and 500 DAI
    fits = moves.Resize(((8_000 * UNIT, 0), (0, 0)), 9_000, MOVED)
    exceeds = moves.Resize(((8_100 * UNIT, 0), (0, 0)), 9_000, MOVED)
    assert advance(called, fits, terms, NEXT, SIGNED_AT)

    with pytest.raises(MoveRefusedError, match="the risk would exceed the collateral"):
        advance(called, exceeds, terms, NEXT, SIGNED_AT)


def test_advance__resize_by_margin_that_was_received__is_refused(
    called: Position, terms: Terms
) -> None:
    # ETH rose on: low alone bears the risk, but 500 of high's 10,500 USDT are low's margin
    far = market_at(52_500, 3_400)
    fits = moves.Resize(((0, 10_000 * UNIT), (0, 0)), 9_000, far)
    exceeds = moves.Resize(((0, 10_000 * UNIT + 1), (0, 0)), 9_000, far)
    assert advance(called, fits, terms, NEXT, SIGNED_AT)

    with pytest.raises(MoveRefusedError, match="margin that it has to give back"):
        advance(called, exceeds, terms, NEXT, SIGNED_AT)


def test_advance__after_a_resize__the_outs_are_gone_from_every_later_state(
    idle: Position, terms: Terms
) -> None:
    resized = advance(
        idle, moves.Resize(((2_000 * UNIT, 0), (0, 0)), 9_000, CALM), terms, NEXT, SIGNED_AT
    )
    after = advance(resized, moves.Book(TRADES, CALM), terms, NEXT + 1, SIGNED_AT)

    _valid(after)
    assert after.live.splits[0] == AssetSplit(
        8_000 * UNIT, 10_000 * UNIT, 8_000 * UNIT, 10_000 * UNIT
    )


def test_advance__margin_call_after_a_resize__carries_no_outs(
    owing: Position, terms: Terms
) -> None:
    out = moves.Resize(((1_000 * UNIT, 0), (0, 0)), 9_000, MOVED)
    resized = advance(owing, out, terms, NEXT, SIGNED_AT)

    after = advance(resized, moves.CallMargin(MOVED), terms, NEXT + 1, SIGNED_AT)

    _valid(after)
    assert after.live.splits[0] == AssetSplit(
        9_000 * UNIT, 10_000 * UNIT, 8_500 * UNIT, 10_500 * UNIT
    )


def test_advance__version_not_above_the_latest__is_refused(idle: Position, terms: Terms) -> None:
    assert advance(idle, moves.Close(9_000), terms, 7, SIGNED_AT).live.version == 7

    with pytest.raises(MoveRefusedError, match="version 6 is not above 6"):
        advance(idle, moves.Close(9_000), terms, 6, SIGNED_AT)


def test_advance__top_up__the_depositor_owns_what_it_put_in(idle: Position, terms: Terms) -> None:
    nets = ((10_000 * UNIT, 13_000 * UNIT), (500 * WAD, WAD))
    after = advance(idle, moves.TopUp(nets), terms, NEXT, SIGNED_AT)

    _valid(after)
    assert after.live.splits[0].high == 13_000 * UNIT
    assert after.live.splits[1].high == WAD
    assert after.live.splits[0].low == 10_000 * UNIT


def test_advance__top_up_below_what_is_counted_on__is_refused(idle: Position, terms: Terms) -> None:
    with pytest.raises(MoveRefusedError, match="less than the state counts on"):
        advance(idle, moves.TopUp(((9_999 * UNIT, 10_000 * UNIT), (500 * WAD, 0))), terms, NEXT, 1)


@pytest.mark.parametrize("is_sent", [True, False])
def test_advance__close__sends_everything_or_nothing(
    idle: Position,
    terms: Terms,
    is_sent: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    after = advance(idle, moves.Close(9_000, is_sent=is_sent), terms, NEXT, SIGNED_AT)

    _valid(after)
    assert after.live.intent == Intent.CLOSE
    assert after.live.splits[0].out_low == (10_000 * UNIT if is_sent else 0)
    assert after.live.risk_hash == ZERO_WORD
    with pytest.raises(MoveRefusedError, match="nothing follows a CLOSE"):
        advance(after, moves.Book(TRADES, CALM), terms, NEXT + 1, SIGNED_AT)


def test_advance__close_while_something_is_owed__is_refused(
    idle: Position, owing: Position, terms: Terms
) -> None:
    assert advance(idle, moves.Close(9_000), terms, NEXT, SIGNED_AT)

    with pytest.raises(MoveRefusedError, match="settle before closing"):
        advance(owing, moves.Close(9_000), terms, NEXT, SIGNED_AT)


def test_legs__of_the_settlement__follow_the_assets(settling: Position, terms: Terms) -> None:
    assert settling.order is not None
    assert settling.order.legs[0] == Leg(terms.token_of(BTC).address, False, 10**8)
    assert terms.price_of(USDT, MOVED.prices) == WAD
