// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IMarketBounds} from "../interfaces/IMarketBounds.sol";
import {LimitParams, RiskParams, TradeParams} from "../interfaces/PerpTypes.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {PerpUnits} from "./perp/PerpUnits.sol";

/// @title What no governance can configure
/// @custom:halt Nothing to halt: it only answers.
/// @custom:security-contact See SECURITY.md
contract MarketBounds is IMarketBounds {
    uint256 private constant MAX_INTERVAL = 8 hours;
    uint256 private constant MAX_FEE = 10_000;
    uint256 private constant MAX_BAND = 50_000;
    uint256 private constant MAX_MIN_NOTIONAL = 1_000_000;
    uint256 private constant MAX_SLOPE = 1_000_000;
    uint256 private constant MAX_SKEW = (1 << 36) - 1;
    uint256 private constant MAX_COEFFICIENT = 1_000;
    /// @dev What the packed words hold.
    uint256 private constant MAX_CAP = (1 << 17) - 1;
    /// @dev bps · ppm: how fast maintenance margin may grow with notional, 99 %. At 1 a winning position would be liquidated for its
    /// gain; on
    /// the way from one set of rules to another the product can be 0.84 % above its two ends.
    uint256 private constant STEEPEST = 9_900_000_000;
    /// @dev ppm in one bps
    uint256 private constant BPS_TO_PPM = 100;

    /// @inheritdoc IMarketBounds
    function requireAll(
        RiskParams calldata risk,
        TradeParams calldata trade,
        LimitParams calldata limit,
        uint256 maxConf
    ) external pure {
        _within(risk.im, 10_000, PerpUnits.PPM, "im");
        _within(risk.kappa, 5_000, risk.slope > 0 ? 6_000 : 9_000, "kappa");
        _within(risk.slope, 0, MAX_SLOPE, "slope");
        _within(risk.imMax, risk.im, PerpUnits.PPM, "imMax");
        if (risk.slope > 0) _within(uint256(risk.kappa) * (2 * uint256(risk.imMax) - risk.im), 0, STEEPEST, "imMax");
        uint256 mm = (uint256(risk.im) * risk.kappa) / PerpUnits.BPS; // ppm, down
        uint256 mmUp = Rounding.ceilDiv(uint256(risk.im) * risk.kappa, PerpUnits.BPS);
        _within(risk.penalty, 1, _least((2 * mm) / 3, MAX_CAP), "penalty");
        _within(risk.impactNotional, 1, type(uint32).max, "impactNotional");

        _within(trade.takerFee, 0, MAX_FEE, "takerFee");
        _within(trade.makerFee, 0, MAX_FEE, "makerFee");
        if (trade.takerFee + _least(trade.makerFee, trade.vaultSpread) == 0) revert BadParameter("takerFee");
        _within(trade.vaultSpread, 0, MAX_FEE, "vaultSpread");
        _within(trade.premCap, 1, _premCap(risk, mm, mmUp, maxConf * BPS_TO_PPM), "premCap");
        _within(trade.minNotional, 1, MAX_MIN_NOTIONAL, "minNotional");
        _within(trade.skewScale, 1, MAX_SKEW, "skewScale");
        _within(trade.coefficientInverse, 1, MAX_COEFFICIENT, "coefficientInverse");

        _within(limit.maxRate, 1, _least((risk.im - mmUp) / 4, MAX_CAP), "maxRate");
        _within(limit.interval, PerpUnits.MIN_INTERVAL, MAX_INTERVAL, "interval");
        _within(limit.band, 1, MAX_BAND, "band");
        _within(limit.minFee, 0, (uint256(trade.minNotional) * mm) / (2 * PerpUnits.BPS), "minFee");
        _within(limit.vaultShare, 0, PerpUnits.PPM, "vaultShare");
    }

    /// @dev ppm, down: an account opened at initial margin is not liquidated by the premium alone, and one taken over at its trigger
    /// closes
    /// at the edge of the band without bad debt.
    function _premCap(
        RiskParams calldata risk,
        uint256 mm,
        uint256 mmUp,
        uint256 maxConf
    ) private pure returns (uint256) {
        uint256 games = ((risk.im - mmUp) * PerpUnits.PPM) / (PerpUnits.PPM + mmUp);
        uint256 used = risk.penalty + maxConf;
        uint256 takeover = mm > used ? mm - used : 0;
        return _least(_least(games, takeover), MAX_CAP);
    }

    function _within(uint256 value, uint256 min, uint256 max, string memory name) private pure {
        if (value < min || value > max) revert BadParameter(name);
    }

    function _least(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
