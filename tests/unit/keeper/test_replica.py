"""The replica equals the chain after ranges, reorganisations, checkpoints and refusals."""

import pytest

from clearing.chain.cursor import Block
from clearing.chain.errors import NodeRefusedError
from clearing.keeper.book import Book, BookError
from clearing.keeper.decoding import Told
from clearing.keeper.errors import DamagedError
from clearing.keeper.replica import Replica, ReplicaPolicy
from clearing.keeper.store import Checkpoint, Store
from tests.harness.perp import LOT
from tests.unit.keeper.faults import FaultyNode

POLICY = ReplicaPolicy(live_blocks=4, checkpoint_blocks=10, range_blocks=50)


def replica_of(rig, name="replica", node=None, policy=POLICY):
    desk = rig.desk(name, "liquidation", nodes=[node or rig.anvil.node])
    replica = Replica(desk.endpoints, rig.swaps.engine, 0, rig.swaps.decimals, desk.store, policy)
    replica.load()
    return replica, desk


def caught_up(rig, name="replica", **more):
    replica, desk = replica_of(rig, name, **more)
    replica.catch_up(desk.endpoints.head())
    return replica, desk


def hold(rig, replica):
    """Compare every account with the chain."""
    count = len(replica.book)
    everything = ReplicaPolicy(audit_least=count, audit_most=count)
    replica._policy = everything
    assert replica.audit() == count


def test_catch_up__from_the_start__equals_the_chain(rig, crowd):
    replica, _ = caught_up(rig)

    hold(rig, replica)
    assert len(replica.book.held) == len(crowd) + 1  # and the vault


def test_catch_up__another_fork__equals_a_fresh_sync(rig, crowd):
    rig.mine(6)
    replica, desk = caught_up(rig)
    rig.people(3)
    rig.stage.fund(crowd[0], 5)
    replica.catch_up(desk.endpoints.head())
    with_them = len(replica.book)

    rig.anvil.node.request("anvil_reorg", [3, []])
    rig.sync()
    rig.stage = rig.stage.again()
    rig.stage.fund(crowd[1], 7)
    replica.catch_up(desk.endpoints.head())
    fresh, _ = caught_up(rig, "fresh")

    assert replica.undone >= 1
    assert replica.book.same_as(fresh.book)
    assert len(replica.book) <= with_them
    hold(rig, replica)


def test_catch_up__the_chain_went_another_way_while_nobody_looked__equals_a_fresh_sync(rig, crowd):
    """So many blocks behind that they are read in ranges: from the common ancestor on."""
    rig.mine(6)
    replica, desk = caught_up(rig)
    rig.stage.fund(crowd[0], 5)
    replica.catch_up(desk.endpoints.head())

    rig.anvil.node.request("anvil_reorg", [3, []])
    rig.mine(20)
    replica.catch_up(desk.endpoints.head())

    assert replica.undone >= 1
    assert replica.book.same_as(caught_up(rig, "fresh")[0].book)
    hold(rig, replica)


def test_load__a_checkpoint_is_there__reads_only_what_is_new(rig, crowd):
    first, desk = caught_up(rig)
    first.checkpoint()
    desk.store.close()
    rig.stage.fund(crowd[0], 5)
    node = FaultyNode(rig.anvil.node)

    again, _ = caught_up(rig, node=node)

    assert node.seen.count("eth_getLogs") <= 4
    hold(rig, again)


def test_load__the_checkpoint_left_the_chain__begins_at_one_that_did_not(rig, crowd):
    rig.mine(1)
    first, desk = caught_up(rig)
    first.checkpoint()
    rig.mine(3)
    first.catch_up(desk.endpoints.head())
    first.checkpoint()
    desk.store.close()
    rig.anvil.node.request("anvil_reorg", [2, []])
    rig.sync()

    again, _ = replica_of(rig)
    stood_at = again.tip
    again.catch_up(again._endpoints.head())

    assert stood_at is not None
    assert len(list(again._store.checkpoints())) >= 1
    hold(rig, again)


def test_catch_up__the_reorganisation_is_deeper_than_memory__begins_again(rig, crowd):
    rig.mine(3)
    first, desk = caught_up(rig)
    first.checkpoint()
    desk.store.close()
    again, desk = caught_up(rig)  # stands on its checkpoint, with no way back behind it
    rig.anvil.node.request("anvil_reorg", [2, []])
    rig.sync()

    again.catch_up(desk.endpoints.head())

    hold(rig, again)


def test_catch_up__too_many_logs_for_one_answer__asks_for_fewer_blocks(rig, crowd):
    node, widths = FaultyNode(rig.anvil.node), []

    def limited(method, params, answer):
        if method == "eth_getLogs" and "fromBlock" in params[0]:
            width = int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1
            widths.append(width)
            if width > 7:
                raise NodeRefusedError(method, -32_005, "query returned more than 10000 results")
        return answer

    node.twist = limited

    replica, _ = caught_up(rig, node=node)

    assert max(widths) == POLICY.range_blocks
    assert widths[-1] <= 7
    hold(rig, replica)


def test_audit__one_number_is_wrong__is_found_and_read_anew(rig, crowd):
    replica, desk = caught_up(rig)
    replica.book.cash[crowd[0]] += 1
    replica._policy = ReplicaPolicy(audit_least=10**6, audit_most=10**6)

    with pytest.raises(DamagedError, match=f"account {crowd[0]} differs"):
        replica.audit()

    assert replica.tip is None
    replica.catch_up(desk.endpoints.head())
    hold(rig, replica)


def test_take__an_event_does_not_fit__changes_nothing():
    book = Book(6)
    before = book.snapshot()

    with pytest.raises(BookError):
        book.take(1, [Told("AccountCreated", (4, 1)), Told("Booked", (0, 4, LOT, -1, 0, 0, 0))])

    assert book.snapshot() == {**before, "events": book.events}


def test_store__a_checkpoint_is_kept__three_at_most_and_none_above_it(tmp_path):

    with Store(tmp_path) as store:
        for number in (10, 20, 30, 40, 25):
            block = Block(number, bytes([number]), b"")
            store.put_checkpoint(Checkpoint(block, {"n": number}))

        kept = [each.block.number for each in store.checkpoints()]

    assert kept == [25, 20]
