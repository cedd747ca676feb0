// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// Where prices come from and what the guardian has paused: `| 48 unused | mask 8 | until 40 | oracle 160 |` (low bits on the right).
type CoreWord is uint256;

using CoreWordLib for CoreWord global;

/// @title The oracle and the guardian's pause in one word: every trade reads both
library CoreWordLib {
    uint256 private constant UNTIL_AT = 160;
    uint256 private constant MASK_AT = 200;

    function oracle(CoreWord w) internal pure returns (address) {
        return address(uint160(CoreWord.unwrap(w)));
    }

    function until(CoreWord w) internal pure returns (uint256) {
        return uint40(CoreWord.unwrap(w) >> UNTIL_AT);
    }

    /// @dev What is paused at `now_`.
    function mask(CoreWord w, uint256 now_) internal pure returns (uint256) {
        return now_ < w.until() ? uint8(CoreWord.unwrap(w) >> MASK_AT) : 0;
    }

    function withOracle(CoreWord w, address oracle_) internal pure returns (CoreWord) {
        return CoreWord.wrap(((CoreWord.unwrap(w) >> UNTIL_AT) << UNTIL_AT) | uint160(oracle_));
    }

    /// @dev until_ < 2^40.
    function paused(CoreWord w, uint256 mask_, uint256 until_) internal pure returns (CoreWord) {
        return CoreWord.wrap(uint160(CoreWord.unwrap(w)) | (until_ << UNTIL_AT) | (mask_ << MASK_AT));
    }
}
