// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Observation} from "../../interfaces/OracleTypes.sol";
import {Memo} from "./Memo.sol";

// Observations that a ring holds; a power of two.
uint256 constant RING_SIZE = 128;

/// @title A ring of accepted prices and their integral over time
/// @dev A slot is `| cumulative 120 | price 96 | at 40 |`. The integral is kept modulo 2^120: the difference of two of its values is exact,
/// since a window is at most 3,600 s of prices below 2^96. Each slot holds the price that follows it, so that a price weighs nothing
/// until time passes and one slot gives the integral at any later moment up to the next slot.
library TwapRing {
    /// @dev Least seconds between two observations.
    uint256 internal constant SPACING = 30;
    /// @dev Longest window. A full ring reaches back (RING_SIZE - 1) * SPACING = 3,810 s at least.
    uint256 internal constant MAX_WINDOW = 1 hours;

    uint256 private constant LAST = RING_SIZE - 1;
    uint256 private constant CUMULATIVE_AT = 136;
    uint256 private constant CUMULATIVE_MASK = type(uint120).max;

    /// @dev Write `price` down at `now_`, unless an observation is younger than SPACING.
    function record(
        uint256[RING_SIZE] storage ring,
        Memo m,
        uint256 price,
        uint256 now_,
        uint256 maxGap
    ) internal returns (Memo, bool) {
        if (m.count() == 0) {
            ring[0] = _slot(now_, price, 0);
            return (m.withRing(0, 1, now_), true);
        }
        uint256 head = m.head();
        uint256 newest = _at(ring, head);
        unchecked {
            // no observation is in the future; head < 128 and count <= 128
            uint256 elapsed = now_ - uint40(newest);
            if (elapsed < SPACING) return (m, false);
            uint256 next = (head + 1) & LAST;
            _put(ring, next, _slot(now_, price, _integral(newest, now_)));
            uint256 count = m.count();
            return (
                m.withRing(next, count < RING_SIZE ? count + 1 : RING_SIZE, elapsed > maxGap ? now_ : m.gapAt()),
                true
            );
        }
    }

    /// @dev floor(Σ price · seconds / window) over the last `window` seconds, and how many observations lie in it: its first second
    /// counts, the present one does not. (0, 0) if the ring does not reach back so far. `window` > 0.
    function average(
        uint256[RING_SIZE] storage ring,
        Memo m,
        uint256 window,
        uint256 now_
    ) internal view returns (uint256 price, uint256 inside) {
        uint256 count = m.count();
        if (count == 0) return (0, 0);
        unchecked {
            // positions count from the oldest (0) to the newest (count - 1); now_ and `window` are times, far below 2^40
            uint256 head = m.head();
            uint256 oldest = head + RING_SIZE + 1 - count;
            uint256 start = now_ - window;
            uint256 newest = _at(ring, head);
            uint256 found = newest;
            uint256 after_ = count; // position of the first observation later than `start`
            if (uint40(newest) > start) {
                // at most window / SPACING + 1 observations are later than `start`, so the one before them is not further back than this
                uint256 reach = window / SPACING + 2;
                (found, after_) = _search(ring, oldest, count > reach ? count - reach : 0, count - 1, start);
            }
            if (after_ == 0) return (0, 0);

            inside = count - after_;
            if (uint40(found) == start) ++inside;
            // one that is written now counts from the next second on; it is later than `start`, so it was counted
            if (uint40(newest) == now_) --inside;
            price = ((_integral(newest, now_) - _integral(found, start)) & CUMULATIVE_MASK) / window;
        }
    }

    /// @dev Time of the newest observation; the ring is not empty.
    function newestAt(uint256[RING_SIZE] storage ring, Memo m) internal view returns (uint256) {
        return uint40(_at(ring, m.head()));
    }

    function read(uint256[RING_SIZE] storage ring, uint256 index) internal view returns (Observation memory) {
        uint256 slot = ring[index];
        return Observation(uint40(slot), uint96(slot >> 40), uint120(slot >> CUMULATIVE_AT));
    }

    /// @dev Among positions `from` to `high` - 1, the first one later than `start` (`high` if none), and the observation before it.
    function _search(
        uint256[RING_SIZE] storage ring,
        uint256 oldest,
        uint256 from,
        uint256 high,
        uint256 start
    ) private view returns (uint256 found, uint256 low) {
        low = from;
        unchecked {
            // low <= middle < high <= 127, so this ends after 7 steps
            while (low < high) {
                uint256 middle = (low + high) >> 1;
                uint256 slot = _at(ring, (oldest + middle) & LAST);
                if (uint40(slot) > start) {
                    high = middle;
                } else {
                    found = slot;
                    low = middle + 1;
                }
            }
        }
    }

    /// @dev The integral at `time`, at or after the observation and not after the next one; modulo 2^120 once masked.
    function _integral(uint256 slot, uint256 time) private pure returns (uint256) {
        unchecked {
            // 2^120 + 2^96 · 2^40
            return (slot >> CUMULATIVE_AT) + uint96(slot >> 40) * (time - uint40(slot));
        }
    }

    function _slot(uint256 at, uint256 price, uint256 integral) private pure returns (uint256) {
        return at | (price << 40) | (integral << CUMULATIVE_AT); // the shift drops what is above 2^120
    }

    /// @dev ring[index] without the bounds check: every index here is masked or a stored head.
    function _at(uint256[RING_SIZE] storage ring, uint256 index) private view returns (uint256 slot) {
        assembly ("memory-safe") {
            slot := sload(add(ring.slot, index))
        }
    }

    function _put(uint256[RING_SIZE] storage ring, uint256 index, uint256 slot) private {
        assembly ("memory-safe") {
            sstore(add(ring.slot, index), slot)
        }
    }
}
