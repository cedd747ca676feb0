// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {GuardWord, PrimaryWord, RuleWord} from "./FeedConfig.sol";
import {JumpRule} from "./JumpRule.sol";
import {AHEAD, BROKEN, OK, SEQ_DOWN, SEQ_UNKNOWN, SEQ_UP, STALE, UNCERTAIN} from "./Look.sol";

/// @title What an answer is worth
/// @dev Words come as the source gave them, whatever they are; no value of them makes these revert.
library SourceGrading {
    uint256 private constant PRICE_DECIMALS = 18;
    /// @dev Above every sanity bound, and far from an overflow when scaled.
    uint256 private constant MAX_ANSWER = 1e30;

    /* CHAINLINK */

    /// @dev Whether the round can be one at all; the price is not looked at.
    function isRound(uint256 roundId, int256 answer, uint256 updatedAt, uint256 now_) internal pure returns (bool) {
        return roundId != 0 && answer > 0 && updatedAt != 0 && updatedAt <= now_;
    }

    /// @dev Of a round that `isRound`, with the right decimals. Exact: decimals are at most 18. Price 0 unless within the bounds; only a
    /// round that is not too old is out of them for the breaker.
    function chainlink(
        int256 answer,
        uint256 updatedAt,
        PrimaryWord primary,
        RuleWord rules,
        uint256 now_
    ) internal pure returns (uint256 grade, uint256 price, bool outOfBounds) {
        unchecked {
            // answer > 0; decimals <= 18; 1e30 * 1e18 is far below 2^256; updatedAt <= now_
            uint256 raw = uint256(answer);
            bool fresh = now_ - updatedAt <= primary.clMaxStale();
            if (raw > MAX_ANSWER) return (BROKEN, 0, fresh);
            price = raw * 10 ** (PRICE_DECIMALS - primary.clDecimals());
            if (price < rules.sanityMin() || price > rules.sanityMax()) return (BROKEN, 0, fresh);
            grade = fresh ? OK : STALE;
        }
    }

    /* PYTH */

    /// @dev Exact: exponents are -18 to 0. Price and confidence 0 if BROKEN. Only a price of the present is out of bounds for the breaker.
    function pyth(
        int256 rawPrice,
        uint256 rawConf,
        int256 expo,
        uint256 publishTime,
        RuleWord rules,
        PrimaryWord primary,
        GuardWord guard,
        uint256 now_
    ) internal pure returns (uint256 grade, uint256 price, uint256 conf, bool outOfBounds) {
        if (!_isPrice(rawPrice, rawConf, expo, publishTime)) return (BROKEN, 0, 0, false);
        unchecked {
            // prices and confidences are below 2^64, the scale is at most 1e18; times are below 2^64
            uint256 scale = 10 ** uint256(int256(PRICE_DECIMALS) + expo);
            price = uint256(rawPrice) * scale;
            if (publishTime > now_ + guard.pyMaxAhead()) grade = AHEAD;
            else if (publishTime + guard.pyMaxStale() < now_) grade = STALE;
            else grade = OK;
            if (price < rules.sanityMin() || price > rules.sanityMax()) return (BROKEN, 0, 0, grade == OK);
            conf = rawConf * scale;
            if (grade == OK && rawConf * JumpRule.BPS > primary.maxConf() * uint256(rawPrice)) grade = UNCERTAIN;
        }
    }

    /// @dev Of a price that is OK: whether it is good enough for opening.
    function opens(
        uint256 price,
        uint256 conf,
        uint256 publishTime,
        GuardWord guard,
        uint256 now_
    ) internal pure returns (bool) {
        unchecked {
            // as above; scaling price and confidence by the same factor changes nothing
            return publishTime + guard.pyOpenStale() >= now_ && conf * JumpRule.BPS <= guard.maxConfOpen() * price;
        }
    }

    /// @dev 0 < price < 2^63, conf < 2^64, -18 <= expo <= 0, 0 < publishTime < 2^64.
    function _isPrice(int256 price, uint256 conf, int256 expo, uint256 publishTime) private pure returns (bool) {
        unchecked {
            // as unsigned numbers negative ones are huge; the lowest expo is its own negative, and huge as well
            if (uint256(price) > uint64(type(int64).max) || uint256(-expo) > PRICE_DECIMALS) return false;
            return price != 0 && publishTime != 0 && (conf | publishTime) <= type(uint64).max;
        }
    }

    /* SEQUENCER */

    /// @dev The feed's answer is 0 while the sequencer is up and 1 while it is down; startedAt is the time of the flip.
    function sequencer(
        int256 answer,
        uint256 startedAt,
        uint256 now_
    ) internal pure returns (uint256 status, uint256 since) {
        // a negative answer is a huge number
        if (startedAt == 0 || startedAt > now_ || uint256(answer) > 1) return (SEQ_UNKNOWN, 0);
        return (answer == 0 ? SEQ_UP : SEQ_DOWN, startedAt);
    }
}
