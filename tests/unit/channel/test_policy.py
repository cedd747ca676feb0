"""Each rule forbids its case, and the same state is signable with the one thing fixed."""

from dataclasses import replace

import pytest

from clearing.channel.policy import (
    CHECKS,
    ChainView,
    Limits,
    Memory,
    PolicyRefusedError,
    Rule,
    approvals,
    refusals,
    require_signable,
)
from clearing.spec.types import (
    EXECUTED,
    LOW_FUNDED,
    REFUNDED,
    AssetSplit,
    ChannelDef,
    ClearingState,
    Condition,
    ConditionKind,
    Intent,
    Side,
    Status,
)
from clearing.spec.units import Address
from clearing.spec.world import Channel

NOW = 1_000_000
GRACE_S = 86_400
LIMITS = Limits(condition_s=7 * 86_400, grace_s=GRACE_S)
SPLIT = AssetSplit(net_low=100, net_high=50, low=90, high=60)
OPEN = ClearingState(
    bytes(32), 0, 1, Intent.OPEN, (AssetSplit(100, 50, 100, 50),), valid_until=NOW - 10
)
TRADE = ClearingState(bytes(32), 0, 2, Intent.OPERATE, (SPLIT,))
NEXT = replace(TRADE, version=3, splits=(replace(SPLIT, low=80, high=70),))
LIVE = Channel(Status.OPEN, 0, enforced_version=1, nets=((100, 50),) * 8)
VIEW = ChainView(LIVE, NOW, is_challenged=False)
MEMORY = Memory((OPEN, TRADE))


def rules(
    state: ClearingState = NEXT, memory: Memory = MEMORY, view: ChainView = VIEW
) -> set[Rule]:
    return {refusal.rule for refusal in refusals(state, memory, view, LIMITS)}


def test_refusals__ordinary_trade__none() -> None:
    assert rules() == set()
    require_signable(NEXT, MEMORY, VIEW, LIMITS)


def test_require_signable__rule_broken__says_which_and_what_helps() -> None:
    lost = replace(MEMORY, is_complete=False)

    with pytest.raises(PolicyRefusedError, match="challenge or close") as refused:
        require_signable(NEXT, lost, VIEW, LIMITS)
    assert [refusal.rule for refusal in refused.value.refusals] == [Rule.LOG_LOST]


def test_checks__every_rule__has_one() -> None:
    assert list(CHECKS) == list(Rule)


def test_log_lost__close__is_the_way_out() -> None:
    lost = replace(MEMORY, is_complete=False)
    close = replace(NEXT, intent=Intent.CLOSE, valid_until=NOW + 10)

    assert rules(NEXT, lost) == {Rule.LOG_LOST}
    assert rules(close, lost) == set()


def test_unanswered__own_proposal_out__forbids_another() -> None:
    waiting = replace(MEMORY, signed=(OPEN, TRADE), unanswered=TRADE)

    assert rules(NEXT, waiting) == {Rule.UNANSWERED}
    assert rules(NEXT, replace(waiting, unanswered=None)) == set()
    assert rules(TRADE, waiting) == set(), "the same state again says nothing new"


@pytest.mark.parametrize("version", [1, 2])
def test_version_used__not_above_what_is_signed__is_forbidden(version: int) -> None:
    assert rules(replace(NEXT, version=version)) == {Rule.VERSION_USED}
    assert rules(replace(NEXT, version=3)) == set()


def test_version_used__later_open__must_be_above_every_earlier_one() -> None:
    idle = replace(VIEW, channel=Channel())
    again = replace(OPEN, valid_until=NOW + 10)

    assert rules(again, Memory((OPEN,)), idle) == {Rule.VERSION_USED}
    assert rules(replace(again, version=2), Memory((OPEN,)), idle) == set()


def test_close_pending__until_expired_with_finality__forbids_everything() -> None:
    close = replace(TRADE, version=3, intent=Intent.CLOSE, valid_until=NOW + 1)
    memory = Memory((OPEN, TRADE, close))
    after = replace(NEXT, version=4)

    assert rules(after, memory) == {Rule.CLOSE_PENDING}
    assert rules(after, memory, replace(VIEW, now=NOW + 1)) == set()


def test_open_pending__two_openings_overlap__is_forbidden() -> None:
    idle = ChainView(Channel(), NOW, is_challenged=False)
    first = replace(OPEN, valid_until=NOW + 1)
    second = replace(OPEN, version=2, valid_until=NOW + 50)

    assert rules(second, Memory((first,)), idle) == {Rule.OPEN_PENDING}
    assert rules(second, Memory((first,)), replace(idle, now=NOW + 1)) == set()


@pytest.mark.parametrize(
    "channel",
    [
        Channel(),
        replace(LIVE, status=Status.IDLE),
        replace(LIVE, epoch=1),
        replace(LIVE, enforced_version=0),
    ],
    ids=["new", "idle", "another epoch", "an earlier opening"],
)
def test_not_opened__opening_not_final__forbids_trading(channel: Channel) -> None:
    assert rules(NEXT, view=replace(VIEW, channel=channel)) == {Rule.NOT_OPENED}
    assert rules(NEXT, view=VIEW) == set()


def test_challenged__other_split_or_condition__is_forbidden() -> None:
    challenged = replace(VIEW, is_challenged=True)
    same = replace(TRADE, version=3)
    condition = Condition(ConditionKind.HASHLOCK, bytes(32), NOW + 5, (1,))
    close = replace(NEXT, intent=Intent.CLOSE, valid_until=NOW + 10)

    assert rules(NEXT, view=challenged) == {Rule.CHALLENGED}
    assert rules(replace(same, condition=condition), view=challenged) == {Rule.CHALLENGED}
    assert rules(replace(same, intent=Intent.RESIZE), view=challenged) == {Rule.CHALLENGED}
    assert rules(same, view=challenged) == set()
    assert rules(close, view=challenged) == set()
    assert rules(NEXT, view=VIEW) == set()


def order_state() -> ClearingState:
    condition = Condition(ConditionKind.ORDER, bytes(32), NOW + 5, (1, 2, 3))
    return replace(TRADE, version=3, intent=Intent.SETTLE, condition=condition)


@pytest.mark.parametrize("flags", [0, LOW_FUNDED, LOW_FUNDED | REFUNDED])
def test_order_pending__not_executed__waits_for_the_grace(flags: int) -> None:
    memory = Memory((OPEN, TRADE, order_state()))
    after = replace(NEXT, version=4)
    stored = replace(LIVE, order_version=3, order_flags=flags)
    until = NOW + 5 + GRACE_S

    assert rules(after, memory, replace(VIEW, channel=stored, now=until - 1)) == {
        Rule.ORDER_PENDING
    }
    assert rules(after, memory, replace(VIEW, channel=stored, now=until)) == set()


def test_order_pending__executed_with_finality__is_over() -> None:
    memory = Memory((OPEN, TRADE, order_state()))
    after = replace(NEXT, version=4)
    executed = replace(LIVE, order_version=3, order_flags=EXECUTED)
    of_another = replace(executed, order_version=2)

    assert rules(after, memory, replace(VIEW, channel=executed)) == set()
    assert rules(after, memory, replace(VIEW, channel=of_another)) == {Rule.ORDER_PENDING}


def test_condition_too_far__beyond_policy__is_forbidden() -> None:
    latest = NOW + LIMITS.condition_s
    condition = Condition(ConditionKind.HASHLOCK, bytes(32), latest, (1,))

    assert rules(replace(NEXT, condition=condition)) == set()
    assert rules(replace(NEXT, condition=replace(condition, expiry=latest + 1))) == {
        Rule.CONDITION_TOO_FAR
    }


def test_nets_not_final__top_up_before_finality__is_forbidden() -> None:
    topped = replace(NEXT, splits=(AssetSplit(101, 50, 81, 70),))
    deposited = replace(LIVE, nets=((101, 50),) * 8)

    assert rules(topped) == {Rule.NETS_NOT_FINAL}
    assert rules(topped, view=replace(VIEW, channel=deposited)) == set()


def test_nets_not_final__resize_can_still_run__its_outs_are_gone() -> None:
    resize = ClearingState(
        bytes(32),
        0,
        3,
        Intent.RESIZE,
        (AssetSplit(90, 50, 80, 60, out_low=10),),
        valid_until=NOW + 9,
    )
    memory = Memory((OPEN, TRADE, resize))
    whole = replace(TRADE, version=4)
    lowered = replace(TRADE, version=4, splits=(AssetSplit(90, 50, 80, 60),))
    run = replace(LIVE, enforced_version=3, nets=((90, 50),) * 8)

    assert rules(resize) == set()
    assert rules(whole, memory) == {Rule.NETS_NOT_FINAL}
    assert rules(lowered, memory) == set()
    assert rules(whole, memory, replace(VIEW, now=NOW + 9)) == set(), "expired unexecuted"
    assert rules(whole, memory, replace(VIEW, channel=run, now=NOW + 9)) == {Rule.NETS_NOT_FINAL}
    assert rules(lowered, memory, replace(VIEW, channel=run)) == set(), "outs count once"


def test_approvals__opening__are_what_the_ledger_lacks() -> None:
    def address(number: int) -> Address:
        return Address(bytes([number]) * 20)

    definition = ChannelDef(
        1,
        address(9),
        address(1),
        address(2),
        address(3),
        address(4),
        (address(5), address(6)),
        1,
        0,
    )
    opening = replace(OPEN, splits=(AssetSplit(100, 50, 100, 50), AssetSplit(0, 7, 0, 7)))
    ledgers = {(address(1), address(5)): 30, (address(2), address(6)): 8}

    assert approvals(definition, opening, Side.LOW, ledgers) == {address(5): 70}
    assert approvals(definition, opening, Side.HIGH, ledgers) == {address(5): 50}
