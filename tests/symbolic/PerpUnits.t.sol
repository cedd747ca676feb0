// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {PerpUnits} from "../../contracts/derivatives/perp/PerpUnits.sol";
import {Symbolic} from "./Symbolic.sol";

/// @title What lots, prices and funding come to
/// @dev Sizes of 72 bits (64 where it says uint64) and prices of 128, indices of 88: the widths of their fields.
contract PerpUnitsProof is Symbolic {
    /// @notice PERP-04: what a position is worth is rounded down, what it is held to is rounded up, by less than a wei each.
    function check_value__any__is_the_floor(int72 lots, uint128 price) external pure {
        int256 over = int256(lots) * int256(uint256(price)) - PerpUnits.value(lots, price) * int256(PerpUnits.LOTS);
        assert(over >= 0 && over < int256(PerpUnits.LOTS));
    }

    /// @notice A long's notional is its value rounded up, a short's is its value.
    function check_notional__any__covers_the_value(uint64 lots, uint128 price) external pure {
        int256 long = int256(uint256(lots));
        int256 notional = int256(PerpUnits.notional(long, price));
        int256 value = PerpUnits.value(long, price);
        assert(value <= notional && notional <= value + 1);
        assert(PerpUnits.value(-long, price) == -notional);
    }

    /// @notice A greater position, or a higher price, never has less notional.
    function check_notional__of_more__is_not_less(
        uint64 lots,
        uint64 more,
        uint128 price,
        uint128 higher
    ) external pure {
        vm.assume(lots <= more && price <= higher);
        assert(PerpUnits.notional(int256(uint256(lots)), price) <= PerpUnits.notional(int256(uint256(more)), higher));
    }

    /// @notice PERP-03, PERP-15: of two opposite positions the payer never pays less than the payee receives, and at most a wei more.
    function check_owed__by_opposite_positions__covers_itself(int72 lots, int88 delta) external pure {
        int256 kept = PerpUnits.owed(lots, delta) + PerpUnits.owed(-int256(lots), delta);
        assert(kept == 0 || kept == 1);
    }

    /// @notice PERP-03: splitting a position never lowers what is owed.
    function check_owed__of_parts__covers_the_whole(int72 lots, int72 part, int88 delta) external pure {
        int256 whole = PerpUnits.owed(int256(lots) + part, delta);
        int256 parts = PerpUnits.owed(lots, delta) + PerpUnits.owed(part, delta);
        assert(parts >= whole && parts <= whole + 1);
    }
}
