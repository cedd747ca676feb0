// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {PriceState} from "./OracleTypes.sol";
import {AccountId, MarketId, MarketStatus} from "./PerpTypes.sol";

/// What is remembered of a market's end.
struct Ending {
    uint40 windDownAt; // when closing only began; 0: not noted
    uint40 settledAt; // 0: not settled
    uint40 finalAt; // 0: not final. Else since then everybody is out, and what a claim pays is known
    uint256 price; // wad: what its positions count at
    int256 backstopPnl; // wad: what the backstop's position had won when the market was settled; a loss was paid then
    uint256 claims; // wad: gains of those who are out
    uint256 pot; // wad: what there is for them, once final
}

/// @title How a market ends
/// @custom:security-contact See SECURITY.md
/// @notice Wind-down (closing only, 24 hours) → settled (one price for ever) → everybody is closed at it → final: gains are paid, in full
/// if the losers paid in full.
///
/// @dev Anybody closes accounts at the price, against the backstop. Let P be what the position was worth there (wad, floor; its cash
/// moves by P), E the account's equity at LIQUIDATE afterwards.
///   P > 0: claim = min(P, max(0, E at MID)) goes to the pot, an account of this module. What fills a hole stays: it is already spent.
///   P < 0: the account pays from cash; debt = min(-P, max(0, -E)) it cannot pay and the market owes.
///   Whatever P is: if the account is in no other market, debt = max(0, -E): there is no other that could absorb it.
/// The backstop's own P is taken when the market is settled; a loss counts at once, a gain at the end, and until then the backstop pays
/// nothing for others out of it. The vault is closed last, by itself, and paid in the same call: its shares never miss a claim. Then
/// d = min(debt, claims) is repaid out of the pot, and a claim pays floor(claim · (claims - d) / claims):
/// min(1, pot / claims) of it. Who is closed first does not matter. What no claim carries, insurance, the backstop and the vault do, as
/// for an absorption (IAbsorption.allotRest), then or within a day, as they can. What the market still owes is repaid from fees.
///
/// Until then a gain is no margin for opening or withdrawing: it may still be cut (IDerivativesEngine, EQUITY).
///
/// A winner whose other positions need the gain as margin (E < IM at OPEN without this position) waits for at most a day after
/// the settlement, so that nobody takes the margin from under him and liquidates him in one transaction: he may add collateral or close.
///
/// A claim answers for its account: what others covered for it, when it was absorbed or closed with less than it owed, is kept from its
/// claims, whenever they are paid, and goes to insurance. Nobody takes his gain out of an account and leaves its loss to others.
///
/// Cash is conserved: Σ of what is paid is at most the pot; less than a wei for each claim stays in it.
/// Units as in IDerivativesEngine.
interface ISettlement {
    /* EVENTS */

    /// Closing only from now on; not settled before `notBefore`, unless a debt settles it.
    event WindDownBegun(MarketId indexed market, uint256 notBefore);
    event Settled(MarketId indexed market, uint256 priceWad);
    /// The account is out. `sizeLots` as its position was; `pnlWad` moved its cash, then `claimWad` went to the pot or `debtWad` came from
    /// the market. Size 0: the backstop, a loss when the market is settled, a gain at the end.
    event ClosedAt(
        MarketId indexed market,
        AccountId indexed account,
        int256 sizeLots,
        int256 pnlWad,
        uint256 claimWad,
        uint256 debtWad
    );
    /// The account's other positions need its gain: not closed before `notBefore`.
    event CloseWaits(MarketId indexed market, AccountId indexed account, uint256 notBefore);
    /// Everybody is out: `repaidWad` of the claims went into the market's debt, of which `debtWad` is left to IAbsorption.allotRest.
    event Finalised(MarketId indexed market, uint256 claimsWad, uint256 repaidWad, uint256 debtWad);
    /// Who paid what no claim carried; the market goes on owing `debtWad`.
    event RestCovered(
        MarketId indexed market,
        uint256 insuranceWad,
        uint256 backstopWad,
        uint256 vaultWad,
        uint256 debtWad
    );
    event ClaimPaid(MarketId indexed market, AccountId indexed account, uint256 claimWad, uint256 paidWad);
    /// Of what the claim pays, `wad` went to insurance: others covered as much for the account.
    event ClaimKept(MarketId indexed market, AccountId indexed account, uint256 wad);
    /// Fees repaid some of a market's debt.
    event DebtRepaid(MarketId indexed market, uint256 amountWad);

    /* ERRORS */

    error NotTimelock(address caller);
    error NotResolution(address caller);
    /// It is in another state than the call is for.
    error WrongStatus(MarketId market, MarketStatus status);
    error TooSoon(MarketId market, uint256 notBefore);
    /// The average and the present price are more than 2 % apart.
    error PriceApart(uint256 twapWad, uint256 midWad);
    /// The feed can price the market, or could until a moment ago.
    error NotFrozen(MarketId market, PriceState state, uint256 notBefore);
    /// Positions are left.
    error StillOpen(MarketId market, uint256 lots);
    error NotFinal(MarketId market);

    /* WIND DOWN */

    /// @notice Let a market trade no more but to close. The timelock; of a market that resolution has put there, anybody, once: its 24
    /// hours are counted from then. Reverts: UnknownMarket, NotTimelock, WrongStatus.
    function windDown(MarketId market) external;

    /// @notice End a market at the hour's average price, 24 hours or more after `windDown`. Anybody.
    /// @dev The feed must allow LIQUIDATE, and the average be within 2 % of mid. Reverts: UnknownMarket, WrongStatus, TooSoon, FeedForbids,
    /// PriceApart, TwapUnavailable.
    function settle(MarketId market) external;

    /// @notice End a market at its feed's last good price, which is 7 days old or more while the feed is FROZEN. The timelock, 24 hours or
    /// more after `windDown`. Reverts: NotTimelock, UnknownMarket, WrongStatus, TooSoon, NotFrozen.
    function settleFrozen(MarketId market) external;

    /* CLOSE, by anybody */

    /// @notice Close accounts at the price of a settled market. Who has no position, must wait, or is the vault or the backstop is
    /// skipped; the vault follows when nobody else is left, and the market is final.
    /// @dev Reverts: UnknownMarket, WrongStatus.
    function closeAt(MarketId market, AccountId[] calldata accounts) external;

    /// @notice What the last `closeAt` does by itself: needed where nobody had a position. Twice, it does nothing, but within a day of the
    /// first time let others pay what the market still owes, if they can now.
    /// @dev Reverts: WrongStatus, StillOpen.
    function finalise(MarketId market) external;

    /// @notice Pay claims; accounts without one are skipped. Reverts: NotFinal.
    function payClaims(MarketId market, AccountId[] calldata accounts) external;

    /// @notice Remember that others covered `wad` for an account that was absorbed. The module of resolution.
    /// @dev Reverts: NotResolution.
    function noteCovered(AccountId account, uint256 wad) external;

    /// @notice Repay what a market owes, as far as account 3 has cash.
    /// @return amountWad what was repaid. Reverts: UnknownMarket.
    function repayDebt(MarketId market) external returns (uint256 amountWad);

    /* VIEWS */

    /// @notice What is remembered of a market's end; zeros for one that goes on.
    function settlementOf(MarketId market) external view returns (Ending memory);

    /// @notice What an account gained in a market and has not been paid, wad, before the ratio.
    function claimOf(MarketId market, AccountId account) external view returns (uint256);

    /// @notice What others covered for an account and is kept from its claims, wad.
    function coveredFor(AccountId account) external view returns (uint256);

    /// @notice What the backstop has won in markets that have ended and are not final, wad: part of its cash, and may still be cut.
    function unreckoned() external view returns (uint256);
}
