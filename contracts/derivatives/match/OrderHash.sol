// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Order} from "../../interfaces/IMatchSettler.sol";

/// Orders in one piece of memory, each behind the word that its hash begins with.
type OrderList is uint256;

using OrderHash for OrderList global;

/// @title The struct hash of an order as EIP-712 words it
library OrderHash {
    bytes32 internal constant TYPE_HASH = keccak256(
        "Order(uint32 account,uint16 market,int128 size,uint128 limitPrice,uint32 maxFeePpm,uint64 expiry,"
        "uint40 nonce,uint8 flags,uint128 triggerPrice)"
    );

    /// @dev Bytes from one order to the next: its nine words and the type hash.
    uint256 private constant STRIDE = 320;

    function hash(Order memory order) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPE_HASH, order));
    }

    /// @dev Room for orders, whose members hold anything until they are written.
    function make(uint256 count) internal pure returns (OrderList list) {
        bytes32 typeHash = TYPE_HASH;
        assembly ("memory-safe") {
            list := mload(0x40)
            let end := add(list, mul(count, STRIDE))
            mstore(0x40, end)
            for {
                let next := list
            } lt(next, end) {
                next := add(next, STRIDE)
            } {
                mstore(next, typeHash)
            }
        }
    }

    /// @dev index < count.
    function at(OrderList list, uint256 index) internal pure returns (Order memory order) {
        assembly ("memory-safe") {
            order := add(list, add(mul(index, STRIDE), 0x20))
        }
    }

    /// @dev What `hash` gives, of an order that stands in a list, without a copy.
    function hashAt(OrderList list, uint256 index) internal pure returns (bytes32 hash_) {
        assembly ("memory-safe") {
            hash_ := keccak256(add(list, mul(index, STRIDE)), STRIDE)
        }
    }
}
