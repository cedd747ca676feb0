// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Context, HealthView, Purpose} from "../../interfaces/EngineTypes.sol";
import {Action, Quote} from "../../interfaces/OracleTypes.sol";
import {MarketStatus} from "../../interfaces/PerpTypes.sol";
import {Rounding} from "../../libraries/Rounding.sol";
import {FundingWord} from "./FundingWord.sol";
import {PerpUnits} from "./PerpUnits.sol";
import {Position} from "./Position.sol";
import {RiskNow} from "./RiskWord.sol";

/// What positions of a market count at for one purpose, and what they require.
struct Worth {
    uint256 long; // wad
    uint256 short; // wad
    FundingWord funding;
    RiskNow risk;
    bool isLiquid; // whether the feed allows LIQUIDATE
    bool isGainless; // a gain counts for nothing: at OPEN in a SETTLED market, where it is not paid yet and may be cut
}

/// @title What a position counts at, and what it requires
/// @dev Prices are below 2^128 and sizes below 2^71, so notionals stay below 2^173, rates are at most 2^60: no product here reaches
/// 2^255, and what is unchecked cannot overflow.
library Margin {
    /// @dev Wad in one ppm.
    uint256 private constant PPM_TO_WAD = 1e12;
    /// @dev Slope is per so many USD.
    uint256 private constant SLOPE_USD = 1e6;

    /* VALUE */

    /// @dev What positions of a market count at for a purpose, and what they require.
    function worth(Context memory c, Purpose purpose, uint256 now_) internal pure returns (Worth memory w) {
        w.risk = c.risk.inForce(now_);
        w.funding = c.funding;
        w.isLiquid = (c.quote.allowed >> uint256(Action.LIQUIDATE)) & 1 != 0;
        w.isGainless = purpose == Purpose.OPEN && c.risk.status() == uint256(MarketStatus.SETTLED);
        (w.long, w.short) = values(c.quote, c.pi, purpose);
    }

    /// @dev Wad, for a long and for a short.
    function values(Quote memory q, int256 pi, Purpose purpose) internal pure returns (uint256 long, uint256 short) {
        if (purpose == Purpose.MID) return (q.mid, q.mid);
        if (purpose == Purpose.OPEN) return (lower(q.openLo, pi), upper(q.openHi, pi));
        return (upper(q.liqHi, pi), lower(q.liqLo, pi));
    }

    /// @dev Wad: floor(lo · min(1, 1 + π)). Adverse to a long (OPEN), in favour of a short (LIQUIDATE), whom no premium makes pay more than
    /// the index.
    function lower(uint256 lo, int256 pi) internal pure returns (uint256) {
        return pi < 0 ? _marked(lo, pi) / PerpUnits.PICO : lo;
    }

    /// @dev Wad: ceil(hi · max(1, 1 + π)). Adverse to a short (OPEN), in favour of a long (LIQUIDATE), which no premium makes worth less
    /// than the index.
    function upper(uint256 hi, int256 pi) internal pure returns (uint256) {
        return pi > 0 ? Rounding.ceilDiv(_marked(hi, pi), PerpUnits.PICO) : hi;
    }

    /// @dev price · (1 + π), wad · pico. |π| is at most 131,071 ppm.
    function _marked(uint256 price, int256 pi) private pure returns (uint256) {
        return price * uint256(int256(PerpUnits.PICO) + pi);
    }

    /* REQUIRE */

    /// @dev Wad, ceil. rate = min(im + slope · N, imMax), the slope's part rounded down.
    function requirement(uint256 notional, RiskNow memory r) internal pure returns (uint256 im, uint256 mm) {
        unchecked {
            im = Rounding.ceilDiv(notional * _rate(notional, r), PerpUnits.WAD);
            mm = Rounding.ceilDiv(im * r.kappa, PerpUnits.BPS);
        }
    }

    /// @dev Wad; at most 1e18, for no parameter is above 1e6 ppm.
    function _rate(uint256 notional, RiskNow memory r) private pure returns (uint256) {
        unchecked {
            uint256 base = r.im * PPM_TO_WAD;
            if (r.slope == 0) return base;
            // slope ppm per 1e6 USD = slope · 1e12 wad per 1e24 wad of notional
            uint256 more = (notional * r.slope * PPM_TO_WAD) / (SLOPE_USD * PerpUnits.WAD);
            uint256 room = (r.imMax - r.im) * PPM_TO_WAD; // imMax is never the lesser
            return base + (more < room ? more : room);
        }
    }

    /// @dev Wad, ceil: MM + N · (im - kappa · im) / 2, where a partial liquidation leaves a position.
    function target(uint256 notional, uint256 mm, RiskNow memory r) internal pure returns (uint256) {
        unchecked {
            uint256 gap = r.im * (PerpUnits.BPS - r.kappa); // ppm · bps
            return mm + Rounding.ceilDiv(notional * gap, 2 * PerpUnits.PPM * PerpUnits.BPS);
        }
    }

    /* SUM */

    /// @dev Adds a position of a market: E floor, all else ceil.
    function add(HealthView memory h, Position p, Worth memory w) internal pure {
        unchecked {
            int256 lots = p.size();
            int256 gain = p.quote() * int256(PerpUnits.PICO_TO_WAD) - p.owed(w.funding);
            bool isLong = lots > 0;
            uint256 product = isLong ? uint256(lots) * w.long : uint256(-lots) * w.short;
            uint256 notional = Rounding.ceilDiv(product, PerpUnits.LOTS);
            gain += isLong ? int256(product / PerpUnits.LOTS) : -int256(notional);
            if (gain < 0 || !w.isGainless) h.equity += gain;

            RiskNow memory r = w.risk;
            (uint256 im, uint256 mm) = requirement(notional, r);
            h.notional += notional;
            h.im += im;
            h.mm += mm;
            h.penalty += Rounding.ceilDiv(notional * r.penalty, PerpUnits.PPM);
            h.target += target(notional, mm, r);
            if (w.isLiquid) h.liquidMm += mm;
        }
    }

    /* JUDGE */

    /// @dev Whether a reduction leaves an account no worse: E' >= 0 and E' · MM >= E · MM'.
    function passesReduce(int256 e, uint256 mm, int256 eAfter, uint256 mmAfter) internal pure returns (bool) {
        return eAfter >= 0 && eAfter * int256(mm) >= e * int256(mmAfter);
    }
}
