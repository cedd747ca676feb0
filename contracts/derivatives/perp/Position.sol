// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {FundingWord} from "./FundingWord.sol";
import {PerpUnits} from "./PerpUnits.sol";

/// A position: `| fundingIndex 88 | quote 96 | size 72 |` (low bits on the right), all signed; 0: none.
type Position is uint256;

using PositionLib for Position global;

/// @title A position in one slot
/// @dev size in lots, quote in pico (what was received less what was paid), index in pico per unit. Beyond their bits SafeCast reverts.
library PositionLib {
    uint256 private constant QUOTE_AT = 72;
    uint256 private constant INDEX_AT = 168;

    function size(Position p) internal pure returns (int256) {
        return int72(uint72(Position.unwrap(p)));
    }

    function quote(Position p) internal pure returns (int256) {
        return int96(uint96(Position.unwrap(p) >> QUOTE_AT));
    }

    function index(Position p) internal pure returns (int256) {
        return int88(uint88(Position.unwrap(p) >> INDEX_AT));
    }

    function pack(int256 size_, int256 quote_, int256 index_) internal pure returns (Position) {
        return
            Position.wrap(
                uint72(SafeCast.toInt72(size_)) |
                    (uint256(uint96(SafeCast.toInt96(quote_))) << QUOTE_AT) |
                    (uint256(uint88(SafeCast.toInt88(index_))) << INDEX_AT)
            );
    }

    /// @dev Wad, ceil: what the position has to pay since its index was stored.
    function owed(Position p, FundingWord f) internal pure returns (int256) {
        int256 lots = p.size();
        if (lots == 0) return 0;
        return PerpUnits.owed(lots, f.indexOf(lots) - p.index());
    }

    /// @dev The position, already settled, after a trade. It stores the index of its new sign; without a size left its quote is realised
    /// (wad, exact) and the slot is empty.
    function filled(
        Position p,
        FundingWord f,
        int256 dLots,
        int256 dQuotePico
    ) internal pure returns (Position after_, int256 realisedWad) {
        int256 lots = p.size() + dLots;
        int256 quotePico = p.quote() + dQuotePico;
        if (lots == 0) return (Position.wrap(0), quotePico * int256(PerpUnits.PICO_TO_WAD));
        return (pack(lots, quotePico, f.indexOf(lots)), 0);
    }
}
