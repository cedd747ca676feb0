// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IMatchSettler, Order} from "../../interfaces/IMatchSettler.sol";
import {AccountId, MarketId} from "../../interfaces/PerpTypes.sol";
import {PerpUnits} from "../perp/PerpUnits.sol";
import {OrderHash, OrderList} from "./OrderHash.sol";

/// The first word of a packed batch: `| spare 4 | widths 5·4 | priceUnit 48 | sizeUnit 64 | expiryBase 40 | maxFeePpm 32 | batchId 48 |`.
type PackedHead is uint256;

/// One group of a packed batch, which begins at byte `from` and ends before byte `to`.
struct PackedGroup {
    uint256 flags;
    uint256 count; // makers
    MarketId market;
    uint256 from;
    uint256 to;
}

/// How wide the fields of a group's orders are, and how far apart the orders; bytes.
struct PackedLayout {
    uint256 account; // widths
    uint256 nonce;
    uint256 size;
    uint256 price;
    uint256 expiry;
    uint256 takerSize;
    uint256 lots;
    bool isWhole; // the taker's size is what the makers fill
    uint256 takerStride; // with the signature
    uint256 makerStride;
}

using PackedOrders for PackedHead global;
using PackedOrders for PackedLayout global;

/// @title Orders as few bytes (IMatchSettler has the format)
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

    /// @dev Lots.
    function sizeUnit(PackedHead h) internal pure returns (uint256) {
        return uint64(PackedHead.unwrap(h) >> SIZE_UNIT_AT);
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

    function layout(PackedHead h, uint256 flags) internal pure returns (PackedLayout memory form) {
        form.account = _width(h, ACCOUNT_AT);
        form.nonce = _width(h, NONCE_AT);
        form.size = _width(h, SIZE_AT);
        form.price = _width(h, PRICE_AT);
        form.expiry = _width(h, EXPIRY_AT);
        form.isWhole = flags & WHOLE != 0;
        form.takerSize = form.isWhole ? 0 : form.size;
        form.lots = flags & PARTS == 0 ? 0 : form.size;
        unchecked {
            // widths are below 16
            uint256 common = 1 + form.account + form.nonce + form.price + form.expiry + SIGNATURE_BYTES;
            form.takerStride = common + form.takerSize;
            form.makerStride = common + form.size + form.lots;
        }
    }

    function _width(PackedHead h, uint256 at) private pure returns (uint256) {
        return (PackedHead.unwrap(h) >> at) & 0xf;
    }

    /* GROUP */

    /// @dev The group that begins at `at`; `before` is the market of the one before. Nothing of the orders is looked at.
    function groupAt(
        PackedHead h,
        bytes calldata batch,
        uint256 at,
        MarketId before
    ) internal pure returns (PackedGroup memory g) {
        uint256 flags = _read(batch, at, 1);
        g.flags = flags;
        g.count = _read(batch, at + 1, 1);
        g.from = at + GROUP_BYTES;
        g.market = before;
        if (flags & NEW_MARKET != 0) {
            g.market = MarketId.wrap(uint16(_read(batch, g.from, MARKET_BYTES)));
            g.from += MARKET_BYTES;
        }
        PackedLayout memory form = h.layout(flags);
        g.to = g.from + form.takerStride + g.count * form.makerStride;
        if (g.to > batch.length || flags & ~GROUP_FLAGS != 0) revert IMatchSettler.BadPacking(at);
    }

    /// @dev The taker and its makers, and how much of each maker is filled; `data` is as long as groupAt says.
    function unpack(
        PackedHead h,
        PackedLayout memory form,
        MarketId market,
        bytes calldata data
    ) internal pure returns (OrderList orders, uint256[] memory lots) {
        uint256 count = 1 + (data.length - form.takerStride) / form.makerStride;
        orders = OrderHash.make(count);
        lots = new uint256[](count);
        uint256 at = form.takerStride;
        for (uint256 i = 1; i < count; ++i) {
            lots[i] = _order(orders.at(i), h, form, market, data, at);
            lots[0] += lots[i];
            at += form.makerStride;
        }
        _taker(orders.at(0), h, form, market, data, lots[0]);
    }

    /// @dev r and vs of an order: its last 64 bytes.
    function signatureAt(
        PackedLayout memory form,
        bytes calldata data,
        uint256 i
    ) internal pure returns (bytes32 r, bytes32 vs) {
        unchecked {
            // within data, which is a part of calldata
            uint256 end = form.takerStride + i * form.makerStride;
            r = bytes32(_read(data, end - SIGNATURE_BYTES, WORD));
            vs = bytes32(_read(data, end - WORD, WORD));
        }
    }

    function _order(
        Order memory o,
        PackedHead h,
        PackedLayout memory form,
        MarketId market,
        bytes calldata data,
        uint256 at
    ) private pure returns (uint256 lots) {
        unchecked {
            // positions are within data; a unit and a count are below 2^64 each
            uint256 sizeAt = at + 1 + form.account + form.nonce;
            lots = h.sizeUnit() * _read(data, sizeAt, form.size);
            _fields(o, h, form, market, data, at, sizeAt + form.size);
            o.size = _signed(lots, _read(data, at, 1));
            if (form.lots != 0)
                lots = h.sizeUnit() * _read(data, sizeAt + form.size + form.price + form.expiry, form.lots);
        }
    }

    /// @dev Its size is its makers' `total` if none is written down.
    function _taker(
        Order memory o,
        PackedHead h,
        PackedLayout memory form,
        MarketId market,
        bytes calldata data,
        uint256 total
    ) private pure {
        unchecked {
            // the same
            uint256 sizeAt = 1 + form.account + form.nonce;
            _fields(o, h, form, market, data, 0, sizeAt + form.takerSize);
            uint256 size = form.isWhole ? total : h.sizeUnit() * _read(data, sizeAt, form.takerSize);
            o.size = _signed(size, _read(data, 0, 1));
        }
    }

    /// @dev Everything but the size. `at` is where the order begins, `priceAt` what stands behind its size.
    function _fields(
        Order memory o,
        PackedHead h,
        PackedLayout memory form,
        MarketId market,
        bytes calldata data,
        uint256 at,
        uint256 priceAt
    ) private pure {
        unchecked {
            // positions are within data; expiries add up below 2^65
            uint256 word = PackedHead.unwrap(h);
            // the widths that isSound bounds make the casts of account and nonce exact
            o.account = AccountId.wrap(uint32(_read(data, at + 1, form.account)));
            o.market = market;
            o.limitPrice = _price(word, _read(data, priceAt, form.price));
            o.maxFeePpm = uint32(word >> MAX_FEE_AT);
            o.expiry = (_read(data, priceAt + form.price, form.expiry) + uint40(word >> EXPIRY_BASE_AT)).toUint64();
            o.nonce = uint40(_read(data, at + 1 + form.account, form.nonce));
            o.flags = uint8(_read(data, at, 1) & ~SELLS);
            o.triggerPrice = 0;
        }
    }

    function _price(uint256 word, uint256 units) private pure returns (uint128) {
        unchecked {
            // below 2^64 · 2^48 · 2^47
            return (units * uint48(word >> PRICE_UNIT_AT) * PerpUnits.TICK).toUint128();
        }
    }

    function _signed(uint256 size, uint256 flags) private pure returns (int128) {
        return (flags & SELLS == 0 ? size.toInt256() : -size.toInt256()).toInt128();
    }

    /// @dev A big-endian number of at most 32 bytes.
    function _read(bytes calldata data, uint256 at, uint256 width) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            // bytes beyond the number are shifted out; for width 0 the shift is 256 and leaves 0
            value := shr(sub(256, shl(3, width)), calldataload(add(data.offset, at)))
        }
    }
}
