// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Context} from "../interfaces/EngineTypes.sol";
import {IDerivativesEngine} from "../interfaces/IDerivativesEngine.sol";
import {IMarketAdmin} from "../interfaces/IMarketAdmin.sol";
import {IMarketBounds} from "../interfaces/IMarketBounds.sol";
import {IPriceOracle} from "../interfaces/IPriceOracle.sol";
import {FeedId, FeedParams} from "../interfaces/OracleTypes.sol";
import {
    AccountId,
    LimitParams,
    MOST_LISTED,
    MarketId,
    MarketRates,
    MarketStatus,
    PAUSE_LIQUIDATE,
    PAUSE_REDUCE,
    RiskParams,
    TradeParams
} from "../interfaces/PerpTypes.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {LimitWordLib} from "./perp/LimitWord.sol";
import {VAULT_ACCOUNT} from "./perp/PerpBook.sol";
import {RiskNow, RiskWord, RiskWordLib} from "./perp/RiskWord.sol";
import {TradeWord, TradeWordLib} from "./perp/TradeWord.sol";
import {VaultPrice} from "./perp/VaultPrice.sol";

/// @title What the timelock may do to a market
/// @notice Checks a market's parameters against their bounds and hands the engine its words.
/// @custom:halt Nothing to halt: only the timelock speaks here.
/// @custom:security-contact See SECURITY.md
contract MarketAdmin is IMarketAdmin {
    IDerivativesEngine public immutable ENGINE;
    /// @notice Refuses parameters that are out of their bounds; fixed for this module's life.
    IMarketBounds public immutable BOUNDS;

    constructor(IDerivativesEngine engine, IMarketBounds bounds) {
        if (address(engine) == address(0)) revert BadParameter("engine");
        if (address(bounds) == address(0)) revert BadParameter("bounds");
        (ENGINE, BOUNDS) = (engine, bounds);
    }

    modifier onlyTimelock() {
        (, , address timelock, , , ) = ENGINE.parameters();
        if (msg.sender != timelock) revert NotTimelock(msg.sender);
        _;
    }

    /// @inheritdoc IMarketAdmin
    function addMarket(
        MarketId market,
        FeedId feed,
        RiskParams calldata risk,
        TradeParams calldata trade,
        LimitParams calldata limit
    ) external onlyTimelock {
        (, , , , , uint256 count) = ENGINE.parameters();
        uint256 id = MarketId.unwrap(market);
        if (id < count) revert MarketExists(market);
        if (id != count || id >= MOST_LISTED) revert BadParameter("market");
        _requireBounds(feed, risk, trade, limit);

        ENGINE.setTerms(
            market,
            TradeWordLib.pack(feed, trade),
            RiskWordLib.pack(risk, MarketStatus.LIVE),
            LimitWordLib.pack(limit),
            limit.maxOi,
            limit.vaultShare
        );
        emit MarketAdded(market, feed, risk, trade, limit);
    }

    /// @inheritdoc IMarketAdmin
    function setMarket(
        MarketId market,
        RiskParams calldata risk,
        TradeParams calldata trade,
        LimitParams calldata limit
    ) external onlyTimelock {
        _change(market, _contextOf(market), risk, trade, limit);
    }

    /// @inheritdoc IMarketAdmin
    function setRates(MarketId market, MarketRates calldata rates) external onlyTimelock {
        Context memory c = _contextOf(market);
        (RiskParams memory risk, TradeParams memory trade) = (c.risk.unpack(), c.trade.unpack());
        LimitParams memory limit = c.limit.unpack(c.oi);
        (risk.im, risk.kappa) = (rates.im, rates.kappa);
        (trade.takerFee, trade.makerFee, trade.vaultSpread) = (rates.takerFee, rates.makerFee, rates.vaultSpread);
        (limit.maxRate, limit.interval) = (rates.maxRate, rates.interval);
        _change(market, c, risk, trade, limit);
    }

    function _change(
        MarketId market,
        Context memory c,
        RiskParams memory risk,
        TradeParams memory trade,
        LimitParams memory limit
    ) private {
        FeedId feed = c.trade.feed();
        _requireBounds(feed, risk, trade, limit);
        RiskWord phased = c.risk.phased(risk, block.timestamp);
        // what is bounded by margin is so by the margin of today too, not only by tomorrow's greater one
        _requireBounds(feed, _inForce(phased, risk), trade, limit);
        TradeWord next = TradeWordLib.pack(feed, trade);
        _requireScale(c.trade, next, c.vault.size());

        ENGINE.setTerms(market, next, phased, LimitWordLib.pack(limit), limit.maxOi, limit.vaultShare);
        emit MarketChanged(market, risk, trade, limit);
    }

    /// @inheritdoc IMarketAdmin
    function setPause(MarketId market, uint8 mask) external onlyTimelock {
        if (mask & PAUSE_REDUCE != 0 && mask & PAUSE_LIQUIDATE == 0) revert BadParameter("mask");
        Context memory c = _contextOf(market);
        ENGINE.setTerms(market, c.trade, c.risk.withPause(mask), c.limit, c.oi.maxOi(), c.oi.vaultShare());
        emit PauseChanged(market, uint8(c.risk.pause()), mask); // 8 bits are stored
    }

    function _contextOf(MarketId market) private view returns (Context memory) {
        return ENGINE.peekContext(AccountId.wrap(VAULT_ACCOUNT), market);
    }

    /// @dev A lesser scale moves the vault's price by what it carries already: not beyond the tenth that trades keep to, or whoever
    /// trades first would buy far below the market, or for nothing.
    function _requireScale(TradeWord old, TradeWord next, int256 vaultSize) private pure {
        if (next.skewScale() >= old.skewScale()) return;
        if (Rounding.abs(vaultSize) > VaultPrice.maxNet(next)) revert BadParameter("skewScale");
    }

    /// @dev `next` with the margin that is in force now. Each fits: it is one of two that fitted, or between them.
    function _inForce(RiskWord w, RiskParams memory next) private view returns (RiskParams memory) {
        RiskNow memory r = w.inForce(block.timestamp);
        return
            RiskParams({
                im: uint32(r.im),
                kappa: uint16(r.kappa),
                slope: uint32(r.slope),
                imMax: uint32(r.imMax),
                penalty: next.penalty,
                impactNotional: next.impactNotional
            });
    }

    function _requireBounds(
        FeedId feed,
        RiskParams memory risk,
        TradeParams memory trade,
        LimitParams memory limit
    ) private view {
        (, address oracle, , , , ) = ENGINE.parameters();
        (, FeedParams memory feedParams) = IPriceOracle(oracle).configOf(feed);
        BOUNDS.requireAll(risk, trade, limit, feedParams.maxConf);
    }
}
