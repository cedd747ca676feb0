// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IPriceOracle} from "../../interfaces/IPriceOracle.sol";
import {Action, PriceState, Quote} from "../../interfaces/OracleTypes.sol";
import {ActionTable} from "./ActionTable.sol";
import {CLOSE, FROZEN, FUNDING, LIQUIDATE, Look, OPEN, TRIPPED, VALUE_LIQUIDATE, VALUE_MID, WITHDRAW} from "./Look.sol";
import {PriceBounds} from "./PriceBounds.sol";

/// `| flags 8 | gates 8 | state 8 | midAt 40 | lastGood 96 | mid 96 |` (low bits on the right); never 0.
type QuoteHead is uint256;

/// `| hi 128 | lo 128 |`
type Band is uint256;

// The three bands of a feed.
uint256 constant PLAIN = 0; // CLOSE
uint256 constant STRICT = 1; // OPEN, WITHDRAW
uint256 constant FAVOURABLE = 2; // LIQUIDATE

using QuoteLib for QuoteHead global;
using QuoteLib for Band global;

/// @title A reading cut down to the words that prices are answered from
/// @dev Prices are below 2^96, bounds below 2^128, times below 2^40.
library QuoteLib {
    uint256 private constant LAST_GOOD_AT = 96;
    uint256 private constant MID_AT_AT = 192;
    uint256 private constant STATE_AT = 232;
    uint256 private constant GATES_AT = 240;
    uint256 private constant FLAGS_AT = 248;

    uint256 private constant PRESENT = 1 << FLAGS_AT;
    uint256 private constant AGREE = 2 << FLAGS_AT;
    uint256 private constant PYTH_OPENS = 4 << FLAGS_AT;

    /* MAKE */

    function headOf(Look memory r) internal pure returns (QuoteHead) {
        return
            QuoteHead.wrap(
                r.mid |
                    (r.lastGood << LAST_GOOD_AT) |
                    (r.midAt << MID_AT_AT) |
                    (r.state << STATE_AT) |
                    (r.gates << GATES_AT) |
                    PRESENT |
                    (r.agree ? AGREE : 0) |
                    (r.pythOpens ? PYTH_OPENS : 0)
            );
    }

    function bandOf(Look memory r, uint256 kind) internal pure returns (Band) {
        if (kind == STRICT) return _pack(r.openLo, r.openHi);
        return kind == PLAIN ? _pack(r.lo, r.hi) : _pack(r.liqLo, r.liqHi);
    }

    /* READ */

    function mid(QuoteHead q) internal pure returns (uint256) {
        return uint96(QuoteHead.unwrap(q));
    }

    function lastGood(QuoteHead q) internal pure returns (uint256) {
        return uint96(QuoteHead.unwrap(q) >> LAST_GOOD_AT);
    }

    function midAt(QuoteHead q) internal pure returns (uint256) {
        return uint40(QuoteHead.unwrap(q) >> MID_AT_AT);
    }

    /// @dev A PriceState.
    function state(QuoteHead q) internal pure returns (uint256) {
        return uint8(QuoteHead.unwrap(q) >> STATE_AT);
    }

    function gates(QuoteHead q) internal pure returns (uint8) {
        return uint8(QuoteHead.unwrap(q) >> GATES_AT);
    }

    function isPresent(QuoteHead q) internal pure returns (bool) {
        return QuoteHead.unwrap(q) != 0;
    }

    function isAgreed(QuoteHead q) internal pure returns (bool) {
        return QuoteHead.unwrap(q) & AGREE != 0;
    }

    function lo(Band b) internal pure returns (uint256) {
        return uint128(Band.unwrap(b));
    }

    function hi(Band b) internal pure returns (uint256) {
        return Band.unwrap(b) >> 128;
    }

    function side(Band b, bool upper) internal pure returns (uint256) {
        return upper ? b.hi() : b.lo();
    }

    /* ANSWER */

    /// @dev IPriceOracle.quote, from the head and the three bands.
    function asQuote(QuoteHead q, Band plain, Band strict, Band favourable) internal pure returns (Quote memory r) {
        (r.mid, r.state, r.gates) = (q.mid(), PriceState(q.state()), q.gates());
        r.allowed = ActionTable.allowed(q.state(), q.gates(), q.isAgreed());
        r.funding = (r.allowed >> FUNDING) & 1 == 0 ? q.lastGood() : r.mid;
        r.degraded = QuoteHead.unwrap(q) & PYTH_OPENS == 0;
        if (q.isPriced()) {
            (r.lo, r.hi) = (plain.lo(), plain.hi());
            (r.openLo, r.openHi) = (strict.lo(), strict.hi());
            (r.liqLo, r.liqHi) = (favourable.lo(), favourable.hi());
        } else {
            r.mid = q.lastGood();
            (r.lo, r.hi) = PriceBounds.aroundLastGood(r.mid);
            (r.openLo, r.openHi, r.liqLo, r.liqHi) = (r.lo, r.hi, r.lo, r.hi);
        }
    }

    /// @dev Whether there is a price at all beside the last good one.
    function isPriced(QuoteHead q) internal pure returns (bool) {
        return q.state() != FROZEN && (q.state() != TRIPPED || q.isAgreed());
    }

    function allows(QuoteHead q, uint256 action) internal pure returns (bool) {
        return ActionTable.allows(action, q.state(), q.gates(), q.isAgreed());
    }

    /// @dev Which band an action is priced from; of those that are priced at mid, none is read.
    function bandOfAction(uint256 action) internal pure returns (uint256) {
        if (action == CLOSE) return PLAIN;
        return action == LIQUIDATE ? FAVOURABLE : STRICT;
    }

    function bandOfPurpose(uint256 purpose) internal pure returns (uint256) {
        return purpose == VALUE_LIQUIDATE ? FAVOURABLE : STRICT;
    }

    /// @dev IPriceOracle.priceFor; `band` is of the action's kind.
    function priceFor(
        QuoteHead q,
        Band band,
        uint256 action,
        bool isLong
    ) internal pure returns (uint256 price, bool degraded) {
        if (!q.allows(action)) {
            if (action == FUNDING) return (q.lastGood(), true);
            revert IPriceOracle.OracleActionBlocked(PriceState(q.state()), q.gates(), Action(action));
        }
        if (action == OPEN) return (band.side(isLong), QuoteHead.unwrap(q) & PYTH_OPENS == 0);
        if (action == LIQUIDATE) return (band.side(isLong), false);
        if (action == CLOSE || action == WITHDRAW) return (band.side(!isLong), false);
        return (q.mid(), false);
    }

    /// @dev IPriceOracle.priceForValuation; `band` is of the purpose's kind.
    function valueFor(QuoteHead q, Band band, uint256 purpose, bool isLong) internal pure returns (uint256) {
        bool priced = q.isPriced();
        if (purpose == VALUE_MID) return priced ? q.mid() : q.lastGood();
        bool upper = isLong == (purpose == VALUE_LIQUIDATE);
        if (priced) return band.side(upper);
        (uint256 low, uint256 high) = PriceBounds.aroundLastGood(q.lastGood());
        return upper ? high : low;
    }

    function _pack(uint256 lo_, uint256 hi_) private pure returns (Band) {
        return Band.wrap(lo_ | (hi_ << 128));
    }
}
