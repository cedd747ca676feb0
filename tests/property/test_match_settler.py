"""Signed orders: the contract does what the specification says, in whichever form they come."""

from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clearing.channel.perp_batch import pack, unpack
from clearing.spec.perp_orders import FILLED_MAX, REACH, SLOTS, remaining_of
from tests.harness.match_twin import FLAWS, PACKABLE, Drawer, deploy_twin, rebuilt
from tests.harness.results import ACCEPTED

seeds = st.integers(0, 2**64 - 1)
EXCUSED = {
    "nonce low": "NonceTooHigh",  # nothing is below 0
    "nonce replaced": "NonceTooHigh",  # no slot of his was used twice
    "dust": ACCEPTED,  # he had the other side, and keeps some of it
}


@pytest.fixture(scope="module")
def stage():
    return deploy_twin()


@pytest.fixture(scope="module")
def lived(stage):
    """Twin and chain after some batches and cancels, so that rings and positions are not empty."""
    rng = Random(0)
    drawer = Drawer(stage, rng)
    for _ in range(6):
        for _ in range(3):
            assert stage.settle([drawer.group()]) == [ACCEPTED]
        trader = rng.choice(stage.traders)
        nonces = [rng.randrange(200) for _ in range(5)]
        assert stage.cancel(trader.account, nonces, trader.owner) == ACCEPTED
    for trader in stage.traders:
        least = 70 + trader.account
        assert stage.cancel_up_to(trader.account, least, trader.owner) == ACCEPTED
    return stage


def one_flaw(lived, flaw, seed):
    """Settle three groups, one of them with a flaw; return what became of it."""
    place = seed % 3
    with lived.rig.perp.chain.isolated():
        twin = lived.fork()
        drawer = Drawer(twin, Random(seed))
        ends = [twin.settle([drawer.group(flaw if i == place else "none")])[0] for i in range(3)]
    assert [end for i, end in enumerate(ends) if i != place] == [ACCEPTED] * 2
    return ends[place]


def with_flaw(flaw):
    """As the ids of a test."""
    return flaw.replace(" ", "-")


@pytest.mark.parametrize("flaw", sorted(FLAWS), ids=with_flaw)
def test_settle__each_flaw__is_met(lived, flaw):
    """What the next test draws is what it says: no flaw is always excused."""
    assert FLAWS[flaw] in {one_flaw(lived, flaw, seed) for seed in range(9)}


@given(flaw=st.sampled_from(sorted(FLAWS)), seed=seeds)
@example(flaw="none", seed=0)
def test_settle__one_flaw_among_good_groups__is_what_the_specification_says(lived, flaw, seed):
    """[PERP-06] Every group is drawn to settle, but for one flaw in one of three."""
    expected = FLAWS[flaw]

    assert one_flaw(lived, flaw, seed) in {expected, EXCUSED.get(flaw, expected)}


@given(seed=seeds)
@example(seed=1)
def test_settle__cancels_in_between__is_what_the_specification_says(lived, seed):
    rng = Random(seed)
    with lived.rig.perp.chain.isolated():
        twin = lived.fork()
        drawer = Drawer(twin, rng)
        kept = [drawer.group() for _ in range(2)]
        takers = [group.match.taker.order for group in kept]
        for _ in range(2):
            twin.settle([*kept, drawer.group(rng.choice(sorted(FLAWS)))])
            order = rng.choice(kept).match.taker.order
            owner = twin.book.owners[order.account]
            caller = rng.choice((owner, twin.rig.bringer.address))
            least = twin.model.rings.least_of(order.account)
            far = rng.choice((least - 1, least + 1, least + 40, least + REACH, least + REACH + 1))
            twin.cancel(order.account, [order.nonce, far, order.nonce + 64], caller)
            twin.cancel_up_to(order.account, far, caller)
            left = [remaining_of(twin.model.rings, order, twin.now) for order in takers]
            assert [twin.rig.settler.read("remainingOf", order) for order in takers] == left


@given(seed=seeds)
@example(seed=2)
def test_settle__packed_or_plain_or_one_by_one__is_the_same_to_the_bit(lived, seed):
    """[PERP-07] Skipped groups included; only the numbers of the batches differ."""
    rng, chain = Random(seed), lived.rig.perp.chain
    ends, outcomes = [], []
    with chain.isolated():
        twin = lived.fork()
        drawer = Drawer(twin, rng)
        groups = [drawer.group(rng.choice(("none", "none", *PACKABLE))) for _ in range(4)]
        base = twin.fork()
        for form in ("plain", "packed", "one by one", "packed one by one"):
            with chain.isolated():
                twin = base.fork()
                batches = [[group] for group in groups] if "one" in form else [groups]
                outcomes.append(
                    [
                        end
                        for batch in batches
                        for end in twin.settle(batch, packed="packed" in form)
                    ]
                )
                ends.append(twin.state())

    assert ends[1:] == ends[:1] * 3
    assert outcomes[1:] == outcomes[:1] * 3


@given(seed=seeds)
@example(seed=3)
def test_pack__any_batch__is_read_back_as_it_was(lived, seed):
    rng = Random(seed)
    drawer = Drawer(lived.fork(), rng)
    flaws = sorted(set(PACKABLE) - {"session"})
    matches = tuple(drawer.group(rng.choice(flaws)).match for _ in range(rng.randint(1, 5)))
    number = rng.choice((1, 2**48 - 1))

    assert unpack(pack(number, matches)) == (number, matches)


def test_events__of_many_batches__tell_all_that_the_rings_hold():
    """[PERP-08] An indexer needs nothing else."""
    rng, twin = Random(7), deploy_twin(3)
    drawer = Drawer(twin, rng)
    for step in range(1, 13):
        twin.settle([drawer.group(rng.choice(PACKABLE)) for _ in range(2)])
        trader = rng.choice(twin.traders)
        twin.cancel(trader.account, [step, step + 9], trader.owner)
        if step % 3 == 0:
            twin.cancel_up_to(trader.account, 20 * step, trader.owner)

    rings = rebuilt(twin.logs)

    for trader in twin.traders:
        stored = [twin.rig.slot(trader.account, index) for index in range(SLOTS)]
        assert [rings.slot(trader.account, index) for index in range(SLOTS)] == stored
        least = twin.rig.settler.read("minNonceOf", trader.account)
        assert rings.least_of(trader.account) == least
    assert any(slot.filled == FILLED_MAX for slot in rings.slots.values())
    assert {log.event for log in twin.logs} >= {"OrderFilled", "FillSkipped", "NoncesCancelled"}
