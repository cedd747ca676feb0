// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {MintableToken} from "./MintableToken.sol";

/// @title A token that takes a fee from what it moves
/// @custom:security-contact See SECURITY.md
/// @notice Behaves like PAX Gold, which charges on chain, and like USDT, whose fee exists and is 0 until its owner
/// switches it on. The fee is burnt; it rounds down.
contract FeeOnTransferToken is MintableToken {
    uint256 private constant BPS = 10_000;

    /// @notice Fee in 1 / 10,000 of what is moved.
    uint256 public feeBps;

    /// @param name_ Name of the token.
    /// @param symbol_ Symbol of the token.
    /// @param decimals_ Decimals of one whole token.
    /// @param feeBps_ Fee in 1 / 10,000 of what is moved.
    constructor(
        string memory name_,
        string memory symbol_,
        uint8 decimals_,
        uint256 feeBps_
    ) MintableToken(name_, symbol_, decimals_) {
        feeBps = feeBps_;
    }

    /// @notice Change the fee.
    /// @param feeBps_ Fee in 1 / 10,000 of what is moved.
    function setFeeBps(uint256 feeBps_) external {
        feeBps = feeBps_;
    }

    /// @inheritdoc ERC20
    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from != address(0) && to != address(0)) super._update(to, address(0), (amount * feeBps) / BPS);
    }
}
