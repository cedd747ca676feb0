// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Offer, Terms} from "./EngineTypes.sol";
import {AccountId, MarketId} from "./PerpTypes.sol";

/// @title Who takes the other side of a trade against the vault
/// @custom:security-contact See SECURITY.md
interface IDealer {
    /// @notice Price a trade, or refuse it. The engine asks, within the lock, in the middle of `deal`.
    /// @param limitPrice wad: the highest average price of a purchase, the lowest of a sale.
    function terms(
        AccountId account,
        MarketId market,
        Offer calldata offer,
        uint256 limitPrice
    ) external returns (Terms memory);
}
