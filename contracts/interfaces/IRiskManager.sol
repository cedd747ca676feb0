// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccountId, MarketId} from "./PerpTypes.sol";

/// @title Liquidation
/// @custom:security-contact See SECURITY.md
/// @notice An account whose equity is below its maintenance margin, both at the LIQUIDATE value (in its favour), loses a part of a
/// position,
/// or all of it, to a liquidator who takes it over at that value and keeps half of a penalty; insurance gets the other half. Anybody
/// with an
/// account that stays above initial margin may liquidate; nothing depends on insurance having money. No premium makes that value worse
/// than the index, so an account whose equity is below zero would be left with a debt: if most of it is priced, it is not taken over but
/// absorbed (IAbsorption).
///
/// @dev How much: x = ceil((Σ r·N - E) / (r - f)) of notional, rounded up to lots, r = mm(N) + (im - mm) / 2 at no slope, f the penalty;
/// the whole position if E < ⅔ · MM, or N <= minNotional, or N - x < minNotional. PENALTY = min(ceil(f · x), max(E, 0) · MM_m / ΣMM ·
/// x / N).
/// Price: p, the LIQUIDATE value; the quote rounds up for the account.
/// Units as in IDerivativesEngine.
interface IRiskManager {
    /* EVENTS */

    event Liquidated(
        AccountId indexed account,
        MarketId indexed market,
        AccountId indexed liquidator,
        int256 sizeLots,
        uint256 priceWad,
        uint256 penaltyWad
    );
    /// A batch found the account healthy, without a position in the market, or one that must be absorbed.
    event LiquidationSkipped(AccountId indexed account, MarketId indexed market);

    /* ERRORS */

    error NotOwner(AccountId account, address caller);
    /// E >= MM, no position here, or an account that is never liquidated.
    error NotLiquidatable(AccountId account, MarketId market, int256 equityWad, uint256 mmWad);
    /// E < 0, so a takeover would leave a debt: `absorb` takes the account, and its loss goes down the waterfall.
    error MustBeAbsorbed(AccountId account, MarketId market, int256 equityWad);
    error OwnLiquidation(AccountId account);
    error TooManyAccounts(uint256 have, uint256 max);
    /// A batch's account at `index` is not greater than the one before it.
    error NotAscending(uint256 index);

    /* BY ANYONE */

    /// @notice Take over what must be liquidated of a position; `liquidator` is an account of the caller's own.
    /// @return size lots that the account lost, signed as its position was.
    /// @dev Reverts: NotOwner, OwnLiquidation, NotLiquidatable, MustBeAbsorbed, and as IDerivativesEngine.book (Paused, FeedForbids,
    /// UnderInitialMargin of the
    /// liquidator, …).
    function liquidate(AccountId account, MarketId market, AccountId liquidator) external returns (int256 size);

    /// @notice The same for many accounts in one market, at most 200; healthy ones, those without a position here and those that must be
    /// absorbed are skipped.
    /// @param accounts strictly ascending, so that none is there twice.
    /// @return done how many lost something.
    function liquidateBatch(
        AccountId[] calldata accounts,
        MarketId market,
        AccountId liquidator
    ) external returns (uint256 done);

    /* VIEWS */

    function isLiquidatable(AccountId account) external view returns (bool);

    /// @notice What `liquidate` would take now, and at what price (the takeover's) and penalty; zeros for a healthy account, and
    /// for one that must be absorbed.
    function preview(
        AccountId account,
        MarketId market
    ) external view returns (int256 sizeLots, uint256 priceWad, uint256 penaltyWad);

    /// @notice The LIQUIDATE value of one unit (liqHi · max(1, 1 + π) of a long, liqLo · min(1, 1 + π) of a short) at which the account is
    /// at maintenance margin if nothing else moves: long rounded up, short down; 0 where there is none.
    function liquidationPrice(AccountId account, MarketId market) external view returns (uint256 priceWad);

    /// @notice The price at which the position's share of equity is used up: px - E · MM_m / ΣMM / s, px the LIQUIDATE value.
    function bankruptcyPrice(AccountId account, MarketId market) external view returns (uint256 priceWad);

    /// @notice E / N at the LIQUIDATE value, wad, floor; the greatest int256 without positions.
    function marginRatio(AccountId account) external view returns (int256 ratioWad);
}
