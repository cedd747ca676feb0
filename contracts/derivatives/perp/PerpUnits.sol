// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Rounding} from "../../libraries/Rounding.sol";

/// @title The units of the perpetual swaps, and how one becomes another
/// @dev Lots are below 2^72 and prices below 2^128: a product stays below 2^200. Checked arithmetic reverts for
/// larger ones, as long as a price is below 2^255 and so a signed number.
library PerpUnits {
    /// @dev Lots in one unit.
    uint256 internal constant LOTS = 1e8;
    uint256 internal constant PICO = 1e12;
    uint256 internal constant WAD = 1e18;
    /// @dev Wad in one pico.
    uint256 internal constant PICO_TO_WAD = 1e6;
    uint256 internal constant PPM = 1e6;
    uint256 internal constant BPS = 1e4;
    /// @dev Price tick, wad: lots times ticks are whole pico.
    uint256 internal constant TICK = 1e14;
    /// @dev Least length of a funding interval, s.
    uint256 internal constant MIN_INTERVAL = 900;
    /// @dev Lots times pico per unit in one wad: 1e-8 · 1e-12 = 1e-20.
    int256 private constant OWED_UNIT = 100;

    /// @dev floor(lots · price / 1e8), wad.
    function value(int256 lots, uint256 priceWad) internal pure returns (int256) {
        return Rounding.floorDiv(lots * int256(priceWad), int256(LOTS));
    }

    /// @dev ceil(|lots| · price / 1e8), wad.
    function notional(int256 lots, uint256 priceWad) internal pure returns (uint256) {
        return Rounding.ceilDiv(Rounding.abs(lots) * priceWad, LOTS);
    }

    /// @dev ceil(lots · delta / 100), wad: what a position owes when its index has moved by `deltaPico` per unit.
    function owed(int256 lots, int256 deltaPico) internal pure returns (int256) {
        return Rounding.ceilDiv(lots * deltaPico, OWED_UNIT);
    }
}
