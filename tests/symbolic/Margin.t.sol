// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Margin} from "../../contracts/derivatives/perp/Margin.sol";
import {PerpUnits} from "../../contracts/derivatives/perp/PerpUnits.sol";
import {RiskNow} from "../../contracts/derivatives/perp/RiskWord.sol";
import {Purpose} from "../../contracts/interfaces/EngineTypes.sol";
import {Quote} from "../../contracts/interfaces/OracleTypes.sol";
import {Symbolic} from "./Symbolic.sol";

/// @title What positions count at, and what they require
/// @dev Prices below 2^128, notionals below 2^173 (lots below 2^72 at such a price), premiums of at most 131,071 ppm (17 bits): the widths
/// that Margin.sol states. Rates are within what MarketBounds enforces: im <= imMax <= 1e6 ppm, kappa <= 9,000 bps.
contract MarginProof is Symbolic {
    int256 private constant MAX_PI = 131_071 * 1e6;

    /* VALUE */

    /// @notice ORA-08, PERP-20: the mark moves an edge of the band outwards or not at all: OPEN values adverse, LIQUIDATE values in favour.
    function check_values__any_premium__lie_outside_the_band(uint128 lo, uint128 hi, int64 pi) external pure {
        _boundPremium(pi);
        assert(Margin.lower(lo, pi) <= lo);
        assert(Margin.upper(hi, pi) >= hi);
    }

    /// @notice ORA-09: a position is never liquidated at a worse value than that at which it may open.
    function check_values__to_liquidate__are_no_worse_than_to_open(Quote memory q, int64 pi) external pure {
        vm.assume(q.openLo <= q.liqHi && q.liqLo <= q.openHi && q.openHi < 1 << 128 && q.liqHi < 1 << 128);
        _boundPremium(pi);
        (uint256 long, uint256 short) = Margin.values(q, pi, Purpose.LIQUIDATE);
        (uint256 longOpen, uint256 shortOpen) = Margin.values(q, pi, Purpose.OPEN);
        assert(long >= longOpen && short <= shortOpen);
    }

    /* REQUIRE */

    /// @notice PERP-13, PERP-20: maintenance margin is at most initial margin, and initial margin at most the notional.
    function check_requirement__any__maintenance_is_within_initial(uint176 notional, RiskNow memory r) external pure {
        _bound(notional, r);
        (uint256 im, uint256 mm) = Margin.requirement(notional, r);
        assert(mm <= im && im <= notional);
    }

    /// @notice Rounded up: without a slope im is the least integer that covers the rate, mm the least that covers kappa of it.
    function check_requirement__without_slope__is_the_ceiling(uint176 notional, RiskNow memory r) external pure {
        _bound(notional, r);
        r.slope = 0;
        (uint256 im, uint256 mm) = Margin.requirement(notional, r);
        uint256 exact = notional * r.im;
        assert(im * PerpUnits.PPM >= exact && im * PerpUnits.PPM < exact + PerpUnits.PPM);
        assert(mm * PerpUnits.BPS >= im * r.kappa && mm * PerpUnits.BPS < im * r.kappa + PerpUnits.BPS);
    }

    /// @notice With a slope the rate stays between im and imMax.
    function check_requirement__with_slope__stays_within_its_rates(uint176 notional, RiskNow memory r) external pure {
        _bound(notional, r);
        (uint256 im, ) = Margin.requirement(notional, r);
        assert(im * PerpUnits.PPM >= notional * r.im);
        assert(im * PerpUnits.PPM < notional * r.imMax + PerpUnits.PPM);
    }

    /// @notice A greater position never requires less (no slope).
    function check_requirement__of_more__is_not_less(uint176 notional, uint176 more, RiskNow memory r) external pure {
        vm.assume(notional <= more);
        _bound(more, r);
        r.slope = 0;
        (uint256 im, uint256 mm) = Margin.requirement(notional, r);
        (uint256 imMore, uint256 mmMore) = Margin.requirement(more, r);
        assert(im <= imMore && mm <= mmMore);
    }

    /// @notice PERP-17: a partial liquidation's target is at least maintenance margin and at most a wei or two above initial margin (no
    /// slope).
    function check_target__any__is_between_the_margins(uint176 notional, RiskNow memory r) external pure {
        _bound(notional, r);
        r.slope = 0;
        (uint256 im, uint256 mm) = Margin.requirement(notional, r);
        uint256 target = Margin.target(notional, mm, r);
        assert(target >= mm && target <= im + 2);
    }

    /* JUDGE */

    /// @notice PERP-31: what passes as a reduction leaves equity at or above zero, and equity per requirement no lower.
    function check_passesReduce__accepted__is_no_worse(
        int128 e,
        uint128 mm,
        int128 eAfter,
        uint128 mmAfter
    ) external pure {
        vm.assume(Margin.passesReduce(e, mm, eAfter, mmAfter));
        assert(eAfter >= 0);
        // an account that was at or above maintenance margin still is
        if (mm > 0 && e >= int256(uint256(mm))) assert(eAfter >= int256(uint256(mmAfter)));
    }

    function _boundPremium(int256 pi) private pure {
        vm.assume(-MAX_PI <= pi && pi <= MAX_PI);
    }

    function _bound(uint256 notional, RiskNow memory r) private pure {
        vm.assume(notional < 1 << 173);
        vm.assume(r.im <= r.imMax && r.imMax <= PerpUnits.PPM);
        vm.assume(r.kappa <= 9_000 && r.slope < 1 << 24 && r.penalty < 1 << 17);
    }
}
