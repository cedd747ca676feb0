// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IAggregatorV3} from "../../interfaces/IAggregatorV3.sol";
import {IPriceOracle} from "../../interfaces/IPriceOracle.sol";
import {
    FeedId,
    FeedParams,
    FeedSources,
    GATE_SEQ_DOWN,
    GATE_SEQ_UNKNOWN,
    PriceState,
    Quote
} from "../../interfaces/OracleTypes.sol";
import {FeedConfig} from "./FeedConfig.sol";
import {FeedKeeper} from "./FeedKeeper.sol";
import {JumpRule} from "./JumpRule.sol";
import {FROZEN, Look, NONE, NORMAL, OK, TRIPPED} from "./Look.sol";
import {Memo} from "./Memo.sol";
import {ParamBounds} from "./ParamBounds.sol";
import {PriceCache} from "./PriceCache.sol";

/// @title What the timelock and the guardian may do
abstract contract FeedAdmin is FeedKeeper {
    /// @dev Longest pause of a feed, in seconds.
    uint256 private constant PAUSE_MAX = 72 hours;
    /// @dev Longest time from the start of a pause to its end, however often that is moved, in seconds.
    uint256 private constant PAUSE_TOTAL = 19 days;
    /// @dev Least time between the end of a pause and the start of the next, in seconds.
    uint256 private constant PAUSE_GAP = 7 days;
    /// @dev How far a new source may be from the present price, bps.
    uint256 private constant REPLACE_DEV = 500;

    /// @dev May pause feeds; nothing else.
    address internal immutable GUARDIAN;

    FeedId[] private _ids;

    constructor(address guardian) {
        if (guardian == address(0)) revert BadParameter("guardian");
        GUARDIAN = guardian;
    }

    modifier onlyTimelock() {
        if (msg.sender != TIMELOCK) revert NotTimelock(msg.sender);
        _;
    }

    /* PAUSE */

    /// @inheritdoc IPriceOracle
    function pause(FeedId feed, uint40 until) external {
        if (msg.sender != GUARDIAN) revert NotGuardian(msg.sender);
        Feed storage f = _feed(feed);
        Memo m = f.memo;
        uint256 oldEnd = m.pausedUntil();
        uint256 notBefore = oldEnd + PAUSE_GAP;
        bool isRunning = block.timestamp < oldEnd;
        if (!isRunning && block.timestamp < notBefore) revert PauseTooSoon(notBefore);
        if (until <= block.timestamp) revert PauseInPast(until);
        uint256 end = Math.min(until, block.timestamp + PAUSE_MAX);
        if (isRunning) end = Math.min(end, f.pausedSince + PAUSE_TOTAL);
        else f.pausedSince = block.timestamp;
        // a running pause can but end later; one that is new ends after the old one did
        if (end <= oldEnd) revert PauseTooSoon(notBefore);

        _setPause(feed, m, end);
    }

    /// @inheritdoc IPriceOracle
    function liftPause(FeedId feed) external onlyTimelock {
        Memo m = _feed(feed).memo;
        if (block.timestamp < m.pausedUntil()) _setPause(feed, m, block.timestamp);
    }

    function _setPause(FeedId feed, Memo m, uint256 until) private {
        _slotOf(feed).memo = m.paused(until);
        PriceCache.forget(feed);
        emit FeedPaused(feed, uint40(until)); // at most now + 72 hours
    }

    /* FEEDS */

    /// @inheritdoc IPriceOracle
    function addFeed(
        FeedId feed,
        FeedSources calldata sources,
        FeedParams calldata params,
        string calldata description
    ) external onlyTimelock {
        if (_slotOf(feed).primary.exists()) revert FeedExists(feed);
        if (FeedId.unwrap(feed) == 0) revert BadParameter("feed");
        _requireNamed(sources, description);
        _ids.push(feed);
        _store(feed, sources, params);
        emit FeedAdded(feed, sources, params, description);

        Feed storage f = _slotOf(feed);
        Memo m = f.memo;
        Look memory r = _look(feed, f, m);
        _apply(feed, f, m, r);
        if (r.state != NORMAL) revert SelfTestFailed(PriceState(r.state), uint8(r.gates));
        _requireWorking(feed, r);
    }

    /// @inheritdoc IPriceOracle
    function replaceFeed(
        FeedId feed,
        FeedSources calldata sources,
        FeedParams calldata params,
        string calldata description
    ) external onlyTimelock {
        Feed storage f = _feed(feed);
        Look memory before = _look(feed, f, f.memo);
        _requireNamed(sources, description);
        (FeedSources memory oldSources, FeedParams memory oldParams) = configOf(feed);
        _store(feed, sources, params);
        emit FeedReplaced(feed, oldSources, sources, oldParams, params, description);

        Memo m = f.memo;
        Look memory r = _look(feed, f, m);
        _apply(feed, f, m, r);
        // a latch may stay, a new one may not come
        if (r.state == TRIPPED && m.latch() == NONE) revert SelfTestFailed(PriceState(r.state), uint8(r.gates));
        _requireSamePrice(feed, before, r, sources.pythId != oldSources.pythId);
        _requireWorking(feed, r);
    }

    /// @inheritdoc IPriceOracle
    function setParams(FeedId feed, FeedParams calldata params) external onlyTimelock {
        (FeedSources memory sources, FeedParams memory oldParams) = configOf(feed);
        _store(feed, sources, params);
        emit ParamsChanged(feed, oldParams, params);
    }

    /// @dev A smaller gap limit was not watched before, so the ring's past does not count under it.
    function _store(FeedId feed, FeedSources memory sources, FeedParams memory params) private {
        ParamBounds.requireSources(sources);
        ParamBounds.requireParams(params);
        Feed storage f = _slotOf(feed);
        Memo m = f.memo;
        if (params.twapMaxGap < f.rules.twapMaxGap()) f.memo = m.withRing(m.head(), m.count(), block.timestamp);
        f.primary = FeedConfig.packPrimary(sources, params);
        f.guard = FeedConfig.packGuard(sources, params);
        f.rules = FeedConfig.packRules(params);
        f.pythId = sources.pythId;
        PriceCache.forget(feed);
    }

    /* SELF-TEST */

    /// @dev The aggregator is the one that was meant. Bounds come first: an aggregator may be anything.
    function _requireNamed(FeedSources memory sources, string calldata want) private view {
        ParamBounds.requireSources(sources);
        IAggregatorV3 source = IAggregatorV3(sources.clFeed);
        uint256 decimals = source.decimals();
        if (decimals != sources.clDecimals) revert WrongDecimals(decimals, sources.clDecimals);
        string memory have = source.description();
        if (keccak256(bytes(have)) != keccak256(bytes(want))) revert WrongDescription(have, want);
    }

    /// @dev The new Chainlink says what was said before; where nothing is said now, Pyth must confirm what has changed since then. A new
    /// Pyth id must confirm in any case: of an id that nobody knows nothing would be heard until somebody delivers it.
    function _requireSamePrice(FeedId feed, Look memory before, Look memory r, bool newPyth) private view {
        uint256 want = before.mid;
        uint256 maxDev = REPLACE_DEV;
        bool blind = before.state == FROZEN || before.state == TRIPPED;
        if (blind) {
            want = before.lastGood;
            uint256 allowed = JumpRule.allowance(_slotOf(feed).rules, before.lastGoodAt, r.clAt);
            if (allowed > maxDev) maxDev = allowed;
        }
        bool tested = blind || newPyth ? r.agree && r.pyGrade == OK : r.clGrade == OK;
        if (!tested) revert SelfTestFailed(PriceState(r.state), uint8(r.gates));
        if (JumpRule.apart(r.c, want, maxDev)) revert PriceMoved(r.c, want, maxDev);
    }

    /// @dev The sequencer feed answers, and so do the views, from outside and without the help of the cache.
    function _requireWorking(FeedId feed, Look memory r) private {
        if (r.gates & (GATE_SEQ_DOWN | GATE_SEQ_UNKNOWN) != 0)
            revert SelfTestFailed(PriceState(r.state), uint8(r.gates));
        PriceCache.forget(feed);
        (uint256 mid, uint256 lo, uint256 hi, , , ) = this.getPrice(feed);
        Quote memory q = this.peekQuote(feed);
        bool ordered = 0 < q.openLo && q.openLo <= lo && lo <= mid && mid <= hi && hi <= q.openHi;
        // a tripped feed that stays tripped has bands of its own
        if (!ordered && r.state != TRIPPED) revert SelfTestFailed(PriceState(r.state), uint8(r.gates));
    }

    /* VIEWS */

    /// @inheritdoc IPriceOracle
    function configOf(FeedId feed) public view returns (FeedSources memory sources, FeedParams memory params) {
        Feed storage f = _feed(feed);
        sources = FeedConfig.unpackSources(f.primary, f.guard, f.pythId);
        params = FeedConfig.unpackParams(f.primary, f.guard, f.rules);
    }

    /// @inheritdoc IPriceOracle
    function feeds() external view returns (FeedId[] memory) {
        return _ids;
    }
}
