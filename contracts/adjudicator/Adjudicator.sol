// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {
    ChannelDef,
    ChannelView,
    ClearingState,
    Outcome,
    Parameters,
    Side,
    SettlementOrder,
    Signature
} from "../interfaces/ChannelTypes.sol";
import {IAdjudicator} from "../interfaces/IAdjudicator.sol";
import {IBrokerRegistry} from "../interfaces/IBrokerRegistry.sol";
import {AssetVault} from "./AssetVault.sol";
import {ChannelBook} from "./ChannelBook.sol";
import {ChannelCodec} from "./ChannelCodec.sol";
import {ChannelLog, EventData} from "./ChannelLog.sol";
import {
    ChannelRules,
    CONDITION_HASHLOCK,
    CONDITION_NONE,
    CONDITION_ORDER,
    INTENT_CLOSE,
    INTENT_OPEN,
    INTENT_OPERATE,
    INTENT_RESIZE,
    INTENT_SETTLE
} from "./ChannelRules.sol";
import {DefView, SplitView, StateView} from "./ChannelViews.sol";
import {EscrowPayment} from "./EscrowPayment.sol";
import {Meta, REVEALED} from "./Meta.sol";

/// @title Clearing channels of the Smart Clearing Protocol
/// @notice Holds the collateral of bilateral channels, enforces co-signed states, decides disputes by time, settles orders.
/// @custom:halt The guardian can stop `open` for at most 72 hours at a time; every other function always works.
/// @custom:security-contact See SECURITY.md
contract Adjudicator is EscrowPayment {
    /// @dev Longest pause of openings, in seconds.
    uint256 private constant PAUSE_MAX = 72 hours;
    /// @dev Least time between the end of a pause and the start of the next, in seconds.
    uint256 private constant PAUSE_GAP = 7 days;

    /// @dev More than any listed token can need, and no close brings a block to its limit.
    uint256 private constant MAX_PUSH_GAS = 1_000_000;

    /// @dev Words of an AssetFunding in `Opened`, and where the first one starts.
    uint256 private constant FUNDING_WORDS = 5;
    uint256 private constant FUNDING_AT = 4;
    /// @dev The same for an AssetPayout in `Closed`.
    uint256 private constant PAYOUT_WORDS = 4;
    uint256 private constant PAYOUT_AT = 4;
    /// @dev The same for an AssetAmounts in `Resized` and in `Finalized`, which has one head more.
    uint256 private constant AMOUNT_WORDS = 2;
    uint256 private constant OUTS_AT = 4;
    uint256 private constant CREDITS_AT = 5;

    /// @dev May pause openings; nothing else.
    address internal immutable GUARDIAN;
    /// @dev Bounds of a channel's challengeDuration, in seconds.
    uint32 internal immutable MIN_CHALLENGE;
    uint32 internal immutable MAX_CHALLENGE;

    /// @inheritdoc IAdjudicator
    uint40 public openingsPausedUntil;

    /// @param registry must name this contract as its adjudicator.
    /// @param minChallenge,maxChallenge bounds of challengeDuration, seconds (production: 1 to 7 days).
    /// @param grace seconds that the second funder of an order has after fundBy (production: at least 24 hours).
    /// @param pushGas gas that a token gets when a cooperative close pays out.
    constructor(
        IBrokerRegistry registry,
        address timelock,
        address guardian,
        uint32 minChallenge,
        uint32 maxChallenge,
        uint32 grace,
        uint256 pushGas
    )
        EIP712("Smart Clearing Adjudicator", "1")
        AssetVault(timelock, pushGas)
        ChannelBook(registry)
        EscrowPayment(grace)
    {
        if (timelock == address(0) || guardian == address(0)) revert BadParameter("roles");
        if (minChallenge == 0 || minChallenge > maxChallenge) revert BadParameter("challenge");
        if (grace == 0) revert BadParameter("grace");
        if (pushGas == 0 || pushGas > MAX_PUSH_GAS) revert BadParameter("pushGas");
        GUARDIAN = guardian;
        MIN_CHALLENGE = minChallenge;
        MAX_CHALLENGE = maxChallenge;
    }

    /* OPEN */

    /// @inheritdoc IAdjudicator
    function open(
        ChannelDef calldata rawDef,
        ClearingState calldata rawState,
        Signature[2] calldata sigs
    ) external nonReentrant {
        (DefView def, bytes32 id) = ChannelCodec.load(rawDef);
        Channel storage c = _channel(id);
        Meta m = c.meta;
        if (m.isLive()) revert WrongStatus(m.status());
        if (block.timestamp < openingsPausedUntil) revert OpeningsArePaused(openingsPausedUntil);
        ChannelCodec.requireClean(def);
        ChannelRules.requireDefinition(def, MIN_CHALLENGE, MAX_CHALLENGE);
        (StateView s, ) = _authenticate(def, id, m, rawState, sigs);
        if (s.intent() != INTENT_OPEN) revert WrongIntent(s.intent());
        if (block.timestamp >= s.validUntil()) revert StateExpired(s.validUntil());

        c.meta = m.opened(s.version());
        _fund(id, c, def, s);
    }

    /// @dev Sets (never adds) the nets, which may still hold those of an earlier epoch; what the ledgers lack is pulled last.
    function _fund(bytes32 id, Channel storage c, DefView def, StateView s) private {
        address brokerLow = def.brokerLow();
        address brokerHigh = def.brokerHigh();
        uint256 n = s.splitCount();
        EventData data = ChannelLog.start(2, s.epoch(), s.version(), n, FUNDING_WORDS);
        unchecked {
            for (uint256 i = 0; i < n; ++i) {
                address token = def.asset(i);
                (uint256 low, uint256 high) = _opening(s.split(i), token, i);
                c.net[i] = low | (high << 128);
                uint256 w = FUNDING_AT + i * FUNDING_WORDS;
                data.put(w, uint160(token));
                data.put(w + 1, low);
                data.put(w + 2, high);
                data.put(w + 3, _debitUpTo(brokerLow, token, low));
                data.put(w + 4, _debitUpTo(brokerHigh, token, high));
            }
            _takeSlots(def);
            data.emit4(Opened.selector, id, brokerLow, brokerHigh);

            for (uint256 i = 0; i < n; ++i) {
                uint256 w = FUNDING_AT + i * FUNDING_WORDS;
                _pull(def.asset(i), brokerLow, data.get(w + 3), brokerHigh, data.get(w + 4));
            }
        }
    }

    /// @dev What each side puts in; non-negative int128, so below 2^127.
    function _opening(SplitView a, address token, uint256 i) private view returns (uint256 low, uint256 high) {
        low = a.low();
        high = a.high();
        if (int256(low) != a.netLow() || int256(high) != a.netHigh()) revert BadOpening(i);
        uint256 cap = _requireListed(token);
        if (low > cap) revert CapExceeded(token, low, cap);
        if (high > cap) revert CapExceeded(token, high, cap);
    }

    function _takeSlots(DefView def) private {
        uint256 refusal = REGISTRY.take_slots(def.brokerLow(), def.signerLow(), def.brokerHigh(), def.signerHigh());
        if (refusal == 0) return;
        if (refusal == 1) revert SignerNotNamed(def.brokerLow(), def.signerLow());
        if (refusal == 2) revert SignerNotNamed(def.brokerHigh(), def.signerHigh());
        revert NoSlot(refusal == 3 ? def.brokerLow() : def.brokerHigh());
    }

    /* COLLATERAL */

    /// @inheritdoc IAdjudicator
    function depositCollateral(ChannelDef calldata rawDef, address token, uint128 amount) external nonReentrantView {
        (DefView def, bytes32 id, Channel storage c, Meta m) = _live(rawDef);
        _requireInTime(m);
        bool low = msg.sender == def.brokerLow();
        if (!low && msg.sender != def.brokerHigh()) revert NotBroker(msg.sender);
        uint256 i = _indexOf(def, token);
        if (amount == 0) revert ZeroAmount();
        int256 net = _addToNet(c, i, low, amount);
        uint256 cap = capOf(token);
        if (net > int256(cap)) revert CapExceeded(token, uint256(net), cap);
        _debit(msg.sender, token, amount);
        emit CollateralDeposited(id, low ? Side.LOW : Side.HIGH, i, amount);
    }

    /// @inheritdoc IAdjudicator
    function resize(
        ChannelDef calldata rawDef,
        ClearingState calldata rawState,
        Signature[2] calldata sigs
    ) external nonReentrantView {
        (DefView def, bytes32 id, Channel storage c, Meta m, StateView s, ) = _enter(rawDef, rawState, sigs);
        if (s.intent() != INTENT_RESIZE) revert WrongIntent(s.intent());
        if (block.timestamp >= s.validUntil()) revert StateExpired(s.validUntil());
        _requireInTime(m);
        _requireNewer(m, s);
        _requireUnlocked(c, m);

        c.meta = m.enforced(s.version());
        uint256 n = s.splitCount();
        EventData data = ChannelLog.start(2, s.epoch(), s.version(), n, AMOUNT_WORDS);
        for (uint256 i = 0; i < n; ++i) {
            (uint256 outLow, uint256 outHigh) = _takeOut(c, def, s.split(i), i);
            data.put(OUTS_AT + AMOUNT_WORDS * i, outLow);
            data.put(OUTS_AT + AMOUNT_WORDS * i + 1, outHigh);
        }
        data.emit2(Resized.selector, id);
    }

    /// @dev In 256 bits; what is left is at least the state's nets, so it fits its 128.
    function _takeOut(
        Channel storage c,
        DefView def,
        SplitView a,
        uint256 i
    ) private returns (uint256 outLow, uint256 outHigh) {
        (int128 netLow, int128 netHigh) = _netAt(c, i);
        (outLow, outHigh) = (a.outLow(), a.outHigh());
        int256 leftLow = int256(netLow) - int256(outLow);
        int256 leftHigh = int256(netHigh) - int256(outHigh);
        if (a.netLow() > leftLow || a.netHigh() > leftHigh) revert Unenforceable(i);

        _setNet(c, i, int128(leftLow), int128(leftHigh));
        _creditBoth(def.brokerLow(), def.brokerHigh(), def.asset(i), outLow, outHigh);
    }

    /* DISPUTE */

    /// @inheritdoc IAdjudicator
    function checkpoint(
        ChannelDef calldata rawDef,
        ClearingState calldata rawState,
        Signature[2] calldata sigs
    ) external nonReentrantView {
        (, bytes32 id, Channel storage c, Meta m, StateView s, ) = _enter(rawDef, rawState, sigs);
        if (s.intent() == INTENT_RESIZE) {
            // While it can still run it must stay runnable.
            if (block.timestamp < s.validUntil()) revert StateNotExpired(s.validUntil());
        } else {
            if (s.intent() != INTENT_OPERATE && s.intent() != INTENT_SETTLE) revert WrongIntent(s.intent());
        }
        _requireInTime(m);
        _requireNewer(m, s);
        _requireEnforceable(c, s);

        c.meta = m.enforced(s.version());
        emit Checkpointed(id, s.epoch(), s.version());
    }

    /// @inheritdoc IAdjudicator
    function challenge(
        ChannelDef calldata rawDef,
        ClearingState calldata rawState,
        Signature[2] calldata sigs
    ) external nonReentrantView {
        (DefView def, bytes32 id, Channel storage c, Meta m, StateView s, bytes32 stateHash) = _enter(
            rawDef,
            rawState,
            sigs
        );
        if (
            msg.sender != def.brokerLow() &&
            msg.sender != def.brokerHigh() &&
            msg.sender != def.signerLow() &&
            msg.sender != def.signerHigh()
        ) revert NotParty(msg.sender);
        _challenge(def, id, c, m, s, stateHash);
    }

    /// @inheritdoc IAdjudicator
    function challenge(
        ChannelDef calldata rawDef,
        ClearingState calldata rawState,
        Signature[2] calldata sigs,
        Signature calldata intent
    ) external nonReentrantView {
        (DefView def, bytes32 id, Channel storage c, Meta m, StateView s, bytes32 stateHash) = _enter(
            rawDef,
            rawState,
            sigs
        );
        bytes32 digest = _hashTypedDataV4(ChannelCodec.hashIntent(id, s.epoch(), s.version(), stateHash));
        if (!_isSigned(digest, intent, def.signerLow()) && !_isSigned(digest, intent, def.signerHigh()))
            revert NotParty(msg.sender);
        _challenge(def, id, c, m, s, stateHash);
    }

    function _challenge(DefView def, bytes32 id, Channel storage c, Meta m, StateView s, bytes32 stateHash) private {
        uint64 enforced = m.enforcedVersion();
        if (s.intent() == INTENT_CLOSE) revert WrongIntent(s.intent());
        if (s.intent() == INTENT_OPEN && s.version() != enforced) revert StaleVersion(s.version(), enforced);
        uint40 deadline = m.deadline();
        if (m.isChallenged()) {
            _requireInTime(m);
            _requireNewer(m, s);
        } else {
            if (s.version() < enforced) revert StaleVersion(s.version(), enforced);
            deadline = uint40(block.timestamp) + def.challengeDuration();
        }
        _requireEnforceable(c, s);

        c.meta = m.challenged(s.version(), deadline);
        c.digest = stateHash;
        emit Challenged(id, s.epoch(), s.version(), stateHash, deadline);
    }

    /// @inheritdoc IAdjudicator
    function reveal(
        ChannelDef calldata rawDef,
        ClearingState calldata rawState,
        Signature[2] calldata sigs,
        bytes32 preimage
    ) external nonReentrantView {
        (, bytes32 id, Channel storage c, Meta m, StateView s, bytes32 stateHash) = _enter(rawDef, rawState, sigs);
        if (s.kind() != CONDITION_HASHLOCK) revert WrongCondition(s.intent(), s.kind());
        m = _advance(c, m, s, stateHash);
        _requireEnforceable(c, s);
        m = _bindOrder(c, m, s.version(), 0);
        if (m.flags() & REVEALED != 0) revert AlreadyRevealed();
        if (sha256(abi.encode(preimage)) != s.ref()) revert WrongPreimage(preimage);
        if (block.timestamp >= s.expiry()) revert RevealTooLate(s.expiry());

        c.meta = m.withFlag(REVEALED);
        emit Revealed(id, s.epoch(), s.version(), preimage);
    }

    /* END */

    /// @inheritdoc IAdjudicator
    function closeCooperative(
        ChannelDef calldata rawDef,
        ClearingState calldata rawState,
        Signature[2] calldata sigs
    ) external nonReentrant {
        (DefView def, bytes32 id, Channel storage c, Meta m, StateView s, ) = _enter(rawDef, rawState, sigs);
        if (s.intent() != INTENT_CLOSE) revert WrongIntent(s.intent());
        if (block.timestamp >= s.validUntil()) revert StateExpired(s.validUntil());
        _requireNewer(m, s);
        _requireUnlocked(c, m);
        _requireEnforceable(c, s);

        _end(c, m, def);
        address brokerLow = def.brokerLow();
        address brokerHigh = def.brokerHigh();
        uint256 n = s.splitCount();
        EventData data = ChannelLog.start(2, s.epoch(), s.version(), n, PAYOUT_WORDS);
        unchecked {
            for (uint256 i = 0; i < n; ++i) {
                SplitView a = s.split(i);
                (uint256 low, uint256 high) = _payouts(c, a, i, a.low(), a.high());
                // out <= split <= payout
                low -= a.outLow();
                high -= a.outHigh();
                uint256 w = PAYOUT_AT + i * PAYOUT_WORDS;
                data.put(w, low);
                data.put(w + 1, high);
                data.put(w + 2, a.outLow());
                data.put(w + 3, a.outHigh());
                _creditBoth(brokerLow, brokerHigh, def.asset(i), low, high);
            }
        }
        data.emit2(Closed.selector, id);

        for (uint256 i = 0; i < n; ++i) {
            _push(brokerLow, def.asset(i), s.split(i).outLow());
            _push(brokerHigh, def.asset(i), s.split(i).outHigh());
        }
    }

    /// @inheritdoc IAdjudicator
    function finalize(ChannelDef calldata rawDef, ClearingState calldata rawState) external nonReentrantView {
        (DefView def, bytes32 id, Channel storage c, Meta m) = _live(rawDef);
        if (!m.isChallenged()) revert WrongStatus(m.status());
        if (block.timestamp < m.deadline()) revert DeadlineNotReached(m.deadline());
        (StateView s, bytes32 stateHash) = ChannelCodec.load(rawState);
        if (stateHash != c.digest) revert WrongDigest(stateHash, c.digest);
        _requireUnlocked(c, m);
        Outcome outcome = _requireDecided(s, m);

        _end(c, m, def);
        uint256 n = s.splitCount();
        EventData data = ChannelLog.start(3, s.epoch(), s.version(), n, AMOUNT_WORDS);
        data.put(2, uint8(outcome));
        for (uint256 i = 0; i < n; ++i) {
            (uint256 low, uint256 high) = ChannelRules.shares(s, outcome, i, n);
            (low, high) = _payouts(c, s.split(i), i, low, high);
            unchecked {
                // i < MAX_ASSETS
                data.put(CREDITS_AT + AMOUNT_WORDS * i, low);
                data.put(CREDITS_AT + AMOUNT_WORDS * i + 1, high);
            }
            _creditBoth(def.brokerLow(), def.brokerHigh(), def.asset(i), low, high);
        }
        data.emit2(Finalized.selector, id);
    }

    function _end(Channel storage c, Meta m, DefView def) private {
        c.meta = m.ended();
        REGISTRY.release_slots(def.brokerLow(), def.brokerHigh());
    }

    /// @dev A condition is decided when its event happened or can no longer happen.
    function _requireDecided(StateView s, Meta m) private view returns (Outcome outcome) {
        outcome = ChannelRules.outcomeOf(s, m);
        uint8 kind = s.kind();
        if (kind == CONDITION_NONE || outcome == Outcome.DELIVERED || outcome == Outcome.REVEALED) return outcome;
        uint256 notBefore = s.expiry();
        if (kind == CONDITION_ORDER) notBefore += GRACE;
        if (block.timestamp < notBefore) revert ConditionOpen(notBefore);
    }

    /// @dev From the shares of asset i to its payouts.
    function _payouts(
        Channel storage c,
        SplitView a,
        uint256 i,
        uint256 low,
        uint256 high
    ) private view returns (uint256 payLow, uint256 payHigh) {
        (int128 netLow, int128 netHigh) = _netAt(c, i);
        payLow = ChannelRules.payout(low, netLow, a.netLow());
        payHigh = ChannelRules.payout(high, netHigh, a.netHigh());
    }

    /// @dev Nothing is written for nothing.
    function _creditBoth(address brokerLow, address brokerHigh, address token, uint256 low, uint256 high) private {
        if (low != 0) _credit(brokerLow, token, low);
        if (high != 0) _credit(brokerHigh, token, high);
    }

    /* GUARDIAN */

    /// @inheritdoc IAdjudicator
    function pauseOpenings(uint40 until) external {
        if (msg.sender != GUARDIAN) revert NotGuardian(msg.sender);
        uint256 notBefore = openingsPausedUntil + PAUSE_GAP;
        if (block.timestamp < notBefore) revert PauseTooSoon(notBefore);

        if (until <= block.timestamp) revert PauseInPast(until);
        uint256 latest = block.timestamp + PAUSE_MAX;
        openingsPausedUntil = until < latest ? until : uint40(latest);
        emit OpeningsPaused(openingsPausedUntil);
    }

    /// @inheritdoc IAdjudicator
    function liftPause() external onlyTimelock {
        if (block.timestamp >= openingsPausedUntil) return;
        openingsPausedUntil = uint40(block.timestamp);
        emit OpeningsPaused(uint40(block.timestamp));
    }

    /* VIEWS */

    /// @inheritdoc IAdjudicator
    function channelOf(bytes32 id) external view returns (ChannelView memory) {
        Channel storage c = _channel(id);
        Meta m = c.meta;
        return
            ChannelView({
                status: m.status(),
                epoch: m.epoch(),
                enforcedVersion: m.enforcedVersion(),
                deadline: m.deadline(),
                orderVersion: m.orderVersion(),
                orderFlags: m.flags(),
                digest: c.digest,
                order: c.order
            });
    }

    /// @inheritdoc IAdjudicator
    function netOf(bytes32 id, uint256 asset) external view returns (int128 low, int128 high) {
        return _netAt(_channel(id), asset);
    }

    /// @inheritdoc IAdjudicator
    function hashDef(ChannelDef calldata rawDef) external pure returns (bytes32) {
        (DefView def, bytes32 id) = ChannelCodec.load(rawDef);
        ChannelCodec.requireClean(def);
        return id;
    }

    /// @inheritdoc IAdjudicator
    function hashState(ClearingState calldata rawState) external pure returns (bytes32 hash) {
        (, hash) = ChannelCodec.load(rawState);
    }

    /// @inheritdoc IAdjudicator
    function hashOrder(SettlementOrder calldata rawOrder) external pure returns (bytes32 hash) {
        (, hash) = ChannelCodec.load(rawOrder);
    }

    /// @inheritdoc IAdjudicator
    function parameters() external view returns (Parameters memory) {
        return
            Parameters({
                registry: address(REGISTRY),
                timelock: TIMELOCK,
                guardian: GUARDIAN,
                minChallenge: MIN_CHALLENGE,
                maxChallenge: MAX_CHALLENGE,
                grace: GRACE,
                pushGas: PUSH_GAS
            });
    }

    /// @inheritdoc IAdjudicator
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /* INTERNALS */

    function _indexOf(DefView def, address token) private pure returns (uint256) {
        uint256 n = def.assetCount();
        for (uint256 i = 0; i < n; ++i) {
            if (def.asset(i) == token) return i;
        }
        revert UnknownAsset(token);
    }
}
