// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {StateView} from "../../contracts/adjudicator/ChannelViews.sol";

/// One asset of a state, as in AssetSplit.
struct Split {
    int128 netLow;
    int128 netHigh;
    uint128 low;
    uint128 high;
    uint128 outLow;
    uint128 outHigh;
}

/// @title States in memory as ChannelCodec.load leaves them
library StateMaker {
    /// @dev Of one asset. `alternatives` are the first `entries` of altLow.
    function make(
        uint8 intent,
        uint8 kind,
        uint64 version,
        Split memory a,
        uint128[3] memory alternatives,
        uint256 entries
    ) internal pure returns (StateView s) {
        uint256[10] memory words;
        uint256[8] memory splits; // count, type hash, 6 words
        uint256[4] memory condition;
        uint256[4] memory list; // count, entries
        splits[0] = 1;
        (splits[2], splits[3]) = (uint256(int256(a.netLow)), uint256(int256(a.netHigh)));
        (splits[4], splits[5], splits[6], splits[7]) = (a.low, a.high, a.outLow, a.outHigh);
        list[0] = entries;
        (list[1], list[2], list[3]) = (alternatives[0], alternatives[1], alternatives[2]);
        condition[0] = kind;
        condition[3] = _at4(list);
        (words[2], words[3]) = (version, intent);
        (words[4], words[5]) = (_at8(splits), _at4(condition));
        assembly ("memory-safe") {
            s := words
        }
    }

    function _at4(uint256[4] memory words) private pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := words
        }
    }

    function _at8(uint256[8] memory words) private pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := words
        }
    }
}
