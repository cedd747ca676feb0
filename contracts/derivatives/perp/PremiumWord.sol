// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// A market's premium: `| integral 64 | weight 32 | mean 40 | pendingAt 32 | anchorAge 16 | emaAt 32 | ema 40 |` (low bits on the right).
/// ema and mean are signed pico (fraction · 1e12), weight is 1e-6, integral signed pico · s · 600: ∫π from the start of the funding
/// interval
/// to emaAt.
type PremiumWord is uint256;

using PremiumWordLib for PremiumWord global;

/// @title The premium: an average of what trades say, which fades when nobody trades
/// @dev Samples of one timestamp are gathered (mean, weight) and join the average at a later one, so that no transaction sees its own
/// sample. Times are below 2^32 until the year 2106.
library PremiumWordLib {
    struct Parts {
        int256 ema;
        uint256 emaAt;
        uint256 anchorAge;
        uint256 pendingAt;
        int256 mean;
        uint256 weight;
        int256 integral;
    }

    uint256 private constant EMA_AT_AT = 40;
    uint256 private constant ANCHOR_AT = 72;
    uint256 private constant PENDING_AT = 88;
    uint256 private constant MEAN_AT = 120;
    uint256 private constant WEIGHT_AT = 160;
    uint256 private constant INTEGRAL_AT = 192;

    /// @dev One whole sample.
    uint256 internal constant WHOLE = 1e6;
    /// @dev Samples beyond this weight in one timestamp are dropped; it fits 32 bits.
    uint256 private constant MAX_WEIGHT = 4e9;
    /// @dev Seconds in which a premium fades, and the oldest that the anchor may be.
    uint256 internal constant FADE = 300;
    /// @dev Seconds that half-weigh a sample.
    int256 private constant HALF_TIME = 150;
    /// @dev integral's unit: ∫ of (1 - t / 300) has 600 for its denominator.
    int256 internal constant INTEGRAL_UNIT = 600;

    /* READ */

    function unpack(PremiumWord w) internal pure returns (Parts memory p) {
        uint256 u = PremiumWord.unwrap(w);
        p.ema = int40(uint40(u));
        p.emaAt = uint32(u >> EMA_AT_AT);
        p.anchorAge = uint16(u >> ANCHOR_AT);
        p.pendingAt = uint32(u >> PENDING_AT);
        p.mean = int40(uint40(u >> MEAN_AT));
        p.weight = uint32(u >> WEIGHT_AT);
        p.integral = int64(uint64(u >> INTEGRAL_AT));
    }

    /// @dev Nothing is cut off: samples are clamped to at most 131,071 ppm, so ema and mean stay below 2^38 and an integral over the
    /// longest
    /// interval (28,800 s · 600) below 2^62; times are below 2^32 and weights at most MAX_WEIGHT.
    function pack(Parts memory p) internal pure returns (PremiumWord) {
        return
            PremiumWord.wrap(
                uint40(int40(p.ema)) |
                    (p.emaAt << EMA_AT_AT) |
                    (p.anchorAge << ANCHOR_AT) |
                    (p.pendingAt << PENDING_AT) |
                    (uint256(uint40(int40(p.mean))) << MEAN_AT) |
                    (p.weight << WEIGHT_AT) |
                    (uint256(uint64(int64(p.integral))) << INTEGRAL_AT)
            );
    }

    /// @dev Pico, truncated: ema · max(0, 300 - age) / 300. Of a folded word.
    function premium(PremiumWord w, uint256 now_) internal pure returns (int256) {
        Parts memory p = w.unpack();
        return _faded(p.ema, now_ - p.emaAt);
    }

    /* MOVE */

    /// @dev What an earlier timestamp gathered joins the average, as of that timestamp.
    function folded(PremiumWord w, uint256 now_) internal pure returns (PremiumWord) {
        Parts memory p = w.unpack();
        if (p.weight == 0 || p.pendingAt >= now_) return w;
        unchecked {
            // emaAt <= pendingAt; the widths of the fields keep every product below 2^128; weight is at most WHOLE
            int256 weight = int256(p.weight < WHOLE ? p.weight : WHOLE);
            int256 base = _faded(p.ema, p.pendingAt - p.emaAt);
            int256 elapsed = int256(p.pendingAt + p.anchorAge - p.emaAt);
            if (elapsed > int256(FADE)) elapsed = int256(FADE);

            p.integral += p.ema * grown(p.pendingAt - p.emaAt);
            p.ema = base + _step(p.mean - base, weight, elapsed);
            p.emaAt = p.pendingAt;
            p.anchorAge = uint256(elapsed - (weight * elapsed) / int256(WHOLE));
            (p.mean, p.weight) = (0, 0);
            return pack(p);
        }
    }

    /// @dev Of a folded word: one more sample (pico) of weight 1e-6 at `now_`.
    function sampled(PremiumWord w, int256 sample, uint256 weight, uint256 now_) internal pure returns (PremiumWord) {
        Parts memory p = w.unpack();
        unchecked {
            // weights are below 2^32, a sample is clamped below 2^38
            uint256 sum = p.weight + weight;
            if (weight == 0 || sum > MAX_WEIGHT) return w;
            p.mean = (p.mean * int256(p.weight) + sample * int256(weight)) / int256(sum);
            (p.weight, p.pendingAt) = (sum, now_);
            return pack(p);
        }
    }

    /* PARTS */

    /// @dev ∫ of (1 - t / 300) from 0 to `age`, in 1/600 s: 600 · x - x², x = min(age, 300).
    function grown(uint256 age) internal pure returns (int256) {
        unchecked {
            // x is at most 300
            int256 x = int256(age < FADE ? age : FADE);
            return INTEGRAL_UNIT * x - x * x;
        }
    }

    /// @dev α · gap, truncated; α = weight · min(½, elapsed / (elapsed + 150 s)).
    function _step(int256 gap, int256 weight, int256 elapsed) private pure returns (int256) {
        unchecked {
            // gap is below 2^41, weight below 2^20, elapsed at most 300
            if (elapsed >= HALF_TIME) return (gap * weight) / (2 * int256(WHOLE));
            return (gap * weight * elapsed) / ((elapsed + HALF_TIME) * int256(WHOLE));
        }
    }

    function _faded(int256 ema, uint256 age) private pure returns (int256) {
        unchecked {
            // ema is below 2^39
            return age >= FADE ? int256(0) : (ema * int256(FADE - age)) / int256(FADE);
        }
    }
}
