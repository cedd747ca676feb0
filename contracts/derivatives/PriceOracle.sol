// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPyth} from "@pythnetwork/pyth-sdk-solidity/IPyth.sol";
import {IPriceOracle} from "../interfaces/IPriceOracle.sol";
import {
    Action,
    FeedId,
    FeedMemo,
    Observation,
    PriceState,
    Purpose,
    Quote,
    Reading,
    TripReason
} from "../interfaces/OracleTypes.sol";
import {FeedAdmin} from "./oracle/FeedAdmin.sol";
import {FeedBook} from "./oracle/FeedBook.sol";
import {FeedKeeper} from "./oracle/FeedKeeper.sol";
import {Look} from "./oracle/Look.sol";
import {Memo} from "./oracle/Memo.sol";
import {Band, FAVOURABLE, PLAIN, QuoteHead, QuoteLib, STRICT} from "./oracle/Quote.sol";
import {PriceCache} from "./oracle/PriceCache.sol";
import {TripRecord} from "./oracle/TripRecord.sol";
import {RING_SIZE, TwapRing} from "./oracle/TwapRing.sol";

/// @title The prices of the derivatives of the Smart Clearing Protocol
/// @notice Says which price may be used, for what, right now: Chainlink, checked by Pyth, bridged by a TWAP, stopped by a breaker.
/// @custom:halt The guardian can pause a feed, at most 72 hours ahead and 19 days in all: openings, closes against the vault,
/// withdrawals with positions, liquidations and funding wait, signed reductions go on. The breaker stops what the table in IPriceOracle
/// says. Deposits never ask here.
/// @custom:security-contact See SECURITY.md
contract PriceOracle is FeedAdmin {
    using TwapRing for uint256[RING_SIZE];

    /// @param pyth Pyth's price contract.
    /// @param timelock adds, replaces and configures feeds; lifts pauses and latches.
    /// @param guardian pauses feeds.
    constructor(
        IPyth pyth,
        address timelock,
        address guardian
    ) FeedBook(pyth) FeedKeeper(timelock) FeedAdmin(guardian) {}

    /* PRICES */

    /// @inheritdoc IPriceOracle
    function priceFor(FeedId feed, Action action, bool isLong) external returns (uint256 price, bool degraded) {
        (QuoteHead q, Band band) = _take(feed, QuoteLib.bandOfAction(uint256(action)));
        return q.priceFor(band, uint256(action), isLong);
    }

    /// @inheritdoc IPriceOracle
    function priceForValuation(FeedId feed, Purpose purpose, bool isLong) external returns (uint256 price) {
        (QuoteHead q, Band band) = _take(feed, QuoteLib.bandOfPurpose(uint256(purpose)));
        return q.valueFor(band, uint256(purpose), isLong);
    }

    /// @inheritdoc IPriceOracle
    function quote(FeedId feed) external returns (Quote memory) {
        QuoteHead q = PriceCache.head(feed);
        if (!q.isPresent()) {
            Feed storage f = _slotOf(feed);
            q = _remember(feed, _look(feed, f, f.memo));
        }
        return _quoteOf(feed, q);
    }

    /// @inheritdoc IPriceOracle
    function peekQuote(FeedId feed) public view returns (Quote memory) {
        QuoteHead q = PriceCache.head(feed);
        if (q.isPresent()) return _quoteOf(feed, q);
        Feed storage f = _slotOf(feed);
        Look memory r = _look(feed, f, f.memo);
        return
            QuoteLib.asQuote(
                QuoteLib.headOf(r),
                QuoteLib.bandOf(r, PLAIN),
                QuoteLib.bandOf(r, STRICT),
                QuoteLib.bandOf(r, FAVOURABLE)
            );
    }

    /// @inheritdoc IPriceOracle
    function getPrice(
        FeedId feed
    ) external view returns (uint256 mid, uint256 lo, uint256 hi, uint256 updatedAt, PriceState state, uint8 gates) {
        (QuoteHead q, Band band) = _peek(feed, PLAIN);
        return (q.mid(), band.lo(), band.hi(), q.midAt(), PriceState(q.state()), q.gates());
    }

    /// @inheritdoc IPriceOracle
    function twap(FeedId feed, uint256 window) external view returns (uint256 price) {
        Feed storage f = _feed(feed);
        if (window == 0 || window > TwapRing.MAX_WINDOW) revert TwapUnavailable(feed, window);
        (price, ) = f.ring.average(f.memo, window, block.timestamp);
        if (price == 0) revert TwapUnavailable(feed, window);
    }

    /* VIEWS */

    /// @inheritdoc IPriceOracle
    function isAllowed(FeedId feed, Action action) external view returns (bool allowed, PriceState state, uint8 gates) {
        Quote memory q = peekQuote(feed);
        return ((q.allowed >> uint256(action)) & 1 != 0, q.state, q.gates);
    }

    /// @inheritdoc IPriceOracle
    function readingOf(FeedId feed) external view returns (Reading memory) {
        Feed storage f = _feed(feed);
        Look memory r = _look(feed, f, f.memo);
        if (!r.ringFit) _lookAtRing(r, f, f.memo, f.rules);
        return r.asReading();
    }

    /// @inheritdoc IPriceOracle
    function memoOf(FeedId feed) external view returns (FeedMemo memory) {
        Feed storage f = _feed(feed);
        Memo m = f.memo;
        TripRecord t = f.trip;
        // each cast narrows to the width the field is stored in
        return
            FeedMemo({
                lastGood: m.lastGood(),
                lastGoodAt: uint40(m.lastGoodAt()),
                pausedUntil: uint40(m.pausedUntil()),
                latch: TripReason(m.latch()),
                trippedAt: uint40(t.trippedAt()),
                pokes: uint8(t.pokes()),
                pokedAt: uint24(t.pokedAt()),
                rounds: uint8(t.rounds()),
                since: uint40(t.since()),
                lastAt: uint40(t.lastAt()),
                lastPrice: t.lastPrice(),
                head: uint8(m.head()),
                count: uint8(m.count()),
                gapAt: uint40(m.gapAt())
            });
    }

    /// @inheritdoc IPriceOracle
    function observationOf(FeedId feed, uint256 index) external view returns (Observation memory) {
        return _feed(feed).ring.read(index);
    }

    /// @inheritdoc IPriceOracle
    function parameters() external view returns (address timelock, address guardian, address pyth) {
        return (TIMELOCK, GUARDIAN, address(PYTH));
    }

    /// @dev From what the transaction remembers.
    function _quoteOf(FeedId feed, QuoteHead q) private view returns (Quote memory) {
        return
            QuoteLib.asQuote(
                q,
                PriceCache.band(feed, PLAIN),
                PriceCache.band(feed, STRICT),
                PriceCache.band(feed, FAVOURABLE)
            );
    }
}
