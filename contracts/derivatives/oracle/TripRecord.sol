// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {GuardWord, PrimaryWord, RuleWord} from "./FeedConfig.sol";
import {JumpRule} from "./JumpRule.sol";
import {DEVIATION, JUMP, Look, OK} from "./Look.sol";

/// What a latched feed has seen since its trip, in one word (low bits on the right):
/// `| pokedAt 24 | pokes 8 | lastAt 40 | since 40 | rounds 8 | trippedAt 40 | lastPrice 96 |`. IPriceOracle.poke says what counts.
type TripRecord is uint256;

using TripEvidence for TripRecord global;

/// @title How a trip is remembered, and when it is over
/// @dev Both kinds of evidence are gathered whatever the latch: agreeing pokes and Chainlink's rounds in line.
library TripEvidence {
    uint256 private constant TRIPPED_AT = 96;
    uint256 private constant ROUNDS_AT = 136;
    uint256 private constant SINCE_AT = 144;
    uint256 private constant LAST_AT = 184;
    uint256 private constant POKES_AT = 224;
    uint256 private constant POKED_AT = 232;

    uint256 private constant POKES_MASK = type(uint256).max << POKES_AT; // pokes, pokedAt
    uint256 private constant TRIPPED_MASK = uint256(type(uint40).max) << TRIPPED_AT;
    uint256 private constant MAX_COUNT = type(uint8).max;

    /// @dev This poke and two earlier ones.
    uint256 private constant POKES_NEEDED = 3;
    uint256 private constant ROUNDS_NEEDED = 3;
    /// @dev Seconds that the rounds must span.
    uint256 private constant ROUNDS_SPAN = 300;

    /* READ */

    function lastPrice(TripRecord t) internal pure returns (uint256) {
        return uint96(TripRecord.unwrap(t));
    }

    function trippedAt(TripRecord t) internal pure returns (uint256) {
        return uint40(TripRecord.unwrap(t) >> TRIPPED_AT);
    }

    function rounds(TripRecord t) internal pure returns (uint256) {
        return uint8(TripRecord.unwrap(t) >> ROUNDS_AT);
    }

    function since(TripRecord t) internal pure returns (uint256) {
        return uint40(TripRecord.unwrap(t) >> SINCE_AT);
    }

    function lastAt(TripRecord t) internal pure returns (uint256) {
        return uint40(TripRecord.unwrap(t) >> LAST_AT);
    }

    function pokes(TripRecord t) internal pure returns (uint256) {
        return uint8(TripRecord.unwrap(t) >> POKES_AT);
    }

    /// @dev Low 24 bits of a time: enough to tell a poke from one of another second, but for every 194 days.
    function pokedAt(TripRecord t) internal pure returns (uint256) {
        return TripRecord.unwrap(t) >> POKED_AT;
    }

    /* MOVE */

    /// @dev A trip at `now_`; rounds are counted from Chainlink's present one if that is OK.
    function start(Look memory r, uint256 now_) internal pure returns (TripRecord t) {
        t = TripRecord.wrap(now_ << TRIPPED_AT);
        if (r.clGrade == OK) t = _withRounds(t, r.c, 0, r.clAt, r.clAt);
    }

    /// @dev What a poke adds to the evidence for a reset.
    function gather(
        TripRecord t,
        Look memory r,
        GuardWord guard,
        RuleWord rules,
        uint256 now_
    ) internal pure returns (TripRecord) {
        return _gatherRound(_gatherPoke(t, r, guard, now_), r, rules);
    }

    /// @dev Both sources OK and close.
    function isClose(Look memory r, GuardWord guard) internal pure returns (bool) {
        return r.bothOk() && !JumpRule.apart(r.c, r.p, guard.resetDev());
    }

    /// @dev Whether anybody may reset, after a poke at `now_` has gathered.
    function isDue(
        TripRecord t,
        uint256 latch,
        Look memory r,
        PrimaryWord primary,
        GuardWord guard,
        RuleWord rules,
        uint256 now_
    ) internal pure returns (bool) {
        if (latch == DEVIATION) {
            if (now_ < t.trippedAt() + rules.cooldown()) return false;
            // Pyth has accused: while it speaks it must agree, but its rest must not keep the latch
            return r.pyGrade == OK ? isClose(r, guard) && t.pokes() >= POKES_NEEDED : _isWalked(t, r);
        }
        if (latch != JUMP) return false;
        bool contradicted = r.pyGrade == OK && JumpRule.apart(r.c, r.p, primary.softDev());
        return isClose(r, guard) || (_isWalked(t, r) && !contradicted);
    }

    /// @dev Absence of a source neither adds nor takes away; only disagreement starts the count anew.
    function _gatherPoke(TripRecord t, Look memory r, GuardWord guard, uint256 now_) private pure returns (TripRecord) {
        if (!r.bothOk()) return t;
        if (!isClose(r, guard)) return _withPokes(t, 0, t.pokedAt());
        uint256 second = uint24(now_); // no more than its low bits is kept
        return t.pokedAt() == second ? t : _withPokes(t, t.pokes() + 1, second);
    }

    function _gatherRound(TripRecord t, Look memory r, RuleWord rules) private pure returns (TripRecord) {
        uint256 before = t.lastAt();
        if (r.clGrade != OK || r.clAt <= before) return t;
        if (before == 0 || JumpRule.isJump(rules, r.c, r.clAt, t.lastPrice(), before)) {
            return _withRounds(t, r.c, 0, r.clAt, r.clAt);
        }
        return _withRounds(t, r.c, t.rounds() + 1, t.since(), r.clAt);
    }

    /// @dev Chainlink alone has stayed in line for long enough.
    function _isWalked(TripRecord t, Look memory r) private pure returns (bool) {
        return r.clGrade == OK && t.rounds() >= ROUNDS_NEEDED && t.lastAt() - t.since() >= ROUNDS_SPAN;
    }

    /// @dev `second` is below 2^24.
    function _withPokes(TripRecord t, uint256 pokes_, uint256 second) private pure returns (TripRecord) {
        if (pokes_ > MAX_COUNT) pokes_ = MAX_COUNT;
        return TripRecord.wrap((TripRecord.unwrap(t) & ~POKES_MASK) | (pokes_ << POKES_AT) | (second << POKED_AT));
    }

    /// @dev Times are below 2^40, prices below 2^96.
    function _withRounds(
        TripRecord t,
        uint256 price,
        uint256 rounds_,
        uint256 since_,
        uint256 last
    ) private pure returns (TripRecord) {
        if (rounds_ > MAX_COUNT) rounds_ = MAX_COUNT;
        uint256 kept = TripRecord.unwrap(t) & (POKES_MASK | TRIPPED_MASK);
        return TripRecord.wrap(kept | price | (rounds_ << ROUNDS_AT) | (since_ << SINCE_AT) | (last << LAST_AT));
    }
}
