"""The settlement job brings each group once, whatever happens, and says what became of it."""

import contextlib
import os
from dataclasses import replace

import pytest

from clearing.chain.errors import NodeRefusedError
from clearing.channel.codec import (
    DERIVATIVES_NAME,
    domain_separator,
    hash_perp_order,
    signing_digest,
)
from clearing.channel.perp_batch import Match, SignedFill
from clearing.channel.signatures import LocalSigner
from clearing.keeper.errors import KeeperError
from clearing.keeper.groups import GroupError, group_from, group_text
from clearing.keeper.jobs.settlement import SettlementJob, SettlementPolicy
from clearing.keeper.lane import LanePolicy
from clearing.spec.perp_orders import Order
from clearing.spec.units import WAD
from tests.harness.perp import ETH, LOT
from tests.unit.keeper.faults import SEND, FaultyNode, Killed, killer, killer_at, timeout
from tests.unit.keeper.rig import CHAIN_ID, RIVAL, SETTLER

LANE = LanePolicy(final_depth=2)
IS_NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
KILLED_AT = range(1, 17) if IS_NIGHTLY else (9, 13)


class Desk:
    """The settlement job, its folder, and two who trade: the keepers' accounts of the rig."""

    def __init__(self, rig, nodes=None):
        self.rig = rig
        self.folder = rig.folder / "groups"
        self.desk = rig.desk("settlement", "settlement", nodes=nodes, key=SETTLER, lane=LANE)
        self.job = SettlementJob(self.desk, rig.swaps, SettlementPolicy(self.folder))
        settler = rig.swaps.settler
        self.separator = domain_separator(CHAIN_ID, settler.address, DERIVATIVES_NAME)

    def signed(self, key, lots, nonce, **changes):
        account = self.rig.liquidators[key.address]
        order = Order(account, ETH, lots, 3_000 * WAD, 500, 2**39, nonce)
        order = replace(order, **changes)
        digest = signing_digest(self.separator, hash_perp_order(order))
        return SignedFill(order, LocalSigner(bytes(key.key)).sign(digest), abs(lots))

    def write(self, name, nonce, lots=LOT, **changes):
        taker, maker = self.signed(RIVAL, lots, nonce), self.signed(SETTLER, -lots, nonce)
        if changes:
            taker = self.signed(RIVAL, lots, nonce, **changes)
        path = self.folder / f"{name}.json"
        path.write_text(group_text(Match(taker, (maker,))), "utf-8")

    def files(self, folder=""):
        return sorted(path.stem for path in (self.folder / folder).glob("*.json"))

    def run(self, turns=5):
        for _ in range(turns):
            self.job.turn()
            self.rig.mine()

    @property
    def size(self):
        account = self.rig.liquidators[RIVAL.address]
        return self.rig.swaps.engine.call("sizeOf", account, ETH)

    @property
    def last_batch(self):
        return self.rig.swaps.settler.call("lastBatch")


@pytest.fixture
def desk(rig):
    return Desk(rig)


def test_turn__groups_wait__all_are_settled_in_one_batch(desk):
    for nonce in range(3):
        desk.write(f"g{nonce}", nonce)

    desk.run()

    assert desk.files("settled") == ["g0", "g1", "g2"]
    assert (desk.files(), desk.files("settling")) == ([], [])
    assert (desk.size, desk.last_batch) == (3 * LOT, 1)


def test_turn__a_file_is_no_group__is_rejected_with_its_reason(desk):
    (desk.folder / "bad.json").write_text('{"taker": 1}', "utf-8")
    desk.write("good", 0)

    desk.run()

    assert desk.files("settled") == ["good"]
    assert desk.files("rejected") == ["bad"]
    assert "is no group" in (desk.folder / "rejected" / "bad.json.reason").read_text("utf-8")


def test_turn__the_contract_skips_a_group__its_file_says_so(desk):
    desk.write("a", 0)
    desk.write("b", 0)
    desk.write("c", 1)

    desk.run()

    assert desk.files("settled") == ["a", "c"]
    assert desk.files("skipped") == ["b"]
    assert desk.desk.meters.counts["skipped_groups"] == 1


def test_turn__fees_differ_and_a_trigger__each_goes_in_a_batch_that_can_say_it(desk):
    desk.write("a", 0)
    desk.write("b", 1, max_fee_ppm=600)
    desk.write("c", 2, trigger_price=2_900 * WAD)
    desk.write("d", 3)

    desk.run(16)

    assert desk.files("settled") == ["a", "b", "c", "d"]
    assert desk.last_batch == 3


def test_turn__one_group_spoils_the_batch__is_found_by_halving(desk):
    """A node that refuses whatever holds a certain expiry stands for a group that reverts."""
    for nonce in range(4):
        desk.write(f"g{nonce}", nonce)
    desk.write("g2x", 9, expiry=2**39 + 777 * 2**8)
    desk.desk.store.close()
    node = FaultyNode(desk.rig.anvil.node)
    again = Desk(desk.rig, [node])
    bad = (777 * 2**8).to_bytes(3, "big").hex()

    def refuse(method, params, answer):
        del answer
        if method == "eth_call" and bad in params[0]["data"]:
            raise NodeRefusedError(method, 3, "execution reverted", bytes.fromhex("deadbeef"))
        return desk.rig.anvil.node.request(method, params)

    node.twist = refuse
    again.run(8)

    assert again.files("rejected") == ["g2x"]
    assert again.files("settled") == ["g0", "g1", "g2", "g3"]


def test_turn__not_the_settler__says_so(rig):
    desk = rig.desk("other", "settlement", key=RIVAL)
    job = SettlementJob(desk, rig.swaps, SettlementPolicy(rig.folder / "groups"))
    own = Desk(rig)
    own.write("a", 0)

    with pytest.raises(KeeperError, match="NotSettler"):
        job.turn()


@pytest.mark.parametrize("is_heard", [True, False])
def test_send__no_answer__the_batch_is_settled_once(rig, is_heard):
    node = FaultyNode(rig.anvil.node)
    desk = Desk(rig, [node])
    desk.write("a", 0)

    def lose(method):
        if method == SEND:
            raise timeout()

    if is_heard:
        node.after = lose
    else:
        node.before = lose
    desk.job.turn()
    node.before = node.after = None
    rig.mine(3)
    desk.run()

    assert desk.files("settled") == ["a"]
    assert (desk.size, desk.last_batch) == (LOT, 1)


@pytest.mark.parametrize("at", KILLED_AT)
@pytest.mark.parametrize("is_heard", [True, False])
def test_run__killed_at_any_request__the_next_process_settles_each_once(rig, at, is_heard):
    node = FaultyNode(rig.anvil.node)
    desk = Desk(rig, [node])
    for nonce in range(2):
        desk.write(f"g{nonce}", nonce)
    if is_heard:
        node.after = killer(at)
    else:
        node.before = killer(at)
    with contextlib.suppress(Killed):
        desk.run(2)
    desk.desk.store.close()

    next_ = Desk(rig)
    rig.mine(3)
    next_.run(6)

    assert next_.files("settled") == ["g0", "g1"]
    assert next_.size == 2 * LOT


@pytest.mark.parametrize("is_heard", [True, False])
def test_run__killed_while_it_sends__the_next_process_knows_the_batch(rig, is_heard):
    node = FaultyNode(rig.anvil.node)
    desk = Desk(rig, [node])
    desk.write("a", 0)
    rig.anvil.node.request("evm_setAutomine", [False])
    if is_heard:
        node.after = killer_at(SEND)
    else:
        node.before = killer_at(SEND)
    with pytest.raises(Killed):
        desk.job.turn()
    desk.desk.store.close()

    next_ = Desk(rig)
    next_.write("b", 1)
    next_.run(10)

    assert next_.files("settled") == ["a", "b"]
    assert next_.files("skipped") == []
    assert (next_.size, next_.last_batch) == (2 * LOT, 2)


def test_turn__the_batch_is_taken_back__is_settled_again_by_itself(desk):
    desk.write("a", 0)
    desk.rig.mine(2)
    desk.job.turn()
    desk.rig.mine()
    desk.job.turn()
    assert desk.size == LOT

    desk.rig.anvil.node.request("anvil_reorg", [2, []])
    desk.rig.sync()
    assert desk.size == 0
    desk.run(6)

    assert desk.files("settled") == ["a"]
    assert desk.size == LOT


def test_group__written_and_read__is_the_same(desk):
    taker, maker = desk.signed(RIVAL, LOT, 1), desk.signed(SETTLER, -LOT, 1)
    match = Match(taker, (maker,))

    assert group_from("g", group_text(match)).match == match
    with pytest.raises(GroupError, match="g is no group"):
        group_from("g", group_text(match).replace('"lots": "100000000"', '"lots": true'))
