// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// An account's cash and the markets it holds positions in: `| markets 128 | cash 128 |` (low bits on the right).
type AccountWord is uint256;

using AccountWordLib for AccountWord global;

/// @title Cash in wad, signed, and one bit for each market
library AccountWordLib {
    uint256 private constant MARKETS_AT = 128;

    function cash(AccountWord w) internal pure returns (int256) {
        return int128(uint128(AccountWord.unwrap(w)));
    }

    function markets(AccountWord w) internal pure returns (uint256) {
        return AccountWord.unwrap(w) >> MARKETS_AT;
    }

    /// @dev Reverts with SafeCast's error beyond 128 bits.
    function withCash(AccountWord w, int256 cashWad) internal pure returns (AccountWord) {
        return
            AccountWord.wrap(
                ((AccountWord.unwrap(w) >> MARKETS_AT) << MARKETS_AT) | uint128(SafeCast.toInt128(cashWad))
            );
    }

    function plus(AccountWord w, int256 deltaWad) internal pure returns (AccountWord) {
        return w.withCash(w.cash() + deltaWad);
    }

    /// @dev market < 128.
    function withMarket(AccountWord w, uint256 market, bool held) internal pure returns (AccountWord) {
        uint256 bit = 1 << (MARKETS_AT + market);
        uint256 all = AccountWord.unwrap(w);
        return AccountWord.wrap(held ? all | bit : all & ~bit);
    }

    function eq(AccountWord a, AccountWord b) internal pure returns (bool) {
        return AccountWord.unwrap(a) == AccountWord.unwrap(b);
    }
}
