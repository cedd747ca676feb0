// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ShareMath} from "../../contracts/derivatives/vault/ShareMath.sol";
import {Symbolic} from "./Symbolic.sol";

/// @title The vault's shares
contract VaultProof is Symbolic {
    /// @notice PERP-25: who stays is not diluted by who comes: a share is worth no less afterwards.
    /// @dev Amounts, values and supplies below 2^112 (5e33; a wad of 5e15 USD): no product then reaches 2^256 and mulDiv is its short way.
    /// Cross products: (nav + amount + 1) / (supply' + 1e6) >= (nav + 1) / (supply + 1e6).
    function check_minted__any__dilutes_nobody(uint112 amount, uint112 nav, uint112 supply) external pure {
        uint256 shares = ShareMath.minted(amount, nav, supply);
        uint256 before = (uint256(nav) + 1) * (uint256(supply) + shares + 1e6);
        assert((uint256(nav) + amount + 1) * (uint256(supply) + 1e6) >= before);
    }

    /// @notice PERP-18: who leaves takes no more than a share's part: it is worth no less for those who stay.
    /// @dev As above.
    function check_worth__any__leaves_the_others_theirs(uint112 shares, uint112 nav, uint112 supply) external pure {
        vm.assume(shares <= supply);
        uint256 paid = ShareMath.worth(shares, nav, supply);
        assert(paid <= uint256(nav) + 1);
        uint256 before = (uint256(nav) + 1) * (uint256(supply) - shares + 1e6);
        assert((uint256(nav) + 1 - paid) * (uint256(supply) + 1e6) >= before);
    }

    /// @notice More in never mints less.
    /// @dev As above.
    function check_minted__of_more__is_not_less(
        uint112 amount,
        uint112 more,
        uint112 nav,
        uint112 supply
    ) external pure {
        vm.assume(amount <= more);
        assert(ShareMath.minted(amount, nav, supply) <= ShareMath.minted(more, nav, supply));
    }
}
