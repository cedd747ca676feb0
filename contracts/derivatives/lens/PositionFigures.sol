// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Context, PositionState} from "../../interfaces/EngineTypes.sol";
import {Rounding} from "../../libraries/Rounding.sol";
import {PerpUnits} from "../perp/PerpUnits.sol";
import {Position} from "../perp/Position.sol";

/// @title What people ask of a position and its market: the mark, profit, and the price without either profit or loss
library PositionFigures {
    /// @dev Wad, floor: mid · (1 + π). |π| is at most 131,071 ppm.
    function markOf(Context memory c) internal pure returns (uint256) {
        return (c.quote.mid * uint256(int256(PerpUnits.PICO) + c.pi)) / PerpUnits.PICO;
    }

    /// @dev As stored, with all funding that is due.
    function stateOf(Position p, Context memory c) internal pure returns (PositionState memory) {
        return PositionState({size: p.size(), quote: p.quote(), fundingIndex: p.index(), owed: p.owed(c.funding)});
    }

    /// @dev Wad: quote - owed + floor(size · price).
    function pnl(PositionState memory p, uint256 priceWad) internal pure returns (int256) {
        return p.quote * int256(PerpUnits.PICO_TO_WAD) - p.owed + PerpUnits.value(p.size, priceWad);
    }

    /// @dev Wad: (owed - quote) / size, a long's up, a short's down: at it nobody has lost; 0 where it would be below.
    function breakEven(PositionState memory p) internal pure returns (uint256) {
        if (p.size == 0) return 0;
        int256 spent = (p.owed - p.quote * int256(PerpUnits.PICO_TO_WAD)) * int256(PerpUnits.LOTS);
        int256 price = p.size > 0 ? Rounding.ceilDiv(spent, p.size) : Rounding.floorDiv(-spent, -p.size);
        return price > 0 ? uint256(price) : 0;
    }
}
