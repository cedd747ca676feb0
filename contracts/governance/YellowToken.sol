// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {Time} from "@openzeppelin/contracts/utils/types/Time.sol";

/// @title YellowToken
/// @notice The token that brokers stake for channel slots and that holders vote with.
/// @dev The whole supply exists from the first block: no owner, no mint, no burn, no pause, no fee.
///      Votes are counted by timestamp (ERC-6372), so a vote lasts the same on every chain. An account votes only
///      after it has delegated, to itself or to another. The supply is capped by ERC20Votes at 2^208 − 1.
/// @custom:security-contact see SECURITY.md
/// @custom:halt Nothing halts this token.
contract YellowToken is ERC20, ERC20Permit, ERC20Votes {
    /// @notice The lists of holders and amounts must pair up.
    /// @param holders how many holders were given
    /// @param amounts how many amounts were given
    error AllocationLengthMismatch(uint256 holders, uint256 amounts);

    /// @notice There must be at least one allocation.
    error AllocationsEmpty();

    /// @notice An allocation must move something.
    /// @param index position of the allocation whose amount is zero
    error AllocationZero(uint256 index);

    /// @notice Mints each amount to its holder, once and for all.
    /// @dev The same holder may appear twice and gets both. A zero holder reverts with OpenZeppelin's
    ///      ERC20InvalidReceiver, a sum above 2^208 − 1 with its ERC20ExceededSafeSupply.
    /// @param holders who receives; none may be zero
    /// @param amounts what each receives, in units of 1e-18 YELLOW; none may be zero
    constructor(address[] memory holders, uint256[] memory amounts) ERC20("Yellow", "YELLOW") ERC20Permit("Yellow") {
        require(holders.length == amounts.length, AllocationLengthMismatch(holders.length, amounts.length));
        require(holders.length > 0, AllocationsEmpty());

        for (uint256 i = 0; i < holders.length; ++i) {
            require(amounts[i] > 0, AllocationZero(i));

            _mint(holders[i], amounts[i]);
        }
    }

    /// @notice The time by which votes are counted.
    /// @return now_ seconds since 1970, as the block says
    function clock() public view override returns (uint48 now_) {
        return Time.timestamp();
    }

    /// @notice What `clock` counts, for machines (ERC-6372).
    /// @return mode always "mode=timestamp"
    // The name is the standard's.
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override returns (string memory mode) {
        return "mode=timestamp";
    }

    /// @notice How many permits and delegations `owner` has signed and used.
    /// @param owner the account that signs
    /// @return nonce the number that its next signature must carry
    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256 nonce) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }
}
