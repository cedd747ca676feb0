// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// Where prices come from, what the guardian has paused, how many accounts and markets there are:
/// `| markets 16 | accounts 32 | mask 8 | until 40 | oracle 160 |` (low bits on the right).
type CoreWord is uint256;

using CoreWordLib for CoreWord global;

/// @title What every trade reads of the whole system, in one word
library CoreWordLib {
    uint256 private constant UNTIL_AT = 160;
    uint256 private constant MASK_AT = 200;
    uint256 private constant ACCOUNTS_AT = 208;
    uint256 private constant MARKETS_AT = 240;
    uint256 private constant COUNTS_MASK = ~uint256((1 << ACCOUNTS_AT) - 1);

    function oracle(CoreWord w) internal pure returns (address) {
        return address(uint160(CoreWord.unwrap(w)));
    }

    function until(CoreWord w) internal pure returns (uint256) {
        return uint40(CoreWord.unwrap(w) >> UNTIL_AT);
    }

    /// @dev What is or was paused, until `until`.
    function lastMask(CoreWord w) internal pure returns (uint8) {
        return uint8(CoreWord.unwrap(w) >> MASK_AT);
    }

    /// @dev What is paused at `now_`.
    function mask(CoreWord w, uint256 now_) internal pure returns (uint256) {
        return now_ < w.until() ? uint8(CoreWord.unwrap(w) >> MASK_AT) : 0;
    }

    function accounts(CoreWord w) internal pure returns (uint256) {
        return uint32(CoreWord.unwrap(w) >> ACCOUNTS_AT);
    }

    function markets(CoreWord w) internal pure returns (uint256) {
        return CoreWord.unwrap(w) >> MARKETS_AT;
    }

    /// @dev accounts_ < 2^32.
    function withAccounts(CoreWord w, uint256 accounts_) internal pure returns (CoreWord) {
        uint256 field = uint256(type(uint32).max) << ACCOUNTS_AT;
        return CoreWord.wrap((CoreWord.unwrap(w) & ~field) | (accounts_ << ACCOUNTS_AT));
    }

    /// @dev markets_ < 2^16.
    function withMarkets(CoreWord w, uint256 markets_) internal pure returns (CoreWord) {
        uint256 rest = CoreWord.unwrap(w) & ((1 << MARKETS_AT) - 1);
        return CoreWord.wrap(rest | (markets_ << MARKETS_AT));
    }

    function withOracle(CoreWord w, address oracle_) internal pure returns (CoreWord) {
        return CoreWord.wrap(((CoreWord.unwrap(w) >> UNTIL_AT) << UNTIL_AT) | uint160(oracle_));
    }

    /// @dev until_ < 2^40.
    function paused(CoreWord w, uint256 mask_, uint256 until_) internal pure returns (CoreWord) {
        uint256 rest = CoreWord.unwrap(w) & (COUNTS_MASK | type(uint160).max);
        return CoreWord.wrap(rest | (until_ << UNTIL_AT) | (mask_ << MASK_AT));
    }
}
