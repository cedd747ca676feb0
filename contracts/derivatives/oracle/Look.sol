// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Reading} from "../../interfaces/OracleTypes.sol";

// The members of the enums of OracleTypes.sol as plain numbers, in their order. The compiler checks an enum at every comparison and
// evaluates a constant made from one each time: a tenth of the cost of a look.

// Grade
uint256 constant BROKEN = 0;
uint256 constant STALE = 1;
uint256 constant AHEAD = 2;
uint256 constant UNCERTAIN = 3;
uint256 constant OK = 4;

// SequencerStatus
uint256 constant SEQ_UNKNOWN = 0;
uint256 constant SEQ_DOWN = 1;
uint256 constant SEQ_UP = 2;

// PriceState
uint256 constant FROZEN = 0;
uint256 constant NORMAL = 1;
uint256 constant PRIMARY_ONLY = 2;
uint256 constant SECONDARY_ONLY = 3;
uint256 constant TWAP_ONLY = 4;
uint256 constant DIVERGED = 5;
uint256 constant TRIPPED = 6;

// TripReason
uint256 constant NONE = 0;
uint256 constant JUMP = 1;
uint256 constant DEVIATION = 2;
uint256 constant SANITY = 3;

// Action
uint256 constant OPEN = 0;
uint256 constant CLOSE = 1;
uint256 constant SIGNED_REDUCE = 2;
uint256 constant WITHDRAW = 3;
uint256 constant LIQUIDATE = 4;
uint256 constant FUNDING = 5;
uint256 constant TWAP_RECORD = 6;

// Purpose
uint256 constant VALUE_OPEN = 0;
uint256 constant VALUE_LIQUIDATE = 1;
uint256 constant VALUE_MID = 2;

/// `Reading` under construction: the same fields in the same order, enums as numbers.
struct Look {
    uint256 state;
    uint256 gates;
    uint256 trip;
    bool agree;
    bool pythOpens;
    bool ringFit;
    uint256 clGrade;
    uint256 pyGrade;
    uint256 sequencer;
    uint256 sequencerSince;
    uint256 c;
    uint256 clAt;
    uint256 p;
    uint256 conf;
    uint256 pyAt;
    uint256 twap;
    uint256 mid;
    uint256 midAt;
    uint256 lo;
    uint256 hi;
    uint256 openLo;
    uint256 openHi;
    uint256 liqLo;
    uint256 liqHi;
    uint256 lastGood;
    uint256 lastGoodAt;
}

using LookLib for Look global;

library LookLib {
    /// @dev The same memory: every field of either struct takes one word, and each number is a member of its enum.
    function asReading(Look memory look) internal pure returns (Reading memory r) {
        assembly ("memory-safe") {
            r := look
        }
    }

    function bothOk(Look memory look) internal pure returns (bool) {
        return look.clGrade == OK && look.pyGrade == OK;
    }

    /// @dev Time of Pyth's price; one that is ahead counts as of the present.
    function pyTime(Look memory look, uint256 now_) internal pure returns (uint256) {
        return look.pyAt < now_ ? look.pyAt : now_;
    }

    /// @dev Whether mid becomes the last good price: the state is a good one, and the data is not older than what is remembered.
    function replacesLastGood(Look memory look) internal pure returns (bool) {
        return look.isGood() && look.midAt >= look.lastGoodAt;
    }

    /// @dev Whether the state is one whose mid becomes the last good price.
    function isGood(Look memory look) internal pure returns (bool) {
        return look.state >= NORMAL && look.state <= SECONDARY_ONLY;
    }
}
