// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    GATE_PAUSED,
    GATE_SEQ_DOWN,
    GATE_SEQ_GRACE,
    GATE_SEQ_GRACE_OPEN,
    GATE_SEQ_UNKNOWN
} from "../../interfaces/OracleTypes.sol";
import {TRIPPED} from "./Look.sol";

/// @title Who may use which price, when
/// @dev A column is what a state allows, one bit 1 << action for each action:
///
///   TWAP_RECORD 40  FUNDING 20  LIQUIDATE 10  WITHDRAW 08  SIGNED_REDUCE 04  CLOSE 02  OPEN 01
///
/// The column of TRIPPED counts only while the sources agree; else only SIGNED_REDUCE, which asks nothing but that the sequencer is not
/// down, is left.
library ActionTable {
    uint256 private constant COLUMN_BITS = 8;
    uint256 private constant COLUMN_MASK = 0x7f;

    /// @dev One literal, so that the compiler does not put it together at every look-up.
    uint256 private constant COLUMNS =
        0x04 | // FROZEN     SIGNED_REDUCE
            (0x7f << 8) | // NORMAL     all
            (0x7f << 16) | // PRIMARY    all
            (0x7e << 24) | // SECONDARY  all but OPEN
            (0x06 << 32) | // TWAP       CLOSE, SIGNED_REDUCE
            (0x06 << 40) | // DIVERGED   CLOSE, SIGNED_REDUCE
            (0x54 << 48); // TRIPPED    SIGNED_REDUCE, LIQUIDATE, TWAP_RECORD
    uint256 private constant TRIPPED_APART = 0x04;

    // What a gate forbids.
    uint256 private constant BY_PAUSED = 0x3b; // all but SIGNED_REDUCE, TWAP_RECORD
    uint256 private constant BY_DOWN = 0x7f; // all
    uint256 private constant BY_GRACE = 0x70; // LIQUIDATE, FUNDING, TWAP_RECORD
    uint256 private constant BY_GRACE_OPEN = 0x09; // OPEN, WITHDRAW
    uint256 private constant BY_UNKNOWN = 0x01; // OPEN

    /// @dev Bit 1 << action for each action that state and gates allow.
    function allowed(uint256 state, uint256 gates, bool agree) internal pure returns (uint256 bits) {
        bits = state == TRIPPED && !agree ? TRIPPED_APART : (COLUMNS >> (state * COLUMN_BITS)) & COLUMN_MASK;
        if (gates == 0) return bits;
        if (gates & GATE_PAUSED != 0) bits &= ~BY_PAUSED;
        if (gates & GATE_SEQ_DOWN != 0) bits &= ~BY_DOWN;
        if (gates & GATE_SEQ_GRACE != 0) bits &= ~BY_GRACE;
        if (gates & GATE_SEQ_GRACE_OPEN != 0) bits &= ~BY_GRACE_OPEN;
        if (gates & GATE_SEQ_UNKNOWN != 0) bits &= ~BY_UNKNOWN;
    }

    function allows(uint256 action, uint256 state, uint256 gates, bool agree) internal pure returns (bool) {
        return (allowed(state, gates, agree) >> action) & 1 != 0;
    }
}
