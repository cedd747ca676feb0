// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {PerpUnits} from "./PerpUnits.sol";
import {PremiumWord, PremiumWordLib} from "./PremiumWord.sol";

/// A market's funding: `| rate 40 | fundedAt 40 | fShort 88 | fLong 88 |` (low bits on the right). Indices are signed pico per unit of
/// size, rate
/// is the newest interval's, signed pico, fundedAt the start of the present interval.
type FundingWord is uint256;

using FundingWordLib for FundingWord global;

/// What a tick needs beside the words.
struct FundingTerms {
    uint256 index; // wad: the price that funding is charged on
    bool live; // whether that is the present price; else the last rate is charged again
    bool paused; // intervals pass without funding
    uint256 coefficientInverse; // hours
    uint256 maxRatePpm; // of one interval
    uint256 interval; // s
}

/// @title Funding: what longs pay shorts for each interval, as an index of each side
/// @dev Longs and shorts move by the same amount, in multiples of a pico, so what one side pays the other receives; the sides part only
/// when a loss is shared out.
library FundingWordLib {
    using SafeCast for int256;
    using SafeCast for uint256;

    uint256 private constant SHORT_AT = 88;
    uint256 private constant FUNDED_AT = 176;
    uint256 private constant RATE_AT = 216;

    /// @dev More intervals than these are not charged.
    uint256 private constant MAX_INTERVALS = 24;
    int256 private constant HOUR = 3_600;
    /// @dev Wad in one ppm.
    uint256 private constant PPM_TO_WAD = 1e12;
    /// @dev rate in wad times price in wad, in pico: 1e36 / 1e12.
    int256 private constant CHARGE_UNIT = 1e24;

    /* READ */

    function fLong(FundingWord w) internal pure returns (int256) {
        return int88(uint88(FundingWord.unwrap(w)));
    }

    function fShort(FundingWord w) internal pure returns (int256) {
        return int88(uint88(FundingWord.unwrap(w) >> SHORT_AT));
    }

    function fundedAt(FundingWord w) internal pure returns (uint256) {
        return uint40(FundingWord.unwrap(w) >> FUNDED_AT);
    }

    function rate(FundingWord w) internal pure returns (int256) {
        return int40(uint40(FundingWord.unwrap(w) >> RATE_AT));
    }

    /// @dev The index of a position's side; 0 counts as short.
    function indexOf(FundingWord w, int256 lots) internal pure returns (int256) {
        return lots > 0 ? w.fLong() : w.fShort();
    }

    function pack(int256 long, int256 short, uint256 fundedAt_, int256 rate_) internal pure returns (FundingWord) {
        return
            FundingWord.wrap(
                uint88(long.toInt88()) |
                    (uint256(uint88(short.toInt88())) << SHORT_AT) |
                    (uint256(fundedAt_.toUint40()) << FUNDED_AT) |
                    (uint256(uint40(rate_.toInt40())) << RATE_AT)
            );
    }

    function start(uint256 now_) internal pure returns (FundingWord) {
        return pack(0, 0, now_, 0);
    }

    /* MOVE */

    /// @dev Both indices by amounts of their own.
    function shifted(FundingWord w, int256 long, int256 short) internal pure returns (FundingWord) {
        return pack(w.fLong() + long, w.fShort() + short, w.fundedAt(), w.rate());
    }

    /// @dev Charge every interval that is over. `p` is folded.
    function ticked(
        FundingWord w,
        PremiumWord p,
        FundingTerms memory t,
        uint256 now_
    ) internal pure returns (FundingWord, PremiumWord, uint256 intervals) {
        uint256 from = w.fundedAt();
        intervals = (now_ - from) / t.interval;
        if (intervals == 0) return (w, p, 0);

        unchecked {
            // times are below 2^40, ema below 2^38
            PremiumWordLib.Parts memory parts = p.unpack();
            uint256 to = from + intervals * t.interval;
            (int256 charge, int256 newRate) = _charge(w, parts, t, from, intervals);
            // what follows starts from nothing
            parts.integral = -_since(parts, to);
            w = pack(w.fLong() + charge, w.fShort() + charge, to, newRate);
            return (w, PremiumWordLib.pack(parts), intervals);
        }
    }

    /// @dev Pico per unit that the intervals cost a long in all, and the rate of the newest one, pico; by a live price it is 0 beyond
    /// MAX_INTERVALS.
    function _charge(
        FundingWord w,
        PremiumWordLib.Parts memory p,
        FundingTerms memory t,
        uint256 from,
        uint256 intervals
    ) private pure returns (int256 charge, int256 newRate) {
        if (t.paused) return (0, 0);
        uint256 charged = intervals < MAX_INTERVALS ? intervals : MAX_INTERVALS;
        if (!t.live) {
            newRate = w.rate();
            return (int256(charged) * _chargeOf(newRate * int256(PerpUnits.PICO_TO_WAD), t.index), newRate);
        }
        int256 before = 0;
        for (uint256 k = 1; k <= charged; ++k) {
            uint256 end = from + k * t.interval;
            int256 whole = p.integral + _since(p, end);
            int256 rateWad = _rateOf(whole - before, t);
            charge += _chargeOf(rateWad, t.index);
            if (k == intervals) newRate = rateWad / int256(PerpUnits.PICO_TO_WAD);
            // A faded premium says nothing more: of the intervals that follow all rates are zero. Before emaAt, which only a
            // shortened interval ends, it has not begun.
            if (end >= p.emaAt + PremiumWordLib.FADE) break;
            before = whole;
        }
    }

    /// @dev ∫π from emaAt to `time`, pico · s · 600; nothing has grown at a time before emaAt.
    function _since(PremiumWordLib.Parts memory p, uint256 time) private pure returns (int256) {
        return time > p.emaAt ? p.ema * PremiumWordLib.grown(time - p.emaAt) : int256(0);
    }

    /// @dev Wad, truncated: ∫π / 3600 s · coefficient, clamped.
    function _rateOf(int256 integral, FundingTerms memory t) private pure returns (int256 r) {
        r =
            (integral * int256(PerpUnits.PICO_TO_WAD)) /
            (PremiumWordLib.INTEGRAL_UNIT * HOUR * int256(t.coefficientInverse));
        int256 max = int256(t.maxRatePpm * PPM_TO_WAD);
        if (r > max) return max;
        if (r < -max) return -max;
    }

    /// @dev Pico per unit, truncated.
    function _chargeOf(int256 rateWad, uint256 indexWad) private pure returns (int256) {
        return (rateWad * int256(indexWad)) / CHARGE_UNIT;
    }
}
