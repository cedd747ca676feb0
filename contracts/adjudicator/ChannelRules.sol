// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Outcome} from "../interfaces/ChannelTypes.sol";
import {IAdjudicator} from "../interfaces/IAdjudicator.sol";
import {IEscrowPayment} from "../interfaces/IEscrowPayment.sol";
import {DefView, OrderView, SplitView, StateView} from "./ChannelViews.sol";
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
/// @dev Stateless; the clock, the chain id and the address are all it reads. `clearing.spec.rules` is the same in Python; the order of
/// the checks is part of the interface.
library ChannelRules {
    uint256 internal constant MAX_ASSETS = 8;
    uint256 internal constant MAX_LEGS = 32;
    /// @dev No condition may keep a channel undecided for longer than this after it came on chain.
    uint256 internal constant HORIZON = 30 days;

    /* DEFINITION */

    /// @dev Whether the assets are listed and the signers are named is for the caller to ask.
    function requireDefinition(DefView def, uint32 minDuration, uint32 maxDuration) internal view {
        if (def.chainId() != block.chainid) revert IAdjudicator.WrongChain(def.chainId(), block.chainid);
        if (def.adjudicator() != address(this)) revert IAdjudicator.WrongAdjudicator(def.adjudicator(), address(this));
        if (def.brokerLow() >= def.brokerHigh())
            revert IAdjudicator.BrokersNotAscending(def.brokerLow(), def.brokerHigh());
        if (def.signerLow() == address(0) || def.signerHigh() == address(0) || def.signerLow() == def.signerHigh())
            revert IAdjudicator.BadSigners(def.signerLow(), def.signerHigh());

        uint256 n = def.assetCount();
        if (n == 0 || n > MAX_ASSETS) revert IAdjudicator.BadAssetCount(n);
        for (uint256 i = 1; i < n; ++i) {
            if (def.asset(i - 1) >= def.asset(i)) revert IAdjudicator.AssetsNotAscending(i);
        }

        uint32 duration = def.challengeDuration();
        if (duration < minDuration || duration > maxDuration)
            revert IAdjudicator.ChallengeDurationOutOfRange(duration, minDuration, maxDuration);
    }

    /* STATE */

    /// @dev The validity matrix for a channel of `n` assets.
    function requireValid(StateView s, uint256 n) internal view {
        uint8 intent = s.intent();
        uint8 kind = s.kind();
        if (s.splitCount() != n) revert IAdjudicator.WrongSplitCount(s.splitCount(), n);
        if (intent < INTENT_OPEN || intent > INTENT_CLOSE) revert IAdjudicator.WrongIntent(intent);
        if (!_kindFits(intent, kind)) revert IAdjudicator.WrongCondition(intent, kind);
        if (intent == INTENT_OPERATE || intent == INTENT_SETTLE) {
            if (s.validUntil() != 0) revert IAdjudicator.UnexpectedValidUntil(s.validUntil());
        } else if (intent == INTENT_CLOSE) {
            if (s.liabilitiesRoot() != 0) revert IAdjudicator.LiabilitiesOutstanding(s.liabilitiesRoot());
        }
        _requireCondition(s, kind, n);
        for (uint256 i = 0; i < n; ++i) {
            _requireSplit(s, intent, i, n);
        }
    }

    function _kindFits(uint8 intent, uint8 kind) private pure returns (bool) {
        if (intent == INTENT_SETTLE) return kind == CONDITION_ORDER;
        if (intent == INTENT_OPERATE) return kind <= CONDITION_HASHLOCK;
        return kind == CONDITION_NONE;
    }

    function _requireCondition(StateView s, uint8 kind, uint256 n) private view {
        uint256 entries = s.altCount();
        if (kind == CONDITION_NONE) {
            if (s.ref() != 0 || s.expiry() != 0 || entries != 0) revert IAdjudicator.MalformedCondition();
        } else {
            if (entries != (kind == CONDITION_ORDER ? 3 * n : n)) revert IAdjudicator.MalformedCondition();
            uint256 latest = block.timestamp + HORIZON;
            if (s.expiry() > latest) revert IAdjudicator.ConditionTooFar(s.expiry(), latest);
        }
    }

    function _requireSplit(StateView s, uint8 intent, uint256 i, uint256 n) private pure {
        SplitView a = s.split(i);
        uint128 low = a.low();
        uint128 high = a.high();
        uint128 outLow = a.outLow();
        uint128 outHigh = a.outHigh();
        unchecked {
            // Each term is below 2^128 in size, so neither side wraps.
            if (int256(uint256(low) + high) != int256(a.netLow()) + a.netHigh()) revert IAdjudicator.NotConserved(i);
        }
        if (intent == INTENT_CLOSE) {
            if (outLow > low || outHigh > high) revert IAdjudicator.BadOut(i);
        } else if (intent != INTENT_RESIZE) {
            if (outLow | outHigh != 0) revert IAdjudicator.BadOut(i);
        }
        uint256 entries = s.altCount();
        for (uint256 entry = i; entry < entries; entry += n) {
            if (s.altLow(entry) > uint256(low) + high) revert IAdjudicator.BadAlternative(entry);
        }
    }

    /* ORDER */

    /// @dev The order belongs to the state and its legs are well formed. The hash was compared before.
    function requireOrder(OrderView order, StateView s) internal pure {
        if (
            order.channelId() != s.channelId() ||
            order.epoch() != s.epoch() ||
            order.version() != s.version() ||
            order.fundBy() != s.expiry()
        ) revert IEscrowPayment.OrderNotOfState();
        uint256 count = order.legCount();
        if (count == 0 || count > MAX_LEGS) revert IEscrowPayment.BadLegCount(count);
        for (uint256 i = 0; i < count; ++i) {
            if (order.leg(i).amount() == 0) revert IEscrowPayment.ZeroLeg(i);
        }
    }

    /* END */

    /// @dev What the condition of a state chose. `m`'s flags count only for the state's own version.
    function outcomeOf(StateView s, Meta m) internal pure returns (Outcome) {
        uint8 kind = s.kind();
        if (kind == CONDITION_NONE || m.orderVersion() != s.version()) return Outcome.SPLIT;
        uint8 flags = m.flags();
        if (kind == CONDITION_HASHLOCK) return flags & REVEALED != 0 ? Outcome.REVEALED : Outcome.SPLIT;
        if (flags & EXECUTED != 0) return Outcome.DELIVERED;
        if (flags & HIGH_FUNDED != 0) return Outcome.LOW_DEFAULTED;
        if (flags & LOW_FUNDED != 0) return Outcome.HIGH_DEFAULTED;
        return Outcome.SPLIT;
    }

    /// @dev Who owns what of asset i under the outcome: the split, or an entry of altLow and the rest of the total.
    function shares(
        StateView s,
        Outcome outcome,
        uint256 i,
        uint256 n
    ) internal pure returns (uint256 low, uint256 high) {
        SplitView a = s.split(i);
        (low, high) = (a.low(), a.high());
        if (outcome == Outcome.SPLIT) return (low, high);
        uint256 block_ =
            outcome == Outcome.LOW_DEFAULTED
                ? n
                : outcome == Outcome.HIGH_DEFAULTED
                    ? 2 * n
                    : 0;
        uint256 total = low + high;
        low = s.altLow(block_ + i);
        high = total - low; // the state was valid: the alternative is at most the total
    }

    /// @dev payout = split + (net on chain - S.net), exact, for one side. With S.net <= net on chain it is not negative, and both
    /// sides together get what the channel holds, at most 2 * (2^127 - 1), so it fits 128 bits.
    function payout(uint256 split, int128 netOnChain, int128 netOfState) internal pure returns (uint128) {
        unchecked {
            return uint128(uint256(int256(split) + int256(netOnChain) - int256(netOfState)));
        }
    }
}
