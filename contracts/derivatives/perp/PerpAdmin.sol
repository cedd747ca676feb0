// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IDerivativesEngine} from "../../interfaces/IDerivativesEngine.sol";
import {Context, Role} from "../../interfaces/EngineTypes.sol";
import {IMarketBounds} from "../../interfaces/IMarketBounds.sol";
import {IPriceOracle} from "../../interfaces/IPriceOracle.sol";
import {FeedId, FeedParams} from "../../interfaces/OracleTypes.sol";
import {
    LimitParams,
    MAX_MARKETS,
    MarketId,
    MarketStatus,
    PAUSE_LIQUIDATE,
    PAUSE_OPEN,
    PAUSE_REDUCE,
    PAUSE_SETTLE,
    RiskParams,
    TradeParams
} from "../../interfaces/PerpTypes.sol";
import {FundingWordLib} from "./FundingWord.sol";
import {LimitWordLib} from "./LimitWord.sol";
import {OiWordLib} from "./OiWord.sol";
import {PerpBook} from "./PerpBook.sol";
import {RiskNow, RiskWord, RiskWordLib} from "./RiskWord.sol";
import {SystemLock} from "./SystemLock.sol";
import {TradeWordLib} from "./TradeWord.sol";

/// @title What the timelock and the guardian may do
/// @dev Every change of a market's terms ticks its funding first, so that no interval is charged at terms it did not have.
abstract contract PerpAdmin is PerpBook {
    /// @dev Longest pause by the guardian, in seconds, and the least time from its end to the next.
    uint256 private constant PAUSE_MAX = 72 hours;
    uint256 private constant PAUSE_GAP = 7 days;
    uint256 private constant GUARDIAN_MASK = PAUSE_OPEN | PAUSE_SETTLE;

    /// @dev Pauses openings and settlements; nothing else.
    address internal immutable GUARDIAN;
    /// @dev Refuses parameters that are out of their bounds; a contract of its own for its size, fixed for life.
    IMarketBounds internal immutable BOUNDS;

    address internal _timelock;
    address internal _nextTimelock;
    mapping(Role role => address) internal _moduleOf;

    constructor(IMarketBounds bounds, address oracle, address timelock, address guardian) {
        if (address(bounds) == address(0)) revert BadParameter("bounds");
        if (oracle == address(0)) revert BadParameter("oracle");
        if (timelock == address(0)) revert BadParameter("timelock");
        if (guardian == address(0)) revert BadParameter("guardian");
        (BOUNDS, GUARDIAN) = (bounds, guardian);
        _timelock = timelock;
        _core = _core.withOracle(oracle);
        emit TimelockChanged(address(0), timelock);
        emit OracleChanged(address(0), oracle);
    }

    modifier onlyTimelock() {
        _requireTimelock();
        _;
    }

    function _requireTimelock() private view {
        if (msg.sender != _timelock) revert NotTimelock(msg.sender);
        SystemLock.requireFree();
    }

    /* MARKETS */

    /// @inheritdoc IDerivativesEngine
    function addMarket(
        MarketId market,
        FeedId feed,
        RiskParams calldata risk,
        TradeParams calldata trade,
        LimitParams calldata limit
    ) external onlyTimelock {
        uint256 id = MarketId.unwrap(market);
        if (id < _marketCount) revert MarketExists(market);
        if (id != _marketCount || id >= MAX_MARKETS) revert BadParameter("market");
        _requireBounds(feed, risk, trade, limit);

        _marketCount = id + 1;
        Market storage m = _markets[id];
        m.trade = TradeWordLib.pack(feed, trade);
        m.risk = RiskWordLib.pack(risk, MarketStatus.LIVE);
        m.funding = FundingWordLib.start(block.timestamp);
        m.oi = OiWordLib.pack(0, 0, limit.maxOi, limit.vaultShare);
        m.limit = LimitWordLib.pack(limit);
        emit MarketAdded(market, feed, risk, trade, limit);
    }

    /// @inheritdoc IDerivativesEngine
    function setMarket(
        MarketId market,
        RiskParams calldata risk,
        TradeParams calldata trade,
        LimitParams calldata limit
    ) external onlyTimelock {
        Context memory c = _tick(market);
        _requireBounds(c.trade.feed(), risk, trade, limit);
        RiskWord phased = c.risk.phased(risk, block.timestamp);
        // what is bounded by margin is so by the margin of today too, not only by tomorrow's greater one
        _requireBounds(c.trade.feed(), _inForce(phased, risk), trade, limit);

        Market storage m = _markets[MarketId.unwrap(market)];
        m.trade = TradeWordLib.pack(c.trade.feed(), trade);
        m.risk = phased;
        m.oi = OiWordLib.pack(c.oi.openInterest(), c.oi.fees(), limit.maxOi, limit.vaultShare);
        m.limit = LimitWordLib.pack(limit);
        emit MarketChanged(market, risk, trade, limit);
    }

    /// @dev `next` with the margin that is in force now. Each fits: it is one of two that fitted, or between them.
    function _inForce(RiskWord w, RiskParams memory next) private view returns (RiskParams memory) {
        RiskNow memory r = w.inForce(block.timestamp);
        return
            RiskParams({
                im: uint32(r.im),
                kappa: uint16(r.kappa),
                slope: uint32(r.slope),
                imMax: uint32(r.imMax),
                penalty: next.penalty,
                impactNotional: next.impactNotional
            });
    }

    function _requireBounds(
        FeedId feed,
        RiskParams memory risk,
        TradeParams calldata trade,
        LimitParams calldata limit
    ) private view {
        (, FeedParams memory feedParams) = IPriceOracle(_core.oracle()).configOf(feed);
        BOUNDS.requireAll(risk, trade, limit, feedParams.maxConf);
    }

    /// @inheritdoc IDerivativesEngine
    function setPause(MarketId market, uint8 mask) external onlyTimelock {
        if (mask & PAUSE_REDUCE != 0 && mask & PAUSE_LIQUIDATE == 0) revert BadParameter("mask");
        Context memory c = _tick(market);
        _markets[MarketId.unwrap(market)].risk = c.risk.withPause(mask);
        emit PauseChanged(market, uint8(c.risk.pause()), mask); // 8 bits are stored
    }

    /* GUARDIAN */

    /// @inheritdoc IDerivativesEngine
    function pauseAll(uint8 mask, uint40 until) external {
        if (msg.sender != GUARDIAN) revert NotGuardian(msg.sender);
        SystemLock.requireFree();
        if (mask == 0 || mask & ~GUARDIAN_MASK != 0) revert BadParameter("mask");
        uint256 notBefore = _core.until() + PAUSE_GAP;
        if (block.timestamp < notBefore) revert PauseTooSoon(notBefore);
        if (until <= block.timestamp) revert PauseInPast(until);

        uint256 latest = block.timestamp + PAUSE_MAX;
        _setGuardianPause(mask, until < latest ? until : latest);
    }

    /// @inheritdoc IDerivativesEngine
    function liftGuardianPause() external onlyTimelock {
        if (block.timestamp < _core.until()) _setGuardianPause(0, block.timestamp);
    }

    function _setGuardianPause(uint8 mask, uint256 until) private {
        _core = _core.paused(mask, until);
        emit GuardianPaused(mask, uint40(until)); // at most now + 72 hours
    }

    /* POINTERS */

    /// @inheritdoc IDerivativesEngine
    function setModule(Role role, address module) external onlyTimelock {
        if (role == Role.NONE) revert BadParameter("role");
        if (module != address(0) && _roleOf[module] != Role.NONE) revert BadParameter("module");
        address old = _moduleOf[role];
        _roleOf[old] = Role.NONE;
        _moduleOf[role] = module;
        if (module != address(0)) _roleOf[module] = role;
        emit ModuleChanged(role, old, module);
    }

    /// @inheritdoc IDerivativesEngine
    /// @dev The new oracle must know the feed of every market.
    function setOracle(address oracle) external onlyTimelock {
        if (oracle == address(0)) revert ZeroAddress();
        for (uint16 i = 0; i < _marketCount; ++i) {
            _tick(MarketId.wrap(i));
            IPriceOracle(oracle).configOf(feedOf(MarketId.wrap(i)));
        }
        emit OracleChanged(_core.oracle(), oracle);
        _core = _core.withOracle(oracle);
    }

    /// @inheritdoc IDerivativesEngine
    function proposeTimelock(address next) external onlyTimelock {
        _nextTimelock = next;
        emit TimelockProposed(next);
    }

    /// @inheritdoc IDerivativesEngine
    function acceptTimelock() external {
        if (msg.sender != _nextTimelock) revert NotTimelock(msg.sender);
        SystemLock.requireFree();
        emit TimelockChanged(_timelock, msg.sender);
        (_timelock, _nextTimelock) = (msg.sender, address(0));
    }

    /* VIEW */

    /// @inheritdoc IDerivativesEngine
    function moduleOf(Role role) external view returns (address) {
        return _moduleOf[role];
    }
}
