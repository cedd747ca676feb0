// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IMatchSettler} from "../../interfaces/IMatchSettler.sol";
import {AccountId, MarketId} from "../../interfaces/PerpTypes.sol";
import {PerpUnits} from "../perp/PerpUnits.sol";
import {Ticket, TicketLib} from "./Ticket.sol";

/// The first word of a packed batch: `| spare 4 | widths 5·4 | priceUnit 48 | sizeUnit 64 | expiryBase 40 | maxFeePpm 32 | batchId 48 |`.
type PackedHead is uint256;

/// One group of a packed batch, whose orders begin at byte `from` and end before byte `to`.
struct PackedGroup {
    uint256 flags;
    uint256 count; // makers
    MarketId market;
    uint256 from;
    uint256 to;
}

using PackedOrders for PackedHead global;

/// @title Orders as few bytes (IMatchSettler has the format)
/// @dev An order's fields are at most 42 bytes: flags, account, nonce, size and price are in its first word, expiry and lots in the one
/// before its signature.
library PackedOrders {
    using SafeCast for int256;
    using SafeCast for uint256;

    uint256 internal constant HEAD_BYTES = 32;

    // Flags of a group.
    uint256 private constant NEW_MARKET = 128;
    uint256 private constant PARTS = 64;
    uint256 private constant WHOLE = 32;
    uint256 private constant GROUP_FLAGS = NEW_MARKET | PARTS | WHOLE;

    uint256 private constant GROUP_BYTES = 2;
    uint256 private constant MARKET_BYTES = 2;
    uint256 private constant SELLS = 128;
    uint256 private constant SIGNATURE_BYTES = 64;
    uint256 private constant WORD = 32;
    uint256 private constant WORD_BITS = 256;
    uint256 private constant BYTE_BITS = 8;

    uint256 private constant MAX_FEE_AT = 48;
    uint256 private constant EXPIRY_BASE_AT = 80;
    uint256 private constant SIZE_UNIT_AT = 120;
    uint256 private constant PRICE_UNIT_AT = 184;
    uint256 private constant ACCOUNT_AT = 232;
    uint256 private constant NONCE_AT = 236;
    uint256 private constant SIZE_AT = 240;
    uint256 private constant PRICE_AT = 244;
    uint256 private constant EXPIRY_AT = 248;
    uint256 private constant SPARE_AT = 252;

    uint256 private constant ACCOUNT_BYTES = 4;
    uint256 private constant NONCE_BYTES = 5;
    uint256 private constant NUMBER_BYTES = 8;

    /* HEAD */

    function batchId(PackedHead h) internal pure returns (uint48) {
        return uint48(PackedHead.unwrap(h));
    }

    /// @dev Whether every width is within its bounds, so that accounts and nonces fit their types.
    function isSound(PackedHead h) internal pure returns (bool) {
        return
            _width(h, ACCOUNT_AT) <= ACCOUNT_BYTES &&
            _width(h, NONCE_AT) <= NONCE_BYTES &&
            _width(h, SIZE_AT) <= NUMBER_BYTES &&
            _width(h, PRICE_AT) <= NUMBER_BYTES &&
            _width(h, EXPIRY_AT) <= NUMBER_BYTES &&
            PackedHead.unwrap(h) >> SPARE_AT == 0;
    }

    /// @dev Bytes of a group's taker and of each of its makers, signatures included.
    function _strides(PackedHead h, uint256 flags) private pure returns (uint256 taker, uint256 maker) {
        unchecked {
            // widths are below 16
            uint256 size = _width(h, SIZE_AT);
            taker = 1 + _width(h, ACCOUNT_AT) + _width(h, NONCE_AT) + _width(h, PRICE_AT) + _width(h, EXPIRY_AT);
            taker += SIGNATURE_BYTES;
            maker = taker + (flags & PARTS == 0 ? size : 2 * size);
            if (flags & WHOLE == 0) taker += size;
        }
    }

    /// @dev Lots.
    function _sizeUnit(PackedHead h) private pure returns (uint256) {
        return uint64(PackedHead.unwrap(h) >> SIZE_UNIT_AT);
    }

    /// @dev Ticks.
    function _priceUnit(PackedHead h) private pure returns (uint256) {
        return uint48(PackedHead.unwrap(h) >> PRICE_UNIT_AT);
    }

    function _width(PackedHead h, uint256 at) private pure returns (uint256) {
        return (PackedHead.unwrap(h) >> at) & 0xf;
    }

    function _bits(PackedHead h, uint256 at) private pure returns (uint256) {
        unchecked {
            return _width(h, at) * BYTE_BITS; // below 128
        }
    }

    /* GROUP */

    /// @dev Turn to the group that begins where `g` ended, by default in the same market. Nothing of the orders is looked at.
    function turnTo(PackedHead h, PackedGroup memory g, bytes calldata batch) internal pure {
        unchecked {
            // a position in calldata, and at most 256 orders of at most 106 bytes
            uint256 at = g.to;
            (uint256 flags, uint256 word) = _take(_word(batch, at), BYTE_BITS);
            (g.count, word) = _take(word, BYTE_BITS);
            g.flags = flags;
            g.from = at + GROUP_BYTES;
            if (flags & NEW_MARKET != 0) {
                g.market = MarketId.wrap(uint16(word >> (WORD_BITS - MARKET_BYTES * BYTE_BITS)));
                g.from += MARKET_BYTES;
            }
            (uint256 taker, uint256 maker) = _strides(h, flags);
            g.to = g.from + taker + g.count * maker;
            if (g.to > batch.length || flags & ~GROUP_FLAGS != 0) revert IMatchSettler.BadPacking(at);
        }
    }

    /// @dev The taker and its makers, and how much of each maker is filled; `data` is as long as turnTo says. The taker ends before byte
    /// `taker`, each maker `maker` bytes after the one before.
    function unpack(
        PackedHead h,
        uint256 flags,
        MarketId market,
        bytes calldata data
    ) internal pure returns (Ticket[] memory list, uint256 taker, uint256 maker) {
        unchecked {
            // positions are within data, lots below 2^128, and there are at most 256 of them
            (taker, maker) = _strides(h, flags);
            list = TicketLib.make(1 + (data.length - taker) / maker);
            uint256 sizeBits = _bits(h, SIZE_AT);
            uint256 lotsBits = flags & PARTS == 0 ? 0 : sizeBits;
            uint256 end = taker;
            uint256 total = 0;
            for (uint256 i = 1; i < list.length; ++i) {
                Ticket memory o = list[i];
                uint256 at = end;
                end += maker;
                (uint256 sign, uint256 size, uint256 lots) = _order(o, h, data, at, end, sizeBits, lotsBits);
                (o.market, o.size) = (market, _signed(size, sign));
                o.lots = lotsBits == 0 ? size : lots;
                total += o.lots;
            }

            Ticket memory first = list[0];
            bool isWhole = flags & WHOLE != 0;
            (uint256 side, uint256 own, ) = _order(first, h, data, 0, taker, isWhole ? 0 : sizeBits, 0);
            (first.market, first.size) = (market, _signed(isWhole ? total : own, side));
        }
    }

    /// @dev r and vs of the order that ends before byte `end`: its last 64 bytes.
    function signatureAt(bytes calldata data, uint256 end) internal pure returns (bytes32 r, bytes32 vs) {
        unchecked {
            // within data, which is a part of calldata
            return (bytes32(_word(data, end - SIGNATURE_BYTES)), bytes32(_word(data, end - WORD)));
        }
    }

    /// @dev Everything but market and size, whose sign is apart; `size` and `lots` are 0 where they have no bits. The order begins at byte
    /// `at` and ends before `end`, in its signature.
    function _order(
        Ticket memory o,
        PackedHead h,
        bytes calldata data,
        uint256 at,
        uint256 end,
        uint256 sizeBits,
        uint256 lotsBits
    ) private pure returns (uint256 sign, uint256 size, uint256 lots) {
        unchecked {
            // positions are within calldata; a unit and a count are below 2^64 each, expiries add up below 2^65
            (uint256 value, uint256 word) = _take(_word(data, at), BYTE_BITS);
            sign = value & SELLS;
            o.flags = uint8(value & ~SELLS);

            // the widths that isSound bounds make the casts of account and nonce exact
            (value, word) = _take(word, _bits(h, ACCOUNT_AT));
            o.account = AccountId.wrap(uint32(value));
            (value, word) = _take(word, _bits(h, NONCE_AT));
            o.nonce = uint40(value);
            (value, word) = _take(word, sizeBits);
            size = value * _sizeUnit(h);
            (value, ) = _take(word, _bits(h, PRICE_AT));
            o.limitPrice = (value * _priceUnit(h) * PerpUnits.TICK).toUint128();

            word = _word(data, end - SIGNATURE_BYTES - WORD);
            lots = _last(word, lotsBits) * _sizeUnit(h);
            value = _last(word >> lotsBits, _bits(h, EXPIRY_AT));
            o.expiry = (value + uint40(PackedHead.unwrap(h) >> EXPIRY_BASE_AT)).toUint64();

            o.maxFeePpm = uint32(PackedHead.unwrap(h) >> MAX_FEE_AT);
            o.triggerPrice = 0;
        }
    }

    function _signed(uint256 size, uint256 sign) private pure returns (int128) {
        // it fits with either sign
        if (size <= uint128(type(int128).max)) return sign == 0 ? int128(uint128(size)) : -int128(uint128(size));
        return (sign == 0 ? size.toInt256() : -size.toInt256()).toInt128();
    }

    /* BYTES */

    function _word(bytes calldata data, uint256 at) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(data.offset, at))
        }
    }

    /// @dev The first bits of a word, below 256, and what follows them; of no bits 0.
    function _take(uint256 word, uint256 bits) private pure returns (uint256 value, uint256 rest) {
        unchecked {
            return (word >> (WORD_BITS - bits), word << bits);
        }
    }

    /// @dev The last bits of a word, below 256.
    function _last(uint256 word, uint256 bits) private pure returns (uint256) {
        unchecked {
            return word & ((1 << bits) - 1);
        }
    }
}
