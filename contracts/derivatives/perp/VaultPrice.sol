// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Rounding} from "../../libraries/Rounding.sol";
import {PerpUnits} from "./PerpUnits.sol";
import {TradeWord} from "./TradeWord.sol";

/// @title The vault's price
/// @dev quote = d · p · (1 + (2K + d) / (2S)): the integral of p · (1 + k / S) over k from K to K + d. K is the traders' net size
/// against the vault, S the skew scale, both lots. Where a forced reduction or resolution has taken K past its limit M = S / 10, the
/// integrand stays that of the limit: the integral of k is k² / 2 up to M and M · |k| - M² / 2 beyond, so that no splitting helps there
/// either.
library VaultPrice {
    uint256 private constant SKEW_SHARE = 10;

    /// @dev Pico, absolute: a buyer pays it rounded up, a seller receives it rounded down.
    function quoteOf(int256 d, int256 net, uint256 lo, uint256 hi, TradeWord t) internal pure returns (uint256) {
        uint256 price =
            d > 0
                ? Math.mulDiv(hi, PerpUnits.PPM + t.vaultSpread(), PerpUnits.PPM, Math.Rounding.Ceil)
                : Math.mulDiv(lo, PerpUnits.PPM - t.vaultSpread(), PerpUnits.PPM);
        uint256 scale = 2 * t.skewScale();
        int256 most = int256(maxNet(t));
        // 2S · d · (1 + (2K + d) / (2S)): the sign of d, for the tilt is at most a tenth; lots below 2^73, squares below 2^147
        int256 tilted = int256(scale) * d + _tilt(net + d, most) - _tilt(net, most);

        // lots · wad / 1e14 is pico
        Math.Rounding rounding = d > 0 ? Math.Rounding.Ceil : Math.Rounding.Floor;
        return Math.mulDiv(price, Rounding.abs(tilted), scale * PerpUnits.TICK, rounding);
    }

    /// @dev Wad, up: what the traders have paid beyond `mid` for the skew they made, and get back as they close: the integral of
    /// mid · k / S.
    function skewWorth(int256 net, uint256 mid, TradeWord t) internal pure returns (uint256) {
        uint256 tilt = uint256(_tilt(net, int256(maxNet(t)))); // not negative
        return Math.mulDiv(mid, tilt, 2 * t.skewScale() * PerpUnits.LOTS, Math.Rounding.Ceil);
    }

    /// @dev Twice the integral of the tilt from 0 to k, lots².
    function _tilt(int256 k, int256 most) private pure returns (int256) {
        int256 size = k < 0 ? -k : k;
        return size > most ? most * (2 * size - most) : k * k;
    }

    /// @dev Lots: how much the traders may be net long or short against the vault.
    function maxNet(TradeWord t) internal pure returns (uint256) {
        return t.skewScale() / SKEW_SHARE;
    }
}
