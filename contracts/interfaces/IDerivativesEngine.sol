// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {FeedId, PriceState} from "./OracleTypes.sol";
import {Position} from "../derivatives/perp/Position.sol";
import {LimitWord} from "../derivatives/perp/LimitWord.sol";
import {RiskWord} from "../derivatives/perp/RiskWord.sol";
import {TradeWord} from "../derivatives/perp/TradeWord.sol";
import {AccountState, Context, HealthView, Held, Kind, Leg, Purpose, Role, Sample} from "./EngineTypes.sol";
import {AccountId, MarketId, MarketStatus} from "./PerpTypes.sol";

/// @title The ledger of the perpetual swaps: custody, accounts, positions, markets
/// @custom:security-contact See SECURITY.md
/// @notice Cash-settled linear perpetuals in one collateral token. Every trade has two sides in this ledger: in each market Σ size = 0
/// and
/// Σ quote = 0 always. Whoever trades talks to a module (VaultModule, MatchSettler, RiskManager); modules change the ledger through the
/// primitives below, which keep those sums, settle funding, and judge the health of whoever acted.
///
/// @dev Units: lots 1e-8 units, pico 1e-12 USD, wad 1e-18 USD, ppm 1e-6, times Unix seconds. Cash is wad; the token's raw units times
/// 10^(18 - decimals) are wad: exact in, rounded down out.
///
/// ACCOUNTS 0 vault, 1 backstop, 2 insurance, 3 fees belong to the protocol: no owner, no limit of markets, never liquidated. Others are
/// made by `createAccount`, hold positions in at most 8 markets, and act through their owner or, for trading only, a session key.
///
/// EQUITY E = cash + Σ [quote - owed + floor(size · value)], owed = ceil(size · (F - f)), F the funding index of the position's side.
/// At OPEN a SETTLED market's [..] counts as min(0, [..]): its gains are paid later, and may be cut.
/// VALUES, π the market's premium: OPEN long floor(openLo · min(1, 1 + π)), short ceil(openHi · max(1, 1 + π)); LIQUIDATE long
/// ceil(liqHi · max(1, 1 + π)), short floor(liqLo · min(1, 1 + π)); MID mid. N = ceil(|size| · value); IM = ceil(N · rate(N)), rate = im +
/// min(slope · N,
/// imMax - im); MM = ceil(kappa · IM); sums over the account's markets.
/// GATE, for each account that a call judges, after everything: E >= IM at OPEN; or, where the call only reduced (|size| fell and no
/// sign changed), all valued at MID: E >= 0 and E · MM(before) >= E(before) · MM. An account with E < 0 at MID is moved only by
/// liquidation and resolution.
///
/// BOOKING, in this order, for each leg: settle funding; refuse what pauses, the feed or the limits forbid; apply size and quote;
/// charge the fee;
/// then for the market: open interest, premium sample; then judge. |size| rising or changing its sign is an opening: it needs the OPEN
/// bit unset, the feed's OPEN (for Kind.MATCH and Kind.VAULT), the market LIVE, and ends at minNotional or more at mid, as any position
/// left over does. Reducing: REDUCE unset; Kind.VAULT asks the feed's CLOSE, Kind.MATCH its SIGNED_REDUCE. Kind.LIQUIDATION: LIQUIDATE
/// unset and the feed's LIQUIDATE; the taker over opens without asking the feed's OPEN, and less than minNotional if need be.
/// MATCH also needs SETTLE unset.
/// While the feed is degraded, at most openCap lots of net new open interest per market in a window of ten minutes, which a trade begins.
///
/// RESOLUTION: a loss that its owner cannot carry is shared among a market's positions (`shareLoss`), or becomes the market's debt. A
/// SETTLED market's positions count at one price for ever; nobody trades there. Withdrawals of accounts with a position in a market
/// wait while its debt exceeds 100 USD and 0.1 % of its open interest at mid, and while it is SETTLED; nobody else's do.
///
/// PAUSES: a mask for each market (the timelock's), and the guardian's own of OPEN and SETTLE over all markets, which lapses. Deposits
/// have
/// no bit; REDUCE cannot be paused without LIQUIDATE.
interface IDerivativesEngine {
    /* EVENTS */

    event AccountCreated(AccountId indexed account, address indexed owner);
    event Deposited(AccountId indexed account, address indexed from, uint256 amountRaw);
    event Withdrawn(AccountId indexed account, address indexed to, uint256 amountRaw);
    /// Cash moved between accounts: by an owner, or by a module (`role`, never NONE).
    event CashMoved(AccountId indexed from, AccountId indexed to, uint256 amountWad, Role role);
    /// `expiry` 0: revoked.
    event SessionSet(AccountId indexed account, address indexed key, uint40 expiry);
    /// One leg was booked; `cashWad` is what it did to cash in all: funding settled, the quote of a closed position, the leg's own
    /// cash, less
    /// the fee.
    event Booked(
        MarketId indexed market,
        AccountId indexed account,
        int256 sizeLots,
        int256 quotePico,
        uint256 feePico,
        int256 cashWad,
        Kind kind
    );
    /// Funding was brought up to date: the indices of both sides, pico per unit, and the newest interval's rate, pico.
    event FundingTicked(MarketId indexed market, int256 fLong, int256 fShort, int256 rate, uint256 intervals);
    /// A premium sample joined: pico and 1e-6 of the impact notional.
    event PremiumSampled(MarketId indexed market, int256 sample, uint256 weight);
    /// The market's fees went to account 3.
    event FeesCollected(MarketId indexed market, uint256 amountPico);
    /// A market's words as they are stored from now on (TradeWord.sol, RiskWord.sol, LimitWord.sol, OiWord.sol).
    event TermsSet(
        MarketId indexed market,
        TradeWord trade,
        RiskWord risk,
        LimitWord limit,
        uint256 maxOi,
        uint256 vaultShare
    );
    /// `priceWad` is what a SETTLED market's positions count at for ever; else 0.
    event StatusChanged(MarketId indexed market, MarketStatus status, uint256 priceWad);
    /// A loss of `account` was shared out: every position of the market owes `deltaPico` more per unit of its |size|; `amountWad` went to
    /// the account, `backstopWad` back to the backstop.
    event LossShared(
        MarketId indexed market,
        AccountId indexed account,
        uint256 deltaPico,
        uint256 amountWad,
        uint256 backstopWad
    );
    /// A loss of `account` that nobody covers became the market's (+), or was repaid from the account (-), wad.
    event DebtMoved(MarketId indexed market, AccountId indexed account, int256 amountWad, uint256 debtWad);
    /// The guardian's pause of `mask` in all markets ends by itself at `until` (in the past or now: lifted).
    event GuardianPaused(uint8 mask, uint40 until);
    event ModuleChanged(Role indexed role, address oldModule, address newModule);
    event OracleChanged(address oldOracle, address newOracle);
    event TimelockProposed(address indexed proposed);
    event TimelockChanged(address indexed oldTimelock, address indexed newTimelock);

    /* ERRORS */

    error UnknownAccount(AccountId account);
    error UnknownMarket(MarketId market);
    error NotOwner(AccountId account, address caller);
    /// Neither the owner nor a live session key of the account.
    error NotTrader(AccountId account, address caller);
    error NotTimelock(address caller);
    error NotGuardian(address caller);
    error NotModule(address caller, Role role);
    error Locked();
    error NotLocked();
    error ZeroAmount();
    error ZeroAddress();
    /// The token did not bring or take exactly the amount.
    error InexactTransfer(uint256 wantRaw, uint256 gotRaw);
    error CashTooLow(AccountId account, int256 cashWad, uint256 wantWad);
    error Paused(MarketId market, uint8 mask);
    error FeedForbids(MarketId market, PriceState state, uint8 gates);
    error MarketNotLive(MarketId market, MarketStatus status);
    error LegsUnbalanced(int256 sizeLots, int256 quotePico, int256 cashWad);
    error TooManyMarkets(AccountId account);
    error BelowMinNotional(MarketId market, AccountId account, uint256 notionalWad);
    error OpenInterestTooHigh(MarketId market, uint256 lots, uint256 maxLots);
    error OpenCapReached(MarketId market, uint256 lots, uint256 capLots);
    /// Equity at mid is below zero: only liquidation and resolution move the account.
    error Bankrupt(AccountId account, int256 equityWad);
    error UnderInitialMargin(AccountId account, int256 equityWad, uint256 requiredWad);
    error BadParameter(string field);
    error PauseTooSoon(uint256 notBefore);
    error PauseInPast(uint256 until);
    error SessionInPast(uint256 expiry);
    /// More would be credited than the shift of the indices charges.
    error CreditTooHigh(MarketId market, uint256 creditWad, uint256 chargeWad);
    /// The market owes more than it has: withdrawals of who is in it wait.
    error DebtUncovered(MarketId market, uint256 debtWad);

    /* OWNERS */

    /// @notice Make an account that belongs to the caller, for ever: modules may remember the owner.
    function createAccount() external returns (AccountId account);

    /// @notice Bring collateral into any account that exists, the vault's and insurance's included. By anyone, always.
    /// @param amountRaw token units. Reverts: Locked, UnknownAccount, ZeroAmount, InexactTransfer.
    function deposit(AccountId account, uint256 amountRaw) external;

    /// @notice Take collateral out. Only the owner.
    /// @dev An account without positions never asks the oracle. Else every market must have its WITHDRAW bit unset, its feed allow
    /// WITHDRAW, not be SETTLED and owe at most 100 USD or 0.1 % of its open interest at mid, and E >= IM at OPEN afterwards.
    /// Reverts: Locked, UnknownAccount, NotOwner, ZeroAmount, ZeroAddress, CashTooLow, MarketNotLive, Paused, FeedForbids, DebtUncovered,
    /// UnderInitialMargin, InexactTransfer.
    function withdraw(AccountId account, uint256 amountRaw, address to) external;

    /// @notice Move cash to another account that exists; the rules of `withdraw`.
    function transferCash(AccountId from, AccountId to, uint256 amountWad) external;

    /// @notice Let `key` trade for the account until `expiry`; it may not withdraw, transfer, liquidate or grant. Only the owner.
    function setSession(AccountId account, address key, uint40 expiry) external;

    /// @notice End a session at once. Only the owner.
    function revokeSession(AccountId account, address key) external;

    /* UPKEEP, by anyone */

    /// @notice Bring a market's funding up to date. Nothing depends on it being called: every change does it first.
    function tickFunding(MarketId market) external;

    /// @notice Move the fees that a market has gathered to account 3.
    function collectFees(MarketId market) external;

    /* MODULES */

    /// @notice Take the lock over the whole system, for a call of several steps. Any module. Reverts: NotModule, Locked.
    function enter() external;

    /// @notice Give the lock back. The module that holds it.
    function exit() external;

    /// @notice One trade of `account` by `actor`, its owner or session key, against the vault: takes the lock, ticks, asks the caller
    /// for its terms (IDealer.terms), books both sides, judges the trader, gives the lock back. The vault module.
    /// @param size lots; 0: all of the position is closed.
    /// @param limitPrice handed to `terms` as it is.
    /// @return size_ lots traded.
    /// @return quote pico, as the terms say.
    /// @dev Reverts: NotModule, Locked, UnknownAccount, NotTrader, UnknownMarket, and as `terms` and `book`.
    function deal(
        AccountId account,
        address actor,
        MarketId market,
        int256 size,
        uint256 limitPrice
    ) external returns (int256 size_, int256 quote);

    /// @notice `enter` and `context`, with the position and the health (LIQUIDATE) of each of `accounts`. Any module.
    /// @dev Reverts: NotModule, Locked, UnknownMarket, UnknownAccount.
    function inspect(MarketId market, AccountId[] calldata accounts) external returns (Context memory, Held[] memory);

    /// @notice Tick the market and return all there is to price a trade. Within the lock.
    function context(MarketId market) external returns (Context memory);

    /// @notice Book legs of one market: Σ size = 0, Σ quote = 0, Σ cash = 0, and no cash at all for VAULT and MATCH. Within the lock.
    /// @param kind what the caller's role is for: VAULT, SETTLER (MATCH), RISK (LIQUIDATION), RESOLUTION (also SETTLEMENT).
    /// @param legs each account at most once.
    /// @param sample what the trade says of the premium; notional 0: nothing.
    /// @dev Reverts: NotModule, NotLocked, UnknownMarket, UnknownAccount, LegsUnbalanced, Paused, FeedForbids, MarketNotLive,
    /// TooManyMarkets, BelowMinNotional, OpenInterestTooHigh, OpenCapReached, Bankrupt, UnderInitialMargin.
    function book(MarketId market, Leg[] calldata legs, Sample calldata sample, Kind kind) external;

    /// @notice `book`, then `exit`.
    function finish(MarketId market, Leg[] calldata legs, Sample calldata sample, Kind kind) external;

    /// @notice Move cash between accounts. Within the lock. Kept to what each role is for: VAULT from or to account 0; SETTLER to 3;
    /// INSURANCE from or to 2; RISK, RESOLUTION and SETTLEMENT any.
    function moveCash(AccountId from, AccountId to, uint256 amountWad) external;

    /* RESOLUTION and SETTLEMENT, within the lock */

    /// @notice Share a loss among all positions of a market: each owes `deltaPico` more per unit of |size|, which pays for the credits.
    /// @dev (amountWad + backstopWad) · 100 <= deltaPico · 2 · open interest, or CreditTooHigh.
    function shareLoss(
        MarketId market,
        uint256 deltaPico,
        AccountId account,
        uint256 amountWad,
        uint256 backstopWad
    ) external;

    /// @notice Let a market owe what an account lacks (+), or repay what it owes from an account's cash (-), wad.
    function moveDebt(MarketId market, AccountId account, int256 amountWad) external;

    /// @notice Take a market one step or more along LIVE, WIND_DOWN, SETTLED. Funding is ticked first and ends with SETTLED; from then on
    /// positions count at `priceWad`, trade no more and leave by resolution only.
    function setStatus(MarketId market, MarketStatus status, uint256 priceWad) external;

    /* ADMIN */

    /// @notice Write a market's words, or add the next one. Funding is ticked first. The admin module, which checks them.
    /// @dev Reverts: NotModule, Locked, UnknownMarket, BadParameter.
    function setTerms(
        MarketId market,
        TradeWord trade,
        RiskWord risk,
        LimitWord limit,
        uint256 maxOi,
        uint256 vaultShare
    ) external;

    /* TIMELOCK */

    /// @notice End the guardian's pause.
    function liftGuardianPause() external;

    function setModule(Role role, address module) external;

    /// @notice Take prices from another oracle, which must know every market's feed.
    function setOracle(address oracle) external;

    /// @notice Name the next timelock, which takes over by `acceptTimelock`.
    function proposeTimelock(address next) external;

    function acceptTimelock() external;

    /* GUARDIAN */

    /// @notice Pause openings and settlements (bits OPEN, SETTLE) of all markets until `until`, at most 72 hours away, and not within 7
    /// days after the end of the last such pause. A pause that runs can but end later, at most 19 days after it began, and goes on
    /// stopping what it stopped. Only the guardian. Reverts: NotGuardian, Locked, BadParameter (mask), PauseTooSoon, PauseInPast.
    function pauseAll(uint8 mask, uint40 until) external;

    /* VIEWS */

    /// @notice What is stored of an account. Reverts: UnknownAccount.
    function accountOf(AccountId account) external view returns (AccountState memory);

    /// @notice Lots of a position; 0 if there is none.
    function sizeOf(AccountId account, MarketId market) external view returns (int256 lots);

    /// @notice A position's packed slot (Position.sol); PerpLens unpacks it.
    function positionOf(AccountId account, MarketId market) external view returns (Position);

    /// @notice The feed that prices a market. Reverts: UnknownMarket.
    function feedOf(MarketId market) external view returns (FeedId);

    /// @notice A market as a tick now would leave it, for anybody who wants to know a price beforehand.
    function peekContext(AccountId account, MarketId market) external view returns (Context memory);

    /// @notice Equity and requirements of an account for a purpose, with all funding that is due.
    function healthOf(AccountId account, Purpose purpose) external view returns (HealthView memory);

    /// @notice The same for many accounts.
    function healthsOf(AccountId[] calldata accounts, Purpose purpose) external view returns (HealthView[] memory);

    /// @notice What a market owes and nobody covers, wad.
    function debtOf(MarketId market) external view returns (uint256);

    /// @notice Whether `actor` may trade for the account now.
    function isTrader(AccountId account, address actor) external view returns (bool);

    /// @notice The module of a role; 0 if there is none.
    function moduleOf(Role role) external view returns (address);

    /// @notice Whom the ledger works with, and how many accounts (ids from 0) and markets (ids from 0) there are.
    function parameters()
        external
        view
        returns (address token, address oracle, address timelock, address guardian, uint256 accounts, uint256 markets);
}
