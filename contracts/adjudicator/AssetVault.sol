// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {WithdrawAuth} from "../interfaces/ChannelTypes.sol";
import {IAssetVault} from "../interfaces/IAssetVault.sol";
import {ChannelCodec} from "./ChannelCodec.sol";

/// @title Ledgers, caps, and every call that this system makes to a token
/// @dev Solvency: for each token, balance >= ledgers + nets of live channels + locks. Credits here are either measured at the door
/// (`deposit`, `_pull`) or moved from a net or a lock by the modules above.
abstract contract AssetVault is IAssetVault, EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @dev Gas kept back at a push for what follows a failed one: a fresh ledger slot, an event, the end of the loop.
    uint256 private constant PUSH_RESERVE = 40_000;
    /// @dev A side's net is stored in an int128.
    uint256 private constant MAX_CAP = uint128(type(int128).max);

    /// @dev Lists tokens and raises caps; nothing else.
    address internal immutable TIMELOCK;
    /// @dev Gas that a token gets to pay out a cooperative close.
    uint256 internal immutable PUSH_GAS;

    mapping(address broker => mapping(address token => uint256)) private _ledger;
    mapping(address token => uint256) private _cap;
    mapping(address account => mapping(uint256 word => uint256)) private _spentAuths;

    constructor(address timelock, uint256 pushGas) {
        TIMELOCK = timelock;
        PUSH_GAS = pushGas;
    }

    // Locks: `nonReentrant` where a token is called, and in `open`; `nonReentrantView`, which looks at the lock without taking it, where
    // nothing is called but the registry's views and `release_slots`, which call nobody.

    modifier onlyTimelock() {
        if (msg.sender != TIMELOCK) revert NotTimelock(msg.sender);
        _;
    }

    /* DOORS */

    /// @inheritdoc IAssetVault
    function deposit(address token, uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        if (_cap[token] == 0) revert TokenNotListed(token);

        _credit(msg.sender, token, amount);
        emit Deposited(msg.sender, token, amount);

        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        _requireReceived(token, before, amount);
    }

    /// @inheritdoc IAssetVault
    function withdraw(address token, uint256 amount, address to) external nonReentrant {
        _withdraw(msg.sender, token, amount, to);
    }

    /// @inheritdoc IAssetVault
    function withdrawWithAuth(WithdrawAuth calldata auth, bytes calldata sig) external nonReentrant {
        if (block.timestamp >= auth.validUntil) revert AuthExpired(auth.validUntil);
        bytes32 digest = _hashTypedDataV4(ChannelCodec.hashAuth(auth));
        if (!SignatureChecker.isValidSignatureNow(auth.account, digest, sig)) revert BadAuthSignature(auth.account);
        _spendAuth(auth.account, auth.nonce);

        _withdraw(auth.account, auth.token, auth.amount, auth.to);
    }

    /// @inheritdoc IAssetVault
    function cancelAuth(uint256 nonce) external nonReentrantView {
        _spendAuth(msg.sender, nonce);
    }

    /// @inheritdoc IAssetVault
    function raiseCap(address token, uint256 cap) external onlyTimelock {
        if (token.code.length == 0) revert NoCode(token);
        uint256 old = _cap[token];
        if (cap <= old) revert CapNotRaised(token, old, cap);
        if (cap > MAX_CAP) revert CapTooHigh(token, cap);

        _cap[token] = cap;
        emit CapRaised(token, old, cap);
    }

    /// @inheritdoc IAssetVault
    function pushTransfer(address token, address to, uint256 amount) external {
        if (msg.sender != address(this)) revert NotSelf(msg.sender);
        IERC20(token).safeTransfer(to, amount);
    }

    /* VIEWS */

    /// @inheritdoc IAssetVault
    function balanceOf(address broker, address token) public view returns (uint256) {
        return _ledger[broker][token];
    }

    /// @inheritdoc IAssetVault
    function capOf(address token) public view returns (uint256) {
        return _cap[token];
    }

    /// @inheritdoc IAssetVault
    function isAuthSpent(address account, uint256 nonce) external view returns (bool) {
        return _spentAuths[account][nonce >> 8] & (1 << (nonce & 0xff)) != 0;
    }

    /* INTERNALS */

    function _ledgerOf(address broker) internal view returns (mapping(address token => uint256) storage) {
        return _ledger[broker];
    }

    function _credit(address broker, address token, uint256 amount) internal {
        _credit(_ledger[broker], token, amount);
    }

    /// @dev A wrap would need a token with more than 2^256 units: checked all the same.
    function _credit(mapping(address token => uint256) storage ledger, address token, uint256 amount) internal {
        ledger[token] += amount;
    }

    function _debit(address broker, address token, uint256 amount) internal {
        mapping(address token => uint256) storage ledger = _ledger[broker];
        uint256 have = ledger[token];
        if (have < amount) revert InsufficientBalance(broker, token, have, amount);
        unchecked {
            ledger[token] = have - amount; // have >= amount
        }
    }

    /// @dev Debit what the ledger has of `amount`; returns the rest, which the caller must pull.
    function _debitUpTo(address broker, address token, uint256 amount) internal returns (uint256 lacking) {
        if (amount == 0) return 0;
        mapping(address token => uint256) storage ledger = _ledger[broker];
        uint256 have = ledger[token];
        if (have == 0) return amount;
        unchecked {
            // have - taken and amount - taken do not wrap
            uint256 taken = have < amount ? have : amount;
            ledger[token] = have - taken;
            return amount - taken;
        }
    }

    /// @dev The cap of a listed token.
    function _requireListed(address token) internal view returns (uint256 cap) {
        cap = _cap[token];
        if (cap == 0) revert TokenNotListed(token);
    }

    /// @dev Pull from both brokers' allowances and check by balance what both together brought.
    function _pull(address token, address low, uint256 fromLow, address high, uint256 fromHigh) internal {
        if (fromLow | fromHigh == 0) return;
        uint256 before = IERC20(token).balanceOf(address(this));
        if (fromLow != 0) IERC20(token).safeTransferFrom(low, address(this), fromLow);
        if (fromHigh != 0) IERC20(token).safeTransferFrom(high, address(this), fromHigh);
        _requireReceived(token, before, fromLow + fromHigh);
    }

    /// @dev Send a payout to the broker; if the token fails in any way its effects are undone and the ledger is credited.
    /// The self-call gets exactly PUSH_GAS, and the token 63/64 of what the self-call leaves of it (about 4,000 less): the check keeps
    /// an outsider from choosing the ledger by starving the call.
    function _push(address broker, address token, uint256 amount) internal {
        if (amount == 0) return;
        uint256 needed = (PUSH_GAS * 64) / 63 + PUSH_RESERVE;
        if (gasleft() < needed) revert InsufficientGas(gasleft(), needed);
        try this.pushTransfer{gas: PUSH_GAS}(token, broker, amount) {} catch {
            _credit(broker, token, amount);
            emit PushFailed(broker, token, amount);
        }
    }

    function _withdraw(address broker, address token, uint256 amount, address to) private {
        if (amount == 0) revert ZeroAmount();
        if (to == address(0) || to == address(this)) revert BadRecipient(to);
        _debit(broker, token, amount);
        emit Withdrawn(broker, token, to, amount);

        IERC20(token).safeTransfer(to, amount);
    }

    function _spendAuth(address account, uint256 nonce) private {
        uint256 bit = 1 << (nonce & 0xff);
        uint256 word = _spentAuths[account][nonce >> 8];
        if (word & bit != 0) revert AuthAlreadySpent(account, nonce);
        _spentAuths[account][nonce >> 8] = word | bit;
        emit AuthSpent(account, nonce);
    }

    function _requireReceived(address token, uint256 before, uint256 want) private view {
        uint256 now_ = IERC20(token).balanceOf(address(this));
        uint256 got = now_ > before ? now_ - before : 0;
        if (got != want) revert InexactTransfer(token, got, want);
    }
}
