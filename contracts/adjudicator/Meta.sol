// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Status} from "../interfaces/ChannelTypes.sol";

/// Everything mutable about a channel but its money, in one word:
/// `| 40 unused | flags 8 | orderVersion 64 | deadline 40 | enforcedVersion 64 | epoch 32 | status 8 |` (low bits on the right).
type Meta is uint256;

uint8 constant LOW_FUNDED = 1;
uint8 constant HIGH_FUNDED = 2;
uint8 constant EXECUTED = 4;
uint8 constant REFUNDED = 8;
uint8 constant REVEALED = 16;

using MetaLib for Meta global;

/// @dev Packed by hand because the compiler's packing costs a load and a store per field.
library MetaLib {
    uint256 private constant EPOCH_AT = 8;
    uint256 private constant ENFORCED_AT = 40;
    uint256 private constant DEADLINE_AT = 104;
    uint256 private constant ORDER_AT = 144;
    uint256 private constant FLAGS_AT = 208;

    uint256 private constant STATUS_MASK = 0xff;
    uint256 private constant ENFORCED_MASK = uint256(type(uint64).max) << ENFORCED_AT;
    uint256 private constant DEADLINE_MASK = uint256(type(uint40).max) << DEADLINE_AT;
    uint256 private constant ORDER_MASK = (uint256(type(uint64).max) << ORDER_AT) | (uint256(0xff) << FLAGS_AT);

    /* READ */

    function status(Meta m) internal pure returns (Status) {
        return Status(uint8(Meta.unwrap(m)));
    }

    function isLive(Meta m) internal pure returns (bool) {
        uint8 s = uint8(Meta.unwrap(m));
        return s == uint8(Status.OPEN) || s == uint8(Status.CHALLENGED);
    }

    function isChallenged(Meta m) internal pure returns (bool) {
        return uint8(Meta.unwrap(m)) == uint8(Status.CHALLENGED);
    }

    function epoch(Meta m) internal pure returns (uint32) {
        return uint32(Meta.unwrap(m) >> EPOCH_AT);
    }

    function enforcedVersion(Meta m) internal pure returns (uint64) {
        return uint64(Meta.unwrap(m) >> ENFORCED_AT);
    }

    function deadline(Meta m) internal pure returns (uint40) {
        return uint40(Meta.unwrap(m) >> DEADLINE_AT);
    }

    function orderVersion(Meta m) internal pure returns (uint64) {
        return uint64(Meta.unwrap(m) >> ORDER_AT);
    }

    function flags(Meta m) internal pure returns (uint8) {
        return uint8(Meta.unwrap(m) >> FLAGS_AT);
    }

    /// @dev A side is funded and the order neither executed nor refunded.
    function isLocked(Meta m) internal pure returns (bool) {
        uint8 f = m.flags();
        return f & (LOW_FUNDED | HIGH_FUNDED) != 0 && f & (EXECUTED | REFUNDED) == 0;
    }

    /* MOVE */

    /// @dev NEW or IDLE to OPEN. The last end left everything but the epoch at 0.
    function opened(Meta m, uint64 version) internal pure returns (Meta) {
        return
            Meta.wrap(
                (uint256(m.epoch()) << EPOCH_AT) | (uint256(version) << ENFORCED_AT) | uint256(uint8(Status.OPEN))
            );
    }

    /// @dev A version is enforced and the channel is OPEN: a challenge, if there was one, is cleared.
    function enforced(Meta m, uint64 version) internal pure returns (Meta) {
        uint256 kept = Meta.unwrap(m) & ~(ENFORCED_MASK | DEADLINE_MASK | STATUS_MASK);
        return Meta.wrap(kept | (uint256(version) << ENFORCED_AT) | uint256(uint8(Status.OPEN)));
    }

    /// @dev A version is challenged; the deadline is given by the caller.
    function challenged(Meta m, uint64 version, uint40 deadline_) internal pure returns (Meta) {
        uint256 kept = Meta.unwrap(m) & ~(ENFORCED_MASK | DEADLINE_MASK | STATUS_MASK);
        return
            Meta.wrap(
                kept |
                    (uint256(version) << ENFORCED_AT) |
                    (uint256(deadline_) << DEADLINE_AT) |
                    uint256(uint8(Status.CHALLENGED))
            );
    }

    /// @dev The flags speak of `version` from now on and start clear.
    function withOrder(Meta m, uint64 version) internal pure returns (Meta) {
        return Meta.wrap((Meta.unwrap(m) & ~ORDER_MASK) | (uint256(version) << ORDER_AT));
    }

    function withFlag(Meta m, uint8 flag) internal pure returns (Meta) {
        return Meta.wrap(Meta.unwrap(m) | (uint256(flag) << FLAGS_AT));
    }

    /// @dev Epoch + 1, IDLE, everything else 0 in the same write. It would revert in life 2^32 - 1; at two transactions a life no
    /// channel gets there.
    function ended(Meta m) internal pure returns (Meta) {
        return Meta.wrap((uint256(m.epoch() + 1) << EPOCH_AT) | uint256(uint8(Status.IDLE)));
    }
}
