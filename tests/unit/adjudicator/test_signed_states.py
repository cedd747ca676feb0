"""What every call with a signed state asks first: the channel, the matrix, the two signatures.

Every call meets one fault of each kind; the kinds are tried through where one call is enough,
since all calls share the gate.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from clearing.channel.signatures import Signature
from clearing.spec.rules import HORIZON_S
from clearing.spec.types import (
    AssetSplit,
    ClearingState,
    Condition,
    ConditionKind,
    Intent,
    Side,
    Status,
)
from clearing.spec.units import DAY_S
from tests.harness.actors import key_of
from tests.unit.adjudicator.papers import Papers, with_split
from tests.unit.adjudicator.scene import Act, refusal

HASHLOCK, ORDER = ConditionKind.HASHLOCK, ConditionKind.ORDER
WORD = b"\x01" * 32


@dataclass(frozen=True, slots=True)
class Subject:
    """A call: a state that it takes, of this intent, and the act that takes a state there."""

    intent: Intent
    state: Callable[[Papers], ClearingState]
    act: Callable[[Papers, ClearingState], Act]


SUBJECTS = {
    "open": Subject(Intent.OPEN, Papers.opening, Papers.open),
    "checkpoint": Subject(Intent.OPERATE, Papers.operate, Papers.checkpoint),
    "challenge": Subject(Intent.OPERATE, Papers.operate, Papers.challenge),
    "challenge by intent": Subject(Intent.OPERATE, Papers.operate, Papers.challenge_by_intent),
    "resize": Subject(Intent.RESIZE, Papers.resizing, Papers.resize),
    "reveal": Subject(Intent.OPERATE, Papers.hash_locked, Papers.reveal),
    "closeCooperative": Subject(Intent.CLOSE, Papers.closing, Papers.close),
    "settle": Subject(
        Intent.SETTLE,
        lambda papers: papers.settling(papers.order()),
        lambda papers, state: papers.settle(papers.order(), state),
    ),
    "fundOrder": Subject(
        Intent.SETTLE,
        lambda papers: papers.settling(papers.order()),
        lambda papers, state: papers.fund(papers.order(), Side.LOW, state),
    ),
}
CONDITIONAL = ("reveal", "settle", "fundOrder")
KINDS_OF = {Intent.OPERATE: (0, 1), Intent.SETTLE: (2,)}
"""Kinds of conditions that a state of an intent may have; others have none."""

every_call = pytest.mark.parametrize("name", SUBJECTS)
one_call = pytest.mark.parametrize("name", ["checkpoint"])


@pytest.fixture
def subject(name):
    """One of the calls."""
    return SUBJECTS[name]


@pytest.fixture
def channel(request, name):
    """The channel as the call wants it."""
    return request.getfixturevalue("papers" if name == "open" else "opened")


@pytest.fixture
def state(subject, channel):
    """A state that the call takes."""
    return subject.state(channel)


@pytest.fixture
def refuse(scene, subject, channel, state):
    """Return a function: the call refuses a spoilt state, signed by both, and takes the good."""

    def assert_refused(spoilt, error):
        scene.assert_only_fails_for(
            lambda each: subject.act(channel, each), broken=spoilt, fixed=state, error=error
        )

    return assert_refused


# CHANNEL


@pytest.mark.parametrize("name", [each for each in SUBJECTS if each != "open"])
@pytest.mark.parametrize("status", [Status.NEW, Status.IDLE])
def test_signed_state__channel_not_live__is_refused(scene, papers, subject, status):
    """[ADJ-09] NEW and IDLE lead to OPEN only."""
    channel = papers if status is Status.NEW else replace(papers, epoch=1)
    life = [papers.open(), papers.close(papers.closing())] if status is Status.IDLE else []
    act = subject.act(channel, subject.state(channel))

    scene.assert_only_fails_for(
        lambda before: [*life, *before, act],
        broken=[],
        fixed=[channel.open()],
        error=refusal("WrongStatus", status=status),
    )


@every_call
def test_signed_state__of_another_channel__is_refused(refuse, channel, state):
    """[ADJ-18] The id names chain, contract, brokers and assets."""
    refuse(replace(state, channel_id=WORD), refusal("WrongChannel", have=WORD, want=channel.id))


@every_call
def test_signed_state__of_another_epoch__is_refused(refuse, state):
    """[ADJ-18] A life's states die with it."""
    refuse(replace(state, epoch=1), refusal("WrongEpoch", have=1, want=0))


@every_call
def test_signed_state__version_zero__is_refused(refuse, state):
    """[ADJ-07] Version 0 is what is enforced of no channel."""
    refuse(replace(state, version=0), refusal("ZeroVersion"))


# MATRIX


@every_call
@pytest.mark.parametrize("count", [1, 3])
def test_signed_state__splits_for_other_assets__is_refused(refuse, state, count):
    splits = (*state.splits, AssetSplit(0, 0, 0, 0))[:count]
    refuse(replace(state, splits=splits), refusal("WrongSplitCount", have=count, want=2))


@every_call
@pytest.mark.parametrize("intent", [0, 6])
def test_signed_state__unknown_intent__is_refused(refuse, state, intent):
    refuse(replace(state, intent=intent), refusal("WrongIntent", intent=intent))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name, each in SUBJECTS.items()
        for kind in (0, 1, 2, 3)
        if kind not in KINDS_OF.get(each.intent, (0,))
    ],
)
def test_signed_state__condition_that_the_intent_does_not_have__is_refused(refuse, state, kind):
    refuse(
        replace(state, condition=replace(state.condition, kind=kind)),
        refusal("WrongCondition", intent=state.intent, kind=kind),
    )


@pytest.mark.parametrize(
    "name", ["checkpoint", "challenge", "challenge by intent", "reveal", "settle", "fundOrder"]
)
def test_signed_state__valid_until_where_nothing_expires__is_refused(refuse, state):
    """A state that can be challenged stays so."""
    refuse(
        replace(state, valid_until=2**40 - 1),
        refusal("UnexpectedValidUntil", valid_until=2**40 - 1),
    )


@pytest.mark.parametrize("name", ["closeCooperative"])
def test_signed_state__close_with_liabilities__is_refused(refuse, state):
    """A cooperative close settles first."""
    refuse(replace(state, liabilities_root=WORD), refusal("LiabilitiesOutstanding", root=WORD))


@pytest.mark.parametrize("name", [each for each in SUBJECTS if each != "closeCooperative"])
def test_signed_state__liabilities_otherwise__are_none_of_the_chains_business(
    scene, subject, channel, state
):
    scene.send(subject.act(channel, replace(state, liabilities_root=WORD)))


@pytest.mark.parametrize("name", ["open", "checkpoint", "resize", "closeCooperative"])
@pytest.mark.parametrize(
    "condition",
    [Condition(ref=WORD), Condition(expiry=1), Condition(alt_low=(0,)), Condition(alt_low=(0, 0))],
    ids=["ref", "expiry", "one alternative", "two alternatives"],
)
def test_signed_state__no_condition_but_a_part_of_one__is_refused(refuse, state, condition):
    refuse(replace(state, condition=condition), refusal("MalformedCondition"))


@pytest.mark.parametrize("name", CONDITIONAL)
@pytest.mark.parametrize("change", [-1, 1])
def test_signed_state__alternatives_of_another_number__is_refused(refuse, state, change):
    """One per asset for a hash lock, three for an order."""
    alt_low = (*state.condition.alt_low, 0)[: len(state.condition.alt_low) + change]
    refuse(
        replace(state, condition=replace(state.condition, alt_low=alt_low)),
        refusal("MalformedCondition"),
    )


@pytest.mark.parametrize("name", ["checkpoint", "reveal"])
def test_signed_state__hash_lock_beyond_the_horizon__is_refused(scene, opened, name):
    """[ADJ-12] No condition keeps a channel undecided for longer than 30 days."""
    now = scene.now + 1
    act = SUBJECTS[name].act

    scene.assert_only_fails_for(
        lambda expiry: act(opened, opened.hash_locked(expiry=expiry)).at(now),
        broken=now + HORIZON_S + 1,
        fixed=now + HORIZON_S,
        error=refusal("ConditionTooFar", expiry=now + HORIZON_S + 1, latest=now + HORIZON_S),
    )


@pytest.mark.parametrize("call", ["settle", "fund", "challenge"])
def test_signed_state__order_beyond_the_horizon__is_refused(scene, opened, call):
    """[ADJ-12] No condition keeps a channel undecided for longer than 30 days."""
    now = scene.now + 1

    def act(fund_by):
        order = opened.order(fund_by=fund_by)
        calls = {
            "settle": lambda: opened.settle(order),
            "fund": lambda: opened.fund(order, Side.LOW),
            "challenge": lambda: opened.challenge(opened.settling(order)),
        }
        return calls[call]().at(now)

    scene.assert_only_fails_for(
        act,
        broken=now + 30 * DAY_S + 1,
        fixed=now + 30 * DAY_S,
        error=refusal("ConditionTooFar", expiry=now + 30 * DAY_S + 1, latest=now + 30 * DAY_S),
    )


@every_call
@pytest.mark.parametrize(("asset", "field"), [(0, "low"), (1, "net_high")])
def test_signed_state__not_conserved__is_refused(refuse, state, asset, field):
    """[ADJ-02] Who owns what sums to what was put in."""
    changed = {field: getattr(state.splits[asset], field) + 1}
    refuse(with_split(state, asset, **changed), refusal("NotConserved", asset=asset))


@one_call
def test_signed_state__sums_that_would_wrap__are_refused(refuse, state):
    """128-bit sums would call 2^128 - 1 and 1 the same as 0."""
    refuse(
        with_split(state, 0, low=2**128 - 1, high=1, net_low=0, net_high=0),
        refusal("NotConserved", asset=0),
    )


@pytest.mark.parametrize(
    "name", [each for each in SUBJECTS if each not in ("resize", "closeCooperative")]
)
@pytest.mark.parametrize(("asset", "field"), [(0, "out_low"), (1, "out_high")])
def test_signed_state__out_where_nothing_leaves__is_refused(refuse, state, asset, field):
    refuse(with_split(state, asset, **{field: 1}), refusal("BadOut", asset=asset))


@pytest.mark.parametrize("name", ["closeCooperative"])
@pytest.mark.parametrize("side", ["low", "high"])
@pytest.mark.parametrize("asset", [0, 1])
def test_signed_state__close_that_sends_more_than_the_split__is_refused(refuse, state, asset, side):
    more = getattr(state.splits[asset], side) + 1
    refuse(with_split(state, asset, **{f"out_{side}": more}), refusal("BadOut", asset=asset))


@pytest.mark.parametrize(
    ("name", "entry"),
    [("reveal", 0), ("reveal", 1), *(("settle", i) for i in range(6)), ("fundOrder", 5)],
)
def test_signed_state__alternative_above_the_total__is_refused(
    scene, subject, channel, state, entry
):
    """[ADJ-03] The high side's share is the rest, and never negative."""
    total = (3_000, 300)[entry % 2]

    def call(share):
        alt_low = list(state.condition.alt_low)
        alt_low[entry] = share
        condition = replace(state.condition, alt_low=tuple(alt_low))
        return subject.act(channel, replace(state, condition=condition))

    scene.assert_only_fails_for(
        call, broken=total + 1, fixed=total, error=refusal("BadAlternative", entry=entry)
    )


# SIGNATURES


def resigned(act: Act, papers: Papers, state: ClearingState, signatures) -> Act:
    """Return the act with other signatures of the state."""
    good = b"".join(each.to_bytes() for each in papers.signed(state))
    assert act.data.count(good) == 1
    other = b"".join(each.to_bytes() for each in signatures)
    return replace(act, data=act.data.replace(good, other))


FAULTS = ("another key", "the broker's own key", "another state", "zeros", "swapped", "bit")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        *((name, "another key") for name in SUBJECTS),
        *(("checkpoint", fault) for fault in FAULTS[1:]),
    ],
)
@pytest.mark.parametrize("side", list(Side))
def test_signed_state__bad_signature__is_refused(
    scene, subject, channel, state, side, fault, broker_keys
):
    """[ADJ-17, ADJ-19] Each side's signature is that of its signer, over exactly this state."""
    good = channel.signed(state)
    bad = {
        "another key": lambda: channel.signed_by(state, key_of("nobody in particular")),
        "the broker's own key": lambda: channel.signed_by(state, broker_keys[side]),
        "another state": lambda: channel.signed(replace(state, risk_hash=WORD))[side],
        "zeros": lambda: Signature(bytes(32), bytes(32)),
        "swapped": lambda: good[side.other],
        "bit": lambda: Signature(good[side].r, _flipped(good[side].vs)),
    }[fault]()
    spoilt = (bad, good[1]) if side is Side.LOW else (good[0], bad)
    act = subject.act(channel, state)

    scene.assert_only_fails_for(
        lambda signatures: resigned(act, channel, state, signatures),
        broken=spoilt,
        fixed=good,
        error=refusal("BadSignature", signer=channel.definition.signer(side)),
    )


@one_call
@pytest.mark.parametrize("side", list(Side))
def test_signed_state__code_at_the_signer__changes_nothing(
    scene, subject, channel, state, side, says_yes
):
    """[ADJ-20] An account may become a contract that agrees to everything, or to nothing."""
    good, other = channel.signed(state), channel.signed(replace(state, risk_hash=WORD))
    scene.put_code(channel.definition.signer(side), says_yes)
    act = subject.act(channel, state)

    scene.assert_only_fails_for(
        lambda bad: resigned(
            act, channel, state, (bad, good[1]) if side is Side.LOW else (good[0], bad)
        ),
        broken=other[side],
        fixed=good[side],
        error=refusal("BadSignature", signer=channel.definition.signer(side)),
    )


def _flipped(word: bytes) -> bytes:
    return bytes([word[0] ^ 0x80]) + word[1:]
