"""What policy does without a person when the collateral no longer covers the risk."""

import pytest

from clearing.clearport.core.events import Heard, Priced
from clearing.clearport.core.messages import CallMarginWish, Refusal, Rejection, SettleWish
from clearing.clearport.core.notices import Kind
from clearing.clearport.core.refusals import Code
from clearing.spec.types import Side, Status
from clearing.spec.units import WAD
from tests.unit.clearport_core.pair import BTC, Node, Pair, market_at, trade, with_policy

FORCING = with_policy(auto_force=True)
CALLED, HIGH_SHARE, EXHAUSTED = 51_000, 53_000, 54_000
"""BTC in USD at which 20 BTC sold at 50,000 want a call, use 82 % and 103 % of the collateral."""


def _owing(policy=FORCING, debtor: Side = Side.HIGH) -> Pair:
    """An open channel: a side owes 20 BTC for 1,000,000 USDC, with 100,000 USD behind it."""
    pair = Pair(policy).open()
    pair.record_both(trade(number, debtor, BTC, WAD) for number in range(1, 21))
    return pair


def _priced(pair: Pair, node: Node, btc_usd: int) -> None:
    """Let one side see a price, and nobody talk."""
    pair.happen(node, Priced(market_at(pair.chain.now, btc_usd)))


def _now(pair: Pair) -> int:
    return pair.chain.now + pair.low.clock_skew


def _be(pair: Pair, now: int) -> None:
    """Let both clocks say so."""
    for node in pair.nodes:
        node.clock_skew = now - pair.chain.now


def _settles(node: Node) -> list[bool]:
    return [each.is_ours for each in node.line.waits if isinstance(each.request.wish, SettleWish)]


# SETTLING


@pytest.mark.parametrize("debtor", list(Side))
def test_take_market__peers_share_is_reached__settlement_is_asked_for_once(debtor: Side) -> None:
    pair = _owing(debtor=debtor)
    debtors, creditors = pair.nodes[debtor], pair.nodes[debtor.other]
    for node in pair.nodes:
        _priced(pair, node, HIGH_SHARE - 200)
    assert _settles(debtors) == _settles(creditors) == []

    for price in (HIGH_SHARE, HIGH_SHARE + 1):
        for node in pair.nodes:
            _priced(pair, node, price)

    assert _settles(creditors) == [True]
    assert _settles(debtors) == []
    pair.talk()
    assert _settles(debtors) == [False]


def test_take_market__settling_by_policy_is_off__operator_is_told_alone() -> None:
    pair = _owing(with_policy(auto_settle=False))

    _priced(pair, pair.low, HIGH_SHARE)

    assert _settles(pair.low) == []
    assert pair.low.notices(Kind.MARGIN_HIGH)


# FORCING


@pytest.mark.parametrize("debtor", list(Side))
def test_take_market__peers_collateral_is_used_up__forces(debtor: Side) -> None:
    pair = _owing(debtor=debtor)
    debtors, creditors = pair.nodes[debtor], pair.nodes[debtor.other]
    pair.cut()
    for node in pair.nodes:
        _priced(pair, node, EXHAUSTED - 200)
        assert not node.line.is_forced

    for node in pair.nodes:
        _priced(pair, node, EXHAUSTED)

    assert creditors.line.is_forced
    assert not debtors.line.is_forced
    assert creditors.notices(Kind.FORCED) == [{"why": "the peer's collateral is used up"}]
    pair.mine()
    assert pair.chain.channel(creditors.line.channel_id).status is Status.CHALLENGED


def test_take_market__forcing_is_off__operator_is_told_alone() -> None:
    pair = _owing(with_policy())
    pair.cut()

    _priced(pair, pair.low, EXHAUSTED)

    assert not pair.low.line.is_forced
    assert pair.low.notices(Kind.MARGIN_EXHAUSTED)


@pytest.mark.parametrize("change", [{"is_recovering": True}, {"alarm": "DIVERGED"}])
def test_take_market__store_may_be_old__never_forces(change: dict[str, object]) -> None:
    pair = _owing()
    pair.cut()
    pair.low.phase = pair.low.phase.with_line(**change)

    _priced(pair, pair.low, EXHAUSTED)

    assert not pair.low.line.is_forced


def _refuse_call(pair: Pair, code: Code) -> None:
    """Low calls, high does not take it, for some reason."""
    _be(pair, max(_now(pair), pair.low.phase.link.retry_at))
    _priced(pair, pair.low, CALLED)
    half = pair.low.line.half
    assert half is not None
    pair.low.outbox.clear()
    pair.happen(pair.low, Heard(Refusal(half.after.live.epoch, half.version, code.value, "")))


@pytest.mark.parametrize(
    ("code", "calls", "lasting_s", "is_forced"),
    [
        (Code.POLICY, 3, 900, True),
        (Code.POLICY, 2, 900, False),
        (Code.POLICY, 3, 898, False),
        (Code.PRICE_MISMATCH, 3, 900, False),
        (Code.STALE_PRICES, 3, 900, False),
    ],
)
def test_take_market__calls_refused__forces_after_three_and_a_quarter_of_an_hour(
    code: Code, calls: int, lasting_s: int, *, is_forced: bool
) -> None:
    pair = _owing()
    begun = _now(pair)
    for _ in range(calls):
        _refuse_call(pair, code)
    assert not pair.low.line.is_forced

    _be(pair, begun + lasting_s)
    _priced(pair, pair.low, CALLED)

    assert pair.low.line.is_forced is is_forced


def test_take_market__call_taken_meanwhile__counts_from_the_start() -> None:
    pair = _owing()
    begun = _now(pair)
    for _ in range(3):
        _refuse_call(pair, Code.POLICY)
    _be(pair, max(_now(pair), pair.low.phase.link.retry_at))

    pair.price(CALLED)
    assert pair.low.notices(Kind.AGREED)[-1]["move"] == "CallMargin"
    _be(pair, begun + 900)
    _priced(pair, pair.low, CALLED + 500)

    assert not pair.low.line.is_forced


def test_take_market__low_rejects_calls_of_high__forces() -> None:
    """High asks low to propose: its no counts as a refusal does."""
    pair = _owing(debtor=Side.LOW)
    begun = _now(pair)
    for number in range(3):
        _priced(pair, pair.high, CALLED + number)
        (call,) = [
            each for each in pair.high.line.waits if isinstance(each.request.wish, CallMarginWish)
        ]
        pair.high.outbox.clear()
        pair.happen(pair.high, Heard(Rejection(call.request.request_id, "POLICY")))
        _be(pair, _now(pair) + 1)
    assert not pair.high.line.is_forced

    _be(pair, begun + 900)
    _priced(pair, pair.high, CALLED)

    assert pair.high.line.is_forced
