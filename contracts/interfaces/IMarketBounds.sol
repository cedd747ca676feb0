// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {LimitParams, RiskParams, TradeParams} from "./PerpTypes.sol";

/// @title What no governance can configure
/// @custom:security-contact See SECURITY.md
interface IMarketBounds {
    error BadParameter(string field);

    /// @notice Refuse parameters of a market that are out of their bounds (PerpTypes.sol lists them).
    /// @param maxConf of the market's feed, bps.
    /// @dev Reverts: BadParameter with the name of the first field.
    function requireAll(
        RiskParams calldata risk,
        TradeParams calldata trade,
        LimitParams calldata limit,
        uint256 maxConf
    ) external pure;
}
