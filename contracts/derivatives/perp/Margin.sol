// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
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
library Margin {
    /// @dev Wad in one ppm.
    uint256 private constant PPM_TO_WAD = 1e12;
    /// @dev Slope is per so many USD.
    uint256 private constant SLOPE_USD = 1e6;

    /* VALUE */

    /// @dev Wad: long floor(lo · min(1, 1 + π)), short ceil(hi · max(1, 1 + π)): adverse.
    function valueOpen(uint256 lo, uint256 hi, int256 pi, bool isLong) internal pure returns (uint256) {
        if (isLong) return pi < 0 ? _times(lo, pi, Math.Rounding.Floor) : lo;
        return pi > 0 ? _times(hi, pi, Math.Rounding.Ceil) : hi;
    }

    /// @dev Wad: long floor(hi · (1 + π)), short ceil(lo · (1 + π)): the side of the band that favours the account.
    function valueLiquidate(uint256 lo, uint256 hi, int256 pi, bool isLong) internal pure returns (uint256) {
        return isLong ? _times(hi, pi, Math.Rounding.Floor) : _times(lo, pi, Math.Rounding.Ceil);
    }

    /// @dev |π| is at most 131,071 ppm.
    function _times(uint256 price, int256 pi, Math.Rounding rounding) private pure returns (uint256) {
        return Math.mulDiv(price, uint256(int256(PerpUnits.PICO) + pi), PerpUnits.PICO, rounding);
    }

    /* REQUIRE */

    /// @dev Wad, ceil. rate = min(im + slope · N, imMax), the slope's part rounded down.
    function requirement(uint256 notional, RiskNow memory r) internal pure returns (uint256 im, uint256 mm) {
        im = Math.mulDiv(notional, _rate(notional, r), PerpUnits.WAD, Math.Rounding.Ceil);
        mm = _share(im, r.kappa);
    }

    /// @dev Wad.
    function _rate(uint256 notional, RiskNow memory r) private pure returns (uint256) {
        uint256 base = r.im * PPM_TO_WAD;
        if (r.slope == 0) return base;
        // slope ppm per 1e6 USD = slope · 1e12 wad per 1e24 wad of notional
        uint256 more = Math.mulDiv(notional, r.slope * PPM_TO_WAD, SLOPE_USD * PerpUnits.WAD);
        uint256 room = (r.imMax - r.im) * PPM_TO_WAD;
        return base + (more < room ? more : room);
    }

    function _share(uint256 im, uint256 kappa) private pure returns (uint256) {
        return Math.mulDiv(im, kappa, PerpUnits.BPS, Math.Rounding.Ceil);
    }

    /// @dev Wad, ceil: MM + N · (im - kappa · im) / 2, where a partial liquidation leaves a position.
    function target(uint256 notional, uint256 mm, RiskNow memory r) internal pure returns (uint256) {
        uint256 gap = r.im * (PerpUnits.BPS - r.kappa); // ppm · bps
        return mm + Math.mulDiv(notional, gap, 2 * PerpUnits.PPM * PerpUnits.BPS, Math.Rounding.Ceil);
    }

    /* SUM */

    /// @dev Adds a position that counts at `priceWad`.
    function add(
        Health memory h,
        Position p,
        FundingWord f,
        uint256 priceWad,
        RiskNow memory r
    ) internal pure {
        int256 lots = p.size();
        h.equity +=
            p.quote() *
            int256(PerpUnits.PICO_TO_WAD) -
            p.owed(f) +
            PerpUnits.value(lots, priceWad);
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
