// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {PriceState} from "./OracleTypes.sol";
import {AccountId, MarketId} from "./PerpTypes.sol";

/// @title Trades against the vault, and shares of it
/// @custom:security-contact See SECURITY.md
/// @notice The vault (account 0 of the engine) takes the other side of any trade at the oracle's price: buys at hi, sells at lo (of the
/// strict band when opening, the plain one when reducing), a spread, and a skew that grows with what the vault already carries:
/// quote = size · p · (1 + (2K + size) / (2 · skewScale)), K the traders' net size against it. The price does not depend on how a
/// trade is
/// split, and no round trip gains while |K| <= skewScale / 10, which trades keep to; `forceReduce` and resolution may
/// pass it, and each lot beyond costs what it does at the limit.
///
/// @dev Liquidity providers hold shares. Shares are minted at the vault's best-case value and paid at its worst case, 24 hours after a
/// request, within 24 hours: nobody can step in or out around a price that he knows. Units as in IDerivativesEngine; shares have 24
/// decimals.
interface IVaultModule {
    /* EVENTS */

    /// A trade against the vault; `quotePico` is what was paid (-) or received.
    event Traded(
        AccountId indexed account,
        MarketId indexed market,
        int256 sizeLots,
        int256 quotePico,
        uint256 feePico
    );
    event LiquidityAdded(AccountId indexed account, uint256 amountWad, uint256 shares);
    /// `shares` may be claimed from `from` to `until`; 0: the request is withdrawn.
    event ClaimRequested(AccountId indexed account, uint256 shares, uint40 from, uint40 until);
    event LiquidityClaimed(AccountId indexed account, uint256 shares, uint256 amountWad);
    /// The value that caps are measured by.
    event NavTaken(uint256 navWad);

    /* ERRORS */

    error Expired(uint256 deadline);
    error ZeroSize();
    error NoPosition(AccountId account, MarketId market);
    /// The price is worse than the limit: what the trade would cost or bring, and the limit's, pico.
    error PriceLimit(uint256 quotePico, uint256 limitPico);
    error SkewTooHigh(int256 netLots, uint256 maxLots);
    /// The vault would carry more of this market than its share of the vault's value.
    error VaultCapReached(MarketId market, uint256 notionalWad, uint256 capWad);
    /// The vault lacks more than a pico at LIQUIDATE: its loss is shared first, by IAbsorption.absorbProtocol, or where it has no position
    /// and lacks more than 100 USD somebody gives it what it lacks (IDerivativesEngine.deposit to account 0).
    error VaultMustBeAbsorbed(int256 equityWad);
    /// The trade would close the vault's whole position in the market and leave the vault more than 100 USD below zero, or its cash where
    /// that position has lost more than 100 USD: close all but the least position, let the loss be shared (absorbProtocol) or wait until
    /// the vault has closed what it has won elsewhere, close the rest.
    error VaultWouldOwe(int256 leftWad);
    error NotOwner(AccountId account, address caller);
    error ZeroAmount();
    /// An account with positions provides no liquidity: its cash is margin.
    error HasPositions(AccountId account);
    error CashTooLow(AccountId account, int256 cashWad, uint256 wantWad);
    error TooFewShares(uint256 have, uint256 want);
    /// A share is worth less than a millionth of what the first was, for the vault has lost nearly all: a deposit to account 0 raises it.
    error VaultDiluted(uint256 navWad, uint256 shares);
    /// A market's prices do not allow to value the vault.
    error VaultNotPriced(MarketId market, PriceState state);
    /// A market that the vault is in owes something, or is settled and not closed yet: its value is not known.
    error VaultWaits(MarketId market, uint256 debtWad);
    /// Signed orders are settled: reducing by force is for when they are not.
    error SettlerActive(uint256 notBefore);
    error NotReduced(AccountId account, MarketId market, int256 heldLots);
    error NotEngine(address caller);
    error VaultEmpty(int256 navWad);
    /// After the claim the vault would have less than its own positions require.
    error VaultUnderMargin(int256 equityWad, uint256 requiredWad);
    error TooSoon(uint256 notBefore);
    error TooLate(uint256 deadline);

    /* TRADE, by an account's owner or session key */

    /// @notice Buy (size > 0) or sell against the vault.
    /// @param size lots, signed.
    /// @param limitPrice wad: the highest average price of a purchase, the lowest of a sale, fee not counted.
    /// @param deadline last second in which it may run.
    /// @return quotePico what was paid (-) or received.
    /// @dev Reverts: Expired, ZeroSize, VaultMustBeAbsorbed, PriceLimit, VaultWouldOwe, SkewTooHigh, VaultCapReached, and as
    /// IDerivativesEngine.deal.
    function trade(
        AccountId account,
        MarketId market,
        int256 size,
        uint256 limitPrice,
        uint256 deadline
    ) external returns (int256 quotePico);

    /// @notice Close the whole position, whatever its size is by then.
    function close(
        AccountId account,
        MarketId market,
        uint256 limitPrice,
        uint256 deadline
    ) external returns (int256 quotePico);

    /// @notice Reduce a position (size 0: close it) although the vault's caps would not have it, where no batch of signed orders was
    /// settled for a day: nobody is locked in by a silent settler.
    /// @dev Reverts: SettlerActive, Expired, NoPosition, VaultMustBeAbsorbed, PriceLimit, VaultWouldOwe, NotReduced, and as
    /// IDerivativesEngine.deal.
    function forceReduce(
        AccountId account,
        MarketId market,
        int256 size,
        uint256 limitPrice,
        uint256 deadline
    ) external returns (int256 quotePico);

    /// @notice Deliver Pyth updates, then `trade`. msg.value must equal PriceOracle.updateFee(updates): nothing is sent back.
    function tradeWithUpdate(
        bytes[] calldata updates,
        AccountId account,
        MarketId market,
        int256 size,
        uint256 limitPrice,
        uint256 deadline
    ) external payable returns (int256 quotePico);

    /* LIQUIDITY, by an account's owner */

    /// @notice Give cash of a position-less account to the vault for shares, at the best-case value (rounded down).
    function addLiquidity(AccountId account, uint256 amountWad, uint256 minShares) external returns (uint256 shares);

    /// @notice Ask for shares to be paid out; replaces an earlier request. 0 withdraws it.
    function requestClaim(AccountId account, uint256 shares) external;

    /// @notice Pay out the requested shares at the worst-case value (rounded down), 24 to 48 hours after the request. What the vault's own
    /// positions require as initial margin stays.
    function claim(AccountId account) external returns (uint256 amountWad);

    /* UPKEEP, by anyone */

    /// @notice Take the vault's worst-case value as the base of the caps; at most hourly, except by liquidity moves.
    function takeNav() external;

    /* VIEWS */

    /// @notice What a trade would cost or bring now, pico, and its fee; margin, the vault's caps or its absorption may still
    /// refuse it.
    function quoteTrade(
        AccountId account,
        MarketId market,
        int256 size
    ) external view returns (int256 quotePico, uint256 feePico);

    /// @notice The vault's value, wad, floor: in the worst case (Purpose.OPEN) and the best (Purpose.LIQUIDATE) of its bands and the
    /// premium. In the worst case what it won in a SETTLED market counts for nothing until it is closed there.
    function nav() external view returns (int256 worstWad, int256 bestWad);

    function sharesOf(AccountId account) external view returns (uint256 shares);

    function claimOf(AccountId account) external view returns (uint256 shares, uint40 from, uint40 until);

    function totalShares() external view returns (uint256);

    function navTaken() external view returns (uint256 navWad, uint40 at);
}
