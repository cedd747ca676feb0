// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {MintableToken} from "./MintableToken.sol";

/// @title A token that needs a lot of gas to move
/// @custom:security-contact See SECURITY.md
/// @notice Behaves like Aave's aTokens and other tokens that settle interest or call hooks in each transfer. Given less
/// gas than it needs it fails at once and cheaply, as contracts do that look at the gas left first: the worst case for
/// who pays with bounded gas.
contract HungryToken is MintableToken {
    /// @notice Gas that must be left when a transfer begins.
    uint256 public appetite;

    /// @notice Less gas is left than a transfer needs.
    error Starved(uint256 left, uint256 needed);

    /// @param name_ Name of the token.
    /// @param symbol_ Symbol of the token.
    /// @param decimals_ Decimals of one whole token.
    constructor(string memory name_, string memory symbol_, uint8 decimals_) MintableToken(name_, symbol_, decimals_) {}

    /// @notice Change what each transfer needs.
    /// @param appetite_ Gas that must be left.
    function setAppetite(uint256 appetite_) external {
        appetite = appetite_;
    }

    /// @notice Fail as a transfer does, and do nothing else.
    function eat() public view {
        uint256 left = gasleft();
        require(left >= appetite, Starved(left, appetite));
    }

    /// @inheritdoc ERC20
    function _update(address from, address to, uint256 amount) internal override {
        eat();
        super._update(from, to, amount);
    }
}
