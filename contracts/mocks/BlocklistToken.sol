// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {MintableToken} from "./MintableToken.sol";

/// @title A token whose issuer can block an account
/// @custom:security-contact See SECURITY.md
/// @notice Behaves like Circle's USDC: a transfer from or to a blocked account reverts. Anyone is the issuer here.
contract BlocklistToken is MintableToken {
    /// @notice Whether transfers from and to an account revert.
    mapping(address account => bool blocked) public isBlocked;

    /// @notice A blocked account cannot send or receive.
    error Blocked(address account);

    /// @param name_ Name of the token.
    /// @param symbol_ Symbol of the token.
    /// @param decimals_ Decimals of one whole token.
    constructor(string memory name_, string memory symbol_, uint8 decimals_) MintableToken(name_, symbol_, decimals_) {}

    /// @notice Block or unblock an account.
    /// @param account Any account.
    /// @param blocked Whether its transfers shall revert.
    function setBlocked(address account, bool blocked) external {
        isBlocked[account] = blocked;
    }

    /// @inheritdoc ERC20
    function _update(address from, address to, uint256 amount) internal override {
        require(!isBlocked[from], Blocked(from));
        require(!isBlocked[to], Blocked(to));
        super._update(from, to, amount);
    }
}
