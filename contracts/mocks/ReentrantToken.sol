// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {MintableToken} from "./MintableToken.sol";

/// @title A token that calls somebody while it moves
/// @custom:security-contact See SECURITY.md
/// @notice Behaves like the ERC-777 tokens imBTC and AMP, whose transfer hooks let a party call back into the contract
/// that moves them. Here the token itself makes the stored call, before balances change, and remembers its outcome.
contract ReentrantToken is MintableToken {
    /// @notice Who is called; zero = nobody.
    address public target;

    /// @notice What it is called with.
    bytes public payload;

    /// @notice Calls made since the token was armed.
    uint256 public calls;

    /// @notice Whether the last call succeeded.
    bool public succeeded;

    /// @notice What the last call returned or reverted with.
    bytes public answer;

    /// @param name_ Name of the token.
    /// @param symbol_ Symbol of the token.
    /// @param decimals_ Decimals of one whole token.
    constructor(string memory name_, string memory symbol_, uint8 decimals_) MintableToken(name_, symbol_, decimals_) {}

    /// @notice Make each further transfer call `target_` with `payload_`, and forget earlier outcomes.
    /// @param target_ Who is called; zero = nobody.
    /// @param payload_ Calldata.
    function arm(address target_, bytes calldata payload_) external {
        target = target_;
        payload = payload_;
        calls = 0;
        succeeded = false;
        delete answer;
    }

    /// @inheritdoc ERC20
    function transfer(address to, uint256 amount) public override returns (bool) {
        _callBack();
        return super.transfer(to, amount);
    }

    /// @inheritdoc ERC20
    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        _callBack();
        return super.transferFrom(from, to, amount);
    }

    function _callBack() private {
        if (target == address(0)) return;

        (bool success, bytes memory returned) = target.call(payload);
        ++calls;
        succeeded = success;
        answer = returned;
    }
}
