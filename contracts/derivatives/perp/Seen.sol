// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Context} from "../../interfaces/EngineTypes.sol";
import {MAX_MARKETS} from "../../interfaces/PerpTypes.sol";

/// The markets that a call has looked at: where in memory each one's Context is, 0 if it was not looked at. Empty: nothing is kept.
struct Seen {
    uint256[] pointers;
}

using SeenLib for Seen global;

/// @title One look at each market, however many accounts and purposes ask for it
library SeenLib {
    function make() internal pure returns (Seen memory seen) {
        seen.pointers = new uint256[](MAX_MARKETS);
    }

    function has(Seen memory seen, uint256 market) internal pure returns (bool) {
        return seen.pointers.length != 0 && seen.pointers[market] != 0;
    }

    /// @dev What `put` was given; only where `has`.
    function get(Seen memory seen, uint256 market) internal pure returns (Context memory c) {
        uint256 pointer = seen.pointers[market];
        assembly ("memory-safe") {
            c := pointer
        }
    }

    function put(Seen memory seen, uint256 market, Context memory c) internal pure {
        if (seen.pointers.length == 0) return;
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := c
        }
        seen.pointers[market] = pointer;
    }
}
