// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Rounding} from "../../libraries/Rounding.sol";
import {Margin} from "./Margin.sol";
import {PerpUnits} from "./PerpUnits.sol";
import {RiskNow} from "./RiskWord.sol";

/// A position that may be liquidated, in an account of which all is known at the LIQUIDATE value.
struct Target {
    int256 size; // lots
    uint256 price; // wad, what the position counts at
    int256 equity; // wad, of the account
    uint256 mm; // wad, of the account
    uint256 target; // wad, of the account (HealthView.target)
    uint256 minNotional; // wad
    RiskNow risk;
}

/// What a liquidator takes over.
struct Takeover {
    int256 size; // lots, signed as the position; 0: nothing
    int256 quote; // pico, what the account receives (+) or pays for it
    uint256 price; // wad
    uint256 penalty; // wad
}

/// @title How much of a position is liquidated, and at what price an account would be
library LiquidationMath {
    uint256 private constant RATE = 1e10; // ppm · bps
    /// @dev Prices are below 2^96: the search for a price ends after as many steps.
    uint256 private constant PRICE_BITS = 96;

    /* WHETHER */

    /// @dev Strict: at equality the account is safe.
    function isLiquidatable(int256 equity, uint256 mm) internal pure returns (bool) {
        return mm > 0 && equity < int256(mm);
    }

    /// @dev There are positions, most of them (by margin) in markets with a fair price: the account can be absorbed.
    function isPriced(uint256 mm, uint256 liquidMm) internal pure returns (bool) {
        return mm != 0 && 2 * liquidMm >= mm;
    }

    /* HOW MUCH */

    /// @dev Of an account that is liquidatable. x = ceil((Σ r·N - E) / (r - f)), rounded up to lots; all of it if E < ⅔ · MM, or what
    /// is left
    /// would be below the least position.
    function takeover(Target memory t) internal pure returns (Takeover memory o) {
        uint256 lots = Rounding.abs(t.size);
        uint256 notional = PerpUnits.notional(t.size, t.price);
        (, uint256 mm) = Margin.requirement(notional, t.risk);
        uint256 part = _part(t, notional, mm);
        if (part < lots && PerpUnits.notional(int256(lots - part), t.price) >= t.minNotional) lots = part;

        o.size = t.size > 0 ? int256(lots) : -int256(lots);
        o.price = t.price;
        // lots · wad / 1e14 is pico; rounded once, the same for both sides
        // up, for the account: where the penalty is all that it has, or it has less, no fraction of a pico is missing
        o.quote = Rounding.ceilDiv(o.size * int256(o.price), int256(PerpUnits.TICK));
        o.penalty = _penalty(t, PerpUnits.notional(int256(lots), t.price), notional, mm);
    }

    /// @dev Lots, ceil; more than there are where all must go.
    function _part(Target memory t, uint256 notional, uint256 mm) private pure returns (uint256) {
        if (3 * t.equity < 2 * int256(t.mm) || notional <= t.minNotional) return type(uint256).max;
        uint256 r = Math.mulDiv(Margin.target(notional, mm, t.risk), PerpUnits.WAD, notional); // down: a little more is taken
        uint256 f = (t.risk.penalty * PerpUnits.WAD) / PerpUnits.PPM;
        if (r <= f) return type(uint256).max;

        // E < MM <= target, so the difference is positive
        uint256 x = Math.mulDiv(uint256(int256(t.target) - t.equity), PerpUnits.WAD, r - f, Math.Rounding.Ceil);
        return Math.mulDiv(x, PerpUnits.LOTS, t.price, Math.Rounding.Ceil);
    }

    /// @dev min(ceil(f · x), floor(max(E, 0) · MM_m / ΣMM · x / N)), wad.
    function _penalty(Target memory t, uint256 x, uint256 notional, uint256 mm) private pure returns (uint256) {
        if (t.equity <= 0) return 0;
        uint256 full = Math.mulDiv(x, t.risk.penalty, PerpUnits.PPM, Math.Rounding.Ceil);
        uint256 share = Math.mulDiv(Math.mulDiv(uint256(t.equity), mm, t.mm), x, notional);
        return full < share ? full : share;
    }

    /* AT WHAT PRICE */

    /// @dev Wad: where E = MM if nothing but this price moves; long up, short down; 0 where there is none. Without a slope
    /// P = (O - C) / (s · (1 - mm)) for a long and (C - O) / (|s| · (1 + mm)) for a short, C the equity without the position's value,
    /// O the other
    /// markets' maintenance margin.
    function liquidationPrice(Target memory t) internal pure returns (uint256) {
        (, uint256 mm) = Margin.requirement(PerpUnits.notional(t.size, t.price), t.risk);
        int256 spare = t.equity - PerpUnits.value(t.size, t.price) - int256(t.mm - mm); // C - O
        if (t.risk.slope != 0) return _search(t, spare);

        uint256 rate = t.risk.im * t.risk.kappa;
        if (t.size > 0) {
            if (spare >= 0) return 0;
            uint256 per = uint256(t.size) * (RATE - rate);
            return Math.mulDiv(uint256(-spare), PerpUnits.LOTS * RATE, per, Math.Rounding.Ceil);
        }
        if (spare <= 0) return 0;
        return Math.mulDiv(uint256(spare), PerpUnits.LOTS * RATE, Rounding.abs(t.size) * (RATE + rate));
    }

    /// @dev By bisection over all prices: the least at which a long is safe, the greatest at which a short is.
    function _search(Target memory t, int256 spare) private pure returns (uint256) {
        bool isLong = t.size > 0;
        (uint256 lo, uint256 hi) = (0, 1 << PRICE_BITS);
        if (_isSafe(t, spare, isLong ? 0 : hi)) return 0;
        if (!_isSafe(t, spare, isLong ? hi : 0)) return 0;
        for (uint256 i = 0; i < PRICE_BITS; ++i) {
            uint256 middle = (lo + hi) / 2;
            // a long's safe prices are above, a short's below
            if (_isSafe(t, spare, middle) == isLong) hi = middle;
            else lo = middle;
        }
        return isLong ? hi : lo;
    }

    function _isSafe(Target memory t, int256 spare, uint256 price) private pure returns (bool) {
        (, uint256 mm) = Margin.requirement(PerpUnits.notional(t.size, price), t.risk);
        return spare + PerpUnits.value(t.size, price) >= int256(mm);
    }

    /// @dev Wad: px - (E · MM_m / ΣMM) / s, in favour of the account (long up, short down), so that nothing is missing after a trade
    /// at it;
    /// 0 where it would be below.
    function bankruptcyPrice(Target memory t) internal pure returns (uint256) {
        (, uint256 mm) = Margin.requirement(PerpUnits.notional(t.size, t.price), t.risk);
        int256 share = Rounding.floorDiv(t.equity * int256(mm), int256(t.mm));
        int256 size = int256(Rounding.abs(t.size));
        int256 worth = int256(t.price) * size;
        int256 price =
            t.size > 0
                ? Rounding.ceilDiv(worth - share * int256(PerpUnits.LOTS), size)
                : Rounding.floorDiv(worth + share * int256(PerpUnits.LOTS), size);
        return price > 0 ? uint256(price) : 0;
    }

    /// @dev Wad, floor: E / N; the greatest int256 where N is 0.
    function ratio(int256 equity, uint256 notional) internal pure returns (int256) {
        if (notional == 0) return type(int256).max;
        return Rounding.floorDiv(equity * int256(PerpUnits.WAD), int256(notional));
    }
}
