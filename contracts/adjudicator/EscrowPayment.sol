// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ChannelDef, ClearingState, Leg, SettlementOrder, Side, Signature} from "../interfaces/ChannelTypes.sol";
import {IEscrowPayment} from "../interfaces/IEscrowPayment.sol";
import {ChannelBook} from "./ChannelBook.sol";
import {ChannelCodec} from "./ChannelCodec.sol";
import {ChannelLog, EventData} from "./ChannelLog.sol";
import {ChannelRules, INTENT_SETTLE} from "./ChannelRules.sol";
import {DefView, LegView, OrderView, StateView} from "./ChannelViews.sol";
import {EXECUTED, HIGH_FUNDED, LOW_FUNDED, Meta, REFUNDED} from "./Meta.sol";

/// @title Delivery versus payment between the ledgers of two brokers
/// @dev A lock is a debit whose amounts are known by the order's hash; nothing else is stored of it. Debits come before credits, so
/// that no side pays with what the same order brings it.
abstract contract EscrowPayment is ChannelBook {
    /// @dev Seconds that the second funder has after fundBy: a treasury is slow, a sequencer can be down.
    uint32 internal immutable GRACE;

    constructor(uint32 grace) {
        GRACE = grace;
    }

    /* ACTIONS */

    /// @inheritdoc IEscrowPayment
    function settle(
        ChannelDef calldata rawDef,
        ClearingState calldata rawState,
        Signature[2] calldata sigs,
        SettlementOrder calldata rawOrder
    ) external nonReentrantView {
        (DefView def, Channel storage c, Meta m, OrderView order, bytes32 orderHash) = _admit(
            rawDef,
            rawState,
            sigs,
            rawOrder
        );
        if (block.timestamp >= order.fundBy()) revert FundingClosed(order.fundBy());
        _requireSignersNamed(def);

        c.meta = m.withFlag(EXECUTED);
        uint8 sides = (LOW_FUNDED | HIGH_FUNDED) & ~m.flags();
        _debitLegs(def, order, sides);
        _execute(def, order, orderHash, sides, rawOrder.legs);
    }

    /// @inheritdoc IEscrowPayment
    function fundOrder(
        ChannelDef calldata rawDef,
        ClearingState calldata rawState,
        Signature[2] calldata sigs,
        SettlementOrder calldata rawOrder,
        Side side
    ) external nonReentrantView {
        (DefView def, Channel storage c, Meta m, OrderView order, bytes32 orderHash) = _admit(
            rawDef,
            rawState,
            sigs,
            rawOrder
        );
        bool low = side == Side.LOW;
        _requireMayFund(def, low);
        bool isSecond = _requireFundable(m, order.fundBy(), low);

        uint8 flag = low ? LOW_FUNDED : HIGH_FUNDED;
        m = m.withFlag(flag);
        _debitLegs(def, order, flag);
        _logLegs(OrderFunded.selector, order, orderHash, flag, rawOrder.legs);

        if (isSecond || !_hasLegs(order, !low)) {
            c.meta = m.withFlag(EXECUTED);
            _execute(def, order, orderHash, 0, rawOrder.legs);
        } else {
            c.meta = m;
            c.order = orderHash;
        }
    }

    /// @inheritdoc IEscrowPayment
    function refundOrder(ChannelDef calldata rawDef, SettlementOrder calldata rawOrder) external nonReentrantView {
        (DefView def, , Channel storage c, Meta m) = _live(rawDef);
        if (!m.isLocked()) revert NoLock();
        (OrderView order, bytes32 orderHash) = ChannelCodec.load(rawOrder);
        if (orderHash != c.order) revert WrongOrder(orderHash, c.order);
        uint256 notBefore = uint256(order.fundBy()) + GRACE;
        if (block.timestamp < notBefore && m.enforcedVersion() <= m.orderVersion()) revert RefundTooEarly(notBefore);

        c.meta = m.withFlag(REFUNDED);
        uint8 sides = m.flags() & (LOW_FUNDED | HIGH_FUNDED);
        uint256 count = order.legCount();
        for (uint256 i = 0; i < count; ++i) {
            LegView leg = order.leg(i);
            if (sides & (leg.fromLow() ? LOW_FUNDED : HIGH_FUNDED) == 0) continue;
            _credit(leg.fromLow() ? def.brokerLow() : def.brokerHigh(), leg.token(), leg.amount());
        }
        _logLegs(OrderRefunded.selector, order, orderHash, sides, rawOrder.legs);
    }

    /* GATES */

    /// @dev What `settle` and `fundOrder` ask alike; the returned meta has the version enforced and the flags bound to it.
    function _admit(
        ChannelDef calldata rawDef,
        ClearingState calldata rawState,
        Signature[2] calldata sigs,
        SettlementOrder calldata rawOrder
    ) private view returns (DefView def, Channel storage c, Meta m, OrderView order, bytes32 orderHash) {
        StateView s;
        bytes32 stateHash;
        (def, , c, m, s, stateHash) = _enter(rawDef, rawState, sigs);
        if (s.intent() != INTENT_SETTLE) revert WrongIntent(s.intent());
        m = _advance(c, m, s, stateHash);
        _requireEnforceable(c, s);

        (order, orderHash) = ChannelCodec.load(rawOrder);
        if (orderHash != s.ref()) revert WrongOrder(orderHash, s.ref());
        ChannelRules.requireOrder(order, s);
        m = _bindOrder(c, m, s.version(), orderHash);
        if (m.flags() & (EXECUTED | REFUNDED) != 0) revert OrderFinished(m.flags());
    }

    /// @dev `settle` moves ledgers on the channel signatures alone, so the keys must still be the brokers' own: a stolen old key must
    /// not sweep a ledger.
    function _requireSignersNamed(DefView def) private view {
        (address low, address high) = REGISTRY.signers_of(def.brokerLow(), def.brokerHigh());
        if (low != def.signerLow()) revert SignerNotNamed(def.brokerLow(), def.signerLow());
        if (high != def.signerHigh()) revert SignerNotNamed(def.brokerHigh(), def.signerHigh());
    }

    function _requireMayFund(DefView def, bool low) private view {
        address broker = low ? def.brokerLow() : def.brokerHigh();
        if (msg.sender == broker) return;
        address signer = low ? def.signerLow() : def.signerHigh();
        if (msg.sender != signer || REGISTRY.signer_of(broker) != signer)
            revert NotThatSide(msg.sender, low ? Side.LOW : Side.HIGH);
    }

    /// @dev The grace is the second funder's alone, so that a last-second funder cannot frame its peer.
    function _requireFundable(Meta m, uint40 fundBy, bool low) private view returns (bool isSecond) {
        uint8 flags = m.flags();
        if (flags & (low ? LOW_FUNDED : HIGH_FUNDED) != 0) revert AlreadyFunded(low ? Side.LOW : Side.HIGH);
        isSecond = flags & (low ? HIGH_FUNDED : LOW_FUNDED) != 0;
        uint256 until = isSecond ? uint256(fundBy) + GRACE : fundBy;
        if (block.timestamp >= until) revert FundingClosed(until);
    }

    /* LEGS */

    function _hasLegs(OrderView order, bool fromLow) private pure returns (bool) {
        uint256 count = order.legCount();
        for (uint256 i = 0; i < count; ++i) {
            if (order.leg(i).fromLow() == fromLow) return true;
        }
        return false;
    }

    /// @param sides flags of the sides that pay now (LOW_FUNDED, HIGH_FUNDED).
    function _debitLegs(DefView def, OrderView order, uint8 sides) private {
        address low = def.brokerLow();
        address high = def.brokerHigh();
        uint256 count = order.legCount();
        for (uint256 i = 0; i < count; ++i) {
            LegView leg = order.leg(i);
            if (sides & (leg.fromLow() ? LOW_FUNDED : HIGH_FUNDED) == 0) continue;
            _debit(leg.fromLow() ? low : high, leg.token(), leg.amount());
        }
    }

    /// @dev Every leg is debited or locked: credit the receivers.
    function _execute(DefView def, OrderView order, bytes32 orderHash, uint8 sides, Leg[] calldata rawLegs) private {
        mapping(address token => uint256) storage low = _ledgerOf(def.brokerLow());
        mapping(address token => uint256) storage high = _ledgerOf(def.brokerHigh());
        uint256 count = order.legCount();
        for (uint256 i = 0; i < count; ++i) {
            LegView leg = order.leg(i);
            if (leg.fromLow()) _credit(high, leg.token(), leg.amount());
            else _credit(low, leg.token(), leg.amount());
        }
        _logLegs(OrderExecuted.selector, order, orderHash, sides, rawLegs);
    }

    /// @dev Events with (id; epoch, version, order, sides, legs); `ChannelCodec.load` has checked the legs' words.
    function _logLegs(bytes32 topic, OrderView order, bytes32 orderHash, uint8 sides, Leg[] calldata rawLegs) private {
        EventData data = ChannelLog.start(4, order.epoch(), order.version(), rawLegs.length, 3);
        data.put(2, uint256(orderHash));
        data.put(3, sides);
        data.putLegs(6, rawLegs); // behind 4 heads, the offset and the count
        data.emit2(topic, order.channelId());
    }
}
