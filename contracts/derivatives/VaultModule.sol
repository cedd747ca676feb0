// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {AccountState, Context, HealthView, Offer, Purpose, Role, Terms} from "../interfaces/EngineTypes.sol";
import {IDealer} from "../interfaces/IDealer.sol";
import {IDerivativesEngine} from "../interfaces/IDerivativesEngine.sol";
import {IMatchSettler} from "../interfaces/IMatchSettler.sol";
import {IPriceOracle} from "../interfaces/IPriceOracle.sol";
import {IVaultModule} from "../interfaces/IVaultModule.sol";
import {FeedId, PriceState} from "../interfaces/OracleTypes.sol";
import {AccountId, MarketId, MarketStatus} from "../interfaces/PerpTypes.sol";
import {LiquidationMath} from "./perp/LiquidationMath.sol";
import {VAULT_ACCOUNT} from "./perp/PerpBook.sol";
import {SMALL_DEBT} from "./perp/PerpDoors.sol";
import {PerpUnits} from "./perp/PerpUnits.sol";
import {ShareMath} from "./vault/ShareMath.sol";
import {VaultDeal, VaultTrade} from "./vault/VaultTrade.sol";

/// @title Trades against the vault, and shares of it
/// @custom:halt A market's OPEN and REDUCE bits stop trades; its feed stops what it cannot price. Liquidity moves wait while any market
/// that the vault is in has no price of two sources or of the primary one.
/// @custom:security-contact See SECURITY.md
contract VaultModule is IVaultModule, IDealer {
    using SafeCast for int256;
    using SafeCast for uint256;
    using VaultTrade for VaultDeal;

    AccountId private constant VAULT = AccountId.wrap(VAULT_ACCOUNT);
    uint256 private constant CLAIM_DELAY = 24 hours;
    uint256 private constant CLAIM_WINDOW = 24 hours;
    uint256 private constant NAV_SPACING = 1 hours;
    /// @dev How long the settler is silent before traders reduce without it.
    uint256 private constant SILENCE = 1 days;
    /// @dev Wad that roundings may leave a vault below zero whose loss was just shared.
    int256 private constant DUST = int256(PerpUnits.PICO_TO_WAD);
    /// @dev Wad, what a market may owe and go on.
    int256 private constant SMALL = int256(SMALL_DEBT);

    struct Nav {
        uint128 wad;
        uint40 at;
    }

    struct Request {
        uint216 shares;
        uint40 from;
    }

    IDerivativesEngine public immutable ENGINE;

    /// @dev Whether the deal that is under way may pass the vault's caps.
    bool private transient _isForced;

    Nav private _nav;
    uint256 public totalShares;
    mapping(AccountId account => uint256) public sharesOf;
    mapping(AccountId account => Request) private _requests;

    constructor(IDerivativesEngine engine) {
        ENGINE = engine;
    }

    modifier onlyOwner(AccountId account) {
        if (ENGINE.accountOf(account).owner != msg.sender) revert NotOwner(account, msg.sender);
        _;
    }

    /* TRADE */

    /// @inheritdoc IVaultModule
    function trade(
        AccountId account,
        MarketId market,
        int256 size,
        uint256 limitPrice,
        uint256 deadline
    ) external returns (int256) {
        if (size == 0) revert ZeroSize();
        return _deal(account, market, size, limitPrice, deadline);
    }

    /// @inheritdoc IVaultModule
    function close(AccountId account, MarketId market, uint256 limitPrice, uint256 deadline) external returns (int256) {
        return _deal(account, market, 0, limitPrice, deadline);
    }

    /// @inheritdoc IVaultModule
    function tradeWithUpdate(
        bytes[] calldata updates,
        AccountId account,
        MarketId market,
        int256 size,
        uint256 limitPrice,
        uint256 deadline
    ) external payable returns (int256) {
        (, address oracle, , , , ) = ENGINE.parameters();
        FeedId[] memory feeds = new FeedId[](1);
        feeds[0] = ENGINE.feedOf(market);
        // sends nothing back: this contract has no receive(), so a rest would revert
        IPriceOracle(oracle).updateAndPoke{value: msg.value}(updates, feeds);

        if (size == 0) revert ZeroSize();
        return _deal(account, market, size, limitPrice, deadline);
    }

    /// @inheritdoc IVaultModule
    function forceReduce(
        AccountId account,
        MarketId market,
        int256 size,
        uint256 limitPrice,
        uint256 deadline
    ) external returns (int256 quote) {
        address settler = ENGINE.moduleOf(Role.SETTLER);
        uint256 notBefore = settler == address(0) ? 0 : IMatchSettler(settler).lastBatchAt() + SILENCE;
        if (block.timestamp < notBefore) revert SettlerActive(notBefore);
        _isForced = true;
        quote = _deal(account, market, size, limitPrice, deadline);
        _isForced = false;
    }

    function _deal(
        AccountId account,
        MarketId market,
        int256 size,
        uint256 limitPrice,
        uint256 deadline
    ) private returns (int256 quote) {
        if (block.timestamp > deadline) revert Expired(deadline);
        (, quote) = ENGINE.deal(account, msg.sender, market, size, limitPrice);
    }

    /// @inheritdoc IDealer
    function terms(
        AccountId account,
        MarketId market,
        Offer calldata offer,
        uint256 limitPrice
    ) external returns (Terms memory) {
        if (msg.sender != address(ENGINE)) revert NotEngine(msg.sender);
        if (offer.size == 0) revert NoPosition(account, market);
        _requireCarried(offer);
        VaultDeal memory d = VaultTrade.price(offer);
        d.requireLimit(limitPrice);
        if (d.netAfter == 0) _requireSolventWhenFlat(offer, d);
        if (_isForced) {
            if (!VaultTrade.reduces(offer)) revert NotReduced(account, market, offer.held);
        } else {
            VaultTrade.requireSkew(offer, d);
            _requireCap(market, offer, d);
        }

        emit Traded(account, market, d.size, d.quote, d.fee);
        return Terms(d.quote, d.fee, VaultTrade.sample(offer, d));
    }

    /// @dev A vault below zero pays nobody before its loss is shared. Its other markets are looked at only where its cash does not cover
    /// what it lacks in this one. Where most of it has no price that is fair, nobody could share the loss, and trades do not wait; where
    /// LIQUIDATE is paused in a market of it, they wait for the timelock. Without positions, nobody's market has lost it: where it lacks
    /// more than what ends no market, trades wait until somebody gives the vault what it lacks.
    function _requireCarried(Offer calldata o) private view {
        if (VaultTrade.vaultWorth(o) >= 0) return;
        HealthView memory h = ENGINE.healthOf(VAULT, Purpose.LIQUIDATE);
        bool waits = LiquidationMath.isPriced(h.mm, h.liquidMm) ? h.equity < -DUST : h.mm == 0 && h.equity < -SMALL;
        if (waits) revert VaultMustBeAbsorbed(h.equity);
    }

    /// @dev No trade leaves the vault without a position here and further below zero than what ends no market: what it lost must stay where
    /// it was lost until it is shared, which what is left of the position allows. All of it at LIQUIDATE, as for an absorption, with what
    /// the deal brings for what its position here was worth at mid; and its cash, where the position here has lost more than that: what it
    /// has won elsewhere, and not closed, may go again.
    function _requireSolventWhenFlat(Offer calldata o, VaultDeal memory d) private view {
        HealthView memory h = ENGINE.healthOf(VAULT, Purpose.LIQUIDATE);
        int256 change = -PerpUnits.value(o.vault.size(), o.mid) - d.quote * int256(PerpUnits.PICO_TO_WAD);
        int256 least = h.equity + change;
        int256 cash = VaultTrade.vaultWorth(o) + change;
        if (cash < least && cash < o.vaultCash - SMALL) least = cash;
        if (least < -SMALL && LiquidationMath.isPriced(h.mm, h.liquidMm)) revert VaultWouldOwe(least);
    }

    /// @dev What the vault carries of a market, at mid, stays within its share of the last value taken, unless it falls.
    function _requireCap(MarketId market, Offer calldata o, VaultDeal memory d) private view {
        if (d.isLess) return;
        uint256 cap = (uint256(_nav.wad) * o.oi.vaultShare()) / PerpUnits.PPM;
        uint256 notional = PerpUnits.notional(d.netAfter, o.mid);
        if (notional > cap) revert VaultCapReached(market, notional, cap);
    }

    /* LIQUIDITY */

    /// @inheritdoc IVaultModule
    function addLiquidity(
        AccountId account,
        uint256 amountWad,
        uint256 minShares
    ) external onlyOwner(account) returns (uint256 shares) {
        if (amountWad == 0) revert ZeroAmount();
        ENGINE.enter();
        AccountState memory state = ENGINE.accountOf(account);
        if (state.markets != 0) revert HasPositions(account);
        if (state.cash < amountWad.toInt256()) revert CashTooLow(account, state.cash, amountWad);
        (, int256 best) = _requirePriced();

        uint256 value = _positive(best);
        if (ShareMath.isDiluted(value, totalShares)) revert VaultDiluted(value, totalShares);
        shares = ShareMath.minted(amountWad, value, totalShares);
        if (shares == 0 || shares < minShares) revert TooFewShares(shares, minShares);
        totalShares += shares;
        sharesOf[account] += shares;
        emit LiquidityAdded(account, amountWad, shares);
        ENGINE.moveCash(account, VAULT, amountWad);
        _takeNav();
        ENGINE.exit();
    }

    /// @inheritdoc IVaultModule
    function requestClaim(AccountId account, uint256 shares) external onlyOwner(account) {
        if (shares > sharesOf[account]) revert TooFewShares(sharesOf[account], shares);
        uint40 from = shares == 0 ? 0 : uint40(block.timestamp + CLAIM_DELAY); // 40 bits last beyond the year 36,000
        _requests[account] = Request(SafeCast.toUint216(shares), from);
        emit ClaimRequested(account, shares, from, shares == 0 ? 0 : uint40(from + CLAIM_WINDOW));
    }

    /// @inheritdoc IVaultModule
    function claim(AccountId account) external onlyOwner(account) returns (uint256 amountWad) {
        Request memory r = _requests[account];
        if (r.shares == 0) revert ZeroAmount();
        if (block.timestamp < r.from) revert TooSoon(r.from);
        if (block.timestamp >= r.from + CLAIM_WINDOW) revert TooLate(r.from + CLAIM_WINDOW);
        ENGINE.enter();
        (int256 worst, ) = _requirePriced();

        amountWad = ShareMath.worth(r.shares, _positive(worst), totalShares);
        totalShares -= r.shares;
        sharesOf[account] -= r.shares;
        delete _requests[account];
        emit LiquidityClaimed(account, r.shares, amountWad);
        ENGINE.moveCash(VAULT, account, amountWad);
        _requireMargin();
        _takeNav();
        ENGINE.exit();
    }

    /// @dev Every market that the vault is in is priced by both sources or the primary one.
    function _requirePriced() private view returns (int256 worst, int256 best) {
        uint256 bits = ENGINE.accountOf(VAULT).markets;
        for (uint16 i = 0; bits != 0; ++i) {
            if (bits & 1 != 0) {
                _requireSound(MarketId.wrap(i));
            }
            bits >>= 1;
        }
        return nav();
    }

    /// @dev Priced, open or winding down, and owing nothing.
    function _requireSound(MarketId market) private view {
        Context memory c = ENGINE.peekContext(VAULT, market);
        bool good = c.quote.state == PriceState.NORMAL || c.quote.state == PriceState.PRIMARY_ONLY;
        if (!good) revert VaultNotPriced(market, c.quote.state);
        uint256 debt = ENGINE.debtOf(market);
        if (debt != 0 || c.risk.status() == uint256(MarketStatus.SETTLED)) revert VaultWaits(market, debt);
    }

    /// @dev Who stays carries the vault's positions: no claim leaves it less than they require.
    function _requireMargin() private view {
        HealthView memory h = ENGINE.healthOf(VAULT, Purpose.OPEN);
        if (h.equity < h.im.toInt256()) revert VaultUnderMargin(h.equity, h.im);
    }

    function _positive(int256 value) private pure returns (uint256) {
        if (value < 0) revert VaultEmpty(value);
        return uint256(value);
    }

    /* UPKEEP */

    /// @inheritdoc IVaultModule
    function takeNav() external {
        uint256 notBefore = _nav.at + NAV_SPACING;
        if (block.timestamp < notBefore) revert TooSoon(notBefore);
        ENGINE.enter(); // not between two steps of another call
        _takeNav();
        ENGINE.exit();
    }

    function _takeNav() private {
        (int256 worst, ) = nav();
        uint256 wad = worst < 0 ? 0 : uint256(worst);
        _nav = Nav(SafeCast.toUint128(wad), uint40(block.timestamp)); // 40 bits last beyond the year 36,000
        emit NavTaken(wad);
    }

    /* VIEWS */

    /// @inheritdoc IVaultModule
    function quoteTrade(
        AccountId account,
        MarketId market,
        int256 size
    ) external view returns (int256 quotePico, uint256 feePico) {
        VaultDeal memory d = VaultTrade.price(VaultTrade.offer(ENGINE.peekContext(account, market), size));
        return (d.quote, d.fee);
    }

    /// @inheritdoc IVaultModule
    function nav() public view returns (int256 worstWad, int256 bestWad) {
        HealthView memory worst = ENGINE.healthOf(VAULT, Purpose.OPEN);
        HealthView memory best = ENGINE.healthOf(VAULT, Purpose.LIQUIDATE);
        return (worst.equity, best.equity);
    }

    /// @inheritdoc IVaultModule
    function claimOf(AccountId account) external view returns (uint256 shares, uint40 from, uint40 until) {
        Request memory r = _requests[account];
        return (r.shares, r.from, r.shares == 0 ? 0 : uint40(r.from + CLAIM_WINDOW));
    }

    /// @inheritdoc IVaultModule
    function navTaken() external view returns (uint256 navWad, uint40 at) {
        return (_nav.wad, _nav.at);
    }
}
