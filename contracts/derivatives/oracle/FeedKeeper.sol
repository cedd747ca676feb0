// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IPriceOracle} from "../../interfaces/IPriceOracle.sol";
import {FeedId, PriceState, TripReason} from "../../interfaces/OracleTypes.sol";
import {ActionTable} from "./ActionTable.sol";
import {FeedBook} from "./FeedBook.sol";
import {Look, NONE, TWAP_RECORD} from "./Look.sol";
import {Memo} from "./Memo.sol";
import {PriceCache} from "./PriceCache.sol";
import {TripEvidence} from "./TripRecord.sol";
import {RING_SIZE, TwapRing} from "./TwapRing.sol";

/// @title What anybody may do: poke, deliver a Pyth price, reset
abstract contract FeedKeeper is FeedBook {
    using TwapRing for uint256[RING_SIZE];

    uint256 private constant MAX_UPDATES = 8;
    uint256 private constant MAX_POKES = 16;
    /// @dev Wei. Pyth's fee is a few wei today; a caller never pays more than this by accident.
    uint256 private constant MAX_FEE = 0.01 ether;

    /// @dev Lifts a latch at any time, and does what FeedAdmin says.
    address internal immutable TIMELOCK;

    constructor(address timelock) {
        if (timelock == address(0)) revert BadParameter("timelock");
        TIMELOCK = timelock;
    }

    /* POKE */

    /// @inheritdoc IPriceOracle
    function poke(FeedId feed) external {
        _poke(feed);
    }

    /// @inheritdoc IPriceOracle
    function updateAndPoke(bytes[] calldata data, FeedId[] calldata feeds_) external payable {
        if (data.length > MAX_UPDATES) revert TooManyUpdates(data.length, MAX_UPDATES);
        if (feeds_.length > MAX_POKES) revert TooManyUpdates(feeds_.length, MAX_POKES);
        uint256 fee = PYTH.getUpdateFee(data);
        if (fee > MAX_FEE) revert FeeTooHigh(fee, MAX_FEE);
        if (msg.value < fee) revert FeeNotPaid(msg.value, fee);

        PYTH.updatePriceFeeds{value: fee}(data);
        for (uint256 i = 0; i < feeds_.length; ++i) {
            _poke(feeds_[i]);
        }

        // Last: whoever is called here finds everything done, and a second call brings its own value.
        uint256 rest = msg.value - fee;
        if (rest == 0) return;
        (bool sent, ) = msg.sender.call{value: rest}("");
        if (!sent) revert RefundFailed(msg.sender, rest);
    }

    /// @inheritdoc IPriceOracle
    function updateFee(bytes[] calldata data) external view returns (uint256 fee) {
        return PYTH.getUpdateFee(data);
    }

    function _poke(FeedId feed) private {
        Feed storage f = _slotOf(feed);
        Memo m = f.memo;
        _apply(feed, f, m, _look(feed, f, m));
    }

    /// @dev Latch or gather evidence, accept, record. `m` is what was stored before, `r` what was seen with it; returns what is stored now.
    function _apply(FeedId feed, Feed storage f, Memo m, Look memory r) internal returns (Memo) {
        uint256 latch = m.latch();
        if (r.trip > latch) {
            m = m.latched(r.trip);
            f.trip = TripEvidence.start(r, block.timestamp);
            emit Tripped(feed, TripReason(r.trip), r.c, r.p, r.twap);
        } else if (latch != NONE) {
            f.trip = f.trip.gather(r, f.guard, f.rules, block.timestamp);
        }

        if (r.replacesLastGood()) {
            m = m.accepted(r.mid, r.midAt);
            (r.lastGood, r.lastGoodAt) = (r.mid, r.midAt);
        }
        bool recorded = false;
        if (ActionTable.allows(TWAP_RECORD, r.state, r.gates, r.agree)) {
            (m, recorded) = f.ring.record(m, r.mid, block.timestamp, f.rules.twapMaxGap());
        }
        f.memo = m;
        _remember(feed, r);
        emit Poked(feed, PriceState(r.state), uint8(r.gates), r.mid, recorded);
        return m;
    }

    /* RESET */

    /// @inheritdoc IPriceOracle
    function reset(FeedId feed) external {
        Feed storage f = _slotOf(feed);
        Memo m = f.memo;
        Look memory r = _look(feed, f, m);
        m = _apply(feed, f, m, r);
        uint256 latch = m.latch();
        if (latch == NONE) revert NotTripped(feed);
        if (msg.sender != TIMELOCK && !f.trip.isDue(latch, r, f.primary, f.guard, f.rules, block.timestamp)) {
            revert ResetNotDue(feed, TripReason(latch));
        }

        m = m.latched(NONE);
        Look memory afresh = _look(feed, f, m.forgotten());
        // whatever its time: what was good before the trip is given up
        if (afresh.isGood()) m = m.accepted(afresh.mid, afresh.midAt);
        f.memo = m;
        PriceCache.forget(feed);
        emit TripReset(feed, TripReason(latch), m.lastGood());
    }
}
