// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {FeedParams, FeedSources} from "../../interfaces/OracleTypes.sol";

// A feed's sources and limits in three words beside the Pyth id, because each word costs a read 2,100 gas (low bits on the right).

/// `| maxConf 16 | hardDev 16 | softDev 16 | clDeviation 16 | clMaxStale 24 | clDecimals 8 | clFeed 160 |`
type PrimaryWord is uint256;
/// `| resetDev 16 | maxConfOpen 16 | pyMaxAhead 8 | pyOpenStale 8 | pyMaxStale 16 | seqGraceLiquidate 16 | seqGraceOpen 16 |
/// sequencer 160 |`
type GuardWord is uint256;
/// `| 8 unused | cooldown 16 | twapMinObs 8 | twapDev 16 | twapMaxGap 16 | twapWindow 16 | jumpCap 16 | jumpSlope 16 | jumpBase 16 |
/// sanityMaxE8 64 | sanityMinE8 64 |`
type RuleWord is uint256;

using FeedConfig for PrimaryWord global;
using FeedConfig for GuardWord global;
using FeedConfig for RuleWord global;

/// @title A feed's configuration, packed by hand
library FeedConfig {
    /// @dev From 1e-8 USD to 1e-18 USD.
    uint256 private constant E8 = 1e10;

    /* PRIMARY */

    function exists(PrimaryWord w) internal pure returns (bool) {
        return PrimaryWord.unwrap(w) != 0; // clFeed is not 0
    }

    function clFeed(PrimaryWord w) internal pure returns (address) {
        return address(uint160(PrimaryWord.unwrap(w)));
    }

    function clDecimals(PrimaryWord w) internal pure returns (uint256) {
        return uint8(PrimaryWord.unwrap(w) >> 160);
    }

    function clMaxStale(PrimaryWord w) internal pure returns (uint256) {
        return uint24(PrimaryWord.unwrap(w) >> 168);
    }

    function clDeviation(PrimaryWord w) internal pure returns (uint256) {
        return uint16(PrimaryWord.unwrap(w) >> 192);
    }

    function softDev(PrimaryWord w) internal pure returns (uint256) {
        return uint16(PrimaryWord.unwrap(w) >> 208);
    }

    function hardDev(PrimaryWord w) internal pure returns (uint256) {
        return uint16(PrimaryWord.unwrap(w) >> 224);
    }

    function maxConf(PrimaryWord w) internal pure returns (uint256) {
        return PrimaryWord.unwrap(w) >> 240;
    }

    /* GUARD */

    function sequencer(GuardWord w) internal pure returns (address) {
        return address(uint160(GuardWord.unwrap(w)));
    }

    function seqGraceOpen(GuardWord w) internal pure returns (uint256) {
        return uint16(GuardWord.unwrap(w) >> 160);
    }

    function seqGraceLiquidate(GuardWord w) internal pure returns (uint256) {
        return uint16(GuardWord.unwrap(w) >> 176);
    }

    function pyMaxStale(GuardWord w) internal pure returns (uint256) {
        return uint16(GuardWord.unwrap(w) >> 192);
    }

    function pyOpenStale(GuardWord w) internal pure returns (uint256) {
        return uint8(GuardWord.unwrap(w) >> 208);
    }

    function pyMaxAhead(GuardWord w) internal pure returns (uint256) {
        return uint8(GuardWord.unwrap(w) >> 216);
    }

    function maxConfOpen(GuardWord w) internal pure returns (uint256) {
        return uint16(GuardWord.unwrap(w) >> 224);
    }

    function resetDev(GuardWord w) internal pure returns (uint256) {
        return GuardWord.unwrap(w) >> 240;
    }

    /* RULES */

    /// @dev Least price that can be true, in 1e-18 USD.
    function sanityMin(RuleWord w) internal pure returns (uint256) {
        unchecked {
            return uint64(RuleWord.unwrap(w)) * E8; // 2^64 * 2^34
        }
    }

    /// @dev Greatest price that can be true, in 1e-18 USD; below 2^96.
    function sanityMax(RuleWord w) internal pure returns (uint256) {
        unchecked {
            return uint64(RuleWord.unwrap(w) >> 64) * E8;
        }
    }

    function jumpBase(RuleWord w) internal pure returns (uint256) {
        return uint16(RuleWord.unwrap(w) >> 128);
    }

    function jumpSlope(RuleWord w) internal pure returns (uint256) {
        return uint16(RuleWord.unwrap(w) >> 144);
    }

    function jumpCap(RuleWord w) internal pure returns (uint256) {
        return uint16(RuleWord.unwrap(w) >> 160);
    }

    function twapWindow(RuleWord w) internal pure returns (uint256) {
        return uint16(RuleWord.unwrap(w) >> 176);
    }

    function twapMaxGap(RuleWord w) internal pure returns (uint256) {
        return uint16(RuleWord.unwrap(w) >> 192);
    }

    function twapDev(RuleWord w) internal pure returns (uint256) {
        return uint16(RuleWord.unwrap(w) >> 208);
    }

    function twapMinObs(RuleWord w) internal pure returns (uint256) {
        return uint8(RuleWord.unwrap(w) >> 224);
    }

    function cooldown(RuleWord w) internal pure returns (uint256) {
        return uint16(RuleWord.unwrap(w) >> 232);
    }

    /* PACK */

    function packPrimary(FeedSources memory s, FeedParams memory q) internal pure returns (PrimaryWord) {
        return
            PrimaryWord.wrap(
                uint256(uint160(s.clFeed)) |
                    (uint256(s.clDecimals) << 160) |
                    (uint256(q.clMaxStale) << 168) |
                    (uint256(q.clDeviation) << 192) |
                    (uint256(q.softDev) << 208) |
                    (uint256(q.hardDev) << 224) |
                    (uint256(q.maxConf) << 240)
            );
    }

    function packGuard(FeedSources memory s, FeedParams memory q) internal pure returns (GuardWord) {
        return
            GuardWord.wrap(
                uint256(uint160(s.sequencer)) |
                    (uint256(q.seqGraceOpen) << 160) |
                    (uint256(q.seqGraceLiquidate) << 176) |
                    (uint256(q.pyMaxStale) << 192) |
                    (uint256(q.pyOpenStale) << 208) |
                    (uint256(q.pyMaxAhead) << 216) |
                    (uint256(q.maxConfOpen) << 224) |
                    (uint256(q.resetDev) << 240)
            );
    }

    function packRules(FeedParams memory q) internal pure returns (RuleWord) {
        return
            RuleWord.wrap(
                uint256(q.sanityMinE8) |
                    (uint256(q.sanityMaxE8) << 64) |
                    (uint256(q.jumpBase) << 128) |
                    (uint256(q.jumpSlope) << 144) |
                    (uint256(q.jumpCap) << 160) |
                    (uint256(q.twapWindow) << 176) |
                    (uint256(q.twapMaxGap) << 192) |
                    (uint256(q.twapDev) << 208) |
                    (uint256(q.twapMinObs) << 224) |
                    (uint256(q.cooldown) << 232)
            );
    }

    /* UNPACK */

    function unpackSources(
        PrimaryWord a,
        GuardWord b,
        bytes32 pythId
    ) internal pure returns (FeedSources memory sources) {
        sources.clFeed = a.clFeed();
        sources.clDecimals = uint8(a.clDecimals());
        sources.pythId = pythId;
        sources.sequencer = b.sequencer();
    }

    /// @dev Each cast below narrows to the width the field is stored in.
    function unpackParams(PrimaryWord a, GuardWord b, RuleWord c) internal pure returns (FeedParams memory params) {
        params.clMaxStale = uint24(a.clMaxStale());
        params.clDeviation = uint16(a.clDeviation());
        params.softDev = uint16(a.softDev());
        params.hardDev = uint16(a.hardDev());
        params.resetDev = uint16(b.resetDev());
        params.pyMaxStale = uint16(b.pyMaxStale());
        params.pyOpenStale = uint8(b.pyOpenStale());
        params.pyMaxAhead = uint8(b.pyMaxAhead());
        params.maxConf = uint16(a.maxConf());
        params.maxConfOpen = uint16(b.maxConfOpen());
        params.jumpBase = uint16(c.jumpBase());
        params.jumpSlope = uint16(c.jumpSlope());
        params.jumpCap = uint16(c.jumpCap());
        params.twapWindow = uint16(c.twapWindow());
        params.twapMaxGap = uint16(c.twapMaxGap());
        params.twapDev = uint16(c.twapDev());
        params.twapMinObs = uint8(c.twapMinObs());
        params.seqGraceOpen = uint16(b.seqGraceOpen());
        params.seqGraceLiquidate = uint16(b.seqGraceLiquidate());
        params.cooldown = uint16(c.cooldown());
        params.sanityMinE8 = uint64(RuleWord.unwrap(c));
        params.sanityMaxE8 = uint64(RuleWord.unwrap(c) >> 64);
    }
}
