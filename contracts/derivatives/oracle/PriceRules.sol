// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    GATE_PAUSED,
    GATE_SEQ_DOWN,
    GATE_SEQ_GRACE,
    GATE_SEQ_GRACE_OPEN,
    GATE_SEQ_UNKNOWN
} from "../../interfaces/OracleTypes.sol";
import {GuardWord, PrimaryWord, RuleWord} from "./FeedConfig.sol";
import {JumpRule} from "./JumpRule.sol";
import {
    DEVIATION,
    DIVERGED,
    FROZEN,
    JUMP,
    Look,
    NONE,
    NORMAL,
    OK,
    PRIMARY_ONLY,
    SANITY,
    SECONDARY_ONLY,
    SEQ_DOWN,
    SEQ_UNKNOWN,
    STALE,
    TRIPPED,
    TWAP_ONLY,
    UNCERTAIN
} from "./Look.sol";
import {Memo} from "./Memo.sol";

/// @title From graded sources to gates, trip condition and state
library PriceRules {
    /// @dev r.sequencer and r.sequencerSince are known.
    function gates(Look memory r, Memo m, GuardWord guard, uint256 now_) internal pure returns (uint256 up) {
        if (now_ < m.pausedUntil()) up = GATE_PAUSED;
        if (r.sequencer == SEQ_DOWN) return up | GATE_SEQ_DOWN;
        if (r.sequencer == SEQ_UNKNOWN) return up | GATE_SEQ_UNKNOWN;
        if (r.sequencerSince == 0) return up;
        unchecked {
            // the flip is not in the future
            uint256 elapsed = now_ - r.sequencerSince;
            if (elapsed <= guard.seqGraceLiquidate()) up |= GATE_SEQ_GRACE;
            if (elapsed <= guard.seqGraceOpen()) up |= GATE_SEQ_GRACE_OPEN;
        }
    }

    /// @dev An UNCERTAIN Pyth still confirms: a wider confidence must not trip anything.
    function isAgreed(Look memory r, PrimaryWord primary) internal pure returns (bool) {
        return r.clGrade == OK && r.pyGrade >= UNCERTAIN && !JumpRule.apart(r.c, r.p, primary.softDev());
    }

    /// @dev Whether Pyth's price is not from before Chainlink's round: only then can it accuse Chainlink. Anybody may deliver an old one.
    function isContemporary(Look memory r, GuardWord guard) internal pure returns (bool) {
        unchecked {
            return r.pyAt + guard.pyMaxAhead() >= r.clAt; // below 2^64 + 2^8
        }
    }

    /// @dev Whether the state depends on the ring even without a trip: Chainlink is out.
    function needsRing(Look memory r) internal pure returns (bool) {
        return r.clGrade != OK && (r.pyGrade == OK || (r.clGrade == STALE && r.pyGrade == STALE));
    }

    /// @dev c, or p where it may stand alone; 0 if there is none. r.twap is known where `needsRing`.
    function candidate(Look memory r, RuleWord rules) internal pure returns (uint256) {
        if (r.clGrade == OK) return r.c;
        if (r.pyGrade == OK && r.ringFit && !JumpRule.apart(r.p, r.twap, rules.twapDev())) return r.p;
        return 0;
    }

    /// @dev The greatest condition that holds now, whatever is latched.
    function tripCondition(
        Look memory r,
        uint256 candidate_,
        bool bothOutOfBounds,
        PrimaryWord primary,
        GuardWord guard,
        RuleWord rules,
        uint256 now_
    ) internal pure returns (uint256) {
        if (bothOutOfBounds) return SANITY;
        if (r.agree) return NONE; // softDev < hardDev
        if (isContemporary(r, guard) && r.bothOk() && JumpRule.apart(r.c, r.p, primary.hardDev())) return DEVIATION;
        if (candidate_ == 0 || r.lastGood == 0) return NONE;
        // measured by the times of the prices, so that it does not matter when somebody pokes
        uint256 at = r.clGrade == OK ? r.clAt : r.pyTime(now_);
        return JumpRule.isJump(rules, candidate_, at, r.lastGood, r.lastGoodAt) ? JUMP : NONE;
    }

    /// @dev The first state that applies; r.trip and r.agree are known.
    function state(Look memory r, uint256 candidate_) internal pure returns (uint256) {
        if (r.trip != NONE) return TRIPPED;
        if (r.clGrade == OK) {
            if (r.pyGrade != OK) return PRIMARY_ONLY;
            return r.agree ? NORMAL : DIVERGED;
        }
        if (candidate_ != 0) return SECONDARY_ONLY;
        if (r.clGrade == STALE && r.pyGrade == STALE && r.ringFit) return TWAP_ONLY;
        return FROZEN;
    }
}
