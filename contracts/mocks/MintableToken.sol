// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title What all mock tokens share: OpenZeppelin's ERC-20, decimals of choice, and a mint that anyone may call
/// @custom:security-contact See SECURITY.md
/// @notice For tests and embedded chains only.
abstract contract MintableToken is ERC20 {
    uint8 private immutable DECIMALS;

    /// @param name_ Name of the token.
    /// @param symbol_ Symbol of the token.
    /// @param decimals_ Decimals of one whole token.
    constructor(string memory name_, string memory symbol_, uint8 decimals_) ERC20(name_, symbol_) {
        DECIMALS = decimals_;
    }

    /// @notice Create tokens out of nothing.
    /// @param to Who gets them.
    /// @param amount Raw units.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @inheritdoc ERC20
    function decimals() public view override returns (uint8) {
        return DECIMALS;
    }
}
