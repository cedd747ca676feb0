// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IDerivativesEngine} from "../../interfaces/IDerivativesEngine.sol";
import {Context, HealthView, Purpose, Role} from "../../interfaces/EngineTypes.sol";
import {Action} from "../../interfaces/OracleTypes.sol";
import {AccountId, MarketId, MarketStatus, PAUSE_WITHDRAW} from "../../interfaces/PerpTypes.sol";
import {AccountWord} from "./AccountWord.sol";
import {NO_MARKET, PerpBook} from "./PerpBook.sol";
import {PerpUnits} from "./PerpUnits.sol";
import {Seen} from "./Seen.sol";
import {SystemLock} from "./SystemLock.sol";

/// @dev What a market may owe before its participants wait: wad, or this part of its open interest at mid, whichever is more.
uint256 constant SMALL_DEBT = 100 * PerpUnits.WAD;
uint256 constant SMALL_PART = 1_000;

/// @title Accounts and the collateral that comes and goes
abstract contract PerpDoors is PerpBook {
    using SafeERC20 for IERC20;

    uint256 private constant WAD_DECIMALS = 18;

    /// @dev The collateral; the only contract that holds or moves it is this one.
    IERC20 internal immutable TOKEN;
    /// @dev Wad in one raw unit.
    uint256 internal immutable SCALE;

    constructor(IERC20Metadata token) {
        if (address(token) == address(0)) revert BadParameter("token");
        uint256 decimals = token.decimals();
        if (decimals > WAD_DECIMALS) revert BadParameter("decimals");
        TOKEN = token;
        SCALE = 10 ** (WAD_DECIMALS - decimals);
    }

    /// @dev Takes the lock for a call of its own.
    modifier locked() {
        SystemLock.take(address(this));
        _;
        SystemLock.give();
    }

    modifier onlyOwner(AccountId account) {
        _requireOwner(account);
        _;
    }

    /// @dev The protocol's accounts have no owner, and nobody is address zero.
    function _requireOwner(AccountId account) private view {
        if (msg.sender != _account(account).owner) revert NotOwner(account, msg.sender);
    }

    /* ACCOUNTS */

    /// @inheritdoc IDerivativesEngine
    function createAccount() external returns (AccountId account) {
        SystemLock.requireFree();
        uint256 count = _core.accounts();
        account = AccountId.wrap(uint32(count)); // 32 bits are stored
        _core = _core.withAccounts(SafeCast.toUint32(count + 1));
        _accounts[AccountId.unwrap(account)].owner = msg.sender;
        emit AccountCreated(account, msg.sender);
    }

    /// @inheritdoc IDerivativesEngine
    function setSession(AccountId account, address key, uint40 expiry) external onlyOwner(account) {
        if (key == address(0)) revert ZeroAddress();
        if (expiry <= block.timestamp) revert SessionInPast(expiry);
        _setSession(account, key, expiry);
    }

    /// @inheritdoc IDerivativesEngine
    function revokeSession(AccountId account, address key) external onlyOwner(account) {
        _setSession(account, key, 0);
    }

    function _setSession(AccountId account, address key, uint40 expiry) private {
        SystemLock.requireFree();
        _sessions[AccountId.unwrap(account)][key] = expiry;
        emit SessionSet(account, key, expiry);
    }

    /// @inheritdoc IDerivativesEngine
    function isTrader(AccountId account, address actor) public view returns (bool) {
        if (actor == address(0)) return false;
        uint256 id = AccountId.unwrap(account);
        return actor == _accounts[id].owner || block.timestamp < _sessions[id][actor];
    }

    /* COLLATERAL */

    /// @inheritdoc IDerivativesEngine
    function deposit(AccountId account, uint256 amountRaw) external locked {
        if (amountRaw == 0) revert ZeroAmount();
        Account storage a = _account(account);
        a.word = a.word.plus(SafeCast.toInt256(amountRaw * SCALE));
        emit Deposited(account, msg.sender, amountRaw);

        uint256 before = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(msg.sender, address(this), amountRaw);
        _requireMoved(amountRaw, TOKEN.balanceOf(address(this)) - before);
    }

    /// @inheritdoc IDerivativesEngine
    function withdraw(AccountId account, uint256 amountRaw, address to) external locked onlyOwner(account) {
        if (amountRaw == 0) revert ZeroAmount();
        if (to == address(0) || to == address(this)) revert ZeroAddress();
        _takeOut(account, amountRaw * SCALE);
        emit Withdrawn(account, to, amountRaw);

        uint256 before = TOKEN.balanceOf(address(this));
        TOKEN.safeTransfer(to, amountRaw);
        _requireMoved(amountRaw, before - TOKEN.balanceOf(address(this)));
    }

    /// @inheritdoc IDerivativesEngine
    function transferCash(AccountId from, AccountId to, uint256 amountWad) external locked onlyOwner(from) {
        if (amountWad == 0) revert ZeroAmount();
        Account storage receiver = _account(to);
        _takeOut(from, amountWad);
        receiver.word = receiver.word.plus(SafeCast.toInt256(amountWad));
        emit CashMoved(from, to, amountWad, Role.NONE);
    }

    /// @dev Cash alone pays: what a position is worth is no cash until it is closed.
    function _takeOut(AccountId account, uint256 amountWad) private {
        Account storage a = _account(account);
        AccountWord word = a.word;
        if (word.cash() < SafeCast.toInt256(amountWad)) revert CashTooLow(account, word.cash(), amountWad);
        word = word.plus(-SafeCast.toInt256(amountWad));
        a.word = word;

        if (word.markets() == 0) return;
        Seen memory seen = _see(word, NO_MARKET);
        _requireReleased(word, seen);
        HealthView memory h = _healthOf(account, Purpose.OPEN, seen);
        if (h.equity < SafeCast.toInt256(h.im)) revert UnderInitialMargin(account, h.equity, h.im);
    }

    /// @dev Every market that the account is in lets go.
    function _requireReleased(AccountWord word, Seen memory seen) private view {
        uint256 bits = word.markets();
        for (uint16 i = 0; bits != 0; ++i) {
            if (bits & 1 != 0) {
                Context memory c = seen.get(i);
                uint256 mask = c.risk.pause();
                MarketStatus status = MarketStatus(c.risk.status());
                if (status == MarketStatus.SETTLED) revert MarketNotLive(MarketId.wrap(i), status);
                if (mask & PAUSE_WITHDRAW != 0) revert Paused(MarketId.wrap(i), uint8(mask)); // 8 bits are stored
                if (!_allows(c.quote, Action.WITHDRAW)) {
                    revert FeedForbids(MarketId.wrap(i), c.quote.state, c.quote.gates);
                }
                _requireCovered(MarketId.wrap(i), c);
            }
            bits >>= 1;
        }
    }

    /// @dev What a market owes is at most 100 USD, or 0.1 % of its open interest at mid.
    function _requireCovered(MarketId id, Context memory c) private view {
        uint256 debt = _markets[MarketId.unwrap(id)].debt;
        if (debt <= SMALL_DEBT) return;
        if (
            debt >
            PerpUnits.notional(SafeCast.toInt256(_markets[MarketId.unwrap(id)].oi.openInterest()), c.quote.mid) /
                SMALL_PART
        ) {
            revert DebtUncovered(id, debt);
        }
    }

    function _requireMoved(uint256 want, uint256 got) private pure {
        if (want != got) revert InexactTransfer(want, got);
    }
}
