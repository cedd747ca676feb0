// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Rounding} from "../../libraries/Rounding.sol";
import {PerpUnits} from "./PerpUnits.sol";
import {TradeWord} from "./TradeWord.sol";

/// @title The vault's price
/// @dev quote = d · p · (1 + (2K + d) / (2S)): the integral of p · (1 + k / S) over k from K to K + d. K is the traders' net size
/// against the vault, S the skew scale, both lots.
library VaultPrice {
    uint256 private constant SKEW_SHARE = 10;

    /// @dev Pico, absolute: a buyer pays it rounded up, a seller receives it rounded down. Where K is beyond its limit, by a
    /// forced reduction or resolution, the price is that of the limit.
    function quoteOf(int256 d, int256 net, uint256 lo, uint256 hi, TradeWord t) internal pure returns (uint256) {
        uint256 price =
            d > 0
                ? Math.mulDiv(hi, PerpUnits.PPM + t.vaultSpread(), PerpUnits.PPM, Math.Rounding.Ceil)
                : Math.mulDiv(lo, PerpUnits.PPM - t.vaultSpread(), PerpUnits.PPM);
        int256 scale = int256(2 * t.skewScale());
        int256 most = int256(2 * maxNet(t));
        int256 tilt = 2 * net + d;
        if (tilt > most) tilt = most;
        if (tilt < -most) tilt = -most;

        // lots · wad / 1e14 is pico; |tilt| is at most a tenth of the scale
        Math.Rounding rounding = d > 0 ? Math.Rounding.Ceil : Math.Rounding.Floor;
        return Math.mulDiv(Rounding.abs(d) * price, uint256(scale + tilt), uint256(scale) * PerpUnits.TICK, rounding);
    }

    /// @dev Lots: how much the traders may be net long or short against the vault.
    function maxNet(TradeWord t) internal pure returns (uint256) {
        return t.skewScale() / SKEW_SHARE;
    }
}
