// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccountId, MarketId} from "./PerpTypes.sol";

/// Whom a position may be closed against, in one market.
struct Deleverage {
    MarketId market;
    AccountId[] counterparties; // non-increasing in N / E at mid
}

/// @title What becomes of an account that liquidation cannot save
/// @custom:security-contact See SECURITY.md
/// @notice An account whose equity no longer covers the penalties of its own liquidation is absorbed: the backstop (account 1) takes its
/// positions, and it ends with no market and no cash. Anybody may call; a keeper's account gets a fee. What it lacks is covered in
/// this order, in the same transaction: insurance, the backstop, accounts in profit (deleveraging), all positions of the market, the
/// vault; what is left then is the market's debt, and ends it above 100 USD. Accounts without positions never pay, but the protocol's own.
///
/// @dev All at LIQUIDATE value. CONDITION E < Σ f · N, and markets whose feed allows LIQUIDATE carry at least half of MM.
/// SHORTFALL L = -E > 0. What was lost in a SETTLED market, as far as L goes, is its debt, which the claims of its winners carry, as if the
/// account had been closed there. The rest R is split over the other markets by their maintenance margin:
/// L_m = min(what is left, ceil(R · MM_m / MM)); where there are none, the last SETTLED market carries it too. The vault's and the
/// backstop's R goes to the markets in which their open positions lost it, by what was lost there, and only what exceeds that by margin:
/// anybody may trade against the vault, and would choose who pays. In each other market:
///   insurance  min(L_m, limit left, cash of account 2)
///   backstop   min(rest, limit left, its cash, its E at OPEN, both less ISettlement.unreckoned)
///   deleveraging, for a rest u, where the feed allows LIQUIDATE: n = ceil(|s| · u / L_m) lots close at the position's bankruptcy price b,
///     against the vault if it is opposite, then the listed accounts: opposite, in profit in this market at mid, E > 0. E >= MM afterwards.
///     Others are skipped. No size changes its sign, never more than n in all. The vault gives up against mid no more than its profit
///     here, less a pico and what its skew gives back (VaultPrice.skewWorth): floor(profit / |b - mid|) lots.
///   backstop   takes the rest of the position at LIQUIDATE value; every quote is rounded in favour of the account, up to a pico.
///   shared     δ = min(ceil(loss / D), floor(mm rate · mid / 2) - what was shared) a unit of every position, D = Σ |size| less the
///     backstop's; what was shared in a market is forgiven evenly over the 30 days after the last sharing, as what the fund
///     has spent
///   vault      min(rest, its cash, its E at OPEN)
///   debt       the rest; once a market owes more than 100 USD it settles at mid, or winds down where its feed does not allow LIQUIDATE.
/// FEE Σ minFee of the account's markets, from its cash; what it lacks from insurance, at most 1,000 USD in each
/// window of an hour, which a payment begins. Never reverts for lack of either. Cash left after it goes to the backstop.
/// Warning: the lists are the caller's choice. A winner whom nobody lists gives only his share of what is shared, before the vault pays:
/// keepers list all winners, the most leveraged first.
/// Units as in IDerivativesEngine.
interface IAbsorption {
    /* EVENTS */

    /// `equityWad` at LIQUIDATE before it; `feeWad` to the keeper in all.
    event Absorbed(AccountId indexed account, AccountId indexed keeper, int256 equityWad, uint256 feeWad);
    /// Who covered the account's loss in a market; deleveraging has its own event.
    event Covered(
        MarketId indexed market,
        AccountId indexed account,
        uint256 insuranceWad,
        uint256 backstopWad,
        uint256 sharedWad,
        uint256 vaultWad,
        uint256 debtWad
    );
    /// `lots` of the account's position, signed as it was, were closed against a counterparty.
    event Deleveraged(
        MarketId indexed market,
        AccountId indexed account,
        AccountId indexed counterparty,
        int256 lots,
        uint256 priceWad
    );
    /// The backstop gave `lots`, signed as its position was, to an account.
    event TakenBack(
        MarketId indexed market,
        AccountId indexed account,
        int256 lots,
        uint256 priceWad,
        uint256 rewardWad
    );

    /* ERRORS */

    error NotOwner(AccountId account, address caller);
    error NotSettlement(address caller);
    /// Healthy, without positions, not an account of that sort, or too much of it in markets without a fair price.
    error NotAbsorbable(AccountId account, int256 equityWad, uint256 penaltyWad, uint256 mmWad, uint256 liquidMmWad);
    error OwnKeeper(AccountId account);
    /// The counterparty at `index` is more leveraged than the one before it.
    error NotOrdered(MarketId market, uint256 index);
    /// The backstop lacks more than a pico at LIQUIDATE: its loss is shared first, by absorbProtocol.
    error BackstopMustBeAbsorbed(int256 equityWad);
    /// The backstop has no such size.
    error BackstopHasLess(MarketId market, int256 wantLots, int256 haveLots);

    /* BY ANYONE */

    /// @notice Absorb an account. `lists` name whom to deleverage against where that is needed; where there is none, the vault alone.
    /// What others cover is noted for its claims to answer for (ISettlement.noteCovered). A market of it that an absorption has ended
    /// is begun before (ISettlement.closeAt of nobody): what the backstop had won there is set apart.
    /// @param keeper gets the fee; exists, and is another account.
    /// @dev Reverts: Locked, UnknownAccount, OwnKeeper, NotAbsorbable, NotOrdered, Paused (LIQUIDATE, in any of its markets),
    /// BackstopMustBeAbsorbed (where the backstop's position there would be gone).
    function absorb(AccountId account, AccountId keeper, Deleverage[] calldata lists) external;

    /// @notice Cover what the vault (0) or the backstop (1) lacks; their positions stay. For the vault: insurance, backstop, shared, debt;
    /// for the backstop: insurance, shared, vault, debt; in a SETTLED market debt alone. Sharing leaves the account itself out. Positions
    /// start anew at the value they had: what was lost or won becomes cash, and no loss is laid to a market a second time. A gain in a
    /// SETTLED market stays, to be paid as others are; one in a market whose feed does not allow LIQUIDATE counts at mid.
    /// @dev Reverts: Locked, NotAbsorbable, Paused.
    function absorbProtocol(AccountId account) external;

    /// @notice Take `size` lots (signed as the backstop's position) over from the backstop at LIQUIDATE value, for a reward of half the
    /// penalty's rate: min(ceil(f · x / 2), the backstop's cash, its E at LIQUIDATE), the latter two less ISettlement.unreckoned. The
    /// owner of `to`, which passes the gate.
    /// @dev Reverts: Locked, NotOwner, BackstopHasLess, Paused, FeedForbids, MarketNotLive, BackstopMustBeAbsorbed, and as
    /// IDerivativesEngine.book.
    function takeBackstop(MarketId market, int256 size, AccountId to) external;

    /* THE MODULE OF SETTLEMENT */

    /// @notice Say who pays what a final market owes beyond its claims, `restWad`, as for an absorption: insurance and the backstop within
    /// their limits of the market, which note it, then the vault. The caller takes it.
    /// @dev Reverts: NotSettlement.
    function allotRest(
        MarketId market,
        uint256 restWad
    ) external returns (uint256 insuranceWad, uint256 backstopWad, uint256 vaultWad);

    /* VIEWS */

    /// @notice What a unit of a market's positions has carried of shared losses and is not forgiven yet, pico, up.
    function sharedOf(MarketId market) external view returns (uint256);

    /// @notice What insurance may still add to fees in this hour, wad.
    function feeAllowance() external view returns (uint256);
}
