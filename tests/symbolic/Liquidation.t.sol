// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {LiquidationMath, Target} from "../../contracts/derivatives/perp/LiquidationMath.sol";
import {Margin} from "../../contracts/derivatives/perp/Margin.sol";
import {PerpUnits} from "../../contracts/derivatives/perp/PerpUnits.sol";
import {RiskNow} from "../../contracts/derivatives/perp/RiskWord.sol";
import {Symbolic} from "./Symbolic.sol";

/// @title Who is liquidated, and on which side the bankruptcy price lies
/// @dev Sizes below 2^71 and prices below 2^96 (the widths of their fields); no slope; the account's maintenance margin is at least the
/// position's, as its sum is; equity within 2^127 (cash has 128 bits).
contract LiquidationProof is Symbolic {
    /// @notice PERP-20: liquidatable is strictly below maintenance margin, and never an account that requires nothing.
    function check_isLiquidatable__any__is_strictly_below_maintenance(int256 equity, uint128 mm) external pure {
        assert(LiquidationMath.isLiquidatable(equity, mm) == (mm != 0 && equity < int256(uint256(mm))));
    }

    /// @notice PERP-35, PERP-48: the bankruptcy price of an account in debt is beyond the value: higher for a long, lower for a short.
    function check_bankruptcyPrice__in_debt__is_beyond_the_value(Target memory t) external pure {
        _bound(t);
        vm.assume(t.equity < 0);
        uint256 price = LiquidationMath.bankruptcyPrice(t);
        if (t.size > 0) assert(price > t.price);
        else assert(price < t.price);
    }

    /// @notice PERP-35: with equity left it is the other side: what the account gives up, it has.
    function check_bankruptcyPrice__solvent__is_the_other_side(Target memory t) external pure {
        _bound(t);
        vm.assume(t.equity >= 0);
        uint256 price = LiquidationMath.bankruptcyPrice(t);
        if (t.size > 0) assert(price <= t.price);
        else assert(price >= t.price);
    }

    /// @notice E / N rounds down.
    function check_ratio__any__is_the_floor(int128 equity, uint128 notional) external pure {
        vm.assume(notional != 0);
        int256 r = LiquidationMath.ratio(equity, notional);
        int256 over = int256(equity) * int256(PerpUnits.WAD) - r * int256(uint256(notional));
        assert(over >= 0 && over < int256(uint256(notional)));
    }

    function _bound(Target memory t) private pure {
        vm.assume(t.size != 0 && -int256(1 << 71) <= t.size && t.size < 1 << 71);
        vm.assume(t.price > 0 && t.price < 1 << 96);
        vm.assume(t.equity >= type(int128).min && t.equity <= type(int128).max);
        RiskNow memory r = t.risk;
        vm.assume(r.slope == 0 && r.im <= r.imMax && r.imMax <= PerpUnits.PPM && r.im >= 10_000);
        vm.assume(r.kappa <= 9_000 && r.kappa >= 5_000 && r.penalty < 1 << 17);
        (, uint256 mm) = Margin.requirement(PerpUnits.notional(t.size, t.price), r);
        vm.assume(t.mm >= mm && t.mm < 1 << 127 && t.target >= t.mm && t.target < 1 << 127);
        vm.assume(t.equity < int256(t.mm) && t.minNotional < 1 << 80);
    }
}
