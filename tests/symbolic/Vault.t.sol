// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {VaultPrice} from "../../contracts/derivatives/perp/VaultPrice.sol";
import {TradeWord} from "../../contracts/derivatives/perp/TradeWord.sol";
import {ShareMath} from "../../contracts/derivatives/vault/ShareMath.sol";
import {Symbolic} from "./Symbolic.sol";

/// @title The vault's shares and its price
contract VaultProof is Symbolic {
    /* SHARES */

    /// @notice PERP-18: stepping in and out at once never gives back more than was put in.
    /// @dev Amounts, values and supplies below 2^112 (5e33; a wad of 5e15 USD): no product then reaches 2^256 and mulDiv is its short way.
    function check_worth__of_what_was_minted__is_within_the_amount(uint112 amount, uint112 nav, uint112 supply) external pure {
        uint256 shares = ShareMath.minted(amount, nav, supply);
        assert(ShareMath.worth(shares, uint256(nav) + amount, uint256(supply) + shares) <= amount);
    }

    /// @notice PERP-25: who stays is not diluted by who comes: a share is worth no less afterwards.
    /// @dev As above. Cross products: (nav + amount + 1) / (supply' + 1e6) >= (nav + 1) / (supply + 1e6).
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
    function check_minted__of_more__is_not_less(uint112 amount, uint112 more, uint112 nav, uint112 supply) external pure {
        vm.assume(amount <= more);
        assert(ShareMath.minted(amount, nav, supply) <= ShareMath.minted(more, nav, supply));
    }

    /* PRICE */

    /// @notice PERP-28: from a balanced vault a buyer pays at least hi for each lot.
    /// @dev Prices below 2^96, lots below 2^71, all words (skewScale of 36 bits, not 0; spread of 14 bits).
    function check_quoteOf__bought_from_balance__is_above_the_band(uint72 lots, uint96 hi, uint256 trade) external pure {
        TradeWord t = _bound(lots, trade);
        assert(VaultPrice.quoteOf(int256(uint256(lots)), 0, 0, hi, t) * 1e14 >= uint256(lots) * hi);
    }

    /// @notice PERP-28: from a balanced vault a seller gets at most lo for each lot.
    /// @dev As above.
    function check_quoteOf__sold_from_balance__is_below_the_band(uint72 lots, uint96 lo, uint256 trade) external pure {
        TradeWord t = _bound(lots, trade);
        assert(VaultPrice.quoteOf(-int256(uint256(lots)), 0, lo, 0, t) * 1e14 <= uint256(lots) * lo);
    }

    function _bound(uint72 lots, uint256 trade) private pure returns (TradeWord t) {
        t = TradeWord.wrap(trade);
        vm.assume(lots > 0 && lots < 1 << 71 && t.skewScale() > 0);
    }
}
