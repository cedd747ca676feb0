// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {RiskNow} from "../../contracts/derivatives/perp/RiskWord.sol";
import {Case, CaseLib, Part} from "../../contracts/derivatives/resolve/Case.sol";
import {SharedLoss} from "../../contracts/derivatives/resolve/SharedLoss.sol";
import {Symbolic} from "./Symbolic.sol";

/// @title How a loss is divided
/// @dev Losses of 128 bits (wad), sizes of 73 bits (twice an open interest of 72), caps of 88 (the width of an index).
contract ResolveProof is Symbolic {
    /* SHARED */

    /// @notice PERP-03: no more of a loss is called paid than the payers owe for it, nor more than there is; no rate is above its cap.
    function check_split__any__is_paid_by_the_payers(
        uint128 loss,
        uint80 all,
        uint80 backstop,
        uint80 own,
        uint88 cap
    ) external pure {
        _bound(all, backstop, own);
        SharedLoss.Split memory s = SharedLoss.split(loss, all, backstop, own, cap);
        uint256 payers = uint256(all) - backstop - own;
        assert(s.delta <= cap && s.amount <= loss);
        assert(s.amount * 100 <= s.delta * payers);
    }

    /// @notice PERP-04: where the cap does not bind all of the loss is paid, and what is charged beyond it is less than one pico a unit.
    function check_split__below_the_cap__pays_all(
        uint128 loss,
        uint80 all,
        uint80 backstop,
        uint80 own,
        uint88 cap
    ) external pure {
        _bound(all, backstop, own);
        uint256 payers = uint256(all) - backstop - own;
        vm.assume(payers > 0);
        SharedLoss.Split memory s = SharedLoss.split(loss, all, backstop, own, cap);
        if (s.delta < cap) {
            assert(s.amount == loss);
            assert(s.delta * payers < uint256(loss) * 100 + payers);
        }
    }

    /// @notice PERP-03: what is paid and what goes back is never more than what all positions are charged.
    function check_split__any__gives_back_no_more_than_is_charged(
        uint128 loss,
        uint80 all,
        uint80 backstop,
        uint80 own,
        uint88 cap
    ) external pure {
        _bound(all, backstop, own);
        SharedLoss.Split memory s = SharedLoss.split(loss, all, backstop, own, cap);
        assert((s.amount + s.backstop + s.own) * 100 <= s.delta * all);
    }

    /// @notice A position is charged at most half of the maintenance margin that it must hold at mid.
    /// @dev Prices of 96 bits; rates within MarketBounds.
    function check_cap__any__is_half_of_maintenance(uint96 mid, uint24 im, uint16 kappa) external pure {
        vm.assume(im <= 1_000_000 && kappa <= 9_000);
        RiskNow memory r = RiskNow(im, kappa, 0, im, 0);
        uint256 cap = SharedLoss.cap(r, mid);
        // pico against wad, ppm and bps
        assert(cap * 2e6 * 1e10 <= uint256(im) * kappa * mid);
        assert((cap + 1) * 2e6 * 1e10 > uint256(im) * kappa * mid);
    }

    /* CASE */

    /// @notice PERP-35: the parts of a loss sum to it, and none is above it (two markets).
    /// @dev Margins of 120 bits.
    function check_share__of_two_parts__sums_to_the_loss(int128 equity, uint120 first, uint120 second) external pure {
        vm.assume(first > 0 && second > 0);
        Case memory k;
        (k.equity, k.mm) = (equity, uint256(first) + second);
        k.parts = new Part[](2);
        (k.parts[0].mm, k.parts[1].mm) = (first, second);
        k.share();
        uint256 loss = equity < 0 ? uint256(-int256(equity)) : 0;
        assert(k.parts[0].loss + k.parts[1].loss == loss);
        assert(k.parts[0].left == k.parts[0].loss && k.parts[1].left == k.parts[1].loss);
    }

    /// @notice Covering never leaves more than before, never less than nothing, and exactly the amount less where it fits.
    function check_cover__any__lowers_what_is_left(uint256 left, uint256 amount) external pure {
        Part memory p;
        p.left = left;
        p.cover(amount);
        assert(p.left == (amount >= left ? 0 : left - amount));
    }

    /// @notice PERP-36: closing takes at most the whole position, and all of it where all of the loss is left.
    function check_lotsToClose__any__is_within_the_position(int72 size, uint128 left, uint128 loss) external pure {
        vm.assume(loss > 0 && left <= loss && size > -int256(1 << 71));
        Part memory p;
        (p.size, p.left, p.loss) = (size, left, loss);
        uint256 lots = p.lotsToClose();
        uint256 whole = uint256(size < 0 ? -int256(size) : int256(size));
        assert(lots <= whole);
        if (left == loss) assert(lots == whole);
    }

    /// @notice PERP-35: who gives a position away receives rounded up and pays rounded down, by less than a pico.
    function check_quoteFor__any__favours_who_gives(int72 size, uint128 price) external pure {
        int256 over = CaseLib.quoteFor(size, price) * 1e14 - int256(size) * int256(uint256(price));
        assert(over >= 0 && over < 1e14);
    }

    function _bound(uint256 all, uint256 backstop, uint256 own) private pure {
        vm.assume(all < 1 << 73 && backstop + own <= all);
    }
}
