// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Action, Quote} from "../../interfaces/OracleTypes.sol";

/// @title What a settled market's oracle would say
/// @dev One price for ever, whatever its feed does: what a position counts at is what it will be closed at. Resolution may move it;
/// nothing else is allowed.
library SettledPrice {
    function put(Quote memory q, uint256 priceWad) internal pure {
        (q.mid, q.funding) = (priceWad, priceWad);
        (q.lo, q.hi, q.openLo, q.openHi, q.liqLo, q.liqHi) = (
            priceWad,
            priceWad,
            priceWad,
            priceWad,
            priceWad,
            priceWad
        );
        q.allowed = 1 << uint256(Action.LIQUIDATE);
        q.degraded = false;
    }
}
