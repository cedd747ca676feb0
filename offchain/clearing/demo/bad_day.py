"""A bad day: the peer goes silent in the middle of a settlement. What is owed is paid anyway."""

from __future__ import annotations

from collections.abc import Callable

from clearing.chain.errors import CallRefusedError
from clearing.chain.sender import Receipt
from clearing.client import moves
from clearing.client.session import CoSigned
from clearing.demo.facts import Refused
from clearing.demo.legs import provide_legs
from clearing.demo.market import COLLATERAL_RAW, DECIMALS, TRADES, market_at
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage
from clearing.demo.teller import Teller
from clearing.risk.decimal_text import rounded_text
from clearing.spec.types import Outcome, Side

__all__ = ["play_bad_day", "refusal_of"]


def play_bad_day(stage: Stage, teller: Teller) -> None:
    """Play it on a second channel."""
    teller.chapter("8 · The bad day: B goes silent in the middle of a settlement")
    pair = Pair.of(stage, stage.definition("USDT", nonce=2))
    _open(stage, teller, pair)
    old, settling = _trade_and_agree(stage, pair)
    order = settling.require_order()
    teller.say(f"  Both sign version {settling.state.version}: deliver, or pay for not delivering.")

    legs = provide_legs(stage, stage.low, settling, Side.LOW)
    funded = pair.low_hand.fund_order(settling, Side.LOW)
    teller.step("A locks its legs: deposits and fundOrder", *legs, funded)
    teller.say("  B does not fund, and does not answer. B has until fundBy, and a day of grace.")

    _challenge_with_old_state(teller, pair, old, settling)
    grace_s = stage.contracts.params.grace
    stage.anvil.travel_to(order.fund_by + grace_s)
    teller.say("  … fundBy and the day of grace pass.")
    teller.step("A takes its legs back: refundOrder", pair.low_hand.refund_order(order))
    deadline = stage.contracts.channel(pair.low.channel_id, 1).deadline
    stage.anvil.travel_to(max(deadline, stage.contracts.now() + 1))
    final = pair.low_hand.finalize(settling)
    teller.step("finalize, a day after the challenge", final)
    _tell_outcome(stage, teller, final)
    _withdraw(stage, teller)


def refusal_of(act: Callable[[], Receipt]) -> str:
    """Return the contract's reason for refusing; raise AssertionError if it does not refuse."""
    try:
        act()
    except CallRefusedError as refusal:
        return refusal.reason
    raise AssertionError("the attack was not refused")


def _open(stage: Stage, teller: Teller, pair: Pair) -> None:
    usdt = stage.contracts.address_of("USDT")
    receipts: list[Receipt] = []
    for broker in (stage.low, stage.high):
        receipts += stage.treasury(broker).allow_opening(usdt, COLLATERAL_RAW)
    opening = pair.agree_opening(COLLATERAL_RAW)
    teller.step("a second channel opens", *receipts, pair.low_hand.open(opening))


def _trade_and_agree(stage: Stage, pair: Pair) -> tuple[CoSigned, CoSigned]:
    """Book the same trades; return the last state before the margin call, and the settlement."""
    calm = pair.observe(market_at(50_000, 3_000, stage.contracts.now()))
    old = pair.agree(moves.Book(TRADES, calm))
    market = pair.observe(market_at(52_500, 3_300, stage.contracts.now()))
    pair.agree(moves.CallMargin(market))
    return old, pair.agree(moves.Settle(pair.soon(), market))


def _challenge_with_old_state(
    teller: Teller, pair: Pair, old: CoSigned, settling: CoSigned
) -> None:
    """B tries to end the channel by a state from before the settlement; A ends it by the latest."""
    error = refusal_of(lambda: pair.high_hand.challenge(old))
    teller.refused(
        Refused(
            attack=f"B challenges with an old state, version {old.state.version}",
            error=error,
            fixed=f"A's challenge with the latest, version {settling.state.version}",
        )
    )
    teller.step("A challenges with the latest state", pair.low_hand.challenge(settling))


def _tell_outcome(stage: Stage, teller: Teller, final: Receipt) -> None:
    (event,) = stage.contracts.adjudicator.happened(final.logs)
    outcome = Outcome(event.fields["outcome"])
    ((low_raw, high_raw),) = event.fields["credited"]
    teller.say(
        f"  Outcome {outcome.name}: A gets {_usdt(low_raw)} USDT, B {_usdt(high_raw)}. "
        "The defaulter has paid the risk that it left its peer with."
    )


def _withdraw(stage: Stage, teller: Teller) -> None:
    usdt = stage.contracts.address_of("USDT")
    receipts = [
        stage.treasury(broker).withdraw(usdt, stage.contracts.ledger(broker.address, usdt))
        for broker in (stage.low, stage.high)
    ]
    teller.step("each withdraws its USDT from its ledger", *receipts)


def _usdt(raw: int) -> str:
    return rounded_text(raw, DECIMALS["USDT"], 2)
