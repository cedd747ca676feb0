// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IMatchSettler} from "../../interfaces/IMatchSettler.sol";
import {AccountId} from "../../interfaces/PerpTypes.sol";

/// A slot of an account's ring: `| filled 128 | nonce 40 |` (low bits on the right). 0 = never used.
type RingSlot is uint256;

/// What is kept of an account beside its slots: `| least nonce 40 | owner 160 |`; owner 0: the engine was not asked yet.
type RingHead is uint256;

// Orders of one account that can be open at a time.
uint256 constant RING_SLOTS = 64;

struct KeptSlot {
    RingSlot word;
}

/// What is kept of an account's orders.
struct Nonces {
    RingHead head;
    KeptSlot[RING_SLOTS] slots; // structs can be pointed at: no second look for where one is
}

using NonceRing for RingSlot global;
using NonceRing for RingHead global;

/// @title How much of an order is filled, 64 orders to an account
/// @dev A slot belongs to the greatest nonce that was ever written to it; an order with a lesser one is dead.
library NonceRing {
    /// @dev How far a nonce may be ahead of the least, and how far one cancelUpTo may move it.
    uint256 internal constant REACH = 2 ** 20;
    /// @dev Beyond every size: an order filled this far is cancelled.
    uint256 internal constant FILLED_MAX = type(uint128).max;

    uint256 private constant FILLED_AT = 40;
    uint256 private constant LEAST_AT = 160;

    /* HEAD */

    /// @dev Orders below it are dead.
    function least(RingHead h) internal pure returns (uint256) {
        return RingHead.unwrap(h) >> LEAST_AT;
    }

    /// @dev The account's owner in the engine, who never changes.
    function owner(RingHead h) internal pure returns (address) {
        return address(uint160(RingHead.unwrap(h)));
    }

    /// @dev least < 2^40.
    function headOf(uint256 least_, address owner_) internal pure returns (RingHead) {
        return RingHead.wrap((least_ << LEAST_AT) | uint160(owner_));
    }

    /* SLOT */

    function nonce(RingSlot s) internal pure returns (uint256) {
        return uint40(RingSlot.unwrap(s));
    }

    function filled(RingSlot s) internal pure returns (uint256) {
        return RingSlot.unwrap(s) >> FILLED_AT;
    }

    function index(uint256 nonce_) internal pure returns (uint256) {
        return nonce_ % RING_SLOTS;
    }

    /// @dev What is filled of an order whose nonce is not less than the slot's.
    function filledOf(RingSlot s, uint256 nonce_) internal pure returns (uint256) {
        return s.nonce() == nonce_ ? s.filled() : 0;
    }

    /// @dev The slot after `lots` more of an order, |size| in all. Reverts with what forbids it.
    function fill(
        RingSlot s,
        AccountId account,
        uint256 nonce_,
        uint256 least_,
        uint256 lots,
        uint256 size
    ) internal pure returns (RingSlot) {
        unchecked {
            // least_ < 2^40, lots < 2^136, what is filled < 2^128
            if (nonce_ < least_) revert IMatchSettler.NonceTooLow(account, nonce_, least_);
            if (nonce_ > least_ + REACH) revert IMatchSettler.NonceTooHigh(account, nonce_, least_);
            if (nonce_ < s.nonce()) revert IMatchSettler.NonceReplaced(account, nonce_, s.nonce());
            uint256 total = s.filledOf(nonce_) + lots;
            if (total > size) revert IMatchSettler.Overfilled(account, nonce_, s.filledOf(nonce_), size);
            return _pack(nonce_, total);
        }
    }

    function cancelled(uint256 nonce_) internal pure returns (RingSlot) {
        return _pack(nonce_, FILLED_MAX);
    }

    /// @dev nonce < 2^40, filled < 2^128.
    function _pack(uint256 nonce_, uint256 filled_) private pure returns (RingSlot) {
        return RingSlot.wrap(nonce_ | (filled_ << FILLED_AT));
    }
}
