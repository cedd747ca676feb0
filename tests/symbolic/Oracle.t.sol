// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {GATE_SEQ_GRACE, GATE_SEQ_GRACE_OPEN} from "../../contracts/interfaces/OracleTypes.sol";
import {ActionTable} from "../../contracts/derivatives/oracle/ActionTable.sol";
import {JumpRule} from "../../contracts/derivatives/oracle/JumpRule.sol";
import {CLOSE, FROZEN, OPEN, SIGNED_REDUCE, TRIPPED} from "../../contracts/derivatives/oracle/Look.sol";
import {Memo} from "../../contracts/derivatives/oracle/Memo.sol";
import {PriceBounds} from "../../contracts/derivatives/oracle/PriceBounds.sol";
import {Symbolic} from "./Symbolic.sol";

/// @title Bands, jumps, and who may use which price
/// @dev Prices below 2^96: the sanity bounds are.
contract OracleProof is Symbolic {
    uint256 private constant GRACE = GATE_SEQ_GRACE | GATE_SEQ_GRACE_OPEN;

    /* JUMPS */

    /// @notice ORA-06: whether two prices are apart does not depend on their order, and a price is never apart from itself.
    function check_apart__any__is_symmetric(uint96 a, uint96 b, uint16 bps) external pure {
        assert(JumpRule.apart(a, b, bps) == JumpRule.apart(b, a, bps));
        assert(!JumpRule.apart(a, a, bps));
    }

    /// @notice A wider allowance never finds apart what a narrower one did not.
    function check_apart__of_a_wider_share__is_rarer(uint96 a, uint96 b, uint16 bps, uint16 wider) external pure {
        vm.assume(bps <= wider);
        if (JumpRule.apart(a, b, wider)) assert(JumpRule.apart(a, b, bps));
    }

    /// @notice A share of a price rounds up, by less than one.
    function check_part__any__is_the_ceiling(uint96 value, uint16 bps) external pure {
        uint256 part = JumpRule.part(value, bps);
        assert(part * 10_000 >= uint256(value) * bps && part * 10_000 < uint256(value) * bps + 10_000);
    }

    /* BANDS */

    /// @notice The band around the last good price contains it.
    function check_aroundLastGood__any__contains_it(uint96 lastGood) external pure {
        vm.assume(lastGood > 0);
        (uint256 lo, uint256 hi) = PriceBounds.aroundLastGood(lastGood);
        assert(0 < lo && lo <= lastGood && lastGood <= hi);
    }

    /* ACTIONS */

    /// @notice ORA-19: a gate only ever takes actions away.
    /// @dev All states, all gates.
    function check_allowed__with_more_gates__is_not_more(
        uint8 state,
        uint8 gates,
        uint8 more,
        bool agree
    ) external pure {
        vm.assume(state <= TRIPPED);
        uint256 few = ActionTable.allowed(state, gates | more, agree);
        assert(few & ~ActionTable.allowed(state, gates, agree) == 0);
    }

    /// @notice ORA-18: what stops openings for the sequencer's grace never stops a close or a signed reduction.
    function check_allowed__in_the_grace__leaves_closes(uint8 state, bool agree) external pure {
        vm.assume(state <= TRIPPED);
        uint256 mask = (1 << CLOSE) | (1 << SIGNED_REDUCE);
        uint256 open = ActionTable.allowed(state, 0, agree);
        assert(ActionTable.allowed(state, GRACE, agree) & mask == open & mask);
        assert(ActionTable.allowed(state, GRACE, agree) & (1 << OPEN) == 0);
    }

    /// @notice ORA-14: while a trip is latched nobody opens; while nothing is known only a signed reduction is left.
    function check_allowed__tripped_or_frozen__opens_nothing(uint8 gates, bool agree) external pure {
        assert(ActionTable.allowed(TRIPPED, gates, agree) & (1 << OPEN) == 0);
        assert(ActionTable.allowed(FROZEN, gates, agree) & ~uint256(1 << SIGNED_REDUCE) == 0);
        if (!agree) assert(ActionTable.allowed(TRIPPED, gates, agree) & ~uint256(1 << SIGNED_REDUCE) == 0);
    }

    /* MEMO */

    /// @notice ORA-16: a pause moves no price, no latch and no ring; a latch moves no price, no pause and no ring.
    /// @dev All words.
    function check_memo__any_move__leaves_the_rest(uint256 word, uint40 until, uint8 reason) external pure {
        Memo m = Memo.wrap(word);
        Memo p = m.paused(until);
        assert(p.pausedUntil() == until && p.latch() == m.latch());
        assert(p.lastGood() == m.lastGood() && p.lastGoodAt() == m.lastGoodAt());
        assert(p.head() == m.head() && p.count() == m.count() && p.gapAt() == m.gapAt());
        Memo t = m.latched(reason);
        assert(t.latch() == reason && t.pausedUntil() == m.pausedUntil());
        assert(t.lastGood() == m.lastGood() && t.lastGoodAt() == m.lastGoodAt());
        assert(t.head() == m.head() && t.count() == m.count() && t.gapAt() == m.gapAt());
    }

    /// @notice ORA-13: what is accepted is what is remembered, and an acceptance moves nothing else.
    /// @dev All words.
    function check_accepted__any__moves_the_price_alone(uint256 word, uint96 price, uint40 at) external pure {
        Memo m = Memo.wrap(word);
        Memo a = m.accepted(price, at);
        assert(a.lastGood() == price && a.lastGoodAt() == at && a.pausedUntil() == m.pausedUntil());
        assert(a.latch() == m.latch() && a.head() == m.head() && a.count() == m.count() && a.gapAt() == m.gapAt());
    }
}
