// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Order} from "../../interfaces/IMatchSettler.sol";
import {AccountId, MarketId} from "../../interfaces/PerpTypes.sol";
import {RingHead} from "./NonceRing.sol";
import {OrderHash} from "./OrderHash.sol";

/// An order within a group: its first ten words are what EIP-712 hashes.
struct Ticket {
    bytes32 typeHash;
    AccountId account; // from here on as in Order
    MarketId market;
    int128 size;
    uint128 limitPrice;
    uint32 maxFeePpm;
    uint64 expiry;
    uint40 nonce;
    uint8 flags;
    uint128 triggerPrice;
    uint256 lots; // filled in this group
    address owner; // of the account
    RingHead head; // of the account
}

using TicketLib for Ticket global;

/// @title The orders of a group, in one piece of memory
library TicketLib {
    /// @dev Bytes of a ticket, and of the part that is hashed.
    uint256 private constant STRIDE = 416;
    uint256 private constant HASHED = 320;

    /// @dev Tickets one behind the other, whose members hold anything until they are written, but for the type hash.
    function make(uint256 count) internal pure returns (Ticket[] memory list) {
        bytes32 typeHash = OrderHash.TYPE_HASH;
        assembly ("memory-safe") {
            list := mload(0x40)
            mstore(list, count)
            let pointer := add(list, 0x20)
            let ticket := add(pointer, shl(5, count))
            let end := add(ticket, mul(count, STRIDE))
            mstore(0x40, end)
            for {} lt(ticket, end) {
                ticket := add(ticket, STRIDE)
                pointer := add(pointer, 0x20)
            } {
                mstore(pointer, ticket)
                mstore(ticket, typeHash)
            }
        }
    }

    /// @dev What OrderHash gives of the order, without a copy.
    function hash(Ticket memory ticket) internal pure returns (bytes32 hash_) {
        assembly ("memory-safe") {
            hash_ := keccak256(ticket, HASHED)
        }
    }

    function write(Ticket memory to, Order calldata from) internal pure {
        (to.account, to.market, to.size) = (from.account, from.market, from.size);
        (to.limitPrice, to.maxFeePpm, to.expiry) = (from.limitPrice, from.maxFeePpm, from.expiry);
        (to.nonce, to.flags, to.triggerPrice) = (from.nonce, from.flags, from.triggerPrice);
    }

    /// @dev What is filled, + bought.
    function signedLots(Ticket memory t) internal pure returns (int256) {
        unchecked {
            // at most 100 times 2^128
            return t.size > 0 ? int256(t.lots) : -int256(t.lots);
        }
    }
}
