// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {LimitParams} from "../../interfaces/PerpTypes.sol";
import {OiWord} from "./OiWord.sol";
import {PerpUnits} from "./PerpUnits.sol";

/// What ticks, batches and liquidations read: `| openCap 72 | minFee 16 | band 16 | interval 16 | maxRate 17 |` (low bits on the right).
type LimitWord is uint256;

using LimitWordLib for LimitWord global;

/// @title Limits that a plain trade does not need
library LimitWordLib {
    uint256 private constant INTERVAL_AT = 17;
    uint256 private constant BAND_AT = 33;
    uint256 private constant FEE_AT = 49;
    uint256 private constant CAP_AT = 65;
    uint256 private constant RATE_MASK = (1 << 17) - 1;
    /// @dev Wad in one cent.
    uint256 private constant CENT = PerpUnits.WAD / 100;

    /// @dev ppm of an interval
    function maxRate(LimitWord w) internal pure returns (uint256) {
        return LimitWord.unwrap(w) & RATE_MASK;
    }

    /// @dev s
    function interval(LimitWord w) internal pure returns (uint256) {
        return uint16(LimitWord.unwrap(w) >> INTERVAL_AT);
    }

    /// @dev ppm
    function band(LimitWord w) internal pure returns (uint256) {
        return uint16(LimitWord.unwrap(w) >> BAND_AT);
    }

    /// @dev Wad; stored in cents.
    function minFee(LimitWord w) internal pure returns (uint256) {
        return uint256(uint16(LimitWord.unwrap(w) >> FEE_AT)) * CENT;
    }

    /// @dev Lots
    function openCap(LimitWord w) internal pure returns (uint256) {
        return uint72(LimitWord.unwrap(w) >> CAP_AT);
    }

    /// @dev The two limits that trades read stand beside the open interest.
    function unpack(LimitWord w, OiWord oi) internal pure returns (LimitParams memory p) {
        // each value was stored from a field of the same width, or is masked to fewer bits
        p.maxRate = uint32(w.maxRate());
        p.interval = uint16(w.interval());
        p.band = uint16(w.band());
        p.minFee = uint16(LimitWord.unwrap(w) >> FEE_AT);
        p.openCap = uint72(w.openCap());
        p.vaultShare = uint32(oi.vaultShare());
        p.maxOi = uint72(oi.maxOi());
    }

    /// @dev Values are within MarketBounds, which fit their bits.
    function pack(LimitParams memory p) internal pure returns (LimitWord) {
        return
            LimitWord.wrap(
                uint256(p.maxRate) |
                    (uint256(p.interval) << INTERVAL_AT) |
                    (uint256(p.band) << BAND_AT) |
                    (uint256(p.minFee) << FEE_AT) |
                    (uint256(p.openCap) << CAP_AT)
            );
    }
}
