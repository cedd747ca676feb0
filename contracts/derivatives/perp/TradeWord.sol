// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {FeedId} from "../../interfaces/OracleTypes.sol";
import {TradeParams} from "../../interfaces/PerpTypes.sol";
import {PerpUnits} from "./PerpUnits.sol";

/// What every trade of a market reads, beside margin: `| coefficientInverse 10 | skewScale 36 | minNotional 20 | premCap 17 |
/// vaultSpread 14 |
/// makerFee 14 | takerFee 14 | feed 128 |` (low bits on the right); 0: no such market.
type TradeWord is uint256;

using TradeWordLib for TradeWord global;

/// @title Fees, spread, skew and the feed of a market
library TradeWordLib {
    uint256 private constant TAKER_AT = 128;
    uint256 private constant MAKER_AT = 142;
    uint256 private constant SPREAD_AT = 156;
    uint256 private constant CAP_AT = 170;
    uint256 private constant MIN_AT = 187;
    uint256 private constant SKEW_AT = 207;
    uint256 private constant COEFFICIENT_AT = 243;

    uint256 private constant FEE_MASK = (1 << 14) - 1;
    uint256 private constant CAP_MASK = (1 << 17) - 1;
    uint256 private constant MIN_MASK = (1 << 20) - 1;
    uint256 private constant SKEW_MASK = (1 << 36) - 1;
    uint256 private constant COEFFICIENT_MASK = (1 << 10) - 1;

    function exists(TradeWord w) internal pure returns (bool) {
        return TradeWord.unwrap(w) != 0;
    }

    function feed(TradeWord w) internal pure returns (FeedId) {
        return FeedId.wrap(bytes16(uint128(TradeWord.unwrap(w))));
    }

    /// @dev ppm
    function takerFee(TradeWord w) internal pure returns (uint256) {
        return (TradeWord.unwrap(w) >> TAKER_AT) & FEE_MASK;
    }

    /// @dev ppm
    function makerFee(TradeWord w) internal pure returns (uint256) {
        return (TradeWord.unwrap(w) >> MAKER_AT) & FEE_MASK;
    }

    /// @dev ppm
    function vaultSpread(TradeWord w) internal pure returns (uint256) {
        return (TradeWord.unwrap(w) >> SPREAD_AT) & FEE_MASK;
    }

    /// @dev ppm
    function premCap(TradeWord w) internal pure returns (uint256) {
        return (TradeWord.unwrap(w) >> CAP_AT) & CAP_MASK;
    }

    /// @dev Wad; stored in whole USD.
    function minNotional(TradeWord w) internal pure returns (uint256) {
        return ((TradeWord.unwrap(w) >> MIN_AT) & MIN_MASK) * PerpUnits.WAD;
    }

    /// @dev Lots; stored in whole units.
    function skewScale(TradeWord w) internal pure returns (uint256) {
        return ((TradeWord.unwrap(w) >> SKEW_AT) & SKEW_MASK) * PerpUnits.LOTS;
    }

    /// @dev Hours.
    function coefficientInverse(TradeWord w) internal pure returns (uint256) {
        return (TradeWord.unwrap(w) >> COEFFICIENT_AT) & COEFFICIENT_MASK;
    }

    function unpack(TradeWord w) internal pure returns (TradeParams memory p) {
        // each mask keeps fewer bits than its field has
        p.takerFee = uint16(w.takerFee());
        p.makerFee = uint16(w.makerFee());
        p.vaultSpread = uint16(w.vaultSpread());
        p.premCap = uint32(w.premCap());
        p.minNotional = uint32((TradeWord.unwrap(w) >> MIN_AT) & MIN_MASK);
        p.skewScale = uint40((TradeWord.unwrap(w) >> SKEW_AT) & SKEW_MASK);
        p.coefficientInverse = uint16(w.coefficientInverse());
    }

    /// @dev Values are within MarketBounds, which fit their bits.
    function pack(FeedId feed_, TradeParams memory p) internal pure returns (TradeWord) {
        return
            TradeWord.wrap(
                uint256(uint128(FeedId.unwrap(feed_))) |
                    (uint256(p.takerFee) << TAKER_AT) |
                    (uint256(p.makerFee) << MAKER_AT) |
                    (uint256(p.vaultSpread) << SPREAD_AT) |
                    (uint256(p.premCap) << CAP_AT) |
                    (uint256(p.minNotional) << MIN_AT) |
                    (uint256(p.skewScale) << SKEW_AT) |
                    (uint256(p.coefficientInverse) << COEFFICIENT_AT)
            );
    }
}
