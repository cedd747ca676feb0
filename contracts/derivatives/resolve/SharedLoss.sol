// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {RiskNow} from "../perp/RiskWord.sol";

/// @title How much of a loss the positions of a market carry
/// @dev Every position owes δ pico more a unit of its size; the backstop's, and a vault's that is helped itself, get theirs back.
library SharedLoss {
    /// @dev lots · pico per unit in one wad.
    uint256 private constant CHARGE_UNIT = 100;
    /// @dev ppm · bps · 2 · wad in a pico: half of the maintenance rate times a price, in pico.
    uint256 private constant CAP_UNIT = 1e6 * 1e4 * 2 * 1e6;

    struct Split {
        uint256 delta; // pico per unit
        uint256 amount; // wad of the loss that it pays
        uint256 backstop; // wad that the backstop gets back
        uint256 own; // wad that the account itself gets back
    }

    /// @dev Pico per unit, floor: half of what a position must hold of its value (without the slope's part).
    function cap(RiskNow memory r, uint256 mid) internal pure returns (uint256) {
        return (r.im * r.kappa * mid) / CAP_UNIT;
    }

    /// @dev D = all - backstop - own; δ = min(ceil(loss · 100 / D), cap); amount = min(loss, floor(δ · D / 100)). Sizes in lots.
    function split(
        uint256 lossWad,
        uint256 all,
        uint256 backstop,
        uint256 own,
        uint256 capPico
    ) internal pure returns (Split memory s) {
        uint256 payers = all - backstop - own; // all is Σ |size|: it covers each of them
        if (payers == 0) return s;
        s.delta = Math.min(Math.mulDiv(lossWad, CHARGE_UNIT, payers, Math.Rounding.Ceil), capPico);
        s.amount = Math.min(lossWad, (s.delta * payers) / CHARGE_UNIT);
        s.backstop = (s.delta * backstop) / CHARGE_UNIT;
        s.own = (s.delta * own) / CHARGE_UNIT;
    }
}
