// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IPyth} from "@pythnetwork/pyth-sdk-solidity/IPyth.sol";
import {IPriceOracle} from "../../interfaces/IPriceOracle.sol";
import {FeedId} from "../../interfaces/OracleTypes.sol";
import {GuardWord, PrimaryWord, RuleWord} from "./FeedConfig.sol";
import {BROKEN, DIVERGED, Look, OK, SEQ_DOWN, SEQ_UP, TRIPPED, TWAP_ONLY} from "./Look.sol";
import {Memo} from "./Memo.sol";
import {PriceBounds} from "./PriceBounds.sol";
import {PriceCache} from "./PriceCache.sol";
import {PriceRules} from "./PriceRules.sol";
import {Band, FAVOURABLE, PLAIN, QuoteHead, QuoteLib, STRICT} from "./Quote.sol";
import {SourceCalls} from "./SourceCalls.sol";
import {SourceGrading} from "./SourceGrading.sol";
import {TripRecord} from "./TripRecord.sol";
import {RING_SIZE, TwapRing} from "./TwapRing.sol";

/// @title What is stored of each feed, and the one look at its sources that everything else is derived from
abstract contract FeedBook is IPriceOracle {
    using TwapRing for uint256[RING_SIZE];

    struct Feed {
        PrimaryWord primary; // 0 = no such feed
        GuardWord guard;
        RuleWord rules;
        bytes32 pythId;
        Memo memo;
        TripRecord trip; // read and written only while latched
        uint256[RING_SIZE] ring;
        uint256 pausedSince; // when the last pause began
    }

    /// @dev Pyth kept its address when it changed its signers; a new address needs a new oracle. The primary source does not need it.
    IPyth internal immutable PYTH;

    mapping(FeedId feed => Feed) private _feeds;

    constructor(IPyth pyth) {
        if (address(pyth) == address(0)) revert BadParameter("pyth");
        PYTH = pyth;
    }

    /* LOAD */

    /// @dev A feed's storage, whether it exists or not.
    function _slotOf(FeedId feed) internal view returns (Feed storage) {
        return _feeds[feed];
    }

    function _feed(FeedId feed) internal view returns (Feed storage f) {
        f = _feeds[feed];
        if (!f.primary.exists()) revert UnknownFeed(feed);
    }

    /* LOOK */

    /// @dev The sources as they are now, judged with the past that `m` tells.
    function _look(FeedId feed, Feed storage f, Memo m) internal view returns (Look memory r) {
        PrimaryWord primary = f.primary;
        if (!primary.exists()) revert UnknownFeed(feed);
        GuardWord guard = f.guard;
        RuleWord rules = f.rules;
        (r.lastGood, r.lastGoodAt) = (m.lastGood(), m.lastGoodAt());

        bool bothOut = _lookAtChainlink(r, primary, rules);
        if (!_lookAtPyth(r, f.pythId, primary, guard, rules)) bothOut = false;
        _lookAtSequencer(r, guard);
        r.gates = PriceRules.gates(r, m, guard, block.timestamp);
        r.agree = PriceRules.isAgreed(r, primary);

        bool ringRead = PriceRules.needsRing(r);
        if (ringRead) _lookAtRing(r, f, m, rules);
        uint256 candidate = PriceRules.candidate(r, rules);
        uint256 condition = PriceRules.tripCondition(r, candidate, bothOut, primary, guard, rules, block.timestamp);
        r.trip = condition > m.latch() ? condition : m.latch();
        uint256 state = PriceRules.state(r, candidate);
        r.state = state;
        if (!ringRead && (state == DIVERGED || state == TRIPPED)) _lookAtRing(r, f, m, rules);

        PriceBounds.fill(r, primary, state == TWAP_ONLY ? f.ring.newestAt(m) : 0, block.timestamp);
    }

    /// @dev Whether the price is out of its bounds.
    function _lookAtChainlink(
        Look memory r,
        PrimaryWord primary,
        RuleWord rules
    ) private view returns (bool outOfBounds) {
        address source = primary.clFeed();
        (bool answered, uint256 roundId, int256 answer, , uint256 updatedAt) = SourceCalls.latestRound(source);
        if (!answered || !SourceGrading.isRound(roundId, answer, updatedAt, block.timestamp)) return false;
        uint256 decimals;
        (answered, decimals) = SourceCalls.decimals(source);
        if (!answered || decimals != primary.clDecimals()) return false;

        (r.clGrade, r.c, outOfBounds) = SourceGrading.chainlink(answer, updatedAt, primary, rules, block.timestamp);
        if (r.clGrade != BROKEN) r.clAt = updatedAt;
    }

    /// @dev Whether the price is out of its bounds.
    function _lookAtPyth(
        Look memory r,
        bytes32 id,
        PrimaryWord primary,
        GuardWord guard,
        RuleWord rules
    ) private view returns (bool outOfBounds) {
        (bool answered, int256 price, uint256 conf, int256 expo, uint256 publishTime) = SourceCalls.pythPrice(
            address(PYTH),
            id
        );
        if (!answered) return false;

        (r.pyGrade, r.p, r.conf, outOfBounds) = SourceGrading.pyth(
            price,
            conf,
            expo,
            publishTime,
            rules,
            primary,
            guard,
            block.timestamp
        );
        if (r.pyGrade != BROKEN) r.pyAt = publishTime;
        if (r.pyGrade == OK) {
            r.pythOpens = SourceGrading.opens(r.p, r.conf, publishTime, guard, block.timestamp);
        }
    }

    function _lookAtSequencer(Look memory r, GuardWord guard) private view {
        address source = guard.sequencer();
        if (source == address(0)) {
            r.sequencer = SEQ_UP;
            return;
        }
        (bool answered, , int256 answer, uint256 startedAt, ) = SourceCalls.latestRound(source);
        // what is not answered is UNKNOWN, the zero value
        if (answered) {
            (r.sequencer, r.sequencerSince) = SourceGrading.sequencer(answer, startedAt, block.timestamp);
        }
    }

    /// @dev The TWAP, if the ring is fit to stand in for a source.
    function _lookAtRing(Look memory r, Feed storage f, Memo m, RuleWord rules) internal view {
        unchecked {
            // times that were written down or graded are not in the future; a window is an hour at most
            uint256 start = block.timestamp - rules.twapWindow();
            if (m.count() == 0 || m.gapAt() > start || r.sequencer == SEQ_DOWN) return;
            if (r.sequencerSince != 0 && r.sequencerSince >= start) return;
            if (block.timestamp - f.ring.newestAt(m) > rules.twapMaxGap()) return;
            (uint256 price, uint256 inside) = f.ring.average(m, rules.twapWindow(), block.timestamp);
            if (inside >= rules.twapMinObs()) (r.ringFit, r.twap) = (true, price);
        }
    }

    /* QUOTE */

    /// @dev What the transaction remembers of the feed, or a look that it remembers from now on.
    function _take(FeedId feed, uint256 kind) internal returns (QuoteHead q, Band band) {
        q = PriceCache.head(feed);
        if (q.isPresent()) return (q, PriceCache.band(feed, kind));
        Feed storage f = _feeds[feed];
        Look memory r = _look(feed, f, f.memo);
        return (_remember(feed, r), QuoteLib.bandOf(r, kind));
    }

    /// @dev The same for those who may only read.
    function _peek(FeedId feed, uint256 kind) internal view returns (QuoteHead q, Band band) {
        q = PriceCache.head(feed);
        if (q.isPresent()) return (q, PriceCache.band(feed, kind));
        Feed storage f = _feeds[feed];
        Look memory r = _look(feed, f, f.memo);
        return (QuoteLib.headOf(r), QuoteLib.bandOf(r, kind));
    }

    function _remember(FeedId feed, Look memory r) internal returns (QuoteHead q) {
        q = QuoteLib.headOf(r);
        PriceCache.put(feed, q, QuoteLib.bandOf(r, PLAIN), QuoteLib.bandOf(r, STRICT), QuoteLib.bandOf(r, FAVOURABLE));
    }
}
