// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {FundingTerms, FundingWord, FundingWordLib} from "../../contracts/derivatives/perp/FundingWord.sol";
import {OpenCap} from "../../contracts/derivatives/perp/OpenCap.sol";
import {PremiumRules} from "../../contracts/derivatives/perp/PremiumRules.sol";
import {PremiumWord, PremiumWordLib} from "../../contracts/derivatives/perp/PremiumWord.sol";
import {RiskNow, RiskWord} from "../../contracts/derivatives/perp/RiskWord.sol";
import {Symbolic} from "./Symbolic.sol";

    function _bound(FundingTerms memory t) private pure {
        vm.assume(t.interval >= 900 && t.interval <= 8 hours && t.index < 1 << 96);
        vm.assume(t.coefficientInverse >= 1 && t.coefficientInverse <= 1_000 && t.maxRatePpm < 1 << 17);
    }

    /* PHASING IN */

    /// @notice A parameter that falls is in force at once; one that rises is never above its new value, and there after a day.
    /// @dev The initial margin's rate, of 20 bits, alone; every parameter goes through the same function. Times from the change on.
    function check_inForce__any__lies_between_old_and_new(uint24 old, uint24 next, uint32 start, uint32 elapsed) external pure {
        vm.assume(old < 1 << 20 && next < 1 << 20);
        RiskWord w = RiskWord.wrap(uint256(old) | (uint256(next) << 78) | (uint256(start) << 156));
        RiskNow memory r = w.inForce(uint256(start) + elapsed);
        if (next <= old) assert(r.im == next);
        else assert(old <= r.im && r.im <= next);
        if (elapsed >= 1 days) assert(r.im == next);
        assert(r.imMax >= r.im);
    }

    /* CAP */

    /// @notice What a window has opened is never less than what was just opened, and within a window it adds up.
    /// @dev All words; lots of 72 bits.
    function check_plus__any__adds_up_within_the_window(uint112 word, uint72 lots, uint40 now_) external pure {
        (uint256 after_, uint256 opened) = OpenCap.plus(word, lots, now_);
        uint256 startedAt = uint40(word);
        if (now_ < startedAt + 10 minutes) {
            assert(opened == (uint256(word) >> 40) + lots && uint40(after_) == startedAt);
        } else {
            assert(opened == lots && uint40(after_) == now_);
        }
        assert(after_ >> 40 == opened);
    }
}
