"""Commit to liabilities by a Merkle root, and prove one debt against it.

A leaf is keccak256(keccak256(asset id ‖ int256 owed by low to high, WAD)). Hashing a leaf twice
keeps it apart from a node, whose preimage is two hashes: no node can be shown as a debt. A node is
keccak256 of its two children, the smaller first; a node without a sibling moves up as it is. Leaves
stand ascending by asset id, once each, without zeros, so equal liabilities have one root; none at
all have the zero word. OpenZeppelin's MerkleProof library verifies these proofs as they are.
"""

from __future__ import annotations

from clearing.channel.errors import CodecError
from clearing.channel.keccak import keccak256
from clearing.channel.words import row_encoder, word_encoder
from clearing.spec.assets import AssetId
from clearing.spec.liabilities import Liabilities
from clearing.spec.types import ZERO_WORD
from clearing.spec.units import Bytes32

__all__ = ["liabilities_root", "prove_liability", "verify_liability"]

WORD_BYTES = 32

_encode_leaf = row_encoder(
    ("asset", "owed"), ("bytes32", "int256"), (word_encoder("bytes32"), word_encoder("int256"))
)


def liabilities_root(liabilities: Liabilities) -> Bytes32:
    """Return the root that a ClearingState carries; the zero word if nothing is owed."""
    if not liabilities.rows:
        return Bytes32(ZERO_WORD)
    return _layers(liabilities)[-1][0]


def prove_liability(liabilities: Liabilities, asset: AssetId) -> tuple[Bytes32, ...]:
    """Return the siblings on the asset's way to the root, from the leaf up.

    Raises KeyError if nothing is owed in the asset.
    """
    assets = [held for held, _ in liabilities.rows]
    if asset not in assets:
        raise KeyError(asset)
    position = assets.index(asset)
    proof: list[Bytes32] = []
    for layer in _layers(liabilities)[:-1]:
        proof += layer[position ^ 1 : (position ^ 1) + 1]
        position >>= 1
    return tuple(proof)


def verify_liability(
    root: Bytes32, asset: AssetId, owed_wad: int, proof: tuple[Bytes32, ...]
) -> bool:
    """Say whether `root` commits low to owe high `owed_wad` of the asset (negative: the reverse).

    False, never an error, for a malformed id, quantity, proof or root.
    """
    if owed_wad == 0 or any(len(word) != WORD_BYTES for word in proof):
        return False
    try:
        node = _leaf(asset, owed_wad)
    except CodecError:
        return False
    for sibling in proof:
        node = _node(node, sibling)
    return node == root


def _layers(liabilities: Liabilities) -> list[list[Bytes32]]:
    """Return the tree of at least one leaf, from the leaves to the layer of the root alone."""
    layers = [[_leaf(asset, owed) for asset, owed in liabilities.rows]]
    while len(layers[-1]) > 1:
        below = layers[-1]
        pairs = zip(below[::2], below[1::2], strict=False)
        above = [_node(left, right) for left, right in pairs]
        layers.append(above + below[len(above) * 2 :])
    return layers


def _leaf(asset: AssetId, owed_wad: int) -> Bytes32:
    """Return the hash of one debt."""
    return Bytes32(keccak256(keccak256(_encode_leaf((asset, owed_wad)))))


def _node(one: Bytes32, other: Bytes32) -> Bytes32:
    """Return the hash of two children, the smaller first."""
    return Bytes32(keccak256(min(one, other) + max(one, other)))
