// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {GuardWord, PrimaryWord, RuleWord} from "./FeedConfig.sol";
import {JumpRule} from "./JumpRule.sol";
import {DEVIATION, JUMP, Look, OK} from "./Look.sol";

/// What a latched feed has seen since its trip, in one word (low bits on the right):
/// `| 32 unused | lastAt 40 | since 40 | evidence 8 | trippedAt 40 | lastPrice 96 |`. IPriceOracle.poke says what counts as evidence.
type TripRecord is uint256;

using TripEvidence for TripRecord global;

/// @title How a trip is remembered, and when it is over
library TripEvidence {
    uint256 private constant TRIPPED_AT = 96;
    uint256 private constant EVIDENCE_AT = 136;
    uint256 private constant SINCE_AT = 144;
    uint256 private constant LAST_AT = 184;
    uint256 private constant MAX_EVIDENCE = type(uint8).max;

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

    function evidence(TripRecord t) internal pure returns (uint256) {
        return uint8(TripRecord.unwrap(t) >> EVIDENCE_AT);
    }

    function since(TripRecord t) internal pure returns (uint256) {
        return uint40(TripRecord.unwrap(t) >> SINCE_AT);
    }

    function lastAt(TripRecord t) internal pure returns (uint256) {
        return uint40(TripRecord.unwrap(t) >> LAST_AT);
    }

    /* MOVE */

    /// @dev A trip at `now_`; a jump's rounds are counted from Chainlink's present one if that is OK.
    function start(Look memory r, uint256 reason, uint256 now_) internal pure returns (TripRecord) {
        if (reason == JUMP && r.clGrade == OK) return _pack(r.c, now_, 0, r.clAt, r.clAt);
        return _pack(0, now_, 0, 0, 0);
    }

    /// @dev What a poke adds to the evidence for the reset of `latch`.
    function gather(
        TripRecord t,
        uint256 latch,
        Look memory r,
        GuardWord guard,
        RuleWord rules,
        uint256 now_
    ) internal pure returns (TripRecord) {
        if (latch == DEVIATION) return _gatherPoke(t, r, guard, now_);
        if (latch == JUMP) return _gatherRound(t, r, rules);
        return t;
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
            return isClose(r, guard) && t.evidence() >= POKES_NEEDED && now_ >= t.trippedAt() + rules.cooldown();
        }
        return latch == JUMP && (isClose(r, guard) || _hasRounds(t, r, primary));
    }

    /// @dev Absence of a source neither adds nor takes away; only disagreement starts the count anew.
    function _gatherPoke(TripRecord t, Look memory r, GuardWord guard, uint256 now_) private pure returns (TripRecord) {
        if (!r.bothOk()) return t;
        if (!isClose(r, guard)) return _pack(0, t.trippedAt(), 0, 0, t.lastAt());
        if (t.lastAt() == now_) return t;
        return _pack(0, t.trippedAt(), t.evidence() + 1, 0, now_);
    }

    function _gatherRound(TripRecord t, Look memory r, RuleWord rules) private pure returns (TripRecord) {
        uint256 before = t.lastAt();
        if (r.clGrade != OK || r.clAt <= before) return t;
        if (before == 0 || JumpRule.isJump(rules, r.c, t.lastPrice(), r.clAt - before)) {
            return _pack(r.c, t.trippedAt(), 0, r.clAt, r.clAt);
        }
        return _pack(r.c, t.trippedAt(), t.evidence() + 1, t.since(), r.clAt);
    }

    /// @dev Chainlink has stayed in line and Pyth does not contradict.
    function _hasRounds(TripRecord t, Look memory r, PrimaryWord primary) private pure returns (bool) {
        return
            r.clGrade == OK &&
            t.evidence() >= ROUNDS_NEEDED &&
            t.lastAt() - t.since() >= ROUNDS_SPAN &&
            (r.pyGrade != OK || !JumpRule.apart(r.c, r.p, primary.softDev()));
    }

    /// @dev Times are below 2^40, prices below 2^96.
    function _pack(
        uint256 price,
        uint256 tripped,
        uint256 evidence_,
        uint256 since_,
        uint256 last
    ) private pure returns (TripRecord) {
        if (evidence_ > MAX_EVIDENCE) evidence_ = MAX_EVIDENCE;
        return
            TripRecord.wrap(
                price | (tripped << TRIPPED_AT) | (evidence_ << EVIDENCE_AT) | (since_ << SINCE_AT) | (last << LAST_AT)
            );
    }
}
