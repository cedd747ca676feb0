// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {RiskNow} from "../derivatives/perp/RiskWord.sol";
import {AccountState, HealthView, MarketState, PositionState, Purpose, Role} from "./EngineTypes.sol";
import {FeedId, Quote} from "./OracleTypes.sol";
import {AccountId, LimitParams, MarketId, RiskParams, TradeParams} from "./PerpTypes.sol";

/// A market now, its prices and its parameters.
struct MarketView {
    MarketId market;
    FeedId feed;
    MarketState state;
    Quote quote;
    int256 vaultSize; // lots, of account 0
    RiskNow inForce; // margin parameters at this second
    RiskParams risk; // what they become, 24 hours after the last change
    TradeParams trade;
    LimitParams limit;
}

/// A position, and what it comes to at the mark.
struct PositionView {
    MarketId market;
    PositionState state;
    uint256 mark; // wad
    uint256 notional; // wad, ceil: |size| · mark
    int256 pnl; // wad: quote - owed + floor(size · mark); what was settled before is in the cash
    uint256 breakEven; // wad: where quote - owed + size · price = 0; long up, short down; 0 where no price does it
    uint256 liquidationPrice; // wad, as RiskManager says
    uint256 bankruptcyPrice; // wad, as RiskManager says
}

/// An account as a whole.
struct AccountView {
    AccountState state;
    HealthView open; // what opening and withdrawing look at
    HealthView liquidate; // what liquidation looks at
    HealthView mid;
    int256 marginRatio; // wad, as RiskManager says
    bool isLiquidatable;
    uint256 withdrawableRaw; // token units that `withdraw` pays its owner now; 0 while a market does not let go
}

/// What a trade against the vault would come to in this block.
struct TradeView {
    int256 quote; // pico, - paid
    uint256 fee; // pico
    uint256 price; // wad, average without the fee: a purchase up, a sale down; the tightest limit that passes
    int256 size; // lots afterwards
    int256 cash; // wad afterwards: funding settled, fee paid, a closed position's quote realised
    HealthView open; // afterwards
    HealthView liquidate; // afterwards
    uint256 liquidationPrice; // wad, afterwards
    bool passes; // whether the account's margin allows it; pauses, the feed and the limits are not asked
}

/// @title Views of the perpetual swaps for people, keepers and indexers
/// @custom:security-contact See SECURITY.md
/// @notice Holds nothing and decides nothing: all is computed from the engine's own views, so that one call shows a market, an account or
/// a trade beforehand. Units and rounding as in IDerivativesEngine.
/// @dev The modules are those that the engine names when a view is called. All funding that is due is counted. Warning: the guardian's
/// pause of all markets has no view of its own in the engine; `MarketState.pauseMask` is the timelock's mask of the market.
interface IPerpLens {
    /// The engine names no module for a role that the view needs.
    error NoModule(Role role);
    /// One of the protocol's accounts, which nobody trades for.
    error NoTrader(AccountId account);

    /// @notice Markets `from`, `from + 1`, …: at most `count`, fewer where there are no more.
    function markets(uint16 from, uint16 count) external view returns (MarketView[] memory);

    /// @notice An account's positions, by ascending market. Reverts: UnknownAccount, NoModule.
    function positions(AccountId account) external view returns (PositionView[] memory);

    /// @notice An account's cash, equity and requirements, and what it may withdraw. Reverts: UnknownAccount, NoModule.
    function account(AccountId account_) external view returns (AccountView memory);

    /// @notice Equity and requirements of many accounts; each market is looked at once. Reverts: UnknownAccount.
    function healthBatch(AccountId[] calldata accounts, Purpose purpose) external view returns (HealthView[] memory);

    /// @notice What VaultModule.trade would do to the account if it were in this block, whoever sends it.
    /// @param size lots, + bought.
    /// @dev Exact where the trade goes through. Reverts: UnknownAccount, UnknownMarket, NoTrader, NoModule, ZeroSize.
    function previewTrade(AccountId account_, MarketId market, int256 size) external view returns (TradeView memory);
}
