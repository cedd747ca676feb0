// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {RuleWord} from "./FeedConfig.sol";

/// @title How far two prices may be apart
/// @dev Prices are below 2^128, shares below 2^16 bps: no product here reaches 2^160.
library JumpRule {
    uint256 internal constant BPS = 10_000;

    /// @dev |a - b| * 10,000 > bps * min(a, b), exact and symmetric.
    function apart(uint256 a, uint256 b, uint256 bps) internal pure returns (bool) {
        unchecked {
            return a < b ? (b - a) * BPS > bps * a : (a - b) * BPS > bps * b;
        }
    }

    /// @dev ceil(value * bps / 10,000).
    function part(uint256 value, uint256 bps) internal pure returns (uint256) {
        unchecked {
            return (value * bps + (BPS - 1)) / BPS;
        }
    }

    /// @dev min(jumpCap, jumpBase + jumpSlope * floor(sqrt(seconds from `since` to `at`, none if `at` is earlier))), in bps.
    function allowance(RuleWord rules, uint256 since, uint256 at) internal pure returns (uint256) {
        unchecked {
            // times are below 2^40, so the root is below 2^20 and the sum below 2^37
            uint256 elapsed = at > since ? at - since : 0;
            return Math.min(rules.jumpCap(), rules.jumpBase() + rules.jumpSlope() * Math.sqrt(elapsed));
        }
    }

    /// @dev Whether `price`, of the time `at`, is further from `before` than the time since then allows.
    function isJump(
        RuleWord rules,
        uint256 price,
        uint256 at,
        uint256 before,
        uint256 since
    ) internal pure returns (bool) {
        // the root is only taken for the few prices that the base alone does not settle
        return apart(price, before, rules.jumpBase()) && apart(price, before, allowance(rules, since, at));
    }
}
