// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title A wallet with several owners
/// @custom:security-contact See SECURITY.md
/// @notice Makes a call once as many owners as its threshold asks have confirmed it: what stands behind the pause guardian in tests.
contract SharedWallet {
    /// @notice How many owners must confirm.
    uint256 public immutable THRESHOLD;

    /// @notice Whether an account may confirm.
    mapping(address account => bool) public isOwner;

    mapping(bytes32 call => address[]) private _confirmed;

    error NotOwner(address caller);
    error AlreadyConfirmed(address owner);
    error CallFailed(bytes reason);

    /// @param owners Who may confirm.
    /// @param threshold How many of them must.
    constructor(address[] memory owners, uint256 threshold) {
        for (uint256 i = 0; i < owners.length; ++i) isOwner[owners[i]] = true;
        THRESHOLD = threshold;
    }

    /// @notice Confirm a call; the last confirmation that is needed makes it. Reverts: NotOwner, AlreadyConfirmed, CallFailed.
    /// @param target What is called.
    /// @param data What it is called with.
    function confirm(address target, bytes calldata data) external {
        if (!isOwner[msg.sender]) revert NotOwner(msg.sender);
        bytes32 id = keccak256(abi.encode(target, data));
        address[] storage confirmed = _confirmed[id];
        for (uint256 i = 0; i < confirmed.length; ++i) {
            if (confirmed[i] == msg.sender) revert AlreadyConfirmed(msg.sender);
        }
        confirmed.push(msg.sender);
        if (confirmed.length < THRESHOLD) return;

        delete _confirmed[id];
        (bool ok, bytes memory reason) = target.call(data);
        if (!ok) revert CallFailed(reason);
    }
}
