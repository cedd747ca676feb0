"""Governance: contracts and model agree on kinds, on every state at every time, and on pauses."""

from collections import Counter
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearing.spec import governance as spec
from clearing.spec.errors import SpecError
from clearing.spec.governance import (
    DEFAULT_TERMS,
    FORWARDERS,
    GRACE_S,
    Action,
    Kind,
    KindTable,
    PauseWindow,
    State,
    Terms,
)
from clearing.spec.units import DAY_S
from tests.harness.errors import Refused
from tests.harness.governance import (
    GUARDIAN_TERM_S,
    HOLDINGS,
    Proposed,
    deploy_governance,
    terms_row,
)
from tests.harness.governance_twin import GovernanceTwin
from tests.harness.pauses import TRADING, obeying
from tests.harness.results import ACCEPTED
from tests.harness.revm import Revm

STEPS = 40
PROPOSERS = ("proposer", "rival", "holder", "small")
EDGES = {
    State.PENDING: {State.ACTIVE, State.CANCELED},
    State.ACTIVE: {State.CANCELED, State.DEFEATED, State.SUCCEEDED},
    State.SUCCEEDED: {State.QUEUED, State.EXPIRED, State.CANCELED},
    State.QUEUED: {State.EXECUTED, State.EXPIRED, State.CANCELED},
}
SEEN = Counter()


@pytest.fixture(scope="module")
def rig():
    return deploy_governance()


@pytest.fixture(scope="module")
def pauses():
    return obeying()


# PROPOSALS


def drafts_of(rig):
    """Actions of each kind, alone and mixed, the guardian's change among them."""
    change = rig.action(rig.governor, "setGuardian", bytes(20), 0)
    delay = rig.action(rig.timelock, "updateDelay", 2 * DAY_S)
    return (
        rig.parameter.actions,
        rig.market.actions,
        rig.risk.actions,
        (delay,),
        (*rig.parameter.actions, *rig.market.actions),
        (*rig.market.actions, delay),
        (change,),
        (change, *rig.parameter.actions),
    )


def moments_of(twin):
    """The seconds at which a proposal may go on by itself, and their neighbours."""
    times = {twin.now, twin.now + DAY_S}
    for proposal in twin.proposals.values():
        ends = [proposal.snapshot, proposal.deadline, proposal.deadline + GRACE_S]
        if proposal.eta:
            ends += [proposal.eta, proposal.eta + GRACE_S]
        times |= {end + by for end in ends for by in (-1, 0, 1)}
    return sorted(time for time in times if twin.now <= time < twin.now + GUARDIAN_TERM_S)


def forward(twin, proposed, draw):
    """Do what brings a proposal on, or now and then let its time go by."""
    proposal, chain = twin.proposals[proposed], twin.rig.chain
    late = draw(st.sampled_from((0, 0, 0, GRACE_S + 1)))
    match twin.state(proposed):
        case State.PENDING:
            chain.warp(proposal.snapshot + 1)
        case State.ACTIVE if (proposed, "whale") in twin.voted:
            chain.warp(proposal.deadline + 1 + late)
        case State.ACTIVE:
            chain.warp(draw(st.sampled_from((twin.now, max(twin.now, proposal.deadline)))))
            return "vote", twin.vote(proposed, "whale", draw(st.sampled_from((1, 1, 1, 0, 2))))
        case State.SUCCEEDED:
            return "queue", twin.queue(proposed)
        case State.QUEUED if twin.now < proposal.eta:
            chain.warp(proposal.eta - draw(st.sampled_from((0, 0, 1))) + late)
        case State.QUEUED:
            return "execute", twin.execute(proposed)
        case State.EXPIRED:
            return "cancel_expired", twin.cancel_expired(proposed)
        case _:
            pass
    return "wait", ACCEPTED


def propose(twin, draw):
    actions = draw(st.sampled_from(drafts_of(twin.rig)))
    proposed = Proposed(actions, f"# {draw(st.integers(0, 9))}")
    return "propose", twin.propose(proposed, draw(st.sampled_from(PROPOSERS)))


def step_of(twin, draw):
    """Return what was called, and its verdict."""
    rig, known = twin.rig, list(twin.proposals)
    acts = ("forward",) * 8 + ("vote", "queue", "execute", "cancel", "cancel_expired", "poor")
    act = draw(st.sampled_from((*acts, "wait", "propose"))) if known else "propose"
    if act == "propose":
        return propose(twin, draw)
    if act == "wait":
        rig.chain.warp(draw(st.sampled_from(moments_of(twin))))
        return act, ACCEPTED
    if act == "poor":
        twin.give_away(draw(st.sampled_from(PROPOSERS)))
        rig.wait(1)
        return act, ACCEPTED
    proposed = draw(st.sampled_from(known))
    if act == "forward":
        return forward(twin, proposed, draw)
    if act == "vote":
        support = draw(st.sampled_from((1, 0, 2)))
        return act, twin.vote(proposed, draw(st.sampled_from(list(HOLDINGS))), support)
    if act == "cancel":
        callers = (rig.guardian, rig.outsider, *map(rig.voter, PROPOSERS))
        return act, twin.cancel(proposed, draw(st.sampled_from(callers)))
    return act, getattr(twin, act)(proposed)


@settings(deadline=None)
@given(data=st.data())
def test_lives__contract_and_model__agree_after_every_step(rig, data):
    """[GOV-01] [GOV-04] [GOV-06] [GOV-07] [GOV-12] Verdicts, states, votes, times, terms."""
    with rig.chain.isolated():
        rig.target.send("mint", rig.timelock.address, 1, sender=rig.outsider)
        twin = GovernanceTwin(rig)
        states = {}
        kept = {}
        for _ in range(data.draw(st.integers(1, STEPS))):
            act, verdict = step_of(twin, data.draw)
            SEEN[act, verdict] += 1
            twin.compare()
            for proposed, proposal in twin.proposals.items():
                new = twin.state(proposed)
                assert kept.setdefault(proposed, proposal.terms) == proposal.terms, "GOV-04"
                old = states.get(proposed, State.PENDING)
                assert new in _reach(old), f"GOV-01: {old.name} to {new.name}"
                states[proposed] = new
            live = Counter(p.proposer for t, p in twin.proposals.items() if states[t] in spec.LIVE)
            assert max(live.values(), default=0) <= 1, "GOV-12"


def _reach(state):
    """Every state that can be reached by any number of edges: time may pass several at once."""
    found = {state}
    for after in EDGES.get(state, ()):
        found |= _reach(after)
    return found


def test_lives__all_of_them__have_met_what_there_is():
    """The lives above were not all short: what matters was accepted and refused."""
    if not SEEN:
        pytest.skip("the lives were not played in this run")
    accepted = {act for (act, verdict) in SEEN if verdict == ACCEPTED}
    assert {"propose", "vote", "queue"} <= accepted
    assert {"GovernorUnableToCancel", "NothingToCancel"} <= {verdict for _, verdict in SEEN}


@given(
    supply=st.integers(1, 2**208 - 1),
    parts=st.lists(st.integers(0, 2**96), min_size=3, max_size=3),
    kind=st.sampled_from([kind for kind in Kind if kind is not Kind.NONE]),
)
def test_passed__any_votes__only_with_enough_of_both(supply, parts, kind):
    """[GOV-06]."""
    terms = DEFAULT_TERMS[kind]
    votes = spec.Votes(*(part % (supply // 3 + 1) for part in parts))
    proposal = spec.Proposal(b"\1" * 20, kind, terms, False, 1, 2, supply, votes)

    took_part = votes.in_favour + votes.abstain
    assert spec.is_quorum_reached(proposal) is (took_part >= spec.quorum_of(proposal)), "GOV-06"
    if spec.has_passed(proposal):
        assert took_part * 10_000 >= supply * terms.quorum_bps, "GOV-06"
        assert votes.in_favour > votes.against, "GOV-06"


@given(wait=st.integers(0, 5 * DAY_S), weight=st.integers(0, 10**6))
def test_late_quorum__whenever_reached__leaves_the_extension(wait, weight):
    """[GOV-08]."""
    terms = DEFAULT_TERMS[Kind.PARAMETER]
    start = spec.Proposal(b"\1" * 20, Kind.PARAMETER, terms, False, 0, 5 * DAY_S, 10**6)
    after = spec.with_votes(start, 1, weight, 2 * DAY_S, wait)

    if spec.is_quorum_reached(after):
        assert after.deadline >= wait + 2 * DAY_S, "GOV-08"
    assert after.deadline >= start.deadline, "GOV-08"


# KINDS

TIMELOCK, GOVERNOR, PLAIN, OTHER, CALLER = (bytes([n]) * 20 for n in (1, 2, 3, 4, 5))
SELECTORS = st.one_of(
    st.sampled_from([*FORWARDERS, spec.GUARDIAN_SELECTOR, b"\1\2\3\4"]),
    st.binary(min_size=4, max_size=4),
)


@pytest.fixture(scope="module")
def types():
    """A table that an account governs, so that a test can list anything."""
    chain = Revm()
    terms = [terms_row(DEFAULT_TERMS[kind]) for kind in Kind if kind is not Kind.NONE]
    made = chain.deploy("ProposalTypes", TIMELOCK, GOVERNOR, terms, [], sender=CALLER)
    for account in (GOVERNOR, PLAIN, OTHER):
        chain.set_code(account, b"\x00")
    return made


def verdict_of(act, *errors):
    try:
        return ACCEPTED, act()
    except errors as refused:
        return refused.name, refused.args_


def kinds_of(types):
    targets = st.sampled_from([GOVERNOR, PLAIN, OTHER, types.address])
    data = st.one_of(
        st.binary(max_size=3), st.builds(lambda s, rest: s + rest, SELECTORS, st.binary(max_size=9))
    )
    actions = st.builds(Action, targets, st.sampled_from((0, 0, 0, 1)), data)
    return targets, actions


@settings(deadline=None)
@given(data=st.data())
def test_judge__any_table_and_actions__as_the_model(types, data):
    """[GOV-05]."""
    targets, actions = kinds_of(types)
    table = KindTable(TIMELOCK, GOVERNOR, types.address)
    with types.chain.isolated():
        for _ in range(data.draw(st.integers(0, 6))):
            caller = data.draw(st.sampled_from((TIMELOCK, TIMELOCK, TIMELOCK, CALLER)))
            row = (
                data.draw(st.one_of(targets, st.just(TIMELOCK))),
                data.draw(SELECTORS),
                data.draw(st.sampled_from(Kind)),
            )
            new = verdict_of(partial(spec.set_kind, table, caller, *row), SpecError)
            told = verdict_of(partial(types.send, "setKind", *row, sender=caller), Refused)
            assert told[0] == new[0], "GOV-05"
            if new[0] == ACCEPTED:
                table = new[1]
            else:
                assert told == new
        listed = [Action(target, 0, selector) for target, selector in table.rows]
        drawn = data.draw(
            st.lists(st.one_of(actions, *map(st.just, listed)), min_size=1, max_size=5)
        )

        lists = zip(*((a.target, a.value, a.data) for a in drawn), strict=True)
        judged = types.read("judge", *map(list, lists))

        highest = max(spec.kind_of(table, [action]) for action in drawn)
        asked = DEFAULT_TERMS[highest]
        assert judged[0] == highest == spec.kind_of(table, drawn), "GOV-05"
        assert judged[3:6] == (asked.quorum_bps, asked.approval_bps, asked.extra_delay)
        only = all(
            a.target == GOVERNOR and a.selector == spec.GUARDIAN_SELECTOR and not a.value
            for a in drawn
        )
        assert judged[1:3] == (only, False)


@settings(deadline=None)
@given(
    changes=st.lists(
        st.tuples(
            st.sampled_from(Kind),
            st.builds(
                Terms,
                st.sampled_from((199, 200, 400, 500, 800, 3_000, 3_001)),
                st.sampled_from((4_999, 5_000, 6_000, 6_667, 9_000, 9_001)),
                st.sampled_from((0, DAY_S, 5 * DAY_S, 14 * DAY_S, 14 * DAY_S + 1)),
            ),
            st.sampled_from((TIMELOCK, TIMELOCK, TIMELOCK, CALLER)),
        ),
        max_size=8,
    )
)
def test_terms__any_changes__as_the_model_and_in_order(types, changes):
    """[GOV-05] [GOV-13]."""
    table = KindTable(TIMELOCK, GOVERNOR, types.address)
    with types.chain.isolated():
        for kind, terms, caller in changes:
            new = verdict_of(partial(spec.set_terms, table, caller, kind, terms), SpecError)
            send = partial(types.send, "setTerms", kind, terms_row(terms), sender=caller)
            told = verdict_of(send, Refused)
            assert told[0] == new[0], "GOV-13"
            if new[0] == ACCEPTED:
                table = new[1]
            else:
                assert told == new, "GOV-13"
            kept = [types.read("termsOf", k) for k in Kind if k is not Kind.NONE]
            assert kept == [terms_row(table.terms[k]) for k in Kind if k is not Kind.NONE]
            for i in range(3):
                assert [row[i] for row in kept] == sorted(row[i] for row in kept), "GOV-05"


# PAUSES


@settings(deadline=None)
@given(data=st.data())
def test_pauses__any_calls__as_the_model_and_never_above_72_hours(pauses, data):
    """[GOV-14] [GOV-15] [GOV-16]."""
    gov = pauses.gov
    draft = Proposed((Action(pauses.engine.address, 0, b"\1\2\3\4"),))
    with gov.chain.isolated():
        window, spans = PauseWindow(), []
        gov.propose(draft)
        for _ in range(data.draw(st.integers(1, 25))):
            act = data.draw(st.sampled_from(("pause", "extend", "extend", "wait", "vote", "end")))
            if act == "wait":
                waits = (1, DAY_S, spec.PAUSE_MAX_S - 1, spec.PAUSE_MAX_S, spec.PAUSE_GAP_S)
                gov.wait(data.draw(st.sampled_from(waits)))
                continue
            if act == "vote":
                if gov.state(draft) == "ACTIVE":
                    verdict_of(partial(gov.vote, draft, "whale"), Refused)
                continue
            if act == "end":
                if data.draw(st.integers(0, 9)) == 0:
                    verdict_of(partial(gov.end, "cancel", draft, gov.guardian), Refused)
                continue
            now = gov.chain.now
            if act == "pause":
                duration = data.draw(
                    st.sampled_from((0, 1, DAY_S, spec.PAUSE_MAX_S, spec.PAUSE_MAX_S + 1))
                )
                new = verdict_of(partial(window.paused, duration, now), SpecError)
                told = verdict_of(partial(pauses.pause, TRADING, duration), Refused)
            else:
                is_mending = gov.state(draft) in {state.name for state in spec.LIVE}
                new = verdict_of(
                    partial(window.extended, is_mending=is_mending, now=now), SpecError
                )
                told = verdict_of(partial(pauses.extend, TRADING, draft), Refused)
            assert told[0] == new[0], f"GOV-15: {act}"
            if new[0] == ACCEPTED:
                window = new[1]
                spans.append(window)
            assert pauses.window(TRADING) == (window.began_at, window.ends_at)
            assert window.ends_at - now <= spec.PAUSE_MAX_S, "GOV-14"
        last = {span.began_at: span.ends_at for span in spans}
        for began, ends in last.items():
            assert ends - began <= spec.PAUSE_TOTAL_S, "GOV-16"
            assert all(b >= ends + spec.PAUSE_GAP_S for b in last if b > began), "GOV-15"
