// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccountId, MarketId} from "./PerpTypes.sol";

/// What each of the two may lose in one market, and has lost lately.
struct MarketLimits {
    uint128 insuranceWad; // limit
    uint128 backstopWad; // limit
    uint128 insuranceSpentWad; // at `spentAt`
    uint128 backstopSpentWad;
    uint40 spentAt;
}

/// @title How much insurance and the backstop may lose in a market
/// @custom:security-contact See SECURITY.md
/// @notice Insurance is the cash of account 2. In each market it and the backstop (account 1) cover losses of others up to a limit, so
/// that no market can empty them. What was spent is forgiven evenly over 30 days after the last spending:
/// spent(t) = ceil(spent · max(0, 30 days - (t - spentAt)) / 30 days).
interface IInsuranceFund {
    /* EVENTS */

    event LimitsChanged(
        MarketId indexed market,
        uint256 oldInsuranceWad,
        uint256 oldBackstopWad,
        uint256 insuranceWad,
        uint256 backstopWad
    );
    /// What a loss took; what is spent in all, with it.
    event Spent(
        MarketId indexed market,
        uint256 insuranceWad,
        uint256 backstopWad,
        uint256 insuranceSpentWad,
        uint256 backstopSpentWad
    );
    event Donated(AccountId indexed account, uint256 amountWad);
    event TargetChanged(uint256 oldWad, uint256 newWad);
    event Swept(uint256 amountWad);

    /* ERRORS */

    error NotTimelock(address caller);
    error NotOwner(AccountId account, address caller);
    /// Not the module that resolves losses.
    error NotResolution(address caller);
    error HasPositions(AccountId account);
    error CashTooLow(AccountId account, int256 cashWad, uint256 wantWad);
    error LimitExceeded(MarketId market, uint256 spentWad, uint256 limitWad);
    error DebtOutstanding(MarketId market, uint256 debtWad);
    error ZeroAmount();

    /* TIMELOCK */

    /// @notice Set what insurance and the backstop may lose in a market; what is spent stays spent. Reverts: NotTimelock, UnknownMarket.
    function setLimits(MarketId market, uint128 insuranceWad, uint128 backstopWad) external;

    /// @notice Set how much insurance keeps. At first: all.
    function setTarget(uint256 wad) external;

    /* BY ANYONE */

    /// @notice Give an account's cash to insurance. Its owner; an account without positions.
    /// @dev Reverts: NotOwner, ZeroAmount, HasPositions, CashTooLow, Locked, NotModule.
    function donate(AccountId account, uint256 amountWad) external;

    /// @notice Move what insurance has above its target to account 3, unless any market owes. Reverts: DebtOutstanding, ZeroAmount.
    function sweep() external returns (uint256 amountWad);

    /* RESOLUTION */

    /// @notice Note what a loss took. Reverts: NotResolution, LimitExceeded.
    function spend(MarketId market, uint256 insuranceWad, uint256 backstopWad) external;

    /* VIEWS */

    /// @notice As stored.
    function limits(MarketId market) external view returns (MarketLimits memory);

    /// @notice What insurance may still lose in a market, wad.
    function limitLeft(MarketId market) external view returns (uint256);

    /// @notice What the backstop may still lose there for others, wad.
    function backstopLeft(MarketId market) external view returns (uint256);

    /// @notice What counts as spent now, wad.
    function spent(MarketId market) external view returns (uint256 insuranceWad, uint256 backstopWad);

    /// @notice How much insurance keeps, wad.
    function target() external view returns (uint256);
}
