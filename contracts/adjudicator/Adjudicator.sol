// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {
    AssetAmounts,
    AssetFunding,
    AssetSplit,
    ChannelDef,
    ChannelView,
    ClearingState,
    Outcome,
    SettlementOrder,
    Signature
} from "../interfaces/ChannelTypes.sol";
import {IAdjudicator} from "../interfaces/IAdjudicator.sol";
import {IBrokerRegistry} from "../interfaces/IBrokerRegistry.sol";
import {AssetVault} from "./AssetVault.sol";
import {ChannelBook} from "./ChannelBook.sol";
import {ChannelHash} from "./ChannelHash.sol";
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
import {EscrowPayment} from "./EscrowPayment.sol";
import {EXECUTED, Meta, REVEALED} from "./Meta.sol";

/// @title Clearing channels of the Smart Clearing Protocol
/// @notice Holds the collateral of bilateral channels, enforces co-signed states, decides disputes by time, settles orders.
/// @custom:halt The guardian can stop `open` for at most 72 hours at a time; every other function always works.
/// @custom:security-contact See SECURITY.md
contract Adjudicator is EscrowPayment {
    /// @notice Longest pause of openings, in seconds.
    uint256 public constant PAUSE_MAX = 72 hours;
    /// @notice Least time between the end of a pause and the start of the next, in seconds.
    uint256 public constant PAUSE_GAP = 7 days;

    /// @notice May pause openings; nothing else.
    address public immutable GUARDIAN;
    /// @notice Bounds of a channel's challengeDuration, in seconds.
    uint32 public immutable MIN_CHALLENGE;
    uint32 public immutable MAX_CHALLENGE;

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
        GUARDIAN = guardian;
        MIN_CHALLENGE = minChallenge;
        MAX_CHALLENGE = maxChallenge;
    }

    /* OPEN */

    /// @inheritdoc IAdjudicator
    function open(ChannelDef calldata def, ClearingState calldata s, Signature[2] calldata sigs)
        external
        nonReentrant
    {
        bytes32 id = ChannelHash.hashDef(def);
        Channel storage c = _channel(id);
        Meta m = c.meta;
        require(!m.isLive(), WrongStatus(m.status()));
        require(block.timestamp >= openingsPausedUntil, OpeningsArePaused(openingsPausedUntil));
        ChannelRules.requireDefinition(def, MIN_CHALLENGE, MAX_CHALLENGE);
        _authenticate(def, id, m, s, sigs);
        require(s.intent == INTENT_OPEN, WrongIntent(s.intent));
        require(block.timestamp < s.validUntil, StateExpired(s.validUntil));
        for (uint256 i = 0; i < s.splits.length; ++i) {
            _requireOpening(s.splits[i], def.assets[i], i);
        }
        _takeSlots(def);

        c.meta = m.opened(s.version);
        AssetFunding[] memory funding = _fund(c, def, s.splits);
        emit Opened(id, def.brokerLow, def.brokerHigh, s.epoch, s.version, funding);

        for (uint256 i = 0; i < funding.length; ++i) {
            AssetFunding memory f = funding[i];
            _pull(f.token, def.brokerLow, f.pulledLow, def.brokerHigh, f.pulledHigh);
        }
    }

    function _requireOpening(AssetSplit calldata a, address token, uint256 i) private view {
        require(
            a.netLow >= 0 && a.netHigh >= 0 && a.low == uint128(a.netLow) && a.high == uint128(a.netHigh),
            BadOpening(i)
        );
        uint256 cap = _requireListed(token);
        require(a.low <= cap, CapExceeded(token, a.low, cap));
        require(a.high <= cap, CapExceeded(token, a.high, cap));
    }

    function _takeSlots(ChannelDef calldata def) private {
        uint256 refusal = REGISTRY.take_slots(def.brokerLow, def.signerLow, def.brokerHigh, def.signerHigh);
        if (refusal == 0) return;
        if (refusal == 1) revert SignerNotNamed(def.brokerLow, def.signerLow);
        if (refusal == 2) revert SignerNotNamed(def.brokerHigh, def.signerHigh);
        revert NoSlot(refusal == 3 ? def.brokerLow : def.brokerHigh);
    }

    /// @dev Sets (never adds) the nets, which may still hold those of an earlier epoch.
    function _fund(Channel storage c, ChannelDef calldata def, AssetSplit[] calldata splits)
        private
        returns (AssetFunding[] memory funding)
    {
        funding = new AssetFunding[](splits.length);
        for (uint256 i = 0; i < splits.length; ++i) {
            AssetSplit calldata a = splits[i];
            address token = def.assets[i];
            _setNet(c, i, a.netLow, a.netHigh);
            // Both lacks are at most the 128-bit shares.
            funding[i] = AssetFunding({
                token: token,
                netLow: a.low,
                netHigh: a.high,
                pulledLow: uint128(_debitUpTo(def.brokerLow, token, a.low)),
                pulledHigh: uint128(_debitUpTo(def.brokerHigh, token, a.high))
            });
        }
    }

    /* COLLATERAL */

    /// @inheritdoc IAdjudicator
    function depositCollateral(ChannelDef calldata def, address token, uint128 amount) external nonReentrant {
        (bytes32 id, Channel storage c, Meta m) = _live(def);
        _requireInTime(m);
        bool low = msg.sender == def.brokerLow;
        require(low || msg.sender == def.brokerHigh, NotBroker(msg.sender));
        uint256 i = _indexOf(def.assets, token);
        require(amount != 0, ZeroAmount());
        (int128 netLow, int128 netHigh) = _netAt(c, i);
        // In 256 bits; a net at or below the cap fits its 128.
        int256 net = int256(low ? netLow : netHigh) + int256(uint256(amount));
        uint256 cap = _requireListed(token);
        require(net <= int256(cap), CapExceeded(token, uint256(net), cap));

        _debit(msg.sender, token, amount);
        if (low) netLow = int128(net);
        else netHigh = int128(net);
        _setNet(c, i, netLow, netHigh);
        emit CollateralDeposited(id, msg.sender, i, amount);
    }

    /// @inheritdoc IAdjudicator
    function resize(ChannelDef calldata def, ClearingState calldata s, Signature[2] calldata sigs)
        external
        nonReentrant
    {
        (bytes32 id, Channel storage c, Meta m) = _live(def);
        _authenticate(def, id, m, s, sigs);
        require(s.intent == INTENT_RESIZE, WrongIntent(s.intent));
        require(block.timestamp < s.validUntil, StateExpired(s.validUntil));
        _requireInTime(m);
        _requireNewer(m, s);
        _requireUnlocked(c, m);

        c.meta = m.enforced(s.version);
        AssetAmounts[] memory outs = new AssetAmounts[](s.splits.length);
        for (uint256 i = 0; i < outs.length; ++i) {
            outs[i] = _takeOut(c, def, s.splits[i], i);
        }
        emit Resized(id, s.epoch, s.version, outs);
    }

    /// @dev In 256 bits; what is left is at least the state's nets, so it fits its 128.
    function _takeOut(Channel storage c, ChannelDef calldata def, AssetSplit calldata a, uint256 i)
        private
        returns (AssetAmounts memory out)
    {
        (int128 netLow, int128 netHigh) = _netAt(c, i);
        out = AssetAmounts(a.outLow, a.outHigh);
        int256 leftLow = int256(netLow) - int256(uint256(out.low));
        int256 leftHigh = int256(netHigh) - int256(uint256(out.high));
        require(a.netLow <= leftLow && a.netHigh <= leftHigh, Unenforceable(i));

        _setNet(c, i, int128(leftLow), int128(leftHigh));
        if (out.low != 0) _credit(def.brokerLow, def.assets[i], out.low);
        if (out.high != 0) _credit(def.brokerHigh, def.assets[i], out.high);
    }

    /* DISPUTE */

    /// @inheritdoc IAdjudicator
    function checkpoint(ChannelDef calldata def, ClearingState calldata s, Signature[2] calldata sigs)
        external
        nonReentrant
    {
        (bytes32 id, Channel storage c, Meta m) = _live(def);
        _authenticate(def, id, m, s, sigs);
        if (s.intent == INTENT_RESIZE) {
            // While it can still run it must stay runnable.
            require(block.timestamp >= s.validUntil, StateNotExpired(s.validUntil));
        } else {
            require(s.intent == INTENT_OPERATE || s.intent == INTENT_SETTLE, WrongIntent(s.intent));
        }
        _requireInTime(m);
        _requireNewer(m, s);
        _requireEnforceable(c, s);

        c.meta = m.enforced(s.version);
        emit Checkpointed(id, s.epoch, s.version);
    }

    /// @inheritdoc IAdjudicator
    function challenge(ChannelDef calldata def, ClearingState calldata s, Signature[2] calldata sigs)
        external
        nonReentrant
    {
        (bytes32 id, Channel storage c, Meta m) = _live(def);
        bytes32 stateHash = _authenticate(def, id, m, s, sigs);
        require(
            msg.sender == def.brokerLow || msg.sender == def.brokerHigh || msg.sender == def.signerLow
                || msg.sender == def.signerHigh,
            NotParty(msg.sender)
        );
        _challenge(def, id, c, m, s, stateHash);
    }

    /// @inheritdoc IAdjudicator
    function challenge(
        ChannelDef calldata def,
        ClearingState calldata s,
        Signature[2] calldata sigs,
        Signature calldata intent
    ) external nonReentrant {
        (bytes32 id, Channel storage c, Meta m) = _live(def);
        bytes32 stateHash = _authenticate(def, id, m, s, sigs);
        bytes32 digest = _hashTypedDataV4(ChannelHash.hashIntent(id, s.epoch, s.version, stateHash));
        require(
            _isSigned(digest, intent, def.signerLow) || _isSigned(digest, intent, def.signerHigh),
            NotParty(msg.sender)
        );
        _challenge(def, id, c, m, s, stateHash);
    }

    function _challenge(
        ChannelDef calldata def,
        bytes32 id,
        Channel storage c,
        Meta m,
        ClearingState calldata s,
        bytes32 stateHash
    ) private {
        uint64 enforced = m.enforcedVersion();
        require(s.intent != INTENT_CLOSE, WrongIntent(s.intent));
        require(s.intent != INTENT_OPEN || s.version == enforced, StaleVersion(s.version, enforced));
        uint40 deadline = m.deadline();
        if (m.isChallenged()) {
            _requireInTime(m);
            _requireNewer(m, s);
        } else {
            require(s.version >= enforced, StaleVersion(s.version, enforced));
            deadline = uint40(block.timestamp) + def.challengeDuration;
        }
        _requireEnforceable(c, s);

        c.meta = m.challenged(s.version, deadline);
        c.digest = stateHash;
        emit Challenged(id, s.epoch, s.version, stateHash, deadline);
    }

    /// @inheritdoc IAdjudicator
    function reveal(
        ChannelDef calldata def,
        ClearingState calldata s,
        Signature[2] calldata sigs,
        bytes32 preimage
    ) external nonReentrant {
        (bytes32 id, Channel storage c, Meta m) = _live(def);
        bytes32 stateHash = _authenticate(def, id, m, s, sigs);
        require(s.condition.kind == CONDITION_HASHLOCK, WrongCondition(s.intent, s.condition.kind));
        m = _advance(c, m, s, stateHash);
        _requireEnforceable(c, s);
        m = _bindOrder(c, m, s.version, 0);
        require(m.flags() & REVEALED == 0, AlreadyRevealed());
        require(sha256(abi.encode(preimage)) == s.condition.ref, WrongPreimage(preimage));
        require(block.timestamp < s.condition.expiry, RevealTooLate(s.condition.expiry));

        c.meta = m.withFlag(REVEALED);
        emit Revealed(id, s.epoch, s.version, preimage);
    }

    /* END */

    /// @inheritdoc IAdjudicator
    function closeCooperative(ChannelDef calldata def, ClearingState calldata s, Signature[2] calldata sigs)
        external
        nonReentrant
    {
        (bytes32 id, Channel storage c, Meta m) = _live(def);
        _authenticate(def, id, m, s, sigs);
        require(s.intent == INTENT_CLOSE, WrongIntent(s.intent));
        require(block.timestamp < s.validUntil, StateExpired(s.validUntil));
        _requireNewer(m, s);
        _requireUnlocked(c, m);
        _requireEnforceable(c, s);

        c.meta = m.ended();
        REGISTRY.release_slots(def.brokerLow, def.brokerHigh);
        uint256 n = s.splits.length;
        AssetAmounts[] memory credited = new AssetAmounts[](n);
        AssetAmounts[] memory sent = new AssetAmounts[](n);
        for (uint256 i = 0; i < n; ++i) {
            AssetSplit calldata a = s.splits[i];
            sent[i] = AssetAmounts(a.outLow, a.outHigh);
            // out <= split <= payout
            credited[i] = _payOut(c, def, s, i, a.low, a.high, sent[i]);
        }
        emit Closed(id, s.epoch, s.version, credited, sent);

        for (uint256 i = 0; i < n; ++i) {
            _push(def.brokerLow, def.assets[i], sent[i].low);
            _push(def.brokerHigh, def.assets[i], sent[i].high);
        }
    }

    /// @inheritdoc IAdjudicator
    function finalize(ChannelDef calldata def, ClearingState calldata s) external nonReentrant {
        (bytes32 id, Channel storage c, Meta m) = _live(def);
        require(m.isChallenged(), WrongStatus(m.status()));
        require(block.timestamp >= m.deadline(), DeadlineNotReached(m.deadline()));
        bytes32 stateHash = ChannelHash.hashState(s);
        require(stateHash == c.digest, WrongDigest(stateHash, c.digest));
        _requireUnlocked(c, m);
        Outcome outcome = _requireDecided(s, m);

        c.meta = m.ended();
        REGISTRY.release_slots(def.brokerLow, def.brokerHigh);
        uint256 n = s.splits.length;
        uint256 block_ = ChannelRules.altBlock(outcome, n);
        AssetAmounts[] memory credited = new AssetAmounts[](n);
        for (uint256 i = 0; i < n; ++i) {
            uint256 low = s.splits[i].low;
            uint256 high = s.splits[i].high;
            if (outcome != Outcome.SPLIT) {
                uint256 alt = s.condition.altLow[block_ + i];
                // alt <= low + high by the validity of the state
                (low, high) = (alt, low + high - alt);
            }
            credited[i] = _payOut(c, def, s, i, low, high, AssetAmounts(0, 0));
        }
        emit Finalized(id, s.epoch, s.version, outcome, credited);
    }

    /// @dev A condition is decided when its event happened or can no longer happen.
    function _requireDecided(ClearingState calldata s, Meta m) private view returns (Outcome outcome) {
        outcome = ChannelRules.outcomeOf(s, m);
        uint8 kind = s.condition.kind;
        if (kind == CONDITION_NONE || outcome == Outcome.DELIVERED || outcome == Outcome.REVEALED) return outcome;
        uint256 notBefore = s.condition.expiry;
        if (kind == CONDITION_ORDER) notBefore += GRACE;
        require(block.timestamp >= notBefore, ConditionOpen(notBefore));
    }

    /// @dev Credits the payouts of asset i less what will be sent; returns the credits.
    function _payOut(
        Channel storage c,
        ChannelDef calldata def,
        ClearingState calldata s,
        uint256 i,
        uint256 low,
        uint256 high,
        AssetAmounts memory sent
    ) private returns (AssetAmounts memory credited) {
        AssetSplit calldata a = s.splits[i];
        (int128 netLow, int128 netHigh) = _netAt(c, i);
        credited.low = ChannelRules.payout(low, netLow, a.netLow) - sent.low;
        credited.high = ChannelRules.payout(high, netHigh, a.netHigh) - sent.high;
        if (credited.low != 0) _credit(def.brokerLow, def.assets[i], credited.low);
        if (credited.high != 0) _credit(def.brokerHigh, def.assets[i], credited.high);
    }

    /* GUARDIAN */

    /// @inheritdoc IAdjudicator
    function pauseOpenings(uint40 until) external {
        require(msg.sender == GUARDIAN, NotGuardian(msg.sender));
        uint40 last = openingsPausedUntil;
        uint256 notBefore = last == 0 ? 0 : last + PAUSE_GAP;
        require(block.timestamp >= notBefore, PauseTooSoon(notBefore));

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
        return ChannelView({
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
    function hashDef(ChannelDef calldata def) external pure returns (bytes32) {
        return ChannelHash.hashDef(def);
    }

    /// @inheritdoc IAdjudicator
    function hashState(ClearingState calldata s) external pure returns (bytes32) {
        return ChannelHash.hashState(s);
    }

    /// @inheritdoc IAdjudicator
    function hashOrder(SettlementOrder calldata order) external pure returns (bytes32) {
        return ChannelHash.hashOrder(order);
    }

    /// @inheritdoc IAdjudicator
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /* INTERNALS */

    function _indexOf(address[] calldata assets, address token) private pure returns (uint256) {
        for (uint256 i = 0; i < assets.length; ++i) {
            if (assets[i] == token) return i;
        }
        revert UnknownAsset(token);
    }
}
