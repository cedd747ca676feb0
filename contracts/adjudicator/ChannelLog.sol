// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Leg} from "../interfaces/ChannelTypes.sol";

/// Data of an event under construction: a size in bytes, then that many bytes of words.
type EventData is uint256;

using ChannelLog for EventData global;

/// @title Events that end in an array of structs, encoded by hand
/// @dev The compiler's encoder checks and copies field by field; these words are checked already. Data of each event here is
/// `heads | offset of the array | its length | its elements`, which is the ABI encoding of an event whose only dynamic parameter is a
/// last one, an array of static structs. Tests decode every event by the ABI and compare it with the model's.
library ChannelLog {
    /// @dev Heads 0 and 1 are the epoch and the version; `put` the others and the elements.
    function start(
        uint256 heads,
        uint32 epoch,
        uint64 version,
        uint256 count,
        uint256 wordsPerElement
    ) internal pure returns (EventData data) {
        assembly ("memory-safe") {
            // one word of size, then the words
            data := mload(0x40)
            let size := shl(5, add(add(heads, 2), mul(count, wordsPerElement)))
            mstore(0x40, add(add(data, 0x20), size))
            mstore(data, size)
            mstore(add(data, 0x20), epoch)
            mstore(add(data, 0x40), version)
            let at := add(add(data, 0x20), shl(5, heads))
            mstore(at, shl(5, add(heads, 1)))
            mstore(add(at, 0x20), count)
        }
    }

    /// @dev Set word `i`; the caller stays below the size it asked for.
    function put(EventData data, uint256 i, uint256 value) internal pure {
        assembly ("memory-safe") {
            mstore(add(add(data, 0x20), shl(5, i)), value)
        }
    }

    /// @dev Copy legs from calldata to word `i` on.
    function putLegs(EventData data, uint256 i, Leg[] calldata rawLegs) internal pure {
        assembly ("memory-safe") {
            calldatacopy(add(add(data, 0x20), shl(5, i)), rawLegs.offset, mul(rawLegs.length, 0x60))
        }
    }

    /// @dev Read word `i` back.
    function get(EventData data, uint256 i) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 0x20), shl(5, i)))
        }
    }

    function emit2(EventData data, bytes32 topic, bytes32 id) internal {
        assembly ("memory-safe") {
            log2(add(data, 0x20), mload(data), topic, id)
        }
    }

    function emit4(EventData data, bytes32 topic, bytes32 id, address topic2, address topic3) internal {
        assembly ("memory-safe") {
            log4(add(data, 0x20), mload(data), topic, id, topic2, topic3)
        }
    }
}
