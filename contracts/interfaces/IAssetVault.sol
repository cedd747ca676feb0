// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {WithdrawAuth} from "./ChannelTypes.sol";

/// @title Broker ledgers and the only doors through which tokens come and go
/// @notice `balanceOf(broker, token)` is what a broker may withdraw, lock in a settlement or put into a channel.
interface IAssetVault {
    /// A broker's ledger grew by `amount` raw units paid in.
    event Deposited(address indexed broker, address indexed token, uint256 amount);
    /// A broker's ledger shrank by `amount` raw units paid to `to`.
    event Withdrawn(address indexed broker, address indexed token, address to, uint256 amount);
    /// The nonce of an authorisation is spent (used or cancelled).
    event AuthSpent(address indexed account, uint256 nonce);
    /// A payout could not be sent and stands in the broker's ledger instead.
    event PushFailed(address indexed broker, address indexed token, uint256 amount);
    /// The cap of a token rose; from 0 means that the token is now listed.
    event CapRaised(address indexed token, uint256 oldCap, uint256 newCap);

    error ZeroAmount();
    error TokenNotListed(address token);
    /// A side's net of a channel would exceed the launch cap.
    error CapExceeded(address token, uint256 amount, uint256 cap);
    error CapNotRaised(address token, uint256 have, uint256 want);
    error CapTooHigh(address token, uint256 cap);
    error NoCode(address token);
    error InsufficientBalance(address broker, address token, uint256 have, uint256 want);
    /// The vault's balance grew by `got` where `want` was asked (fee on transfer, rebase, lie).
    error InexactTransfer(address token, uint256 got, uint256 want);
    error BadRecipient(address to);
    error AuthAlreadySpent(address account, uint256 nonce);
    error AuthExpired(uint40 validUntil);
    error BadAuthSignature(address account);
    error NotTimelock(address caller);
    /// The call brought too little gas to give the token its full allowance of gas.
    error InsufficientGas(uint256 have, uint256 want);
    error NotSelf(address caller);

    /// @notice Pay `amount` raw units of a listed token into the caller's ledger.
    /// @dev Needs an allowance. Reverts, in this order: ZeroAmount, TokenNotListed, the token's own failure, InexactTransfer.
    function deposit(address token, uint256 amount) external;

    /// @notice Pay `amount` raw units from the caller's ledger to `to`.
    /// @dev Works for ever and for every token, listed cap or not. Reverts: ZeroAmount, BadRecipient (0 or this contract),
    /// InsufficientBalance, the token's own failure.
    function withdraw(address token, uint256 amount, address to) external;

    /// @notice As `withdraw`, for `auth.account`, with its signature; anyone may send it.
    /// @param sig 65 bytes from the account's key if it has no code, otherwise what its ERC-1271 code accepts (an account that has
    /// delegated its code by EIP-7702 has code).
    /// @dev Reverts: AuthExpired (now >= validUntil), BadAuthSignature, AuthAlreadySpent, then as `withdraw`.
    function withdrawWithAuth(WithdrawAuth calldata auth, bytes calldata sig) external;

    /// @notice Spend one of the caller's own nonces so that no authorisation can use it. Reverts: AuthAlreadySpent.
    function cancelAuth(uint256 nonce) external;

    /// @notice List a token (from cap 0) or raise its launch cap, in raw units per side and channel. Only the timelock.
    /// @dev Reverts: NotTimelock, NoCode, CapNotRaised (cap <= present), CapTooHigh (cap > 2^127 - 1).
    /// Warning: list only tokens whose balances change by transfers alone; nothing here can lower a balance back.
    function raiseCap(address token, uint256 cap) external;

    /// @notice Send tokens from the vault to `to`; only the contract itself, so that a failure undoes what the token did.
    function pushTransfer(address token, address to, uint256 amount) external;

    /// @notice Raw units of `token` in the ledger of `broker`.
    /// @dev Warning: during a token's own callback the ledger may be ahead of the vault's balance (a deposit is credited first).
    function balanceOf(address broker, address token) external view returns (uint256);

    /// @notice Launch cap of a token in raw units; 0 = not listed.
    function capOf(address token) external view returns (uint256);

    /// @notice Whether a withdraw authorisation's nonce is spent.
    function isAuthSpent(address account, uint256 nonce) external view returns (bool);
}
