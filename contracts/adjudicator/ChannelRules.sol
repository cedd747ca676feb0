// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    AssetSplit,
    ChannelDef,
    ClearingState,
    Condition,
    Leg,
    Outcome,
    SettlementOrder
} from "../interfaces/ChannelTypes.sol";
import {IAdjudicator} from "../interfaces/IAdjudicator.sol";
import {IEscrowPayment} from "../interfaces/IEscrowPayment.sol";
import {EXECUTED, HIGH_FUNDED, LOW_FUNDED, Meta, REVEALED} from "./Meta.sol";

uint8 constant INTENT_OPEN = 1;
uint8 constant INTENT_OPERATE = 2;
uint8 constant INTENT_RESIZE = 3;
uint8 constant INTENT_SETTLE = 4;
uint8 constant INTENT_CLOSE = 5;

uint8 constant CONDITION_NONE = 0;
uint8 constant CONDITION_HASHLOCK = 1;
uint8 constant CONDITION_ORDER = 2;

/// @title What a definition, a state and an order must be, whatever is on chain; who gets what at the end
/// @dev Pure. `clearing.spec.rules` is the same in Python; the order of the checks is part of the interface.
library ChannelRules {
    uint256 internal constant MAX_ASSETS = 8;
    uint256 internal constant MAX_LEGS = 32;
    /// @dev No condition may keep a channel undecided for longer than this after it came on chain.
    uint256 internal constant HORIZON = 30 days;

    /* DEFINITION */

    /// @dev Whether the assets are listed and the signers are named is for the caller to ask.
    function requireDefinition(ChannelDef calldata def, uint32 minDuration, uint32 maxDuration) internal view {
        require(def.chainId == block.chainid, IAdjudicator.WrongChain(def.chainId, block.chainid));
        require(def.adjudicator == address(this), IAdjudicator.WrongAdjudicator(def.adjudicator, address(this)));
        require(def.brokerLow < def.brokerHigh, IAdjudicator.BrokersNotAscending(def.brokerLow, def.brokerHigh));
        require(
            def.signerLow != address(0) && def.signerHigh != address(0) && def.signerLow != def.signerHigh,
            IAdjudicator.BadSigners(def.signerLow, def.signerHigh)
        );

        address[] calldata assets = def.assets;
        uint256 n = assets.length;
        require(n != 0 && n <= MAX_ASSETS, IAdjudicator.BadAssetCount(n));
        for (uint256 i = 1; i < n; ++i) {
            require(assets[i - 1] < assets[i], IAdjudicator.AssetsNotAscending(i));
        }

        uint32 duration = def.challengeDuration;
        require(
            duration >= minDuration && duration <= maxDuration,
            IAdjudicator.ChallengeDurationOutOfRange(duration, minDuration, maxDuration)
        );
    }

    /* STATE */

    /// @dev The validity matrix for a channel of `n` assets.
    function requireValid(ClearingState calldata s, uint256 n) internal view {
        AssetSplit[] calldata splits = s.splits;
        Condition calldata condition = s.condition;
        uint8 intent = s.intent;
        uint8 kind = condition.kind;
        require(splits.length == n, IAdjudicator.WrongSplitCount(splits.length, n));
        require(intent >= INTENT_OPEN && intent <= INTENT_CLOSE, IAdjudicator.WrongIntent(intent));
        require(_kindFits(intent, kind), IAdjudicator.WrongCondition(intent, kind));
        if (intent == INTENT_OPERATE || intent == INTENT_SETTLE) {
            require(s.validUntil == 0, IAdjudicator.UnexpectedValidUntil(s.validUntil));
        } else if (intent == INTENT_CLOSE) {
            require(s.liabilitiesRoot == 0, IAdjudicator.LiabilitiesOutstanding(s.liabilitiesRoot));
        }
        _requireCondition(condition, kind, n);
        for (uint256 i = 0; i < n; ++i) {
            _requireSplit(splits[i], intent, condition.altLow, i, n);
        }
    }

    function _kindFits(uint8 intent, uint8 kind) private pure returns (bool) {
        if (intent == INTENT_SETTLE) return kind == CONDITION_ORDER;
        if (intent == INTENT_OPERATE) return kind <= CONDITION_HASHLOCK;
        return kind == CONDITION_NONE;
    }

    function _requireCondition(Condition calldata condition, uint8 kind, uint256 n) private view {
        uint256 entries = condition.altLow.length;
        if (kind == CONDITION_NONE) {
            require(
                condition.ref == 0 && condition.expiry == 0 && entries == 0, IAdjudicator.MalformedCondition()
            );
        } else {
            require(entries == (kind == CONDITION_ORDER ? 3 * n : n), IAdjudicator.MalformedCondition());
            uint256 latest = block.timestamp + HORIZON;
            require(condition.expiry <= latest, IAdjudicator.ConditionTooFar(condition.expiry, latest));
        }
    }

    /// @dev Reads every field, so that no bit of the calldata outside its type goes unseen.
    function _requireSplit(AssetSplit calldata a, uint8 intent, uint128[] calldata altLow, uint256 i, uint256 n)
        private
        pure
    {
        uint128 low = a.low;
        uint128 high = a.high;
        uint128 outLow = a.outLow;
        uint128 outHigh = a.outHigh;
        uint256 total = uint256(low) + high;
        // Each term is below 2^128, so neither side wraps.
        require(int256(total) == int256(a.netLow) + a.netHigh, IAdjudicator.NotConserved(i));
        if (intent == INTENT_CLOSE) {
            require(outLow <= low && outHigh <= high, IAdjudicator.BadOut(i));
        } else if (intent != INTENT_RESIZE) {
            require(outLow | outHigh == 0, IAdjudicator.BadOut(i));
        }
        for (uint256 entry = i; entry < altLow.length; entry += n) {
            require(altLow[entry] <= total, IAdjudicator.BadAlternative(entry));
        }
    }

    /* ORDER */

    /// @dev The order belongs to the state and its legs are well formed. The hash was compared before.
    function requireOrder(SettlementOrder calldata order, ClearingState calldata s) internal pure {
        require(
            order.channelId == s.channelId && order.epoch == s.epoch && order.version == s.version
                && order.fundBy == s.condition.expiry,
            IEscrowPayment.OrderNotOfState()
        );
        Leg[] calldata legs = order.legs;
        uint256 count = legs.length;
        require(count != 0 && count <= MAX_LEGS, IEscrowPayment.BadLegCount(count));
        for (uint256 i = 0; i < count; ++i) {
            require(legs[i].amount != 0, IEscrowPayment.ZeroLeg(i));
        }
    }

    /* END */

    /// @dev What the condition of a state chose. `m`'s flags count only for the state's own version.
    function outcomeOf(ClearingState calldata s, Meta m) internal pure returns (Outcome) {
        uint8 kind = s.condition.kind;
        if (kind == CONDITION_NONE || m.orderVersion() != s.version) return Outcome.SPLIT;
        uint8 flags = m.flags();
        if (kind == CONDITION_HASHLOCK) return flags & REVEALED != 0 ? Outcome.REVEALED : Outcome.SPLIT;
        if (flags & EXECUTED != 0) return Outcome.DELIVERED;
        if (flags & HIGH_FUNDED != 0) return Outcome.LOW_DEFAULTED;
        if (flags & LOW_FUNDED != 0) return Outcome.HIGH_DEFAULTED;
        return Outcome.SPLIT;
    }

    /// @dev First entry of altLow that the outcome pays; meaningless for SPLIT.
    function altBlock(Outcome outcome, uint256 n) internal pure returns (uint256) {
        if (outcome == Outcome.LOW_DEFAULTED) return n;
        if (outcome == Outcome.HIGH_DEFAULTED) return 2 * n;
        return 0;
    }

    /// @dev payout = split + (net on chain - S.net), exact, for one side. With S.net <= net on chain it is not negative, and both
    /// sides together get what the channel holds, at most 2 * (2^127 - 1), so it fits 128 bits.
    function payout(uint256 split, int128 netOnChain, int128 netOfState) internal pure returns (uint128) {
        return uint128(uint256(int256(split) + int256(netOnChain) - int256(netOfState)));
    }
}
