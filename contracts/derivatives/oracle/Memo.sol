// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {NONE} from "./Look.sol";

/// What every look at a feed needs of its past, in one word (low bits on the right):
/// `| 16 unused | gapAt 40 | count 8 | head 8 | latch 8 | pausedUntil 40 | lastGoodAt 40 | lastGood 96 |`.
type Memo is uint256;

using MemoLib for Memo global;

/// @dev Times are below 2^40, prices below 2^96 (the sanity bounds are).
library MemoLib {
    uint256 private constant AT_AT = 96;
    uint256 private constant PAUSED_AT = 136;
    uint256 private constant LATCH_AT = 176;
    uint256 private constant HEAD_AT = 184;
    uint256 private constant COUNT_AT = 192;
    uint256 private constant GAP_AT = 200;

    uint256 private constant GOOD_MASK = (1 << PAUSED_AT) - 1; // lastGood and lastGoodAt
    uint256 private constant TIME_MASK = type(uint40).max;
    uint256 private constant RING_MASK = type(uint256).max << HEAD_AT; // head, count, gapAt

    /* READ */

    function lastGood(Memo m) internal pure returns (uint256) {
        return uint96(Memo.unwrap(m));
    }

    function lastGoodAt(Memo m) internal pure returns (uint256) {
        return uint40(Memo.unwrap(m) >> AT_AT);
    }

    function pausedUntil(Memo m) internal pure returns (uint256) {
        return uint40(Memo.unwrap(m) >> PAUSED_AT);
    }

    /// @dev A TripReason.
    function latch(Memo m) internal pure returns (uint256) {
        return uint8(Memo.unwrap(m) >> LATCH_AT);
    }

    function head(Memo m) internal pure returns (uint256) {
        return uint8(Memo.unwrap(m) >> HEAD_AT);
    }

    function count(Memo m) internal pure returns (uint256) {
        return uint8(Memo.unwrap(m) >> COUNT_AT);
    }

    function gapAt(Memo m) internal pure returns (uint256) {
        return uint40(Memo.unwrap(m) >> GAP_AT);
    }

    /* MOVE */

    /// @dev `price`, of the time `at`, is the last good one.
    function accepted(Memo m, uint256 price, uint256 at) internal pure returns (Memo) {
        return Memo.wrap((Memo.unwrap(m) & ~GOOD_MASK) | price | (at << AT_AT));
    }

    /// @dev Without a latch and a last good price: what a look without history sees.
    function forgotten(Memo m) internal pure returns (Memo) {
        return m.latched(NONE).accepted(0, 0);
    }

    function paused(Memo m, uint256 until) internal pure returns (Memo) {
        return Memo.wrap((Memo.unwrap(m) & ~(TIME_MASK << PAUSED_AT)) | (until << PAUSED_AT));
    }

    function latched(Memo m, uint256 reason) internal pure returns (Memo) {
        return Memo.wrap((Memo.unwrap(m) & ~(uint256(0xff) << LATCH_AT)) | (reason << LATCH_AT));
    }

    function withRing(Memo m, uint256 head_, uint256 count_, uint256 gapAt_) internal pure returns (Memo) {
        return
            Memo.wrap((Memo.unwrap(m) & ~RING_MASK) | (head_ << HEAD_AT) | (count_ << COUNT_AT) | (gapAt_ << GAP_AT));
    }
}
