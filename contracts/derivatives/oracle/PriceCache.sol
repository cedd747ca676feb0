// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {FeedId} from "../../interfaces/OracleTypes.sol";
import {Band, QuoteHead} from "./Quote.sol";

/// @title What a transaction remembers of a feed
/// @dev Transient storage, four slots for each feed from its name on: the head, then the bands in the order PLAIN, STRICT, FAVOURABLE.
/// The
/// name fills the upper half of a word, so no two feeds meet, and no hash that others use as a slot ends in 126 zero bits. Sources can
/// change within a transaction (anybody may deliver a Pyth price); what is remembered then is what a call before that delivery would
/// have answered, and a poke renews it.
library PriceCache {
    /// @dev Not present (0) if the feed was not looked at in this transaction.
    function head(FeedId feed) internal view returns (QuoteHead q) {
        assembly ("memory-safe") {
            q := tload(feed)
        }
    }

    /// @dev Meaningful only if the head is present.
    function band(FeedId feed, uint256 kind) internal view returns (Band b) {
        assembly ("memory-safe") {
            b := tload(add(feed, add(kind, 1)))
        }
    }

    function put(FeedId feed, QuoteHead q, Band plain, Band strict, Band favourable) internal {
        assembly ("memory-safe") {
            tstore(feed, q)
            tstore(add(feed, 1), plain)
            tstore(add(feed, 2), strict)
            tstore(add(feed, 3), favourable)
        }
    }

    function forget(FeedId feed) internal {
        assembly ("memory-safe") {
            tstore(feed, 0)
        }
    }
}
