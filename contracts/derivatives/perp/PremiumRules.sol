// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Rounding} from "../../libraries/Rounding.sol";
import {PerpUnits} from "./PerpUnits.sol";
import {RiskWord} from "./RiskWord.sol";
import {TradeWord} from "./TradeWord.sol";

/// @title What a trade says of the premium, and how loudly
library PremiumRules {
    /// @dev Greatest weight of one sample, 1e-6: a thousand whole ones.
    uint256 private constant MAX_WEIGHT = 1e9;
    uint256 private constant HALF_TIME = 150;
    uint256 private constant HOUR = 3_600;
    /// @dev pico in one ppm.
    uint256 private constant PPM_TO_PICO = 1e6;

    /// @dev Pico, truncated: price / mid - 1. mid > 0; prices are below 2^128.
    function sampleOf(uint256 priceWad, uint256 midWad) internal pure returns (int256) {
        return ((int256(priceWad) - int256(midWad)) * int256(PerpUnits.PICO)) / int256(midWad);
    }

    function clamped(int256 samplePico, uint256 premCapPpm) internal pure returns (int256) {
        int256 cap = int256(premCapPpm * PPM_TO_PICO);
        if (samplePico > cap) return cap;
        return samplePico < -cap ? -cap : samplePico;
    }

    /// @dev 1e-6, floor: notional / impact, at most a thousand whole samples. The impact notional grows with open interest, so that
    /// moving the premium costs more in fees than the funding it moves. Notionals are below 2^173: no product here reaches 2^256.
    function weightOf(
        uint256 notionalWad,
        uint256 oiNotionalWad,
        TradeWord t,
        RiskWord r
    ) internal pure returns (uint256) {
        uint256 impact = r.impactNotional() * PerpUnits.WAD;
        // a match is charged both fees, a trade with the vault the taker's and the spread
        uint256 less = t.makerFee() < t.vaultSpread() ? t.makerFee() : t.vaultSpread();
        uint256 fees = (t.takerFee() + less) * HOUR * t.coefficientInverse();
        uint256 floor = Rounding.ceilDiv(oiNotionalWad * t.premCap() * HALF_TIME, fees);
        uint256 weight = (notionalWad * PerpUnits.PPM) / (impact > floor ? impact : floor);
        return weight < MAX_WEIGHT ? weight : MAX_WEIGHT;
    }
}
