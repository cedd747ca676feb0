// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {FeedId} from "./OracleTypes.sol";
import {LimitParams, MarketId, MarketRates, RiskParams, TradeParams} from "./PerpTypes.sol";

/// @title What the timelock may do to a market
/// @custom:security-contact See SECURITY.md
interface IMarketAdmin {
    event MarketAdded(
        MarketId indexed market,
        FeedId indexed feed,
        RiskParams risk,
        TradeParams trade,
        LimitParams limit
    );
    /// Increases of the margin's parameters come into force over the following 24 hours.
    event MarketChanged(MarketId indexed market, RiskParams risk, TradeParams trade, LimitParams limit);
    event PauseChanged(MarketId indexed market, uint8 oldMask, uint8 newMask);

    error NotTimelock(address caller);
    error MarketExists(MarketId market);
    error BadParameter(string field);

    /// @notice Add market `market` (the next free id, below MOST_LISTED). Reverts: NotTimelock, MarketExists, BadParameter, and as
    /// IMarketBounds.requireAll.
    function addMarket(
        MarketId market,
        FeedId feed,
        RiskParams calldata risk,
        TradeParams calldata trade,
        LimitParams calldata limit
    ) external;

    /// @notice Change a market's parameters. Funding is ticked first; increases of im, kappa, slope and imMax phase in over 24 hours from
    /// the values in force. The bounds hold for the values in force as well as for the new ones; a lesser skewScale must be ten times
    /// what the vault carries.
    function setMarket(
        MarketId market,
        RiskParams calldata risk,
        TradeParams calldata trade,
        LimitParams calldata limit
    ) external;

    /// @notice As setMarket, of the ratios of margin, fees and funding alone: what a PARAMETER proposal may change. All other terms stay
    /// as they were last set; a margin that was on its way up starts its 24 hours anew.
    function setRates(MarketId market, MarketRates calldata rates) external;

    /// @notice Set a market's pause mask. REDUCE needs LIQUIDATE beside it.
    function setPause(MarketId market, uint8 mask) external;
}
