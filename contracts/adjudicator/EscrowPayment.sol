// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ChannelDef, ClearingState, Leg, SettlementOrder, Side, Signature} from "../interfaces/ChannelTypes.sol";
import {IEscrowPayment} from "../interfaces/IEscrowPayment.sol";
import {ChannelBook} from "./ChannelBook.sol";
import {ChannelHash} from "./ChannelHash.sol";
import {ChannelRules, INTENT_SETTLE} from "./ChannelRules.sol";
import {EXECUTED, HIGH_FUNDED, LOW_FUNDED, Meta, REFUNDED} from "./Meta.sol";

/// @title Delivery versus payment between the ledgers of two brokers
/// @dev A lock is a debit whose amounts are known by the order's hash; nothing else is stored of it. Debits come before credits, so
/// that no side pays with what the same order brings it.
abstract contract EscrowPayment is ChannelBook {
    /// @notice Seconds that the second funder has after fundBy: a treasury is slow, a sequencer can be down.
    uint32 public immutable GRACE;

    constructor(uint32 grace) {
        GRACE = grace;
    }

    /* ACTIONS */

    /// @inheritdoc IEscrowPayment
    function settle(
        ChannelDef calldata def,
        ClearingState calldata s,
        Signature[2] calldata sigs,
        SettlementOrder calldata order
    ) external nonReentrant {
        (bytes32 id, Channel storage c, Meta m, bytes32 orderHash) = _admit(def, s, sigs, order);
        require(block.timestamp < order.fundBy, FundingClosed(order.fundBy));
        _requireSignersNamed(def);

        c.meta = m.withFlag(EXECUTED);
        uint8 flags = m.flags();
        if (flags & LOW_FUNDED == 0) _debitLegs(def, order.legs, true);
        if (flags & HIGH_FUNDED == 0) _debitLegs(def, order.legs, false);
        _creditLegs(def, order.legs);
        emit OrderExecuted(id, s.epoch, s.version, orderHash, order.legs);
    }

    /// @inheritdoc IEscrowPayment
    function fundOrder(
        ChannelDef calldata def,
        ClearingState calldata s,
        Signature[2] calldata sigs,
        SettlementOrder calldata order,
        Side side
    ) external nonReentrant {
        (bytes32 id, Channel storage c, Meta m, bytes32 orderHash) = _admit(def, s, sigs, order);
        bool low = side == Side.LOW;
        _requireMayFund(def, low);
        bool isSecond = _requireFundable(m, order.fundBy, low);

        m = m.withFlag(low ? LOW_FUNDED : HIGH_FUNDED);
        _debitLegs(def, order.legs, low);
        emit OrderFunded(id, s.epoch, s.version, side, orderHash, order.legs);

        if (isSecond || !_hasLegs(order.legs, !low)) {
            c.meta = m.withFlag(EXECUTED);
            _creditLegs(def, order.legs);
            emit OrderExecuted(id, s.epoch, s.version, orderHash, order.legs);
        } else {
            c.meta = m;
            c.order = orderHash;
        }
    }

    /// @inheritdoc IEscrowPayment
    function refundOrder(ChannelDef calldata def, SettlementOrder calldata order) external nonReentrant {
        (bytes32 id, Channel storage c, Meta m) = _live(def);
        require(m.isLocked(), NoLock());
        bytes32 orderHash = ChannelHash.hashOrder(order);
        require(orderHash == c.order, WrongOrder(orderHash, c.order));
        uint256 notBefore = uint256(order.fundBy) + GRACE;
        require(
            block.timestamp >= notBefore || m.enforcedVersion() > m.orderVersion(), RefundTooEarly(notBefore)
        );

        c.meta = m.withFlag(REFUNDED);
        uint8 flags = m.flags();
        Leg[] calldata legs = order.legs;
        for (uint256 i = 0; i < legs.length; ++i) {
            if (flags & (legs[i].fromLow ? LOW_FUNDED : HIGH_FUNDED) == 0) continue;
            _credit(legs[i].fromLow ? def.brokerLow : def.brokerHigh, legs[i].token, legs[i].amount);
        }
        emit OrderRefunded(id, order.epoch, order.version, orderHash, legs);
    }

    /* GATES */

    /// @dev What `settle` and `fundOrder` ask alike; the returned meta has the version enforced and the flags bound to it.
    function _admit(
        ChannelDef calldata def,
        ClearingState calldata s,
        Signature[2] calldata sigs,
        SettlementOrder calldata order
    ) private view returns (bytes32 id, Channel storage c, Meta m, bytes32 orderHash) {
        (id, c, m) = _live(def);
        bytes32 stateHash = _authenticate(def, id, m, s, sigs);
        require(s.intent == INTENT_SETTLE, WrongIntent(s.intent));
        m = _advance(c, m, s, stateHash);
        _requireEnforceable(c, s);

        orderHash = ChannelHash.hashOrder(order);
        require(orderHash == s.condition.ref, WrongOrder(orderHash, s.condition.ref));
        ChannelRules.requireOrder(order, s);
        m = _bindOrder(c, m, s.version, orderHash);
        require(m.flags() & (EXECUTED | REFUNDED) == 0, OrderFinished(m.flags()));
    }

    /// @dev `settle` moves ledgers on the channel signatures alone, so the keys must still be the brokers' own: a stolen old key must
    /// not sweep a ledger.
    function _requireSignersNamed(ChannelDef calldata def) private view {
        (address low, address high) = REGISTRY.signers_of(def.brokerLow, def.brokerHigh);
        require(low == def.signerLow, SignerNotNamed(def.brokerLow, def.signerLow));
        require(high == def.signerHigh, SignerNotNamed(def.brokerHigh, def.signerHigh));
    }

    function _requireMayFund(ChannelDef calldata def, bool low) private view {
        address broker = low ? def.brokerLow : def.brokerHigh;
        if (msg.sender == broker) return;
        address signer = low ? def.signerLow : def.signerHigh;
        require(
            msg.sender == signer && REGISTRY.signer_of(broker) == signer,
            NotThatSide(msg.sender, low ? Side.LOW : Side.HIGH)
        );
    }

    /// @dev The grace is the second funder's alone, so that a last-second funder cannot frame its peer.
    function _requireFundable(Meta m, uint40 fundBy, bool low) private view returns (bool isSecond) {
        uint8 flags = m.flags();
        require(flags & (low ? LOW_FUNDED : HIGH_FUNDED) == 0, AlreadyFunded(low ? Side.LOW : Side.HIGH));
        isSecond = flags & (low ? HIGH_FUNDED : LOW_FUNDED) != 0;
        uint256 until = isSecond ? uint256(fundBy) + GRACE : fundBy;
        require(block.timestamp < until, FundingClosed(until));
    }

    /* LEGS */

    function _hasLegs(Leg[] calldata legs, bool fromLow) private pure returns (bool) {
        for (uint256 i = 0; i < legs.length; ++i) {
            if (legs[i].fromLow == fromLow) return true;
        }
        return false;
    }

    function _debitLegs(ChannelDef calldata def, Leg[] calldata legs, bool fromLow) private {
        address payer = fromLow ? def.brokerLow : def.brokerHigh;
        for (uint256 i = 0; i < legs.length; ++i) {
            if (legs[i].fromLow == fromLow) _debit(payer, legs[i].token, legs[i].amount);
        }
    }

    function _creditLegs(ChannelDef calldata def, Leg[] calldata legs) private {
        address low = def.brokerLow;
        address high = def.brokerHigh;
        for (uint256 i = 0; i < legs.length; ++i) {
            _credit(legs[i].fromLow ? high : low, legs[i].token, legs[i].amount);
        }
    }
}
