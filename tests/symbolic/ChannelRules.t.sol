// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Outcome} from "../../contracts/interfaces/ChannelTypes.sol";
import {
    ChannelRules,
    CONDITION_HASHLOCK,
    CONDITION_NONE,
    CONDITION_ORDER,
    INTENT_CLOSE,
    INTENT_OPERATE,
    INTENT_RESIZE,
    INTENT_SETTLE
} from "../../contracts/adjudicator/ChannelRules.sol";
import {StateView} from "../../contracts/adjudicator/ChannelViews.sol";
import {EXECUTED, HIGH_FUNDED, LOW_FUNDED, Meta, REVEALED} from "../../contracts/adjudicator/Meta.sol";
import {Split, StateMaker} from "./Memory.sol";
import {Symbolic} from "./Symbolic.sol";

/// @title Who gets what at the end of a channel
/// @dev States of one asset, all values of every field: assets do not touch one another. An enforceable state's nets are at most the
/// nets on chain (`_requireEnforceable`), which are at least 0 in sum because tokens paid them in.
contract ChannelRulesProof is Symbolic {
    /* WHAT IS VALID */

    /// @notice ADJ-02: a state that is accepted splits exactly what it says was put in.
    function check_requireValid__accepted__is_conserved(
        uint8 intent,
        uint8 kind,
        Split memory a,
        uint128[3] memory alternatives,
        uint8 entries
    ) external view {
        vm.assume(entries <= 3);
        StateView s = StateMaker.make(intent, kind, 1, a, alternatives, entries);
        ChannelRules.requireValid(s, 1);
        assert(int256(uint256(a.low)) + int256(uint256(a.high)) == int256(a.netLow) + int256(a.netHigh));
    }

    /// @notice ADJ-02: no alternative of an accepted state gives a side more than both have.
    function check_requireValid__accepted__alternatives_are_within_the_total(
        uint8 intent,
        uint8 kind,
        Split memory a,
        uint128[3] memory alternatives,
        uint8 entries
    ) external view {
        vm.assume(entries <= 3);
        StateView s = StateMaker.make(intent, kind, 1, a, alternatives, entries);
        ChannelRules.requireValid(s, 1);
        uint256 total = uint256(a.low) + a.high;
        if (entries > 0) assert(alternatives[0] <= total);
        if (entries > 1) assert(alternatives[1] <= total);
        if (entries > 2) assert(alternatives[2] <= total);
    }

    /// @notice ADJ-23: only RESIZE and CLOSE take anything out, and CLOSE no more than a side owns.
    function check_requireValid__accepted__outs_are_owned(
        uint8 intent,
        uint8 kind,
        Split memory a,
        uint128[3] memory alternatives,
        uint8 entries
    ) external view {
        vm.assume(entries <= 3);
        StateView s = StateMaker.make(intent, kind, 1, a, alternatives, entries);
        ChannelRules.requireValid(s, 1);
        if (intent == INTENT_CLOSE) assert(a.outLow <= a.low && a.outHigh <= a.high);
        else if (intent != INTENT_RESIZE) assert(a.outLow == 0 && a.outHigh == 0);
    }

    /// @notice SET-05: an order stands only in a SETTLE state, a hashlock only in an OPERATE state, with all of its alternatives.
    function check_requireValid__accepted__condition_fits_the_intent(
        uint8 intent,
        uint8 kind,
        Split memory a,
        uint128[3] memory alternatives,
        uint8 entries
    ) external view {
        vm.assume(entries <= 3);
        StateView s = StateMaker.make(intent, kind, 1, a, alternatives, entries);
        ChannelRules.requireValid(s, 1);
        assert((kind == CONDITION_ORDER) == (intent == INTENT_SETTLE));
        if (kind == CONDITION_HASHLOCK) assert(intent == INTENT_OPERATE);
        assert(kind <= CONDITION_ORDER && entries == (kind == CONDITION_ORDER ? 3 : kind));
    }

    /* WHAT IS PAID */

    /// @notice ADJ-02: whatever the outcome, both sides together own the total of the split, neither less than nothing.
    function check_shares__of_a_valid_state__sum_to_the_total(
        uint8 kind,
        Split memory a,
        uint128[3] memory alternatives,
        uint8 outcome
    ) external view {
        StateView s = _valid(kind, a, alternatives);
        (uint256 low, uint256 high) = ChannelRules.shares(s, _outcome(kind, outcome), 0, 1);
        assert(low <= uint256(a.low) + a.high && low + high == uint256(a.low) + a.high);
    }

    /// @notice ADJ-02, ADJ-03: payouts of an enforceable state sum to the nets on chain, neither is negative and none is cut off.
    function check_payout__of_an_enforceable_state__sums_to_the_nets_on_chain(
        uint8 kind,
        Split memory a,
        uint128[3] memory alternatives,
        uint8 outcome,
        int128 netLow,
        int128 netHigh
    ) external view {
        vm.assume(a.netLow <= netLow && a.netHigh <= netHigh);
        StateView s = _valid(kind, a, alternatives);
        (uint256 low, uint256 high) = ChannelRules.shares(s, _outcome(kind, outcome), 0, 1);
        uint256 payLow = ChannelRules.payout(low, netLow, a.netLow);
        uint256 payHigh = ChannelRules.payout(high, netHigh, a.netHigh);
        assert(payLow >= low && payHigh >= high);
        assert(int256(payLow + payHigh) == int256(netLow) + netHigh);
    }

    /// @notice ADJ-22: a deposit raises the depositor's payout by exactly its amount; the peer's does not read it.
    function check_payout__after_a_deposit__is_higher_by_it(
        uint128 split,
        int128 net,
        int128 netOfState,
        uint128 amount
    ) external pure {
        int256 more = int256(net) + int256(uint256(amount));
        vm.assume(netOfState <= net && more <= type(int128).max);
        // what a channel holds fits 128 bits with room to spare: both nets are below 2^127
        vm.assume(uint256(split) + uint256(more - netOfState) <= type(uint128).max);
        uint256 before = ChannelRules.payout(split, net, netOfState);
        assert(ChannelRules.payout(split, int128(more), netOfState) == before + amount);
    }

    /// @notice ADJ-03: more on chain, or more in the split, never pays less.
    function check_payout__of_more__is_not_less(
        uint128 split,
        uint128 moreSplit,
        int128 net,
        int128 moreNet,
        int128 netOfState
    ) external pure {
        vm.assume(split <= moreSplit && net <= moreNet && netOfState <= net);
        vm.assume(uint256(moreSplit) + uint256(int256(moreNet) - netOfState) <= type(uint128).max);
        assert(ChannelRules.payout(split, net, netOfState) <= ChannelRules.payout(moreSplit, moreNet, netOfState));
    }

    /* WHICH OUTCOME */

    /// @notice SET-04: a default falls only on a side that did not fund while the other did, and only if nothing was executed.
    function check_outcomeOf__a_default__is_of_who_did_not_fund(
        uint256 word,
        uint64 version,
        uint8 kind
    ) external pure {
        Split memory a;
        uint128[3] memory none;
        StateView s = StateMaker.make(INTENT_SETTLE, kind, version, a, none, 0);
        Meta m = Meta.wrap(word);
        // the second funding executes in the same call
        vm.assume(m.flags() & (LOW_FUNDED | HIGH_FUNDED) != LOW_FUNDED | HIGH_FUNDED || m.flags() & EXECUTED != 0);
        Outcome outcome = ChannelRules.outcomeOf(s, m);
        uint8 flags = m.flags();
        if (outcome == Outcome.LOW_DEFAULTED) assert(flags & LOW_FUNDED == 0 && flags & HIGH_FUNDED != 0);
        if (outcome == Outcome.HIGH_DEFAULTED) assert(flags & HIGH_FUNDED == 0 && flags & LOW_FUNDED != 0);
        if (outcome == Outcome.LOW_DEFAULTED || outcome == Outcome.HIGH_DEFAULTED) {
            assert(flags & EXECUTED == 0 && kind != CONDITION_NONE && kind != CONDITION_HASHLOCK);
        }
    }

    /// @notice SET-05: DELIVERED only if executed, REVEALED only if revealed, and only by flags of the state's own version.
    function check_outcomeOf__any__is_earned_by_its_own_version(
        uint256 word,
        uint64 version,
        uint8 kind
    ) external pure {
        Split memory a;
        uint128[3] memory none;
        StateView s = StateMaker.make(INTENT_SETTLE, kind, version, a, none, 0);
        Meta m = Meta.wrap(word);
        Outcome outcome = ChannelRules.outcomeOf(s, m);
        if (kind == CONDITION_NONE || m.orderVersion() != version) assert(outcome == Outcome.SPLIT);
        if (outcome == Outcome.DELIVERED) assert(m.flags() & EXECUTED != 0 && kind != CONDITION_HASHLOCK);
        if (outcome == Outcome.REVEALED) assert(m.flags() & REVEALED != 0 && kind == CONDITION_HASHLOCK);
    }

    /// @dev A state that `requireValid` accepts.
    function _valid(uint8 kind, Split memory a, uint128[3] memory alternatives) private view returns (StateView s) {
        vm.assume(kind <= CONDITION_ORDER);
        uint8 intent = kind == CONDITION_ORDER ? INTENT_SETTLE : INTENT_OPERATE;
        s = StateMaker.make(intent, kind, 1, a, alternatives, kind == CONDITION_ORDER ? 3 : kind);
        ChannelRules.requireValid(s, 1);
    }

    /// @dev One that `outcomeOf` can give for the kind.
    function _outcome(uint8 kind, uint8 outcome) private pure returns (Outcome o) {
        vm.assume(outcome <= uint8(type(Outcome).max));
        o = Outcome(outcome);
        if (kind == CONDITION_NONE) vm.assume(o == Outcome.SPLIT);
        else if (kind == CONDITION_HASHLOCK) vm.assume(o == Outcome.SPLIT || o == Outcome.REVEALED);
        else vm.assume(o != Outcome.REVEALED);
    }
}
