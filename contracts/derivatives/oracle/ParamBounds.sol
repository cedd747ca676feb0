// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IPriceOracle} from "../../interfaces/IPriceOracle.sol";
import {FeedParams, FeedSources} from "../../interfaces/OracleTypes.sol";
import {TwapRing} from "./TwapRing.sol";

/// @title What no governance can configure
library ParamBounds {
    /// @dev Chainlink prices with more decimals would be rounded.
    uint256 private constant MAX_DECIMALS = 18;
    /// @dev 70 billion USD in 1e-8 USD; times 1e10 it is below 2^96.
    uint256 private constant MAX_PRICE_E8 = 7e18;
    /// @dev Beyond it sources do not agree, bps; so no aggregator that speaks more seldom is of use.
    uint256 private constant MAX_SOFT_DEV = 499;

    /// @dev Reverts with BadParameter and the name of the first field that is out of its bounds (OracleTypes.sol lists them).
    function requireSources(FeedSources memory s) internal pure {
        if (s.clFeed == address(0)) revert IPriceOracle.BadParameter("clFeed");
        if (s.clDecimals > MAX_DECIMALS) revert IPriceOracle.BadParameter("clDecimals");
        if (s.pythId == 0) revert IPriceOracle.BadParameter("pythId");
    }

    function requireParams(FeedParams memory q) internal pure {
        _within(q.clMaxStale, 1 minutes, 25 hours, "clMaxStale");
        _within(q.clDeviation, 1, MAX_SOFT_DEV, "clDeviation");
        _within(q.softDev, q.clDeviation, MAX_SOFT_DEV, "softDev");
        _within(q.hardDev, uint256(q.softDev) + 1, 1_000, "hardDev");
        _within(q.resetDev, 1, q.softDev, "resetDev");
        _within(q.pyMaxStale, 1, 1 hours, "pyMaxStale");
        _within(q.pyOpenStale, 0, q.pyMaxStale, "pyOpenStale");
        _within(q.pyMaxAhead, 0, 1 minutes, "pyMaxAhead");
        _within(q.maxConf, 1, 500, "maxConf");
        _within(q.maxConfOpen, 1, q.maxConf, "maxConfOpen");
        _within(q.jumpBase, uint256(q.clDeviation) + q.softDev, 2_500, "jumpBase");
        _within(q.jumpSlope, 0, 100, "jumpSlope");
        _within(q.jumpCap, q.jumpBase, 5_000, "jumpCap");
        _within(q.twapWindow, 1 minutes, TwapRing.MAX_WINDOW, "twapWindow");
        _within(q.twapMaxGap, TwapRing.SPACING, q.twapWindow, "twapMaxGap");
        _within(q.twapDev, 1, 2_000, "twapDev");
        _within(q.twapMinObs, 2, q.twapWindow / TwapRing.SPACING, "twapMinObs");
        _within(q.seqGraceOpen, 0, 12 hours, "seqGraceOpen");
        _within(q.seqGraceLiquidate, 0, _least(1 hours, q.seqGraceOpen), "seqGraceLiquidate");
        _within(q.cooldown, 1 minutes, 12 hours, "cooldown");
        _within(q.sanityMinE8, 1, MAX_PRICE_E8, "sanityMinE8");
        _within(q.sanityMaxE8, uint256(q.sanityMinE8) + 1, MAX_PRICE_E8, "sanityMaxE8");
    }

    function _within(uint256 value, uint256 min, uint256 max, string memory name) private pure {
        if (value < min || value > max) revert IPriceOracle.BadParameter(name);
    }

    function _least(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
