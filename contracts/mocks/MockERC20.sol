// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {MintableToken} from "./MintableToken.sol";

/// @title A token that does what ERC-20 says
/// @custom:security-contact See SECURITY.md
/// @notice Behaves like any plain OpenZeppelin token, and costs the same gas.
contract MockERC20 is MintableToken {
    /// @param name_ Name of the token.
    /// @param symbol_ Symbol of the token.
    /// @param decimals_ Decimals of one whole token.
    constructor(string memory name_, string memory symbol_, uint8 decimals_) MintableToken(name_, symbol_, decimals_) {}
}
