// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Context, Kind} from "../interfaces/EngineTypes.sol";
import {IDerivativesEngine} from "../interfaces/IDerivativesEngine.sol";
import {Group, IMatchSettler, IOC, Order, REDUCE_ONLY, SignedOrder, Terms} from "../interfaces/IMatchSettler.sol";
import {Action} from "../interfaces/OracleTypes.sol";
import {AccountId, MarketId} from "../interfaces/PerpTypes.sol";
import {FillRules} from "./match/FillRules.sol";
import {GroupSum, GroupSums} from "./match/GroupSum.sol";
import {KeptSlot, NonceRing, Nonces, RingHead, RingSlot} from "./match/NonceRing.sol";
import {OrderHash} from "./match/OrderHash.sol";
import {OrderSigner} from "./match/OrderSigner.sol";
import {PackedGroup, PackedHead, PackedOrders} from "./match/PackedOrders.sol";
import {Ticket, TicketLib} from "./match/Ticket.sol";

/// @title Signed orders between traders of the Smart Clearing Protocol
/// @notice Checks what the settler matched against what traders signed, remembers what is filled, and books it in the engine.
/// @custom:halt The SETTLE bit of a market stops its settlements, the guardian's those of all; without a settler nothing is settled.
/// Cancelling always works, and closing against the vault needs nothing from here.
/// @custom:security-contact See SECURITY.md
contract MatchSettler is IMatchSettler, EIP712 {
    uint256 private constant MAX_FILLS = 100;

    IDerivativesEngine public immutable ENGINE;

    address public settler;
    // one slot, written whole by each batch
    uint48 public lastBatch;
    uint40 public lastBatchAt;
    mapping(AccountId account => Nonces) private _nonces;

    /// @param engine the ledger, in which this contract is the module of the role SETTLER.
    /// @param settler_ who brings batches; the engine's timelock names another.
    constructor(IDerivativesEngine engine, address settler_) EIP712("Smart Clearing Derivatives", "1") {
        ENGINE = engine;
        settler = settler_;
        lastBatchAt = uint40(block.timestamp); // fits for 34,000 years
        emit SettlerChanged(address(0), settler_);
    }

    modifier onlySelf() {
        if (msg.sender != address(this)) revert OnlySelf(msg.sender);
        _;
    }

    modifier onlyTrader(AccountId account) {
        if (!ENGINE.isTrader(account, msg.sender)) revert NotTrader(account, msg.sender);
        _;
    }

    /* SETTLE */

    /// @inheritdoc IMatchSettler
    function settle(uint48 batchId, Group[] calldata groups) external {
        _open(batchId);
        Terms memory known;
        uint256 fills;
        uint256 skipped;
        for (uint256 i = 0; i < groups.length; ++i) {
            fills += groups[i].fills.length;
            try this.applyGroup(known, groups[i]) returns (Terms memory terms) {
                known = terms;
            } catch (bytes memory reason) {
                _skip(batchId, i, reason);
                ++skipped;
            }
        }
        _close(batchId, groups.length, fills, skipped);
    }

    /// @inheritdoc IMatchSettler
    function settlePacked(bytes calldata batch) external {
        PackedHead head = PackedHead.wrap(uint256(bytes32(batch)));
        if (batch.length < PackedOrders.HEAD_BYTES || !head.isSound()) revert BadPacking(0);
        _open(head.batchId());

        Terms memory known;
        PackedGroup memory g;
        g.to = PackedOrders.HEAD_BYTES;
        uint256 groups;
        uint256 fills;
        uint256 skipped;
        while (g.to < batch.length) {
            head.turnTo(g, batch);
            fills += g.count;
            try this.applyPacked(known, head, g.flags, g.market, batch[g.from:g.to]) returns (Terms memory terms) {
                known = terms;
            } catch (bytes memory reason) {
                _skip(head.batchId(), groups, reason);
                ++skipped;
            }
            ++groups;
        }
        _close(head.batchId(), groups, fills, skipped);
    }

    function _open(uint48 batchId) private {
        if (msg.sender != settler) revert NotSettler(msg.sender);
        uint256 expected = uint256(lastBatch) + 1;
        if (batchId != expected) revert BatchOutOfOrder(batchId, expected);
        (lastBatch, lastBatchAt) = (batchId, uint40(block.timestamp)); // as above
        ENGINE.enter();
    }

    function _close(uint48 batchId, uint256 groups, uint256 fills, uint256 skipped) private {
        if (groups == 0) revert EmptyBatch();
        if (fills > MAX_FILLS) revert TooManyFills(fills);
        ENGINE.exit();
        emit BatchSettled(batchId, groups, skipped);
    }

    /// @dev Only running out of gas gives no reason, or the one that the guards of callers' gas give.
    function _skip(uint48 batchId, uint256 group, bytes memory reason) private {
        if (reason.length == 0) revert InsufficientGas(gasleft(), 0);
        if (bytes4(reason) == InsufficientGas.selector) {
            assembly ("memory-safe") {
                revert(add(reason, 0x20), mload(reason))
            }
        }
        emit FillSkipped(batchId, group, reason);
    }

    /* GROUP */

    /// @inheritdoc IMatchSettler
    function applyGroup(Terms calldata known, Group calldata group) external onlySelf returns (Terms memory t) {
        Ticket[] memory list = TicketLib.make(group.fills.length + 1);
        bytes32 domain = _domainSeparatorV4();
        for (uint256 i = 0; i < list.length; ++i) {
            Ticket memory o = list[i];
            SignedOrder calldata signed = i == 0 ? group.taker : group.fills[i - 1].maker;
            if (i != 0) o.lots = group.fills[i - 1].lots;
            o.write(signed.order);
            bytes32 digest = MessageHashUtils.toTypedDataHash(domain, o.hash());
            if (!_isSigned(o, OrderSigner.recover(digest, signed.signature))) {
                if (!OrderSigner.vouches(o.owner, digest, signed.signature))
                    revert InvalidSignature(o.account, o.nonce);
            }
        }
        t = known;
        _apply(t, list);
    }

    /// @inheritdoc IMatchSettler
    function applyPacked(
        Terms calldata known,
        PackedHead head,
        uint256 flags,
        MarketId market,
        bytes calldata data
    ) external onlySelf returns (Terms memory t) {
        (Ticket[] memory list, uint256 end, uint256 stride) = head.unpack(flags, market, data);
        bytes32 domain = _domainSeparatorV4();
        for (uint256 i = 0; i < list.length; ++i) {
            Ticket memory o = list[i];
            (bytes32 r, bytes32 vs) = PackedOrders.signatureAt(data, end);
            bytes32 digest = MessageHashUtils.toTypedDataHash(domain, o.hash());
            if (!_isSigned(o, OrderSigner.recover(digest, r, vs))) revert InvalidSignature(o.account, o.nonce);
            unchecked {
                end += stride; // within data, but after the last
            }
        }
        t = known;
        _apply(t, list);
    }

    /// @dev Find the owner of an order's account. He or a session key may sign; zero is neither, not even of the protocol's accounts.
    function _isSigned(Ticket memory o, address signer) private view returns (bool) {
        RingHead head = _nonces[o.account].head;
        address owner = head.owner();
        if (owner == address(0)) owner = ENGINE.accountOf(o.account).owner;
        (o.head, o.owner) = (head, owner);
        return signer != address(0) && (signer == owner || ENGINE.isTrader(o.account, signer));
    }

    /// @dev Tickets from index 1 on are the makers'; all are signed. `t` becomes the terms of their market if they are another's.
    function _apply(Terms memory t, Ticket[] memory list) private {
        if (list.length == 1) revert EmptyGroup();
        Ticket memory taker = list[0];
        if (t.mid == 0 || MarketId.unwrap(t.market) != MarketId.unwrap(taker.market)) _look(t, taker.market);
        FillRules.requireLive(taker, t.trade.takerFee(), t.mid, block.timestamp);
        FillRules.requireTaker(taker);

        GroupSum memory sum = GroupSums.start(list.length);
        AccountId before;
        for (uint256 i = 1; i < list.length; ++i) {
            Ticket memory maker = list[i];
            FillRules.requireMaker(maker, taker, before);
            before = maker.account;
            FillRules.requireLive(maker, t.trade.makerFee(), t.mid, block.timestamp);
            FillRules.requirePrice(maker.limitPrice, taker, t);

            uint256 quote = GroupSums.quoteOf(maker);
            sum.add(maker, _fill(maker, quote, sum), quote, t);
        }
        taker.lots = sum.lots;
        _fill(taker, sum.quote, sum);

        ENGINE.book(taker.market, sum.close(taker, t.trade.takerFee()), sum.sample(), Kind.MATCH);
    }

    /// @dev Take an order's lots off its ring; `sum` is of the fills before. Returns the lots with their sign, + bought.
    function _fill(Ticket memory o, uint256 quote, GroupSum memory sum) private returns (int256 signed) {
        if (o.lots == 0) revert ZeroFill(o.account, o.nonce);
        signed = o.signedLots();
        if (o.flags & REDUCE_ONLY != 0) {
            int256 position = ENGINE.sizeOf(o.account, o.market) + sum.tradedBy(o.account);
            FillRules.requireReducing(o.account, position, signed);
        }

        Nonces storage n = _nonces[o.account];
        if (o.head.owner() == address(0)) n.head = NonceRing.headOf(o.head.least(), o.owner);
        KeptSlot storage kept = n.slots[NonceRing.index(o.nonce)];
        RingSlot slot = kept.word.fill(o.account, o.nonce, o.head.least(), o.lots, _abs(o.size));
        if (o.flags & IOC != 0) slot = NonceRing.cancelled(o.nonce);
        kept.word = slot;
        emit OrderFilled(o.account, slot, signed, quote);
    }

    /// @dev Ticks the market.
    function _look(Terms memory t, MarketId market) private {
        Context memory c = ENGINE.context(market);
        (t.market, t.mid, t.band, t.trade) = (market, c.quote.mid, c.limit.band(), c.trade);
        t.samples = (c.quote.allowed >> uint256(Action.FUNDING)) & 1 != 0;
    }

    function _abs(int256 size) private pure returns (uint256) {
        return uint256(size < 0 ? -size : size); // from 128 bits
    }

    /* CANCEL */

    /// @inheritdoc IMatchSettler
    function cancel(AccountId account, uint40[] calldata nonces) external onlyTrader(account) {
        Nonces storage n = _nonces[account];
        uint256 least = n.head.least();
        for (uint256 i = 0; i < nonces.length; ++i) {
            uint40 nonce = nonces[i];
            // one far ahead would take its slot from every order to come
            if (nonce > least + NonceRing.REACH) revert NonceOutOfReach(account, nonce, least);
            KeptSlot storage kept = n.slots[NonceRing.index(nonce)];
            RingSlot slot = kept.word;
            if (nonce < least || nonce < slot.nonce() || slot.filledOf(nonce) == NonceRing.FILLED_MAX) continue;

            kept.word = NonceRing.cancelled(nonce);
            emit OrderCancelled(account, nonce);
        }
    }

    /// @inheritdoc IMatchSettler
    function cancelUpTo(AccountId account, uint40 minNonce) external onlyTrader(account) {
        Nonces storage n = _nonces[account];
        uint256 least = n.head.least();
        if (minNonce <= least || minNonce > least + NonceRing.REACH) revert NonceOutOfReach(account, minNonce, least);
        n.head = NonceRing.headOf(minNonce, n.head.owner());
        emit NoncesCancelled(account, minNonce);
    }

    /* ROLE */

    /// @inheritdoc IMatchSettler
    function setSettler(address settler_) external {
        (, , address timelock, , , ) = ENGINE.parameters();
        if (msg.sender != timelock) revert NotTimelock(msg.sender);
        emit SettlerChanged(settler, settler_);
        settler = settler_;
    }

    /* VIEWS */

    /// @inheritdoc IMatchSettler
    function slotOf(AccountId account, uint256 index) external view returns (uint40 nonce, uint128 filled) {
        RingSlot slot = _nonces[account].slots[index].word;
        return (uint40(slot.nonce()), uint128(slot.filled())); // the widths that are stored
    }

    /// @inheritdoc IMatchSettler
    function minNonceOf(AccountId account) external view returns (uint40) {
        return uint40(_nonces[account].head.least()); // cancelUpTo took 40 bits
    }

    /// @inheritdoc IMatchSettler
    function remainingOf(Order calldata order) external view returns (uint256) {
        Nonces storage n = _nonces[order.account];
        RingSlot slot = n.slots[NonceRing.index(order.nonce)].word;
        uint256 least = n.head.least();
        bool dead = order.nonce < least || order.nonce > least + NonceRing.REACH || order.nonce < slot.nonce();
        uint256 filled = slot.filledOf(order.nonce);
        uint256 size = _abs(order.size);
        return dead || block.timestamp > order.expiry || filled >= size ? 0 : size - filled;
    }

    /// @inheritdoc IMatchSettler
    function digestOf(Order calldata order) external view returns (bytes32) {
        return _hashTypedDataV4(OrderHash.hash(order));
    }

    /// @inheritdoc IMatchSettler
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }
}
