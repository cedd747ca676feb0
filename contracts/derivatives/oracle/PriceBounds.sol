// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {PrimaryWord} from "./FeedConfig.sol";
import {JumpRule} from "./JumpRule.sol";
import {DIVERGED, FROZEN, Look, NORMAL, OK, PRIMARY_ONLY, SECONDARY_ONLY, TWAP_ONLY, UNCERTAIN} from "./Look.sol";

/// @title From the state to the price and its bands
/// @dev Half-widths round up, so lo rounds down and hi up. Prices are below 2^96; a confidence below 2^64 * 1e18 < 2^124, so each hi fits
/// 128 bits.
library PriceBounds {
    /// @dev Half-width of the band around the TWAP, bps.
    uint256 private constant TWAP_WIDTH = 200;
    /// @dev Half-width of the band around the last good price when nothing better is known, bps.
    uint256 private constant LAST_GOOD_WIDTH = 1_000;

    /// @dev Set mid, midAt (never after `now_`) and the three bands. `ringAt`: time of the newest observation, for TWAP_ONLY.
    function fill(Look memory r, PrimaryWord primary, uint256 ringAt, uint256 now_) internal pure {
        uint256 state = r.state;
        if (state == NORMAL) _normal(r, primary, now_);
        else if (state == PRIMARY_ONLY) _primaryOnly(r, primary);
        else if (state == SECONDARY_ONLY) _secondaryOnly(r, primary, now_);
        else if (state == TWAP_ONLY) _single(r, r.twap, ringAt, TWAP_WIDTH);
        else if (state == FROZEN) _single(r, r.lastGood, r.lastGoodAt, LAST_GOOD_WIDTH);
        else _contested(r, primary, now_);
    }

    /// @dev lastGood -/+ 10 %: what a market counts at that nobody can price.
    function aroundLastGood(uint256 lastGood) internal pure returns (uint256 lo, uint256 hi) {
        return _around(lastGood, JumpRule.part(lastGood, LAST_GOOD_WIDTH));
    }

    function _normal(Look memory r, PrimaryWord primary, uint256 now_) private pure {
        _setAgreed(r, now_);
        (uint256 lo, uint256 hi) = _around(r.p, r.conf);
        _setBand(r, _min(r.c, lo), _max(r.c, hi));
        if (!r.pythOpens) {
            // the strict band takes Chainlink's own width in too
            (lo, hi) = _around(r.c, JumpRule.part(r.c, primary.clDeviation()));
            (r.openLo, r.openHi) = (_min(r.lo, lo), _max(r.hi, hi));
        }
    }

    function _primaryOnly(Look memory r, PrimaryWord primary) private pure {
        (r.mid, r.midAt) = (r.c, r.clAt);
        (uint256 lo, uint256 hi) = _around(r.c, JumpRule.part(r.c, primary.clDeviation()));
        _setBand(r, lo, hi);
        if (r.pyGrade == UNCERTAIN) {
            // never narrower for opening than when Pyth was certain
            (uint256 pLo, uint256 pHi) = _around(r.p, r.conf);
            (r.openLo, r.openHi) = (_min(lo, pLo), _max(hi, pHi));
        }
    }

    function _secondaryOnly(Look memory r, PrimaryWord primary, uint256 now_) private pure {
        (r.mid, r.midAt) = (r.p, r.pyTime(now_));
        (uint256 lo, uint256 hi) = _around(r.p, _max(r.conf, JumpRule.part(r.p, primary.softDev())));
        _setBand(r, lo, hi);
        (r.openLo, r.openHi) = (_min(lo, r.twap), _max(hi, r.twap));
        (r.liqLo, r.liqHi) = (r.openLo, r.openHi);
    }

    function _single(Look memory r, uint256 price, uint256 at, uint256 width) private pure {
        (r.mid, r.midAt) = (price, at);
        (uint256 lo, uint256 hi) = _around(price, JumpRule.part(price, width));
        _setBand(r, lo, hi);
    }

    /// @dev DIVERGED and TRIPPED: all that is live or was accepted.
    function _contested(Look memory r, PrimaryWord primary, uint256 now_) private pure {
        if (r.state == DIVERGED) (r.mid, r.midAt) = (r.c, r.clAt);
        else if (r.agree) _setAgreed(r, now_);
        else (r.mid, r.midAt) = (r.lastGood, r.lastGoodAt);

        (uint256 lo, uint256 hi) = (r.mid, r.mid);
        if (r.lastGood != 0) (lo, hi) = (_min(lo, r.lastGood), _max(hi, r.lastGood));
        if (r.ringFit) (lo, hi) = (_min(lo, r.twap), _max(hi, r.twap));
        if (r.clGrade == OK) {
            (uint256 low, uint256 high) = _around(r.c, JumpRule.part(r.c, primary.clDeviation()));
            (lo, hi) = (_min(lo, low), _max(hi, high));
        }
        if (r.pyGrade == OK) {
            (uint256 low, uint256 high) = _around(r.p, r.conf);
            (lo, hi) = (_min(lo, low), _max(hi, high));
        }
        _setBand(r, lo, hi);
    }

    /// @dev Chainlink, or Pyth where that is newer.
    function _setAgreed(Look memory r, uint256 now_) private pure {
        if (r.pyGrade == OK && r.pyAt > r.clAt) (r.mid, r.midAt) = (r.p, r.pyTime(now_));
        else (r.mid, r.midAt) = (r.c, r.clAt);
    }

    function _setBand(Look memory r, uint256 lo, uint256 hi) private pure {
        (r.lo, r.openLo, r.liqLo) = (lo, lo, lo);
        (r.hi, r.openHi, r.liqHi) = (hi, hi, hi);
    }

    /// @dev Never below 1: a usable bound is not 0.
    function _around(uint256 price, uint256 half) private pure returns (uint256 lo, uint256 hi) {
        unchecked {
            return (price > half ? price - half : 1, price + half);
        }
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    function _max(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a : b;
    }
}
