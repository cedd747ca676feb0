// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Signed division that says which way it rounds
/// @dev Solidity's own division of signed numbers truncates. Denominators here are positive.
library Rounding {
    /// @dev The greatest integer that is not above a / b.
    function floorDiv(int256 a, int256 b) internal pure returns (int256 q) {
        unchecked {
            // the quotient of a positive denominator is no nearer to the ends than a
            q = a / b;
            if (a % b < 0) --q;
        }
    }

    /// @dev The least integer that is not below a / b.
    function ceilDiv(int256 a, int256 b) internal pure returns (int256 q) {
        unchecked {
            // as above
            q = a / b;
            if (a % b > 0) ++q;
        }
    }

    /// @dev ceil(a / b) of natural numbers.
    function ceilDiv(uint256 a, uint256 b) internal pure returns (uint256) {
        unchecked {
            // (a - 1) / b < a
            return a == 0 ? 0 : (a - 1) / b + 1;
        }
    }

    /// @dev |a|; a is not the least int256.
    function abs(int256 a) internal pure returns (uint256) {
        unchecked {
            // what has no negative is ruled out
            return uint256(a < 0 ? -a : a);
        }
    }
}
