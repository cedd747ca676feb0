"""What stands for much in one word: the tree of liabilities, proposals, timelock operations."""

import pytest
from eth_abi import encode
from hypothesis import example, given
from hypothesis import strategies as st

from clearing.channel.liabilities import liabilities_root, prove_liability, verify_liability
from clearing.spec.governance import Action
from clearing.spec.liabilities import Liabilities
from clearing.spec.units import Address
from tests.harness.draw import addresses, unsigned_integers, words
from tests.harness.governance import Proposed, deploy_governance
from tests.second.effort import SOME
from tests.second.plain_eip712 import keccak_plain

OWED = st.sampled_from((-(2**255), -1, 1, 2**255 - 1)) | st.integers(-(2**255), 2**255 - 1)
DEBTS = st.dictionaries(words, OWED.filter(bool), max_size=40)
FULL = {bytes([at]) * 32: at + 1 for at in range(33)}


# THE TREE, FROM THE TOP DOWN: ours is built in layers from the leaves up


def leaf(asset, owed_wad):
    return keccak_plain(keccak_plain(encode(["bytes32", "int256"], [asset, owed_wad])))


def cut(count):
    """Return how many leaves go left: the greatest power of two that leaves some for the right."""
    left = 1
    while left * 2 < count:
        left *= 2
    return left


def root_of(leaves):
    if len(leaves) == 1:
        return leaves[0]
    left = cut(len(leaves))
    return keccak_plain(b"".join(sorted((root_of(leaves[:left]), root_of(leaves[left:])))))


def way_of(leaves, at):
    """Return the siblings of a leaf, the lowest first."""
    if len(leaves) == 1:
        return ()
    left = cut(len(leaves))
    if at < left:
        return (*way_of(leaves[:left], at), root_of(leaves[left:]))
    return (*way_of(leaves[left:], at - left), root_of(leaves[:left]))


@SOME
@given(debts=DEBTS)
@example(debts={})
@example(debts=FULL)
@example(debts=dict(list(FULL.items())[:32]))
def test_liabilities_root__any_debts__is_that_of_a_tree_from_the_top_down(debts):
    ours = liabilities_root(Liabilities.of(debts))

    leaves = [leaf(asset, debts[asset]) for asset in sorted(debts)]
    assert ours == (root_of(leaves) if leaves else bytes(32)), "RSK-08"


@SOME
@given(debts=DEBTS.filter(bool), data=st.data())
def test_prove_liability__any_debt__is_its_way_in_a_tree_from_the_top_down(debts, data):
    owed, assets = Liabilities.of(debts), sorted(debts)
    at = data.draw(st.integers(0, len(assets) - 1))

    proof = prove_liability(owed, assets[at])

    leaves = [leaf(asset, debts[asset]) for asset in assets]
    assert proof == way_of(leaves, at), "RSK-08"
    assert verify_liability(root_of(leaves), assets[at], debts[assets[at]], proof)


# GOVERNANCE: the contracts name things by hashes of their ABI encoding; eth_abi encodes it anew


@pytest.fixture(scope="module")
def rig():
    return deploy_governance()


ACTIONS = st.lists(
    st.builds(Action, addresses, unsigned_integers(256), st.binary(max_size=70)), max_size=4
).map(tuple)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)


@SOME
@given(actions=ACTIONS, text=TEXTS)
def test_proposal_id__any_proposal__is_what_eth_abi_makes_of_it(rig, actions, text):
    proposed = Proposed(actions, text)
    kinds = ["address[]", "uint256[]", "bytes[]", "bytes32"]
    described = keccak_plain(text.encode())

    expected = keccak_plain(encode(kinds, [*proposed.lists, described]))

    assert rig.id_of(proposed) == int.from_bytes(expected, "big")


@SOME
@given(actions=ACTIONS, before=words, salt=words)
def test_operation_id__any_batch__is_what_eth_abi_makes_of_it(rig, actions, before, salt):
    lists = Proposed(actions, "").lists
    kinds = ["address[]", "uint256[]", "bytes[]", "bytes32", "bytes32"]

    expected = keccak_plain(encode(kinds, [*lists, before, salt]))

    assert rig.timelock.read("hashOperationBatch", *lists, before, salt) == expected


@SOME
@given(text=TEXTS)
def test_queue__a_proposal__is_the_operation_that_a_second_hash_names(rig, text):
    """The governor's salt: its own address, left aligned, xor the hash of the description."""
    proposed = Proposed((rig.action(rig.target, "mint", Address(b"\1" * 20), 1),), text)
    with rig.chain.isolated():
        rig.make_queued(proposed)
        own = rig.governor.address.ljust(32, b"\0")
        salt = bytes(
            one ^ other for one, other in zip(own, keccak_plain(text.encode()), strict=True)
        )
        kinds = ["address[]", "uint256[]", "bytes[]", "bytes32", "bytes32"]
        expected = keccak_plain(encode(kinds, [*proposed.lists, bytes(32), salt]))

        assert rig.timelock.read("isOperationPending", expected)
