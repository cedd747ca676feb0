// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IDerivativesEngine} from "../interfaces/IDerivativesEngine.sol";
import {
    AccountState,
    Context,
    HealthView,
    Held,
    Kind,
    Leg,
    Offer,
    Purpose,
    Role,
    Sample,
    Terms
} from "../interfaces/EngineTypes.sol";
import {IDealer} from "../interfaces/IDealer.sol";
import {IPriceOracle} from "../interfaces/IPriceOracle.sol";
import {AccountId, MarketId} from "../interfaces/PerpTypes.sol";
import {Booking} from "./perp/Booking.sol";
import {PerpAdmin} from "./perp/PerpAdmin.sol";
import {FEES_ACCOUNT, INSURANCE_ACCOUNT, VAULT_ACCOUNT} from "./perp/PerpBook.sol";
import {PerpDoors} from "./perp/PerpDoors.sol";
import {PerpResolve} from "./perp/PerpResolve.sol";
import {PerpUnits} from "./perp/PerpUnits.sol";
import {Position} from "./perp/Position.sol";
import {Seen, SeenLib} from "./perp/Seen.sol";
import {SystemLock} from "./perp/SystemLock.sol";
import {VaultTrade} from "./vault/VaultTrade.sol";

/// @title The ledger of the perpetual swaps of the Smart Clearing Protocol
/// @notice Holds the collateral and every position; modules trade, settle and liquidate through its primitives.
/// @custom:halt The timelock pauses openings, reductions with liquidations, withdrawals, settlements and funding of a market; the
/// guardian openings and settlements of all, at most 72 hours ahead and 19 days in all. Deposits, and withdrawals of accounts without
/// positions, always work.
/// @custom:security-contact See SECURITY.md
contract DerivativesEngine is Booking, PerpDoors, PerpAdmin, PerpResolve {
    using SafeCast for int256;
    using SafeCast for uint256;

    /// @param token the collateral, at most 18 decimals; one wad is one USD.
    /// @param oracle prices of all markets.
    /// @param timelock sets modules and the oracle.
    /// @param guardian pauses openings and settlements for a while.
    constructor(
        IERC20Metadata token,
        address oracle,
        address timelock,
        address guardian
    ) PerpDoors(token) PerpAdmin(oracle, timelock, guardian) {}

    modifier onlyModule() {
        _requireModule();
        _;
    }

    function _requireModule() private view {
        if (_roleOf[msg.sender] == Role.NONE) revert NotModule(msg.sender, Role.NONE);
    }

    /* UPKEEP */

    /// @inheritdoc IDerivativesEngine
    function tickFunding(MarketId market) external {
        SystemLock.requireFree();
        _tick(market);
    }

    /// @inheritdoc IDerivativesEngine
    function collectFees(MarketId market) external {
        SystemLock.requireFree();
        feedOf(market); // it exists
        Market storage m = _markets[MarketId.unwrap(market)];
        uint256 fees = m.oi.fees();
        m.oi = m.oi.collected();
        Account storage a = _accounts[FEES_ACCOUNT];
        a.word = a.word.plus((fees * PerpUnits.PICO_TO_WAD).toInt256());
        emit FeesCollected(market, fees);
    }

    /* MODULES */

    /// @inheritdoc IDerivativesEngine
    function enter() external onlyModule {
        SystemLock.take(msg.sender);
    }

    /// @inheritdoc IDerivativesEngine
    function exit() external {
        SystemLock.requireHeld();
        SystemLock.give();
    }

    /// @inheritdoc IDerivativesEngine
    function deal(
        AccountId account,
        address actor,
        MarketId market,
        int256 size,
        uint256 limitPrice
    ) external returns (int256, int256) {
        SystemLock.take(msg.sender);
        _requireRole(Role.VAULT);
        _account(account); // it exists
        if (!isTrader(account, actor)) revert NotTrader(account, actor);
        Context memory c = _tick(market);
        c.oi = _markets[MarketId.unwrap(market)].oi;
        c.vault = positionOf(AccountId.wrap(VAULT_ACCOUNT), market);
        c.accountSize = _sizeOf(account, market);
        Offer memory offer = VaultTrade.offer(c, size == 0 ? -c.accountSize : size);
        offer.vaultCash = _accounts[VAULT_ACCOUNT].word.cash();

        Terms memory t = IDealer(msg.sender).terms(account, market, offer, limitPrice);
        _book(market, c, VaultTrade.legs(account, offer.size, t), t.sample, Kind.VAULT);
        SystemLock.give();
        return (offer.size, t.quote);
    }

    /// @inheritdoc IDerivativesEngine
    function inspect(
        MarketId market,
        AccountId[] calldata accounts
    ) external onlyModule returns (Context memory c, Held[] memory held) {
        SystemLock.take(msg.sender);
        c = _tick(market);
        held = new Held[](accounts.length);
        Seen memory seen = SeenLib.makeForOne();
        seen.put(MarketId.unwrap(market), c);
        for (uint256 i = 0; i < accounts.length; ++i) {
            held[i].size = _sizeOf(accounts[i], market);
            held[i].health = _healthOf(accounts[i], Purpose.LIQUIDATE, seen);
        }
    }

    /// @inheritdoc IDerivativesEngine
    function context(MarketId market) external returns (Context memory c) {
        SystemLock.requireHeld();
        c = _tick(market);
        _complete(c, market);
    }

    /// @dev What looking at a market leaves out.
    function _complete(Context memory c, MarketId market) private view {
        Market storage m = _markets[MarketId.unwrap(market)];
        (c.limit, c.oi) = (m.limit, m.oi);
        c.vault = positionOf(AccountId.wrap(VAULT_ACCOUNT), market);
    }

    function _sizeOf(AccountId account, MarketId market) private view returns (int256) {
        return positionOf(account, market).size();
    }

    /// @dev Whoever holds the lock is a module: nobody else can take it in his own name. Each books its own kind: kinds stand in the
    /// order of roles, after NONE; settlement books as resolution does.
    function _requireBooker(Kind kind) private view {
        SystemLock.requireHeld();
        Role role = _roleOf[msg.sender];
        bool resolves = kind == Kind.RESOLUTION && role == Role.SETTLEMENT;
        if (uint256(role) != uint256(kind) + 1 && !resolves) revert NotModule(msg.sender, role);
    }

    /// @inheritdoc IDerivativesEngine
    function book(MarketId market, Leg[] memory legs, Sample memory sample, Kind kind) external {
        _requireBooker(kind);
        _book(market, _tick(market), legs, sample, kind);
    }

    /// @inheritdoc IDerivativesEngine
    function finish(MarketId market, Leg[] memory legs, Sample memory sample, Kind kind) external {
        _requireBooker(kind);
        _book(market, _tick(market), legs, sample, kind);
        SystemLock.give();
    }

    /// @inheritdoc IDerivativesEngine
    function moveCash(AccountId from, AccountId to, uint256 amountWad) external {
        SystemLock.requireHeld();
        Role role = _roleOf[msg.sender];
        if (!_mayMove(role, AccountId.unwrap(from), AccountId.unwrap(to))) revert NotModule(msg.sender, role);
        Account storage a = _account(from);
        Account storage b = _account(to);
        a.word = a.word.plus(-amountWad.toInt256());
        b.word = b.word.plus(amountWad.toInt256());
        emit CashMoved(from, to, amountWad, role);
    }

    function _mayMove(Role role, uint256 from, uint256 to) private pure returns (bool) {
        if (role == Role.RISK || role == Role.RESOLUTION || role == Role.SETTLEMENT) return true;
        if (role == Role.VAULT) return from == VAULT_ACCOUNT || to == VAULT_ACCOUNT;
        if (role == Role.SETTLER) return to == FEES_ACCOUNT;
        return role == Role.INSURANCE && (from == INSURANCE_ACCOUNT || to == INSURANCE_ACCOUNT);
    }

    /* VIEWS */

    /// @inheritdoc IDerivativesEngine
    function accountOf(AccountId account) external view returns (AccountState memory) {
        Account storage a = _account(account);
        return AccountState(a.owner, a.word.cash(), a.word.markets());
    }

    /// @inheritdoc IDerivativesEngine
    function sizeOf(AccountId account, MarketId market) external view returns (int256) {
        return _sizeOf(account, market);
    }

    /// @inheritdoc IDerivativesEngine
    function positionOf(AccountId account, MarketId market) public view returns (Position) {
        return _positions[_positionKey(account, market)];
    }

    /// @inheritdoc IDerivativesEngine
    function peekContext(AccountId account, MarketId market) external view returns (Context memory c) {
        (c, ) = _look(market, IPriceOracle(_core.oracle()).peekQuote(feedOf(market)));
        _complete(c, market);
        c.accountSize = _sizeOf(account, market);
    }

    /// @inheritdoc IDerivativesEngine
    function healthOf(AccountId account, Purpose purpose) external view returns (HealthView memory) {
        Seen memory nothing;
        return _healthOf(account, purpose, nothing);
    }

    /// @inheritdoc IDerivativesEngine
    function healthsOf(AccountId[] calldata accounts, Purpose purpose) external view returns (HealthView[] memory h) {
        h = new HealthView[](accounts.length);
        Seen memory seen = SeenLib.makeForOne();
        for (uint256 i = 0; i < accounts.length; ++i) {
            h[i] = _healthOf(accounts[i], purpose, seen);
        }
    }

    /// @inheritdoc IDerivativesEngine
    function parameters()
        external
        view
        returns (address token, address oracle, address timelock, address guardian, uint256 accounts, uint256 markets)
    {
        return (address(TOKEN), _core.oracle(), _timelock, GUARDIAN, _core.accounts(), _core.markets());
    }
}
