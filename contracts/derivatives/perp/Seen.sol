// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Context} from "../../interfaces/EngineTypes.sol";
import {MAX_MARKETS} from "../../interfaces/PerpTypes.sol";
import {Worth} from "./Margin.sol";

/// The markets that a call has looked at: where in memory each one's Context is, and its Worth for the call's one purpose; 0 if it was
/// not looked at. Empty: nothing is kept.
struct Seen {
    uint256[] pointers;
    uint256[] worths;
}

using SeenLib for Seen global;

/// @title One look at each market, however many accounts and purposes ask for it
library SeenLib {
    function make() internal pure returns (Seen memory seen) {
        seen.pointers = new uint256[](MAX_MARKETS);
    }

    /// @dev For many accounts and one purpose.
    function makeForOne() internal pure returns (Seen memory seen) {
        (seen.pointers, seen.worths) = (new uint256[](MAX_MARKETS), new uint256[](MAX_MARKETS));
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

    function hasWorth(Seen memory seen, uint256 market) internal pure returns (bool) {
        return seen.worths.length != 0 && seen.worths[market] != 0;
    }

    /// @dev What `putWorth` was given; only where `hasWorth`.
    function worth(Seen memory seen, uint256 market) internal pure returns (Worth memory w) {
        uint256 pointer = seen.worths[market];
        assembly ("memory-safe") {
            w := pointer
        }
    }

    function putWorth(Seen memory seen, uint256 market, Worth memory w) internal pure {
        if (seen.worths.length == 0) return;
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := w
        }
        seen.worths[market] = pointer;
    }
}
