// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Rounding} from "../../libraries/Rounding.sol";
import {FundingWord} from "./FundingWord.sol";
import {PerpUnits} from "./PerpUnits.sol";
import {Position} from "./Position.sol";
import {RiskNow} from "./RiskWord.sol";

/// An account's sums over its positions, wad.
struct Health {
    int256 equity; // floor; begins with the cash
    uint256 notional; // ceil
    uint256 im; // ceil
    uint256 mm; // ceil
    uint256 penalty; // ceil
}

/// @title What a position counts at, and what it requires
/// @dev Prices are below 2^128 and sizes below 2^71, so notionals stay below 2^173 and no product here reaches 2^256.
library Margin {
    /// @dev Wad in one ppm.
    uint256 private constant PPM_TO_WAD = 1e12;
    /// @dev Slope is per so many USD.
    uint256 private constant SLOPE_USD = 1e6;

    /* VALUE */

    /// @dev Wad: long floor(lo · min(1, 1 + π)), short ceil(hi · max(1, 1 + π)): adverse.
    function valueOpen(uint256 lo, uint256 hi, int256 pi, bool isLong) internal pure returns (uint256) {
        if (isLong) return pi < 0 ? _marked(lo, pi) / PerpUnits.PICO : lo;
        return pi > 0 ? Rounding.ceilDiv(_marked(hi, pi), PerpUnits.PICO) : hi;
    }

    /// @dev Wad: long floor(hi · (1 + π)), short ceil(lo · (1 + π)): the side of the band that favours the account.
    function valueLiquidate(uint256 lo, uint256 hi, int256 pi, bool isLong) internal pure returns (uint256) {
        return isLong ? _marked(hi, pi) / PerpUnits.PICO : Rounding.ceilDiv(_marked(lo, pi), PerpUnits.PICO);
    }

    /// @dev price · (1 + π), wad · pico. |π| is at most 131,071 ppm.
    function _marked(uint256 price, int256 pi) private pure returns (uint256) {
        return price * uint256(int256(PerpUnits.PICO) + pi);
    }

    /* REQUIRE */

    /// @dev Wad, ceil. rate = min(im + slope · N, imMax), the slope's part rounded down.
    function requirement(uint256 notional, RiskNow memory r) internal pure returns (uint256 im, uint256 mm) {
        im = Rounding.ceilDiv(notional * _rate(notional, r), PerpUnits.WAD);
        mm = Rounding.ceilDiv(im * r.kappa, PerpUnits.BPS);
    }

    /// @dev Wad.
    function _rate(uint256 notional, RiskNow memory r) private pure returns (uint256) {
        uint256 base = r.im * PPM_TO_WAD;
        if (r.slope == 0) return base;
        // slope ppm per 1e6 USD = slope · 1e12 wad per 1e24 wad of notional
        uint256 more = (notional * r.slope * PPM_TO_WAD) / (SLOPE_USD * PerpUnits.WAD);
        uint256 room = (r.imMax - r.im) * PPM_TO_WAD;
        return base + (more < room ? more : room);
    }

    /// @dev Wad, ceil: MM + N · (im - kappa · im) / 2, where a partial liquidation leaves a position.
    function target(uint256 notional, uint256 mm, RiskNow memory r) internal pure returns (uint256) {
        uint256 gap = r.im * (PerpUnits.BPS - r.kappa); // ppm · bps
        return mm + Rounding.ceilDiv(notional * gap, 2 * PerpUnits.PPM * PerpUnits.BPS);
    }

    /* SUM */

    /// @dev Adds a position that counts at `priceWad`.
    function add(Health memory h, Position p, FundingWord f, uint256 priceWad, RiskNow memory r) internal pure {
        int256 lots = p.size();
        h.equity += p.quote() * int256(PerpUnits.PICO_TO_WAD) - p.owed(f) + PerpUnits.value(lots, priceWad);
        uint256 notional = PerpUnits.notional(lots, priceWad);
        (uint256 im, uint256 mm) = requirement(notional, r);
        h.notional += notional;
        h.im += im;
        h.mm += mm;
        h.penalty += Rounding.ceilDiv(notional * r.penalty, PerpUnits.PPM);
    }

    /* JUDGE */

    /// @dev Whether a reduction leaves an account no worse: E' >= 0 and E' · MM >= E · MM'.
    function passesReduce(int256 e, uint256 mm, int256 eAfter, uint256 mmAfter) internal pure returns (bool) {
        return eAfter >= 0 && eAfter * int256(mm) >= e * int256(mmAfter);
    }
}
