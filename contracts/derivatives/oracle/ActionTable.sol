// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SIGNED_REDUCE, TRIPPED} from "./Look.sol";

/// @title Who may use which price, when
/// @dev A row is `| gates that forbid the action 8 | states that allow it 8 |`; gates as in OracleTypes.sol, a state's bit is 1 << state:
///
///   gates   UNKNOWN 10  GRACE_OPEN 08  GRACE 04  DOWN 02  PAUSED 01
///   states  TRIPPED 40  DIVERGED 20  TWAP 10  SECONDARY 08  PRIMARY 04  NORMAL 02  FROZEN 01
///
/// The bit of TRIPPED counts only while the sources agree, but for SIGNED_REDUCE, which asks nothing but that the sequencer is not down.
library ActionTable {
    uint256 private constant ROW_BITS = 16;
    uint256 private constant GATES_AT = 8;

    /// @dev One literal, so that the compiler does not put it together at every look-up.
    uint256 private constant TABLE =
        0x1b06 | // OPEN           NORMAL, PRIMARY            PAUSED, DOWN, GRACE_OPEN, UNKNOWN
            (0x033e << 16) | // CLOSE          all but TRIPPED, FROZEN    PAUSED, DOWN
            (0x027f << 32) | // SIGNED_REDUCE  all                        DOWN
            (0x0b0e << 48) | // WITHDRAW       NORMAL, PRIMARY, SECONDARY PAUSED, DOWN, GRACE_OPEN
            (0x074e << 64) | // LIQUIDATE      the same, TRIPPED          PAUSED, DOWN, GRACE
            (0x070e << 80) | // FUNDING        NORMAL, PRIMARY, SECONDARY PAUSED, DOWN, GRACE
            (0x064e << 96); // TWAP_RECORD    the same, TRIPPED          DOWN, GRACE

    uint256 private constant ACTIONS = 7;

    /// @dev Bit 1 << action for each action that is allowed.
    function allowed(uint256 state, uint256 gates, bool agree) internal pure returns (uint256 bits) {
        unchecked {
            for (uint256 action = 0; action < ACTIONS; ++action) {
                if (allows(action, state, gates, agree)) bits |= 1 << action;
            }
        }
    }

    function allows(uint256 action, uint256 state, uint256 gates, bool agree) internal pure returns (bool) {
        unchecked {
            // action < 7
            uint256 row = TABLE >> (action * ROW_BITS);
            if ((row >> GATES_AT) & gates & 0xff != 0) return false;
            if ((row >> state) & 1 == 0) return false;
            return state != TRIPPED || agree || action == SIGNED_REDUCE;
        }
    }
}
