// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IDerivativesEngine} from "../../interfaces/IDerivativesEngine.sol";
import {Role} from "../../interfaces/EngineTypes.sol";
import {IPriceOracle} from "../../interfaces/IPriceOracle.sol";
import {MAX_MARKETS, MarketId, PAUSE_OPEN, PAUSE_SETTLE} from "../../interfaces/PerpTypes.sol";
import {CoreWord} from "./CoreWord.sol";
import {FundingWordLib} from "./FundingWord.sol";
import {LimitWord} from "./LimitWord.sol";
import {OiWordLib} from "./OiWord.sol";
import {FIRST_OWNED, PerpBook} from "./PerpBook.sol";
import {RiskWord} from "./RiskWord.sol";
import {SystemLock} from "./SystemLock.sol";
import {TradeWord} from "./TradeWord.sol";

/// @title What the timelock, its admin module and the guardian may do
/// @dev Every change of a market's terms ticks its funding first, so that no interval is charged at terms it did not have.
abstract contract PerpAdmin is PerpBook {
    /// @dev Of a pause by the guardian, in seconds: the longest time to its end, that time however often the end is moved, and the
    /// least time from its end to the next.
    uint256 private constant PAUSE_MAX = 72 hours;
    uint256 private constant PAUSE_TOTAL = 19 days;
    uint256 private constant PAUSE_GAP = 7 days;
    uint256 private constant GUARDIAN_MASK = PAUSE_OPEN | PAUSE_SETTLE;

    /// @dev Pauses openings and settlements; nothing else.
    address internal immutable GUARDIAN;

    address internal _timelock;
    address internal _nextTimelock;
    uint40 private _pausedSince; // when the guardian's last pause began
    mapping(Role role => address) internal _moduleOf;

    constructor(address oracle, address timelock, address guardian) {
        if (oracle == address(0)) revert BadParameter("oracle");
        if (timelock == address(0)) revert BadParameter("timelock");
        if (guardian == address(0)) revert BadParameter("guardian");
        GUARDIAN = guardian;
        _timelock = timelock;
        _core = _core.withOracle(oracle).withAccounts(FIRST_OWNED);
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
    function setTerms(
        MarketId market,
        TradeWord trade,
        RiskWord risk,
        LimitWord limit,
        uint256 maxOi,
        uint256 vaultShare
    ) external {
        SystemLock.requireFree();
        _requireRole(Role.ADMIN);
        uint256 id = MarketId.unwrap(market);
        Market storage m = _markets[id];
        if (!trade.exists() || id >= MAX_MARKETS) revert BadParameter("market");
        if (id == _core.markets()) {
            _core = _core.withMarkets(id + 1);
            m.funding = FundingWordLib.start(block.timestamp);
        } else {
            _tick(market);
        }
        (m.trade, m.risk, m.limit) = (trade, risk, limit);
        m.oi = OiWordLib.pack(m.oi.openInterest(), m.oi.fees(), maxOi, vaultShare);
        emit TermsSet(market, trade, risk, limit, maxOi, vaultShare);
    }

    /* GUARDIAN */

    /// @inheritdoc IDerivativesEngine
    function pauseAll(uint8 mask, uint40 until) external {
        if (msg.sender != GUARDIAN) revert NotGuardian(msg.sender);
        SystemLock.requireFree();
        if (mask == 0 || mask & ~GUARDIAN_MASK != 0) revert BadParameter("mask");
        CoreWord core = _core;
        uint256 oldEnd = core.until();
        bool isRunning = block.timestamp < oldEnd;
        if (!isRunning && block.timestamp < oldEnd + PAUSE_GAP) revert PauseTooSoon(oldEnd + PAUSE_GAP);
        if (until <= block.timestamp) revert PauseInPast(until);
        uint256 end = Math.min(until, block.timestamp + PAUSE_MAX);
        if (isRunning) end = Math.min(end, _pausedSince + PAUSE_TOTAL);
        else _pausedSince = uint40(block.timestamp); // below 2^40 for 34,000 years
        // a running pause can but end later; one that is new ends after the old one did
        if (end <= oldEnd) revert PauseTooSoon(oldEnd + PAUSE_GAP);

        // what is paused stays paused until the end
        _setGuardianPause(isRunning ? mask | core.lastMask() : mask, end);
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
        for (uint16 i = 0; i < _core.markets(); ++i) {
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
