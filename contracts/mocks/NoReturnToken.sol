// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {MintableToken} from "./MintableToken.sol";

/// @title A token whose transfers and approvals answer nothing
/// @custom:security-contact See SECURITY.md
/// @notice Behaves like Tether's USDT on Ethereum, with 6 decimals there: `transfer`, `transferFrom` and `approve`
/// return no data, and an allowance must pass through 0 before it changes.
contract NoReturnToken is MintableToken {
    /// @notice An allowance that is not 0 can only be set to 0.
    error AllowanceNotZero(address spender, uint256 allowance);

    /// @dev Ends the call with empty return data, whatever the ABI promises.
    modifier answersNothing() {
        _;
        assembly {
            return(0, 0)
        }
    }

    /// @param name_ Name of the token.
    /// @param symbol_ Symbol of the token.
    /// @param decimals_ Decimals of one whole token.
    constructor(string memory name_, string memory symbol_, uint8 decimals_) MintableToken(name_, symbol_, decimals_) {}

    /// @inheritdoc ERC20
    function transfer(address to, uint256 amount) public override answersNothing returns (bool) {
        return super.transfer(to, amount);
    }

    /// @inheritdoc ERC20
    function transferFrom(address from, address to, uint256 amount) public override answersNothing returns (bool) {
        return super.transferFrom(from, to, amount);
    }

    /// @inheritdoc ERC20
    function approve(address spender, uint256 amount) public override answersNothing returns (bool) {
        uint256 current = allowance(msg.sender, spender);
        require(amount == 0 || current == 0, AllowanceNotZero(spender, current));
        return super.approve(spender, amount);
    }
}
