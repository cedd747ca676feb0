import pytest

from clearing.channel.keccak import keccak256
from clearing.channel.liabilities import liabilities_root, prove_liability, verify_liability
from clearing.spec.assets import asset_id
from clearing.spec.liabilities import NO_LIABILITIES, Liabilities
from clearing.spec.types import ZERO_WORD
from clearing.spec.units import WAD

BTC, ETH, USDC = asset_id("BTC"), asset_id("ETH"), asset_id("USDC")


def leaf(asset, owed_wad):
    word = owed_wad.to_bytes(32, "big", signed=True)
    return keccak256(keccak256(asset + word))


def node(one, other):
    return keccak256(min(one, other) + max(one, other))


def test_liabilities_root__nothing_owed__is_the_zero_word():
    assert liabilities_root(NO_LIABILITIES) == ZERO_WORD


def test_liabilities_root__one_debt__is_its_leaf():
    assert liabilities_root(Liabilities.of({BTC: -WAD})) == leaf(BTC, -WAD)


def test_liabilities_root__seeds_example__is_worked_by_hand(owed):
    btc, eth, usdc = leaf(BTC, -WAD), leaf(ETH, 10 * WAD), leaf(USDC, 20_000 * WAD)

    assert liabilities_root(owed) == node(node(btc, eth), usdc)


def test_prove_liability__seeds_example__is_worked_by_hand(owed):
    btc, eth, usdc = leaf(BTC, -WAD), leaf(ETH, 10 * WAD), leaf(USDC, 20_000 * WAD)

    assert prove_liability(owed, ETH) == (btc, usdc)
    assert prove_liability(owed, USDC) == (node(btc, eth),)


def test_prove_liability__nothing_owed_in_it__is_refused(owed):
    with pytest.raises(KeyError):
        prove_liability(owed, asset_id("DOGE"))


def test_verify_liability__other_sign_quantity_or_asset__is_refused(owed):
    root, proof = liabilities_root(owed), prove_liability(owed, ETH)
    assert verify_liability(root, ETH, 10 * WAD, proof)

    assert not verify_liability(root, ETH, -10 * WAD, proof)
    assert not verify_liability(root, ETH, 10 * WAD + 1, proof)
    assert not verify_liability(root, BTC, 10 * WAD, proof)
    assert not verify_liability(root, ETH, 10 * WAD, proof[:1])


def test_verify_liability__inner_node_shown_as_a_debt__is_refused(owed):
    """The two children of a node are 64 bytes, as a leaf's asset and quantity are."""
    btc, eth = leaf(BTC, -WAD), leaf(ETH, 10 * WAD)
    left, right = min(btc, eth), max(btc, eth)
    usdc_proof = (leaf(USDC, 20_000 * WAD),)

    assert not verify_liability(
        liabilities_root(owed), left, int.from_bytes(right, "big", signed=True), usdc_proof
    )


@pytest.mark.parametrize(
    ("asset", "owed_wad", "proof"),
    [
        (b"short", WAD, ()),
        (BTC, 2**255, ()),
        (BTC, 0, ()),
        (BTC, -WAD, (b"",)),
        (BTC, -WAD, (bytes(31),)),
    ],
)
def test_verify_liability__malformed__is_false_not_an_error(asset, owed_wad, proof):
    root = liabilities_root(Liabilities.of({BTC: -WAD}))
    assert verify_liability(root, BTC, -WAD, ())

    assert not verify_liability(root, asset, owed_wad, proof)


def test_verify_liability__root_made_of_a_zero_debt__is_refused():
    """Nil is the absence of a row, so a root that holds one is no root of liabilities."""
    assert verify_liability(leaf(BTC, 1), BTC, 1, ())

    assert not verify_liability(leaf(BTC, 0), BTC, 0, ())
