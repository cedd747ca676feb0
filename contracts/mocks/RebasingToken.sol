// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {MintableToken} from "./MintableToken.sol";

/// @title A token whose balances change with nobody moving them
/// @custom:security-contact See SECURITY.md
/// @notice Behaves like AMPL, and like stETH after a slashing, for the one account that the test names.
contract RebasingToken is MintableToken {
    /// @param name_ Name of the token.
    /// @param symbol_ Symbol of the token.
    /// @param decimals_ Decimals of one whole token.
    constructor(string memory name_, string memory symbol_, uint8 decimals_) MintableToken(name_, symbol_, decimals_) {}

    /// @notice Set the balance of an account.
    /// @param account Any account but zero.
    /// @param balance Raw units it has afterwards.
    function rebaseTo(address account, uint256 balance) external {
        uint256 held = balanceOf(account);
        if (balance > held) _mint(account, balance - held);
        else _burn(account, held - balance);
    }
}
