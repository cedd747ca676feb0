// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Rounding} from "../../contracts/libraries/Rounding.sol";
import {Symbolic} from "./Symbolic.sol";

/// @title Which way division rounds
/// @dev All 256 bits, all positive denominators.
contract RoundingProof is Symbolic {
    /// @notice q · b <= a < (q + 1) · b: the greatest integer that is not above a / b.
    function check_floorDiv__any__is_the_floor(int256 a, int256 b) external pure {
        vm.assume(b > 0);
        unchecked {
            // |q · b - a| < b: neither side leaves 256 bits, or the difference would not be small
            int256 over = a - Rounding.floorDiv(a, b) * b;
            assert(over >= 0 && over < b);
        }
    }

    /// @notice (q - 1) · b < a <= q · b: the least integer that is not below a / b.
    function check_ceilDiv__any__is_the_ceiling(int256 a, int256 b) external pure {
        vm.assume(b > 0);
        unchecked {
            int256 over = Rounding.ceilDiv(a, b) * b - a;
            assert(over >= 0 && over < b);
        }
    }

    /// @notice The two differ by one, or by nothing where the division is exact.
    function check_ceilDiv__any__is_at_most_one_above_the_floor(int256 a, int256 b) external pure {
        vm.assume(b > 0);
        int256 gap = Rounding.ceilDiv(a, b) - Rounding.floorDiv(a, b);
        assert(gap == (a % b == 0 ? int256(0) : int256(1)));
    }

    /// @notice Rounding up what is owed is rounding down what is received: ceil(-a / b) = -floor(a / b).
    function check_ceilDiv__of_the_negative__mirrors_the_floor(int256 a, int256 b) external pure {
        vm.assume(b > 0 && a != type(int256).min);
        assert(Rounding.ceilDiv(-a, b) == -Rounding.floorDiv(a, b));
    }

    /// @notice More divided by the same is never less, whichever way it rounds.
    function check_floorDiv__of_more__is_not_less(int256 a, int256 more, int256 b) external pure {
        vm.assume(b > 0 && a <= more);
        assert(Rounding.floorDiv(a, b) <= Rounding.floorDiv(more, b));
        assert(Rounding.ceilDiv(a, b) <= Rounding.ceilDiv(more, b));
    }

    /// @notice Of natural numbers: a <= q · b < a + b, and it neither wraps nor reverts.
    function check_ceilDiv__of_naturals__is_the_ceiling(uint256 a, uint256 b) external pure {
        vm.assume(b > 0);
        unchecked {
            uint256 over = Rounding.ceilDiv(a, b) * b - a;
            assert(over < b);
        }
        assert(Rounding.ceilDiv(a, b) <= a);
    }

    /// @notice |a| >= 0, and it is a or -a.
    function check_abs__any__is_the_size(int256 a) external pure {
        vm.assume(a != type(int256).min);
        uint256 size = Rounding.abs(a);
        assert(a < 0 ? int256(size) == -a : int256(size) == a);
        assert(int256(size) >= 0);
    }

    /// @notice The library's mulDiv down is the floor: q · d <= x · y < (q + 1) · d.
    /// @dev Products below 2^256, a bound of the proof; for comparison: lots below 2^72 times prices below 2^128, notionals below 2^173
    /// times rates of at most 2^60.
    function check_mulDiv__below_256_bits__is_the_floor(uint128 x, uint128 y, uint256 d) external pure {
        vm.assume(d > 0);
        uint256 product = uint256(x) * y;
        uint256 q = Math.mulDiv(x, y, d);
        unchecked {
            assert(product - q * d < d);
        }
        assert(q <= product);
    }

    /// @notice Rounded up it is the ceiling, and at most one more than down.
    /// @dev Products below 2^256, as above.
    function check_mulDiv__rounded_up__is_at_most_one_above(uint128 x, uint128 y, uint256 d) external pure {
        vm.assume(d > 0);
        uint256 down = Math.mulDiv(x, y, d);
        uint256 up = Math.mulDiv(x, y, d, Math.Rounding.Ceil);
        assert(up == down + ((uint256(x) * y) % d == 0 ? 0 : 1));
    }
}
