// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {MintableToken} from "./MintableToken.sol";

/// @title A token that moves the amount and then says that it did not
/// @custom:security-contact See SECURITY.md
/// @notice Behaves like the first version of Tether Gold (XAUt), whose `transfer` returned false after it had
/// succeeded. `transferFrom` answers true, so that the token can be deposited.
contract LyingToken is MintableToken {
    /// @param name_ Name of the token.
    /// @param symbol_ Symbol of the token.
    /// @param decimals_ Decimals of one whole token.
    constructor(string memory name_, string memory symbol_, uint8 decimals_) MintableToken(name_, symbol_, decimals_) {}

    /// @inheritdoc ERC20
    function transfer(address to, uint256 amount) public override returns (bool) {
        return !super.transfer(to, amount);
    }
}
