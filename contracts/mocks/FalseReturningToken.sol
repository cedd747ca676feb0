// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {MintableToken} from "./MintableToken.sol";

/// @title A token that answers false instead of reverting, and moves nothing
/// @custom:security-contact See SECURITY.md
/// @notice Behaves like ZRX and other tokens of 2017, which return false where others revert. It fails while its switch
/// is on; it starts off, so that accounts can be funded.
contract FalseReturningToken is MintableToken {
    /// @notice Whether transfers fail now.
    bool public failing;

    /// @param name_ Name of the token.
    /// @param symbol_ Symbol of the token.
    /// @param decimals_ Decimals of one whole token.
    constructor(string memory name_, string memory symbol_, uint8 decimals_) MintableToken(name_, symbol_, decimals_) {}

    /// @notice Switch the failure on or off.
    /// @param failing_ Whether transfers shall answer false and move nothing.
    function setFailing(bool failing_) external {
        failing = failing_;
    }

    /// @inheritdoc ERC20
    function transfer(address to, uint256 amount) public override returns (bool) {
        return !failing && super.transfer(to, amount);
    }

    /// @inheritdoc ERC20
    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        return !failing && super.transferFrom(from, to, amount);
    }
}
