// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {OpenCap} from "../../contracts/derivatives/perp/OpenCap.sol";
import {PremiumRules} from "../../contracts/derivatives/perp/PremiumRules.sol";
import {PremiumWord, PremiumWordLib} from "../../contracts/derivatives/perp/PremiumWord.sol";
import {RiskNow, RiskWord} from "../../contracts/derivatives/perp/RiskWord.sol";
import {Symbolic} from "./Symbolic.sol";

/// @title The premium's bounds and signs, parameters phased in, the opening cap
contract FundingProof is Symbolic {
    /* PREMIUM */

    /// @notice A sample within its cap stays as it is; any other becomes the nearer end.
    /// @dev All samples; caps of 17 bits, as they are stored.
    function check_clamped__any__is_within_the_cap(int256 sample, uint24 cap) external pure {
        vm.assume(cap < 1 << 17);
        int256 most = int256(uint256(cap)) * 1e6;
        int256 c = PremiumRules.clamped(sample, cap);
        assert(-most <= c && c <= most);
        if (-most <= sample && sample <= most) assert(c == sample);
    }

    /// @notice PERP-15: a price above mid speaks of a premium at or above zero, one below of none above zero.
    /// @dev Prices of 128 bits.
    function check_sampleOf__any__has_the_sign_of_the_difference(uint128 price, uint128 mid) external pure {
        vm.assume(mid > 0);
        int256 s = PremiumRules.sampleOf(price, mid);
        assert(price >= mid ? s >= 0 : s <= 0);
    }

    /// @notice A premium fades: it is never further from zero than the average, never of the other sign, and gone after 300 s.
    /// @dev All words whose average is not in the future.
    function check_premium__any__fades(uint256 word, uint40 now_) external pure {
        PremiumWord w = PremiumWord.wrap(word);
        PremiumWordLib.Parts memory p = w.unpack();
        vm.assume(now_ >= p.emaAt);
        int256 pi = w.premium(now_);
        assert(p.ema >= 0 ? pi >= 0 && pi <= p.ema : pi <= 0 && pi >= p.ema);
        if (now_ - p.emaAt >= 300) assert(pi == 0);
    }

    /// @notice A gathered mean stays within the cap of its samples, and no weight is above 4e9.
    /// @dev Words as they are stored, samples within the same cap.
    function check_sampled__any__stays_within_the_cap(
        uint256 word,
        int64 sample,
        uint32 weight,
        uint32 now_
    ) external pure {
        PremiumWord w = PremiumWord.wrap(word);
        PremiumWordLib.Parts memory p = w.unpack();
        int256 most = 131_071 * 1e6;
        vm.assume(-most <= p.mean && p.mean <= most && -most <= sample && sample <= most);
        vm.assume(p.weight <= 4e9);
        PremiumWordLib.Parts memory q = w.sampled(sample, weight, now_).unpack();
        assert(-most <= q.mean && q.mean <= most && q.weight <= 4e9);
        assert(q.ema == p.ema && q.emaAt == p.emaAt && q.integral == p.integral && q.anchorAge == p.anchorAge);
    }

    /// @notice The integral of a fading premium rises, and stops after 300 s at half of them.
    function check_grown__any__rises_to_its_end(uint40 age, uint40 later) external pure {
        vm.assume(age <= later);
        int256 grown = PremiumWordLib.grown(age);
        assert(grown >= 0 && grown <= PremiumWordLib.grown(later));
        assert(PremiumWordLib.grown(later) <= 300 * 300);
    }

    /* PHASING IN */

    /// @notice A parameter that falls is in force at once; one that rises is never above its new value, and there after a day.
    /// @dev The initial margin's rate, of 20 bits, alone; every parameter goes through the same function. Times from the change on.
    function check_inForce__any__lies_between_old_and_new(
        uint24 old,
        uint24 next,
        uint32 start,
        uint32 elapsed
    ) external pure {
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
