// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {MintableToken} from "./MintableToken.sol";

/// @title A token whose answer is meant to exhaust the gas of its caller
/// @custom:security-contact See SECURITY.md
/// @notice Behaves like no honest token: it is what a listed token behind a proxy could be upgraded to. It starts
/// honest, so that accounts can be funded.
contract ReturnBombToken is MintableToken {
    /// @notice What a transfer does: as ERC-20 says · move, then answer 100,000 bytes that begin with true · revert
    /// with 100,000 bytes · burn all its gas.
    enum Mode {
        Honest,
        AnswerHuge,
        RevertHuge,
        BurnGas
    }

    uint256 private constant HUGE = 100_000;

    /// @notice What transfers do now.
    Mode public mode;

    /// @param name_ Name of the token.
    /// @param symbol_ Symbol of the token.
    /// @param decimals_ Decimals of one whole token.
    constructor(string memory name_, string memory symbol_, uint8 decimals_) MintableToken(name_, symbol_, decimals_) {}

    /// @notice Choose what transfers do.
    /// @param mode_ The new mode.
    function setMode(Mode mode_) external {
        mode = mode_;
    }

    /// @inheritdoc ERC20
    function transfer(address to, uint256 amount) public override returns (bool) {
        super.transfer(to, amount);
        return _answer();
    }

    /// @inheritdoc ERC20
    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        super.transferFrom(from, to, amount);
        return _answer();
    }

    function _answer() private view returns (bool) {
        if (mode == Mode.BurnGas) {
            assembly {
                invalid()
            }
        }
        if (mode != Mode.Honest) {
            bool reverts = mode == Mode.RevertHuge;
            uint256 size = HUGE;
            assembly {
                mstore(0, 1)
                if reverts {
                    revert(0, size)
                }
                return(0, size)
            }
        }
        return true;
    }
}
