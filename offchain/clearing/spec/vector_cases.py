"""List the test vectors: each function accepted, and each refusal with one thing wrong.

`refusal` is the name of the expected error, empty for an accepted call. Beside most refusals stands
the accepted call that differs in one thing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from clearing.spec import registry
from clearing.spec.calls import (
    Call,
    CancelAuth,
    Challenge,
    Checkpoint,
    CloseCooperative,
    Deposit,
    DepositCollateral,
    Finalize,
    FundOrder,
    LiftPause,
    Open,
    PauseOpenings,
    PushTransfer,
    RaiseCap,
    RefundOrder,
    Resize,
    Reveal,
    Settle,
    Withdraw,
    WithdrawWithAuth,
)
from clearing.spec.errors import SpecError
from clearing.spec.rules import HORIZON_S, MAX_LEGS, PAUSE_GAP_S, PAUSE_MAX_S
from clearing.spec.types import (
    MAX_ASSETS,
    ZERO_ADDRESS,
    AssetSplit,
    Condition,
    HashedOrder,
    Intent,
    Leg,
    Side,
    SignedState,
    WithdrawAuth,
)
from clearing.spec.units import DAY_S
from clearing.spec.vault import MAX_CAP
from clearing.spec.vector_stage import (
    ADJUDICATOR,
    BROKER_HIGH,
    BROKER_LOW,
    CHANNEL,
    COIN,
    DOLLAR,
    GUARDIAN,
    LOCKED,
    ORDER,
    OUTSIDER,
    PREIMAGE,
    SETTLING,
    SIGNER_LOW,
    TIMELOCK,
    Stage,
    address,
    at,
    ordered,
    plain,
    stage,
    state,
    with_def,
)
from clearing.spec.world import Env, World, with_registry

__all__ = ["Case", "cases"]

FOREIGN = address(0xEE)
DEADLINE_S = CHANNEL.definition.challenge_duration
FUND_BY_S = DAY_S
GRACE_S = DAY_S
HASHLOCK_S = 5 * DAY_S


@dataclass(frozen=True, slots=True)
class Case:
    """A call in a world, and the error it must meet, if any."""

    before: World
    env: Env
    call: Call
    refusal: str = ""


def cases() -> Iterator[Case]:
    """Yield every vector, in a fixed order."""
    on = stage()
    yield from _vault(on)
    yield from _definitions(on)
    yield from _openings(on)
    yield from _states(on)
    yield from _collateral(on)
    yield from _responses(on)
    yield from _challenges(on)
    yield from _resizes(on)
    yield from _reveals(on)
    yield from _settlements(on)
    yield from _fundings(on)
    yield from _refunds(on)
    yield from _closings(on)
    yield from _forced_ends(on)
    yield from _pauses(on)


def _vault(on: Stage) -> Iterator[Case]:
    new, low = on.new, at(0, BROKER_LOW)
    yield Case(new, low, Deposit(DOLLAR, 5))
    yield Case(new, low, Deposit(DOLLAR, 0), "ZeroAmount")
    yield Case(new, low, Deposit(FOREIGN, 5), "TokenNotListed")
    yield Case(new, low, Deposit(DOLLAR, 5, received=4), "InexactTransfer")
    yield Case(new, low, Deposit(DOLLAR, 5, received=SpecError("TokenFailure")), "TokenFailure")

    yield Case(new, low, Withdraw(DOLLAR, 5, OUTSIDER))
    yield Case(new, low, Withdraw(DOLLAR, 0, OUTSIDER), "ZeroAmount")
    yield Case(new, low, Withdraw(DOLLAR, 5, ZERO_ADDRESS), "BadRecipient")
    yield Case(new, low, Withdraw(DOLLAR, 5, ADJUDICATOR), "BadRecipient")
    yield Case(new, low, Withdraw(DOLLAR, 10**30, OUTSIDER), "InsufficientBalance")
    failure = SpecError("TokenFailure")
    yield Case(new, low, Withdraw(DOLLAR, 5, OUTSIDER, failure), "TokenFailure")

    auth = WithdrawAuth(BROKER_LOW, DOLLAR, OUTSIDER, 5, 7, at(60).now)
    spent, _ = CancelAuth(7).apply(new, low)
    yield Case(new, at(59), WithdrawWithAuth(auth))
    yield Case(new, at(60), WithdrawWithAuth(auth), "AuthExpired")
    yield Case(new, at(59), WithdrawWithAuth(auth, signed=False), "BadAuthSignature")
    yield Case(spent, at(59), WithdrawWithAuth(auth), "AuthAlreadySpent")
    yield Case(new, low, CancelAuth(7))
    yield Case(spent, low, CancelAuth(7), "AuthAlreadySpent")

    timelock = at(0, TIMELOCK)
    yield Case(new, timelock, RaiseCap(FOREIGN, 1))
    yield Case(new, timelock, RaiseCap(DOLLAR, MAX_CAP))
    yield Case(new, low, RaiseCap(FOREIGN, 1), "NotTimelock")
    yield Case(new, timelock, RaiseCap(FOREIGN, 1, has_code=False), "NoCode")
    yield Case(new, timelock, RaiseCap(DOLLAR, new.caps[DOLLAR]), "CapNotRaised")
    yield Case(new, timelock, RaiseCap(DOLLAR, MAX_CAP + 1), "CapTooHigh")
    yield Case(new, low, PushTransfer(), "NotSelf")


def _definitions(on: Stage) -> Iterator[Case]:
    opening = state(1, Intent.OPEN)
    for refusal, identified in (
        ("WrongChain", with_def(chain_id=1)),
        ("WrongAdjudicator", with_def(adjudicator=OUTSIDER)),
        ("BrokersNotAscending", with_def(broker_low=BROKER_HIGH, broker_high=BROKER_LOW)),
        ("BadSigners", with_def(signer_low=ZERO_ADDRESS)),
        ("BadSigners", with_def(signer_high=SIGNER_LOW)),
        ("BadAssetCount", with_def(assets=())),
        ("BadAssetCount", with_def(assets=tuple(address(n) for n in range(1, MAX_ASSETS + 2)))),
        ("AssetsNotAscending", with_def(assets=(DOLLAR, DOLLAR))),
        ("ChallengeDurationOutOfRange", with_def(challenge_duration=DAY_S - 1)),
        ("ChallengeDurationOutOfRange", with_def(challenge_duration=7 * DAY_S + 1)),
    ):
        yield Case(on.new, at(0), Open(identified, opening), refusal)


def _openings(on: Stage) -> Iterator[Case]:
    new, opening = on.new, state(1, Intent.OPEN)
    poor = replace(new, ledgers={(BROKER_LOW, DOLLAR): 1})
    first = opening.state.splits[0]
    yield Case(new, at(0), Open(CHANNEL, opening))
    yield Case(poor, at(0), Open(CHANNEL, opening))
    yield Case(on.closed, at(9), Open(CHANNEL, state(1, Intent.OPEN, epoch=1)))
    yield Case(on.closed, at(9), Open(CHANNEL, opening), "WrongEpoch")
    yield Case(on.open, at(0), Open(CHANNEL, opening), "WrongStatus")
    paused, _ = PauseOpenings(at(60).now).apply(new, at(0, GUARDIAN))
    yield Case(paused, at(60), Open(CHANNEL, opening))
    yield Case(paused, at(59), Open(CHANNEL, opening), "OpeningsArePaused")
    yield Case(new, at(0), Open(CHANNEL, state(1, Intent.OPERATE)), "WrongIntent")
    yield Case(new, at(DAY_S - 1), Open(CHANNEL, opening))
    yield Case(new, at(DAY_S), Open(CHANNEL, opening), "StateExpired")
    traded = replace(first, low=first.low - 1, high=first.high + 1)
    overdrawn = AssetSplit(-1, 1, 0, 0)
    for bad in (traded, overdrawn):
        splits = (bad, opening.state.splits[1])
        yield Case(new, at(0), Open(CHANNEL, state(1, Intent.OPEN, splits=splits)), "BadOpening")
    unlisted = replace(new, caps={COIN: new.caps[COIN]})
    tight = replace(new, caps={**new.caps, DOLLAR: first.net_low - 1})
    exact = replace(new, caps={**new.caps, DOLLAR: first.net_low})
    yield Case(unlisted, at(0), Open(CHANNEL, opening), "TokenNotListed")
    yield Case(exact, at(0), Open(CHANNEL, opening))
    yield Case(tight, at(0), Open(CHANNEL, opening), "CapExceeded")

    renamed, _ = registry.set_signer(new.registry, BROKER_HIGH, OUTSIDER)
    yield Case(with_registry(new, renamed), at(0), Open(CHANNEL, opening), "SignerNotNamed")
    unstaked, _ = registry.request_unstake(new.registry, BROKER_LOW, at(0).now, 1)
    yield Case(with_registry(new, unstaked), at(0), Open(CHANNEL, opening), "NoSlot")
    short = {(BROKER_LOW, DOLLAR): first.net_low - 2}
    yield Case(poor, at(0), Open(CHANNEL, opening, short), "InexactTransfer")
    failed = {(BROKER_HIGH, DOLLAR): SpecError("TokenFailure")}
    yield Case(poor, at(0), Open(CHANNEL, opening, failed), "TokenFailure")


def _states(on: Stage) -> Iterator[Case]:
    """Refuse through `checkpoint`, `resize` and `closeCooperative` what every call refuses."""
    good = state(3, Intent.OPERATE)
    first, second = good.state.splits
    hashlock, order = LOCKED.state.condition, SETTLING.state.condition
    bad_out = replace(first, out_low=1)
    over = replace(first, out_high=first.high + 1)
    yield Case(on.open, at(5), Checkpoint(CHANNEL, good))
    yield Case(on.new, at(5), Checkpoint(CHANNEL, good), "WrongStatus")
    for refusal, bad in (
        ("WrongChannel", state(3, Intent.OPERATE, channel_id=b"\x01" * 32)),
        ("WrongEpoch", state(3, Intent.OPERATE, epoch=1)),
        ("ZeroVersion", state(0, Intent.OPERATE)),
        ("WrongSplitCount", state(3, Intent.OPERATE, splits=(first,))),
        ("WrongIntent", state(3, 0)),
        ("WrongIntent", state(3, 6)),
        ("WrongCondition", state(3, Intent.SETTLE)),
        ("WrongCondition", state(3, Intent.OPERATE, condition=order)),
        ("WrongCondition", state(3, Intent.RESIZE, condition=hashlock)),
        ("WrongCondition", state(3, Intent.OPERATE, condition=replace(hashlock, kind=3))),
        ("UnexpectedValidUntil", state(3, Intent.OPERATE, valid_until=1)),
        ("LiabilitiesOutstanding", state(3, Intent.CLOSE, liabilities_root=b"\x11" * 32)),
        ("MalformedCondition", state(3, Intent.OPERATE, condition=Condition(ref=b"\x01" * 32))),
        ("MalformedCondition", state(3, Intent.OPERATE, condition=Condition(expiry=1))),
        ("MalformedCondition", state(3, Intent.OPERATE, condition=Condition(alt_low=(1, 1)))),
        ("MalformedCondition", _with_alternatives(hashlock.alt_low[:1])),
        ("MalformedCondition", state(3, Intent.SETTLE, condition=replace(order, alt_low=(1, 1)))),
        ("ConditionTooFar", _with_expiry(at(5).now + HORIZON_S + 1)),
        ("NotConserved", state(3, Intent.OPERATE, splits=(first, replace(second, low=1)))),
        ("BadOut", state(3, Intent.OPERATE, splits=(bad_out, second))),
        ("BadOut", state(3, Intent.CLOSE, splits=(over, second))),
        ("BadAlternative", _with_alternatives((1, second.low + second.high + 1))),
        ("BadSignature", replace(good, low_signed=False)),
        ("BadSignature", replace(good, high_signed=False)),
    ):
        yield Case(on.open, at(5), Checkpoint(CHANNEL, bad), refusal)
    latest = _with_expiry(at(5).now + HORIZON_S)
    yield Case(on.open, at(5), Checkpoint(CHANNEL, latest))


def _with_alternatives(alt_low: tuple[int, ...]) -> SignedState:
    condition = replace(LOCKED.state.condition, alt_low=alt_low)
    return state(3, Intent.OPERATE, condition=condition)


def _with_expiry(expiry: int) -> SignedState:
    return state(3, Intent.OPERATE, condition=replace(LOCKED.state.condition, expiry=expiry))


def _collateral(on: Stage) -> Iterator[Case]:
    low, more = at(5, BROKER_LOW), DepositCollateral(CHANNEL, DOLLAR, 9)
    in_time, late = at(DEADLINE_S - 1, BROKER_HIGH), at(DEADLINE_S, BROKER_HIGH)
    yield Case(on.open, low, more)
    yield Case(on.open, at(5, BROKER_HIGH), DepositCollateral(CHANNEL, COIN, 9))
    yield Case(on.challenged, in_time, more)
    yield Case(on.closed, low, more, "WrongStatus")
    yield Case(on.challenged, late, more, "DeadlinePassed")
    yield Case(on.open, at(5, SIGNER_LOW), more, "NotBroker")
    yield Case(on.open, low, DepositCollateral(CHANNEL, FOREIGN, 9), "UnknownAsset")
    yield Case(on.open, low, DepositCollateral(CHANNEL, DOLLAR, 0), "ZeroAmount")
    cap = on.open.caps[DOLLAR]
    yield Case(on.open, low, DepositCollateral(CHANNEL, DOLLAR, cap), "CapExceeded")
    have = on.open.ledgers[BROKER_LOW, DOLLAR]
    yield Case(on.open, low, DepositCollateral(CHANNEL, DOLLAR, have))
    much = DepositCollateral(CHANNEL, DOLLAR, have + 1)
    yield Case(on.open, low, much, "InsufficientBalance")


def _responses(on: Stage) -> Iterator[Case]:
    newer, resize = state(3, Intent.OPERATE), state(3, Intent.RESIZE)
    unmet = replace(newer.state.splits[0], net_low=newer.state.splits[0].net_low + 1)
    unmet = replace(unmet, low=unmet.low + 1)
    splits = (unmet, newer.state.splits[1])
    beyond = state(3, Intent.OPERATE, splits=splits)
    yield Case(on.challenged, at(DEADLINE_S - 1), Checkpoint(CHANNEL, newer))
    yield Case(on.challenged, at(DEADLINE_S), Checkpoint(CHANNEL, newer), "DeadlinePassed")
    yield Case(on.open, at(5), Checkpoint(CHANNEL, SETTLING))
    yield Case(on.open, at(5), Checkpoint(CHANNEL, state(3, Intent.CLOSE)), "WrongIntent")
    yield Case(on.open, at(5), Checkpoint(CHANNEL, state(3, Intent.OPEN)), "WrongIntent")
    yield Case(on.open, at(DAY_S), Checkpoint(CHANNEL, resize))
    yield Case(on.open, at(DAY_S - 1), Checkpoint(CHANNEL, resize), "StateNotExpired")
    same = state(2, Intent.OPERATE)
    yield Case(on.open, at(5), Checkpoint(CHANNEL, same), "StaleVersion")
    yield Case(on.open, at(5), Checkpoint(CHANNEL, beyond), "Unenforceable")


def _challenges(on: Stage) -> Iterator[Case]:
    party, same = at(5, BROKER_HIGH), state(2, Intent.OPERATE)
    fresh, _ = Open(CHANNEL, state(1, Intent.OPEN)).apply(on.new, at(0))
    yield Case(on.open, party, Challenge(CHANNEL, same))
    yield Case(on.open, at(5, SIGNER_LOW), Challenge(CHANNEL, state(3, Intent.OPERATE)))
    yield Case(on.open, at(5), Challenge(CHANNEL, same), "NotParty")
    yield Case(on.open, at(5), Challenge(CHANNEL, same, intent_signed=True))
    yield Case(on.open, at(5), Challenge(CHANNEL, same, intent_signed=False), "NotParty")
    yield Case(on.open, party, Challenge(CHANNEL, state(3, Intent.CLOSE)), "WrongIntent")
    yield Case(on.open, party, Challenge(CHANNEL, state(3, Intent.RESIZE)))
    yield Case(fresh, party, Challenge(CHANNEL, state(1, Intent.OPEN)))
    yield Case(fresh, party, Challenge(CHANNEL, state(2, Intent.OPEN)), "StaleVersion")
    yield Case(on.open, party, Challenge(CHANNEL, state(1, Intent.OPERATE)), "StaleVersion")
    in_time, late = at(DEADLINE_S - 1, BROKER_HIGH), at(DEADLINE_S, BROKER_HIGH)
    yield Case(on.challenged, in_time, Challenge(CHANNEL, state(3, Intent.OPERATE)))
    yield Case(on.challenged, in_time, Challenge(CHANNEL, same), "StaleVersion")
    higher = Challenge(CHANNEL, state(3, Intent.OPERATE))
    yield Case(on.challenged, late, higher, "DeadlinePassed")


def _resizing(version: int, *, taken: int, known: int) -> SignedState:
    """Take `taken` out for the low side, counting on `known` of what it has in the first asset."""
    first, second = state(version, Intent.OPERATE).state.splits
    smaller = AssetSplit(
        first.net_low - known,
        first.net_high,
        first.low - known,
        first.high,
        out_low=taken,
    )
    return state(version, Intent.RESIZE, splits=(smaller, second))


def _resizes(on: Stage) -> Iterator[Case]:
    good = _resizing(3, taken=100, known=100)
    yield Case(on.open, at(5), Resize(CHANNEL, good))
    yield Case(on.challenged, at(5), Resize(CHANNEL, good))
    yield Case(on.open, at(5), Resize(CHANNEL, state(3, Intent.OPERATE)), "WrongIntent")
    yield Case(on.open, at(DAY_S - 1), Resize(CHANNEL, good))
    yield Case(on.open, at(DAY_S), Resize(CHANNEL, good), "StateExpired")
    lasting = state(3, Intent.RESIZE, valid_until=at(9 * DAY_S).now)
    yield Case(on.challenged, at(DEADLINE_S - 1), Resize(CHANNEL, lasting))
    yield Case(on.challenged, at(DEADLINE_S), Resize(CHANNEL, lasting), "DeadlinePassed")
    stale = _resizing(2, taken=100, known=100)
    yield Case(on.open, at(5), Resize(CHANNEL, stale), "StaleVersion")
    above = _resizing(5, taken=100, known=100)
    yield Case(on.low_funded, at(5), Resize(CHANNEL, above), "LockOutstanding")
    yield Case(on.settled, at(5), Resize(CHANNEL, above))
    greedy = _resizing(3, taken=101, known=100)
    yield Case(on.open, at(5), Resize(CHANNEL, greedy), "Unenforceable")


def _reveals(on: Stage) -> Iterator[Case]:
    reveal = Reveal(CHANNEL, LOCKED, PREIMAGE)
    revealed, _ = reveal.apply(on.open, at(5))
    held, _ = Challenge(CHANNEL, LOCKED).apply(on.open, at(5, BROKER_LOW))
    yield Case(on.open, at(HASHLOCK_S - 1), reveal)
    yield Case(on.open, at(HASHLOCK_S), reveal, "RevealTooLate")
    yield Case(on.challenged, at(DEADLINE_S - 1), reveal)
    yield Case(on.challenged, at(DEADLINE_S), reveal, "WrongDigest")
    yield Case(held, at(5 + DEADLINE_S), reveal)
    unlocked = Reveal(CHANNEL, state(3, Intent.OPERATE), PREIMAGE)
    yield Case(on.open, at(5), unlocked, "WrongCondition")
    newer, _ = Checkpoint(CHANNEL, state(4, Intent.OPERATE)).apply(on.open, at(5))
    yield Case(newer, at(6), reveal, "StaleVersion")
    split = replace(LOCKED.state.splits[0], net_low=LOCKED.state.splits[0].net_low + 1)
    split = replace(split, low=split.low + 1)
    beyond = state(
        3,
        Intent.OPERATE,
        condition=LOCKED.state.condition,
        splits=(split, LOCKED.state.splits[1]),
    )
    yield Case(on.open, at(5), Reveal(CHANNEL, beyond, PREIMAGE), "Unenforceable")
    above = state(5, Intent.OPERATE, condition=LOCKED.state.condition)
    yield Case(on.low_funded, at(5), Reveal(CHANNEL, above, PREIMAGE), "LockOutstanding")
    yield Case(on.settled, at(5), Reveal(CHANNEL, above, PREIMAGE))
    yield Case(revealed, at(6), reveal, "AlreadyRevealed")
    yield Case(on.open, at(5), Reveal(CHANNEL, LOCKED, bytes(32)), "WrongPreimage")


def _settlements(on: Stage) -> Iterator[Case]:
    settle = Settle(CHANNEL, SETTLING, ORDER)
    yield Case(on.open, at(FUND_BY_S - 1), settle)
    yield Case(on.open, at(FUND_BY_S), settle, "FundingClosed")
    yield Case(on.low_funded, at(5), settle)
    yield Case(on.challenged, at(5), settle)
    yield Case(on.settled, at(5), settle, "OrderFinished")
    plain_state = Settle(CHANNEL, state(4, Intent.OPERATE), ORDER)
    yield Case(on.open, at(5), plain_state, "WrongIntent")
    newer, _ = Checkpoint(CHANNEL, state(5, Intent.OPERATE)).apply(on.open, at(5))
    yield Case(newer, at(6), settle, "StaleVersion")
    long = _with_order(fund_by=at(4 * DAY_S).now)
    yield Case(on.challenged, at(DEADLINE_S - 1), Settle(CHANNEL, *long))
    yield Case(on.challenged, at(DEADLINE_S), Settle(CHANNEL, *long), "WrongDigest")

    other = ordered(replace(ORDER.order, legs=ORDER.order.legs[:1]))
    yield Case(on.open, at(5), Settle(CHANNEL, SETTLING, other), "WrongOrder")
    for refusal, changes in (
        ("OrderNotOfState", {"channel_id": b"\x01" * 32}),
        ("OrderNotOfState", {"epoch": 1}),
        ("OrderNotOfState", {"version": 9}),
        ("BadLegCount", {"legs": ()}),
        ("BadLegCount", {"legs": ORDER.order.legs[:1] * (MAX_LEGS + 1)}),
        ("ZeroLeg", {"legs": (ORDER.order.legs[0], Leg(DOLLAR, from_low=False, amount=0))}),
    ):
        yield Case(on.open, at(5), Settle(CHANNEL, *_with_order(**changes)), refusal)
    moved = replace(SETTLING.state.condition, expiry=at(60).now)
    shifted = state(4, Intent.SETTLE, condition=moved)
    yield Case(on.open, at(5), Settle(CHANNEL, shifted, ORDER), "OrderNotOfState")

    above = _with_order(version=5)
    yield Case(on.low_funded, at(5), Settle(CHANNEL, *above), "LockOutstanding")
    yield Case(on.settled, at(5), Settle(CHANNEL, *above))
    for broker in (BROKER_LOW, BROKER_HIGH):
        renamed, _ = registry.set_signer(on.open.registry, broker, OUTSIDER)
        yield Case(with_registry(on.open, renamed), at(5), settle, "SignerNotNamed")
    empty = {key: held for key, held in on.open.ledgers.items() if key != (BROKER_HIGH, DOLLAR)}
    yield Case(replace(on.open, ledgers=empty), at(5), settle, "InsufficientBalance")
    split = SETTLING.state.splits[0]
    beyond = replace(split, net_high=split.net_high + 1, high=split.high + 1)
    unmet = state(
        4,
        Intent.SETTLE,
        condition=SETTLING.state.condition,
        splits=(beyond, SETTLING.state.splits[1]),
    )
    yield Case(on.open, at(5), Settle(CHANNEL, unmet, ORDER), "Unenforceable")


def _with_order(**changes: object) -> tuple[SignedState, HashedOrder]:
    """Sign a SETTLE state that names the order, changed; the state keeps its own fields."""
    order = ordered(replace(ORDER.order, **changes))  # type: ignore[arg-type]
    condition = replace(SETTLING.state.condition, ref=order.order_hash, expiry=order.order.fund_by)
    version = 5 if changes == {"version": 5} else 4
    return state(version, Intent.SETTLE, condition=condition), order


def _fundings(on: Stage) -> Iterator[Case]:
    low, high = BROKER_LOW, BROKER_HIGH
    fund_low = FundOrder(CHANNEL, SETTLING, ORDER, Side.LOW)
    fund_high = FundOrder(CHANNEL, SETTLING, ORDER, Side.HIGH)
    yield Case(on.open, at(FUND_BY_S - 1, low), fund_low)
    yield Case(on.open, at(FUND_BY_S, low), fund_low, "FundingClosed")
    yield Case(on.low_funded, at(FUND_BY_S + GRACE_S - 1, high), fund_high)
    yield Case(on.low_funded, at(FUND_BY_S + GRACE_S, high), fund_high, "FundingClosed")
    yield Case(on.low_funded, at(5, low), fund_low, "AlreadyFunded")
    yield Case(on.open, at(5, SIGNER_LOW), fund_low)
    yield Case(on.open, at(5, high), fund_low, "NotThatSide")
    renamed, _ = registry.set_signer(on.open.registry, low, OUTSIDER)
    rotated = with_registry(on.open, renamed)
    yield Case(rotated, at(5, low), fund_low)
    yield Case(rotated, at(5, SIGNER_LOW), fund_low, "NotThatSide")
    yield Case(rotated, at(5, OUTSIDER), fund_low, "NotThatSide")
    empty = {key: held for key, held in on.open.ledgers.items() if key != (low, COIN)}
    yield Case(replace(on.open, ledgers=empty), at(5, low), fund_low, "InsufficientBalance")
    alone = _with_order(legs=ORDER.order.legs[:1])
    yield Case(on.open, at(5, low), FundOrder(CHANNEL, *alone, Side.LOW))
    yield Case(on.open, at(5, high), FundOrder(CHANNEL, *alone, Side.HIGH))
    yield Case(on.settled, at(5, low), fund_low, "OrderFinished")


def _refunds(on: Stage) -> Iterator[Case]:
    refund = RefundOrder(CHANNEL, ORDER)
    newer, _ = Checkpoint(CHANNEL, state(5, Intent.OPERATE)).apply(on.low_funded, at(5))
    other = ordered(replace(ORDER.order, legs=ORDER.order.legs[:1]))
    yield Case(on.low_funded, at(FUND_BY_S + GRACE_S), refund)
    yield Case(on.low_funded, at(FUND_BY_S + GRACE_S - 1), refund, "RefundTooEarly")
    yield Case(newer, at(6), refund)
    yield Case(on.new, at(6), refund, "WrongStatus")
    yield Case(on.open, at(6), refund, "NoLock")
    yield Case(on.settled, at(6), refund, "NoLock")
    yield Case(newer, at(6), RefundOrder(CHANNEL, other), "WrongOrder")


def _closings(on: Stage) -> Iterator[Case]:
    close = state(5, Intent.CLOSE)
    first, second = close.state.splits
    sent = (
        replace(first, out_low=first.low, out_high=1),
        replace(second, out_high=second.high),
    )
    sending = state(5, Intent.CLOSE, splits=sent)
    yield Case(on.open, at(5), CloseCooperative(CHANNEL, close))
    yield Case(on.challenged, at(5), CloseCooperative(CHANNEL, close))
    yield Case(on.open, at(5), CloseCooperative(CHANNEL, sending))
    refused = frozenset({(BROKER_LOW, DOLLAR), (BROKER_HIGH, COIN)})
    yield Case(on.open, at(5), CloseCooperative(CHANNEL, sending, refused))
    topped, _ = DepositCollateral(CHANNEL, COIN, 77).apply(on.open, at(4, BROKER_HIGH))
    yield Case(topped, at(5), CloseCooperative(CHANNEL, close))
    yield Case(on.open, at(5), CloseCooperative(CHANNEL, state(5, Intent.OPERATE)), "WrongIntent")
    yield Case(on.open, at(DAY_S - 1), CloseCooperative(CHANNEL, close))
    yield Case(on.open, at(DAY_S), CloseCooperative(CHANNEL, close), "StateExpired")
    stale = CloseCooperative(CHANNEL, state(2, Intent.CLOSE))
    yield Case(on.open, at(5), stale, "StaleVersion")
    yield Case(on.low_funded, at(5), CloseCooperative(CHANNEL, close), "LockOutstanding")
    beyond = replace(first, net_low=first.net_low + 1, low=first.low + 1)
    unmet = state(5, Intent.CLOSE, splits=(beyond, second))
    yield Case(on.open, at(5), CloseCooperative(CHANNEL, unmet), "Unenforceable")
    yield Case(on.closed, at(5), CloseCooperative(CHANNEL, close), "WrongStatus")


def _forced_ends(on: Stage) -> Iterator[Case]:
    end = Finalize(CHANNEL, plain(state(2, Intent.OPERATE)))
    yield Case(on.challenged, at(DEADLINE_S), end)
    yield Case(on.challenged, at(DEADLINE_S - 1), end, "DeadlineNotReached")
    yield Case(on.open, at(DEADLINE_S), end, "WrongStatus")
    other = Finalize(CHANNEL, plain(state(3, Intent.OPERATE)))
    yield Case(on.challenged, at(DEADLINE_S), other, "WrongDigest")

    dispute = at(5, BROKER_LOW)
    held, _ = Challenge(CHANNEL, LOCKED).apply(on.open, dispute)
    revealed, _ = Reveal(CHANNEL, LOCKED, PREIMAGE).apply(held, at(6))
    by_hash = Finalize(CHANNEL, plain(LOCKED))
    yield Case(revealed, at(5 + DEADLINE_S), by_hash)
    yield Case(held, at(HASHLOCK_S), by_hash)
    yield Case(held, at(HASHLOCK_S - 1), by_hash, "ConditionOpen")

    by_order, decided = Finalize(CHANNEL, plain(SETTLING)), FUND_BY_S + GRACE_S
    challenge = Challenge(CHANNEL, SETTLING)
    unfunded, _ = challenge.apply(on.open, dispute)
    delivered, _ = challenge.apply(on.settled, dispute)
    locked, _ = challenge.apply(on.low_funded, dispute)
    refunded, _ = RefundOrder(CHANNEL, ORDER).apply(locked, at(decided))
    high, _ = FundOrder(CHANNEL, SETTLING, ORDER, Side.HIGH).apply(on.open, at(5, BROKER_HIGH))
    high, _ = challenge.apply(high, dispute)
    high, _ = RefundOrder(CHANNEL, ORDER).apply(high, at(decided))
    late = at(5 + max(DEADLINE_S, decided))
    yield Case(delivered, at(5 + DEADLINE_S), by_order)
    yield Case(unfunded, late, by_order)
    yield Case(refunded, late, by_order)
    yield Case(high, late, by_order)
    yield Case(locked, late, by_order, "LockOutstanding")
    long, order = _with_order(fund_by=at(4 * DAY_S).now)
    waiting, _ = Challenge(CHANNEL, long).apply(on.open, dispute)
    by_long = Finalize(CHANNEL, plain(long))
    yield Case(waiting, at(4 * DAY_S + GRACE_S), by_long)
    yield Case(waiting, at(4 * DAY_S + GRACE_S - 1), by_long, "ConditionOpen")
    settled_late, _ = Settle(CHANNEL, long, order).apply(waiting, at(5 + DEADLINE_S))
    yield Case(settled_late, at(6 + DEADLINE_S), by_long)


def _pauses(on: Stage) -> Iterator[Case]:
    guardian, timelock = at(0, GUARDIAN), at(60, TIMELOCK)
    pause = PauseOpenings(at(DAY_S).now)
    paused, _ = pause.apply(on.new, guardian)
    lifted, _ = LiftPause().apply(paused, timelock)
    again = DAY_S + PAUSE_GAP_S
    yield Case(on.new, guardian, pause)
    yield Case(on.new, guardian, PauseOpenings(at(2 * PAUSE_MAX_S).now))
    yield Case(on.new, at(0), pause, "NotGuardian")
    yield Case(on.new, at(DAY_S, GUARDIAN), pause, "PauseInPast")
    yield Case(on.new, at(DAY_S - 1, GUARDIAN), pause)
    yield Case(paused, at(again, GUARDIAN), PauseOpenings(at(again + 60).now))
    yield Case(paused, at(again - 1, GUARDIAN), PauseOpenings(at(again + 60).now), "PauseTooSoon")
    yield Case(paused, timelock, LiftPause())
    yield Case(on.new, timelock, LiftPause())
    yield Case(paused, guardian, LiftPause(), "NotTimelock")
    yield Case(lifted, at(60), Open(CHANNEL, state(1, Intent.OPEN)))
