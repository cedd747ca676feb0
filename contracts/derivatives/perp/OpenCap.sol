// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Net new open interest in a window, while only one source prices a market
/// @dev For the market as a whole: a cap for each account would be split over many. A word is `| opened 72 | startedAt 40 |`.
library OpenCap {
    uint256 private constant WINDOW = 10 minutes;
    uint256 private constant OPENED_AT = 40;

    /// @dev The word after `lots` more; `opened` is what this window has seen with them. lots < 2^72, so the sum is below 2^73; a
    /// caller refuses it above its cap, which is below 2^72, before it is stored.
    function plus(uint256 word, uint256 lots, uint256 now_) internal pure returns (uint256 after_, uint256 opened) {
        unchecked {
            uint256 startedAt = uint40(word);
            opened = now_ < startedAt + WINDOW ? (word >> OPENED_AT) + lots : lots;
            if (now_ >= startedAt + WINDOW) startedAt = now_;
            return (startedAt | (opened << OPENED_AT), opened);
        }
    }
}
