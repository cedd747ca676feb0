// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Rounding} from "../../libraries/Rounding.sol";
import {PerpUnits} from "./PerpUnits.sol";
import {TradeWord} from "./TradeWord.sol";

/// @title The vault's price
/// @dev quote = d · p · (1 + (2K + d) / (2S)): the integral of p · (1 + k / S) over k from K to K + d. K is the traders' net size against the
/// vault, S the skew scale, both lots.
library VaultPrice {
    uint256 private constant SKEW_SHARE = 10;

    /// @dev Pico, absolute: a buyer pays it rounded up, a seller receives it rounded down. |K| and |K + d| are far below S, or the vault
    /// would sell below nothing: then it is 0.
    function quoteOf(int256 d, int256 net, uint256 lo, uint256 hi, TradeWord t) internal pure returns (uint256) {
        uint256 price = d > 0
            ? Math.mulDiv(hi, PerpUnits.PPM + t.vaultSpread(), PerpUnits.PPM, Math.Rounding.Ceil)
            : Math.mulDiv(lo, PerpUnits.PPM - t.vaultSpread(), PerpUnits.PPM);
        int256 scale = int256(2 * t.skewScale());
        int256 factor = scale + 2 * net + d;
        if (factor <= 0) return 0;

        // lots · wad / 1e14 is pico
        Math.Rounding rounding = d > 0 ? Math.Rounding.Ceil : Math.Rounding.Floor;
        return
            Math.mulDiv(
                Rounding.abs(d) * price,
                uint256(factor),
                uint256(scale) * PerpUnits.TICK,
                rounding
            );
    }

    /// @dev Lots: how much the traders may be net long or short against the vault.
    function maxNet(TradeWord t) internal pure returns (uint256) {
        return t.skewScale() / SKEW_SHARE;
    }
}
