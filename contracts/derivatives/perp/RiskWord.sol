// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {MarketStatus, RiskParams} from "../../interfaces/PerpTypes.sol";

/// A market's margin and status: `| impact 32 | status 4 | pause 8 | penalty 17 | phaseStart 32 | new 78 | old 78 |` (low bits on the
/// right),
/// old and new each `| imMax 20 | slope 24 | kappa 14 | im 20 |`.
type RiskWord is uint256;

using RiskWordLib for RiskWord global;

/// Margin parameters in force.
struct RiskNow {
    uint256 im; // ppm
    uint256 kappa; // bps
    uint256 slope; // ppm per 1,000,000 USD
    uint256 imMax; // ppm
    uint256 penalty; // ppm
}

/// @title Margin parameters, of which increases come into force over a day
/// @dev Nobody becomes liquidatable in the block of a change: what grows, grows from the value in force, a little each second.
library RiskWordLib {
    uint256 private constant KAPPA_AT = 20;
    uint256 private constant SLOPE_AT = 34;
    uint256 private constant IM_MAX_AT = 58;
    uint256 private constant NEW_AT = 78;
    uint256 private constant SET_BITS = 78;
    uint256 private constant PHASE_AT = 156;
    uint256 private constant PENALTY_AT = 188;
    uint256 private constant PAUSE_AT = 205;
    uint256 private constant STATUS_AT = 213;
    uint256 private constant IMPACT_AT = 217;

    uint256 private constant IM_MASK = (1 << 20) - 1;
    uint256 private constant KAPPA_MASK = (1 << 14) - 1;
    uint256 private constant SLOPE_MASK = (1 << 24) - 1;
    uint256 private constant PENALTY_MASK = (1 << 17) - 1;
    uint256 private constant STATUS_MASK = (1 << 4) - 1;
    uint256 private constant SET_MASK = (1 << SET_BITS) - 1;
    uint256 private constant PHASE = 1 days;

    /* READ */

    function penalty(RiskWord w) internal pure returns (uint256) {
        return (RiskWord.unwrap(w) >> PENALTY_AT) & PENALTY_MASK;
    }

    function pause(RiskWord w) internal pure returns (uint256) {
        return uint8(RiskWord.unwrap(w) >> PAUSE_AT);
    }

    function status(RiskWord w) internal pure returns (uint256) {
        return (RiskWord.unwrap(w) >> STATUS_AT) & STATUS_MASK;
    }

    /// @dev Whole USD.
    function impactNotional(RiskWord w) internal pure returns (uint256) {
        return uint32(RiskWord.unwrap(w) >> IMPACT_AT);
    }

    function inForce(RiskWord w, uint256 now_) internal pure returns (RiskNow memory r) {
        uint256 u = RiskWord.unwrap(w);
        uint256 elapsed = now_ - uint32(u >> PHASE_AT);
        uint256 next = (u >> NEW_AT) & SET_MASK;
        if (elapsed >= PHASE) elapsed = PHASE;
        r.im = _between(u & IM_MASK, next & IM_MASK, elapsed);
        r.kappa = _between((u >> KAPPA_AT) & KAPPA_MASK, (next >> KAPPA_AT) & KAPPA_MASK, elapsed);
        r.slope = _between((u >> SLOPE_AT) & SLOPE_MASK, (next >> SLOPE_AT) & SLOPE_MASK, elapsed);
        r.imMax = _between((u >> IM_MAX_AT) & IM_MASK, (next >> IM_MAX_AT) & IM_MASK, elapsed);
        // an im that fell at once below, or a greatest one that is still on its way up: never the lesser
        if (r.imMax < r.im) r.imMax = r.im;
        r.penalty = w.penalty();
    }

    /// @dev What is being phased in.
    function unpack(RiskWord w) internal pure returns (RiskParams memory p) {
        uint256 next = RiskWord.unwrap(w) >> NEW_AT;
        // each mask keeps fewer bits than its field has
        p.im = uint32(next & IM_MASK);
        p.kappa = uint16((next >> KAPPA_AT) & KAPPA_MASK);
        p.slope = uint32((next >> SLOPE_AT) & SLOPE_MASK);
        p.imMax = uint32((next >> IM_MAX_AT) & IM_MASK);
        p.penalty = uint32(w.penalty());
        p.impactNotional = uint32(w.impactNotional());
    }

    /* MOVE */

    /// @dev Values are within MarketBounds, which fit their bits. In force at once.
    function pack(RiskParams memory p, MarketStatus status_) internal pure returns (RiskWord) {
        uint256 set = _set(p.im, p.kappa, p.slope, p.imMax);
        return _join(set, set, 0, p, 0, uint256(status_));
    }

    /// @dev From what is in force at `now_` to `p`; increases over a day, the rest at once.
    function phased(RiskWord w, RiskParams memory p, uint256 now_) internal pure returns (RiskWord) {
        RiskNow memory r = w.inForce(now_);
        uint256 old = _set(r.im, r.kappa, r.slope, r.imMax);
        return _join(old, _set(p.im, p.kappa, p.slope, p.imMax), now_, p, w.pause(), w.status());
    }

    function withPause(RiskWord w, uint8 mask) internal pure returns (RiskWord) {
        return
            RiskWord.wrap((RiskWord.unwrap(w) & ~(uint256(type(uint8).max) << PAUSE_AT)) | (uint256(mask) << PAUSE_AT));
    }

    function withStatus(RiskWord w, MarketStatus status_) internal pure returns (RiskWord) {
        return RiskWord.wrap((RiskWord.unwrap(w) & ~(STATUS_MASK << STATUS_AT)) | (uint256(status_) << STATUS_AT));
    }

    /// @dev Rounds down, towards the old value.
    function _between(uint256 from, uint256 to, uint256 elapsed) private pure returns (uint256) {
        return to <= from ? to : from + ((to - from) * elapsed) / PHASE;
    }

    function _set(uint256 im, uint256 kappa, uint256 slope, uint256 imMax) private pure returns (uint256) {
        return im | (kappa << KAPPA_AT) | (slope << SLOPE_AT) | (imMax << IM_MAX_AT);
    }

    function _join(
        uint256 old,
        uint256 next,
        uint256 phaseStart,
        RiskParams memory p,
        uint256 pause_,
        uint256 status_
    ) private pure returns (RiskWord) {
        return
            RiskWord.wrap(
                old |
                    (next << NEW_AT) |
                    (phaseStart << PHASE_AT) | // below 2^32 until 2106
                    (uint256(p.penalty) << PENALTY_AT) |
                    (pause_ << PAUSE_AT) |
                    (status_ << STATUS_AT) |
                    (uint256(p.impactNotional) << IMPACT_AT)
            );
    }
}
