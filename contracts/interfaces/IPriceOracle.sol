// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    Action,
    FeedId,
    FeedMemo,
    FeedParams,
    FeedSources,
    Observation,
    PriceState,
    Purpose,
    Quote,
    Reading,
    TripReason
} from "./OracleTypes.sol";

/// @title Which price may be used, for what, right now
/// @custom:security-contact See SECURITY.md
/// @notice Chainlink is the primary source, Pyth the secondary one (nobody pushes it on OP: stale is its normal state), a ring of
/// accepted prices the short bridge. A breaker stops what could harm when the sources contradict each other or jump.
/// Prices are USD per unit in 1e18, times Unix seconds, shares basis points (bps).
///
/// @dev The rules, in the order in which they are applied. `now` is block.timestamp; names of limits are FeedParams'.
/// `apart(a, b, x)` := |a - b| * 10,000 > x * min(a, b): symmetric, and at the limit not apart. `part(v, x)` := ceil(v * x / 10,000).
///
/// CALLS. Each source gets exactly 200,000 gas; what it returns beyond the words named is ignored. An answer that fails or is too short
/// is accepted as such only if the call had all of its gas: else the whole call reverts with InsufficientGas. So less gas than was
/// needed reverts, and never decides anything.
///
/// CHAINLINK. latestRoundData (5 words), decimals (1 word, asked only when the first is well formed up to here). First that applies:
///   BROKEN  a call failed or was short · roundId 0 · answer <= 0 · updatedAt 0 or > now · decimals other than clDecimals
///           · c outside [sanityMin, sanityMax], where c = answer * 10^(18 - clDecimals): then Chainlink is also OUT OF BOUNDS, unless
///           now - updatedAt > clMaxStale (what rests accuses nobody)
///   STALE   now - updatedAt > clMaxStale
///   OK      otherwise
/// PYTH. getPriceUnsafe(pythId) (4 words). First that applies:
///   BROKEN  the call failed or was short · a word outside its type (int64, uint64, int32, uint64) · price <= 0 · publishTime 0
///           · expo outside -18..0 · p outside the sanity bounds, where p = price * 10^(18 + expo): then Pyth is also OUT OF BOUNDS,
///           unless its publishTime makes it AHEAD or STALE below
///   AHEAD   publishTime > now + pyMaxAhead
///   STALE   publishTime + pyMaxStale < now
///   UNCERTAIN  conf * 10,000 > maxConf * price (both as Pyth gave them)
///   OK      otherwise. conf = conf * 10^(18 + expo). Fit for opening (`pythOpens`): OK, publishTime + pyOpenStale >= now, and
///           conf * 10,000 <= maxConfOpen * price.
/// SEQUENCER. latestRoundData (5 words) of the sequencer feed; none named: UP, since 0.
///   UNKNOWN the call failed or was short · answer neither 0 nor 1 · startedAt 0 or > now
///   DOWN    answer 1 · UP answer 0. `since` = startedAt, the time of the flip.
///
/// GATES. PAUSED: now < pausedUntil. SEQ_DOWN: DOWN. SEQ_UNKNOWN: UNKNOWN. While UP and since != 0: SEQ_GRACE: now - since <=
/// seqGraceLiquidate; SEQ_GRACE_OPEN: now - since <= seqGraceOpen.
///
/// RING. An observation is `at | price | cumulative`: cumulative = the one before's + its price * seconds. A price weighs nothing until
/// time passes. cum(x) = o.cumulative + o.price * (x - o.at), o = the last observation at or before x; twap(W) = floor((cum(now) -
/// cum(now - W)) / W).
/// RECORD, by a poke only: an empty ring gets its first observation, gapAt = now; else nothing happens before `at of the newest + 30
/// s`; else one is written, and gapAt = now if more than twapMaxGap seconds had passed. 128 slots, the oldest is overwritten.
/// FIT := not empty · now - newest.at <= twapMaxGap · gapAt <= now - twapWindow · at least twapMinObs observations with now - twapWindow
/// <= at < now (what a poke writes counts from the next second on) · the sequencer is not DOWN, and (while UP and since != 0) since <
/// now - twapWindow. `t` = twap(twapWindow) if fit, else there is none.
///
/// AGREE := Chainlink OK, Pyth OK or UNCERTAIN, not apart(c, p, softDev). (UNCERTAIN counts, so that a wider confidence trips nothing.)
/// CONTEMPORARY := pyAt + pyMaxAhead >= clAt. (Anybody may deliver a Pyth price from before Chainlink's round; it accuses nobody.)
/// CANDIDATE := c if Chainlink is OK; else p if Pyth is OK, t exists and not apart(p, t, twapDev); else none. candidateAt := clAt,
/// min(pyAt, now).
/// TRIP CONDITION, the greatest that holds:
///   SANITY     both sources are OUT OF BOUNDS
///   DEVIATION  both OK, apart(c, p, hardDev) and CONTEMPORARY
///   JUMP       lastGood != 0, there is a candidate, apart(candidate, lastGood, jump(max(0, candidateAt - lastGoodAt))), and not AGREE,
///              where jump(s) = min(jumpCap, jumpBase + jumpSlope * floor(sqrt(s))). Both times are those of the prices: when somebody
///              pokes does not matter, but for a p that is ahead, which is of now.
/// STATE, the first that applies:
///   TRIPPED         latched, or a trip condition holds now
///   NORMAL          both OK, not apart(c, p, softDev)
///   DIVERGED        both OK
///   PRIMARY_ONLY    Chainlink OK
///   SECONDARY_ONLY  the candidate is p
///   TWAP_ONLY       both STALE, and t exists
///   FROZEN          otherwise
///
/// BANDS. Half-widths round up, so lo rounds down and hi up; a lo below 1 is 1.
/// C := c -/+ part(c, clDeviation). P := p -/+ conf. "Contains" = the least band that contains all named.
///   NORMAL          mid = p if pyAt > clAt, else c. Band contains c and P. Strict band: the band if pythOpens, else contains C and P.
///   PRIMARY_ONLY    mid = c. Band = C. Strict band = C, and when Pyth is UNCERTAIN contains C and P.
///   SECONDARY_ONLY  mid = p. Band = p -/+ max(conf, part(p, softDev)). Strict and favourable band contain the band and t.
///   TWAP_ONLY       mid = t. Band = t -/+ part(t, 200).
///   DIVERGED        mid = c. Band contains C, P, lastGood (if not 0) and t (if it exists).
///   TRIPPED         mid = lastGood; when AGREE: c, or p if Pyth is OK and pyAt > clAt. Band contains mid, lastGood, and of C, P, t those
///                   whose source is OK (t: exists).
///   FROZEN          mid = lastGood. Band = lastGood -/+ part(lastGood, 1000).
/// Strict and favourable band are the band where nothing else is said. midAt = clAt, min(pyAt, now), time of the newest observation, or
/// lastGoodAt: never in the future.
///
/// ACTIONS. A long's price and (a short's price). Allowed when the state's column says so and none of the gates is up.
///   action         price                           NORMAL PRIM. SEC. TWAP DIV. TRIPPED    FROZEN  gates that forbid it
///   OPEN           openHi (openLo)                   yes   yes    -    -    -    -          -     those of WITHDRAW, SEQ_UNKNOWN
///   CLOSE          lo (hi)                           yes   yes   yes  yes  yes   -          -     PAUSED, SEQ_DOWN
///   SIGNED_REDUCE  mid, for information              yes   yes   yes  yes  yes  yes        yes    SEQ_DOWN
///   WITHDRAW       openLo (openHi)                   yes   yes   yes   -    -    -          -     PAUSED, SEQ_DOWN, SEQ_GRACE_OPEN
///   LIQUIDATE      liqHi (liqLo)                     yes   yes   yes   -    -   when AGREE  -     PAUSED, SEQ_DOWN, SEQ_GRACE
///   FUNDING        mid; lastGood where forbidden     yes   yes   yes   -    -    -          -     PAUSED, SEQ_DOWN, SEQ_GRACE
///   TWAP_RECORD    mid                               yes   yes   yes   -    -   when AGREE  -     SEQ_DOWN, SEQ_GRACE
/// FUNDING never reverts: it falls back to the last good price.
/// Deposits, and withdrawals without positions, never ask the oracle.
///
/// VALUATION of a market that is not acted on; gates do not matter. OPEN: openLo (short openHi). LIQUIDATE: liqHi (liqLo). MID: mid.
/// FROZEN, and TRIPPED unless AGREE: OPEN lastGood - part(lastGood, 1000) (short +), LIQUIDATE + (short -), MID lastGood.
///
/// LAST GOOD PRICE: a poke whose state (after its own latching) is NORMAL, PRIMARY_ONLY or SECONDARY_ONLY, and whose midAt >= lastGoodAt,
/// sets lastGood = mid, lastGoodAt = midAt. Older data leaves it: Chainlink's round from before a Pyth price that was accepted replaces
/// nothing, so lastGoodAt goes back by a reset alone.
///
/// A premium that stays at its cap is the engine's to watch and to halt openings for: premium is a market's number, not a feed's.
interface IPriceOracle {
    /* EVENTS */

    /// A feed exists from now on.
    event FeedAdded(FeedId indexed feed, FeedSources sources, FeedParams params, string description);
    /// A feed's prices come from elsewhere from now on.
    event FeedReplaced(
        FeedId indexed feed,
        FeedSources oldSources,
        FeedSources newSources,
        FeedParams oldParams,
        FeedParams newParams,
        string description
    );
    event ParamsChanged(FeedId indexed feed, FeedParams oldParams, FeedParams newParams);
    /// Somebody poked. In NORMAL, PRIMARY_ONLY and SECONDARY_ONLY `mid` is now the last good price, unless that is of newer data;
    /// `recorded`: it was written to the ring.
    event Poked(FeedId indexed feed, PriceState state, uint8 gates, uint256 mid, bool recorded);
    /// The breaker is latched. `c` and `p` are 0 when their source is BROKEN, `twap` when the ring is unfit.
    event Tripped(FeedId indexed feed, TripReason reason, uint256 c, uint256 p, uint256 twap);
    /// The latch is off; `lastGood` is the last good price now.
    event TripReset(FeedId indexed feed, TripReason reason, uint256 lastGood);
    /// The PAUSED gate is up before `until` (in the past or now: it is down).
    event FeedPaused(FeedId indexed feed, uint40 until);

    /* ERRORS */

    error UnknownFeed(FeedId feed);
    error FeedExists(FeedId feed);
    error OracleActionBlocked(PriceState state, uint8 gates, Action action);
    /// A source failed and had not got all of its gas; `want` is what must be left when a source is called.
    error InsufficientGas(uint256 have, uint256 want);
    /// The ring does not reach back so far, or the window is 0 or longer than an hour.
    error TwapUnavailable(FeedId feed, uint256 window);
    error NotTripped(FeedId feed);
    /// What the latch's reason asks for has not happened (yet).
    error ResetNotDue(FeedId feed, TripReason reason);
    /// A limit or constructor argument is out of its bounds; `name` is the field's.
    error BadParameter(string name);
    error WrongDecimals(uint256 have, uint256 want);
    error WrongDescription(string have, string want);
    /// A source does not pass the self-test of addFeed or replaceFeed.
    error SelfTestFailed(PriceState state, uint8 gates);
    /// The new source's price is more than `maxDev` bps from the present one.
    error PriceMoved(uint256 have, uint256 want, uint256 maxDev);
    error TooManyUpdates(uint256 count, uint256 max);
    error FeeTooHigh(uint256 fee, uint256 max);
    error FeeNotPaid(uint256 paid, uint256 fee);
    error RefundFailed(address to, uint256 amount);
    error NotTimelock(address caller);
    error NotGuardian(address caller);
    /// A pause may not be armed again within 7 days of the end of the last one.
    error PauseTooSoon(uint256 notBefore);
    /// A pause must end in the future.
    error PauseInPast(uint40 until);

    /* PRICES FOR THE ENGINE */

    // These two remember the reading until the transaction ends; the second read of a feed is then a table look-up. Poke, reset, pause
    // and every change of a feed renew or forget it. They write transient storage: a caller that may only read uses the `peek` twins.

    /// @notice The price at which a position may be acted on.
    /// @param feed whose price.
    /// @param action what for.
    /// @param isLong whether the position that is opened, closed, withdrawn against or liquidated is long.
    /// @return price USD per unit, 1e18.
    /// @return degraded OPEN: Pyth is not good enough for opening, so the engine caps net new open interest. FUNDING: `price` is the
    /// last good one. Otherwise false.
    /// @dev Reverts: UnknownFeed, InsufficientGas, OracleActionBlocked.
    function priceFor(FeedId feed, Action action, bool isLong) external returns (uint256 price, bool degraded);

    /// @notice The price at which a position that is not acted on counts.
    /// @dev Never reverts for a source's fault: only UnknownFeed, InsufficientGas.
    function priceForValuation(FeedId feed, Purpose purpose, bool isLong) external returns (uint256 price);

    /// @notice Everything a reader of prices needs, from one look; the rest of the transaction is answered from it.
    /// @dev Never reverts for a source's fault: only UnknownFeed, InsufficientGas. The prices are those of `priceFor` and
    /// `priceForValuation`; whether an action is allowed stands in `allowed`.
    function quote(FeedId feed) external returns (Quote memory);

    /// @notice As `quote`, remembering nothing: what `priceFor` and `priceForValuation` would answer, for whoever may only read.
    function peekQuote(FeedId feed) external view returns (Quote memory);

    /// @notice The present price, its band, and what it is worth.
    /// @return mid what the price is.
    /// @return lo lower bound of the band.
    /// @return hi upper bound of the band.
    /// @return updatedAt time of the data behind `mid`; never in the future.
    /// @return state what the sources are worth. Warning: look at it and at the gates before using a price.
    /// @return gates GATE_ bits.
    /// @dev Never reverts for a source's fault: only UnknownFeed, InsufficientGas.
    function getPrice(
        FeedId feed
    ) external view returns (uint256 mid, uint256 lo, uint256 hi, uint256 updatedAt, PriceState state, uint8 gates);

    /// @notice Time-weighted average of the accepted prices over the last `window` seconds, at most 3,600.
    /// @dev Reverts: UnknownFeed, TwapUnavailable. Warning: does not ask whether the ring is fit; `readingOf` tells.
    function twap(FeedId feed, uint256 window) external view returns (uint256 price);

    /* UPKEEP, by anyone */

    /// @notice Look at the sources; latch the breaker, or accept the price and record it.
    /// @dev Keepers poke at least every 150 s: 5 observations in 900 s need one every 180 s, else the ring is not fit and SECONDARY_ONLY
    /// and TWAP_ONLY do not exist. In this order:
    /// latch (a greater reason replaces a lesser one and starts the evidence anew), else evidence while latched (below), last good
    /// price, ring, event.
    /// Evidence while latched, whatever the reason. `pokes`, both OK: not apart(c, p, resetDev): + 1, once for each timestamp (told
    /// apart by its low 24 bits); apart: back to 0. `rounds`, Chainlink OK and updatedAt later than the last round seen: + 1 if not
    /// apart(c, price of that round, jump(seconds between the two)), else back to 0, and rounds are counted from this one. (The round
    /// of the trip is the first one seen; if Chainlink was not OK then, the next is.) WALKED := Chainlink OK, rounds 3 or more over
    /// 300 s or more, from the round counted from to the last one.
    /// Reverts: UnknownFeed, InsufficientGas.
    function poke(FeedId feed) external;

    /// @notice Pay for and deliver Pyth's updates, then poke `feeds`; the rest of msg.value goes back, last.
    /// @param data Pyth's update data, at most 8 entries.
    /// @param feeds at most 16.
    /// @dev Pays exactly Pyth's fee, at most 0.01 ether. A caller that cannot be refunded sends exactly the fee (`updateFee`).
    /// Reverts: TooManyUpdates, FeeTooHigh, FeeNotPaid, whatever Pyth reverts with, as `poke`, RefundFailed.
    function updateAndPoke(bytes[] calldata data, FeedId[] calldata feeds) external payable;

    /// @notice Wei that `updateAndPoke` pays for `data` now.
    function updateFee(bytes[] calldata data) external view returns (uint256 fee);

    /// @notice Take the latch off. Pokes first, so what that poke sees counts.
    /// @dev DEVIATION: cooldown over; and both OK and not apart(c, p, resetDev), now and at 2 earlier pokes of other timestamps (pokes 3
    /// or more), or Pyth not OK now and WALKED: Chainlink alone while Pyth rests.
    /// JUMP: both OK and not apart(c, p, resetDev); or WALKED, and Pyth not contradicting: not OK, or not apart(c, p, softDev).
    /// SANITY: never. The timelock may reset any latch at any time; a condition that still holds keeps the state TRIPPED.
    /// Then lastGood = the mid that holds without a jump test, and lastGoodAt = its midAt, however old, if the state without it is
    /// NORMAL,
    /// PRIMARY_ONLY or SECONDARY_ONLY.
    /// Reverts: UnknownFeed, InsufficientGas, NotTripped, ResetNotDue.
    function reset(FeedId feed) external;

    /* GUARDIAN */

    /// @notice Put the PAUSED gate up until `until`, clamped to now + 72 hours. Only the guardian, and not within 7 days after the end
    /// of the last pause of this feed. A pause that runs can but end later, at most 19 days after it began. Reverts: NotGuardian,
    /// UnknownFeed, PauseTooSoon, PauseInPast.
    function pause(FeedId feed, uint40 until) external;

    /* TIMELOCK */

    /// @notice Put the PAUSED gate down before its time; does nothing when it is not up. Only the timelock.
    function liftPause(FeedId feed) external;

    /// @notice Add a feed, and poke it for the first time.
    /// @param description what the aggregator must say of itself.
    /// @dev Self-test: decimals and description are as expected, the state is NORMAL (so both sources are live and agree: deliver a
    /// Pyth price in the same block), the sequencer feed answers and says up, and every view answers. Reverts: NotTimelock, FeedExists,
    /// BadParameter, WrongDecimals, WrongDescription, SelfTestFailed, InsufficientGas.
    function addFeed(
        FeedId feed,
        FeedSources calldata sources,
        FeedParams calldata params,
        string calldata description
    ) external;

    /// @notice Let a feed's prices come from elsewhere, and poke it.
    /// @dev Self-test: decimals and description are as expected; the new Chainlink is OK and the new sequencer feed answers and says
    /// up; c is within 500 bps of the present mid. With another pythId both sources must be OK and AGREE.
    /// Where there is no present price (FROZEN, TRIPPED) that mid is the last good price, which may be far from today's: then both
    /// sources must be OK and AGREE, and c within max(500, jump(max(0, clAt - lastGoodAt))) bps of it. A latch stays, a new one fails the
    /// test.
    /// Reverts: NotTimelock, UnknownFeed, and as addFeed, PriceMoved.
    function replaceFeed(
        FeedId feed,
        FeedSources calldata sources,
        FeedParams calldata params,
        string calldata description
    ) external;

    /// @notice Change a feed's limits. Only the timelock. A smaller twapMaxGap makes the ring start anew (gapAt = now).
    function setParams(FeedId feed, FeedParams calldata params) external;

    /* VIEWS */

    /// @notice Whether an action is allowed now, and what decides it.
    /// @dev FUNDING is always possible; `allowed` then says that the price would be the present one.
    function isAllowed(FeedId feed, Action action) external view returns (bool allowed, PriceState state, uint8 gates);

    /// @notice Everything that one look at the sources gives.
    function readingOf(FeedId feed) external view returns (Reading memory);

    /// @notice What is stored of a feed, unpacked.
    function memoOf(FeedId feed) external view returns (FeedMemo memory);

    /// @notice A feed's sources and limits.
    function configOf(FeedId feed) external view returns (FeedSources memory sources, FeedParams memory params);

    /// @notice Slot `index` (0..127) of a feed's ring; zero if never written.
    function observationOf(FeedId feed, uint256 index) external view returns (Observation memory);

    /// @notice All feeds, in the order in which they were added.
    function feeds() external view returns (FeedId[] memory);

    /// @notice What the constructor was given; fixed for life.
    function parameters() external view returns (address timelock, address guardian, address pyth);
}
