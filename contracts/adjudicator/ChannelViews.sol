// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

// Structs of ChannelTypes.sol in memory, word for word, as `ChannelCodec.load` left them after checking that every word is inside its
// type (of a ChannelDef: `requireClean`). A view is the address of the first word. The compiler's own memory structs would be allocated
// and zeroed again at every function that returns one (measured: 3,000 gas of an opening). Indices are the caller's to bound; every
// caller loops to a count.

/// A ChannelDef; word 6 points at the assets: count, addresses…
type DefView is uint256;

/// A ClearingState; word 4 points at the splits: count, then 7 words each (type hash first); word 5 at the condition.
type StateView is uint256;

/// An AssetSplit.
type SplitView is uint256;

/// A SettlementOrder; word 4 points at the legs: count, then 4 words each (type hash first).
type OrderView is uint256;

/// A Leg.
type LegView is uint256;

using DefViewLib for DefView global;
using StateViewLib for StateView global;
using SplitViewLib for SplitView global;
using OrderViewLib for OrderView global;
using LegViewLib for LegView global;

library DefViewLib {
    function chainId(DefView d) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(d)
        }
    }

    function adjudicator(DefView d) internal pure returns (address value) {
        assembly ("memory-safe") {
            value := mload(add(d, 0x20))
        }
    }

    function brokerLow(DefView d) internal pure returns (address value) {
        assembly ("memory-safe") {
            value := mload(add(d, 0x40))
        }
    }

    function brokerHigh(DefView d) internal pure returns (address value) {
        assembly ("memory-safe") {
            value := mload(add(d, 0x60))
        }
    }

    function signerLow(DefView d) internal pure returns (address value) {
        assembly ("memory-safe") {
            value := mload(add(d, 0x80))
        }
    }

    function signerHigh(DefView d) internal pure returns (address value) {
        assembly ("memory-safe") {
            value := mload(add(d, 0xa0))
        }
    }

    function challengeDuration(DefView d) internal pure returns (uint32 value) {
        assembly ("memory-safe") {
            value := mload(add(d, 0xe0))
        }
    }

    function assetCount(DefView d) internal pure returns (uint256 count) {
        assembly ("memory-safe") {
            count := mload(mload(add(d, 0xc0)))
        }
    }

    function asset(DefView d, uint256 i) internal pure returns (address token) {
        assembly ("memory-safe") {
            token := mload(add(add(mload(add(d, 0xc0)), 0x20), shl(5, i)))
        }
    }
}

library StateViewLib {
    function channelId(StateView s) internal pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := mload(s)
        }
    }

    function epoch(StateView s) internal pure returns (uint32 value) {
        assembly ("memory-safe") {
            value := mload(add(s, 0x20))
        }
    }

    function version(StateView s) internal pure returns (uint64 value) {
        assembly ("memory-safe") {
            value := mload(add(s, 0x40))
        }
    }

    function intent(StateView s) internal pure returns (uint8 value) {
        assembly ("memory-safe") {
            value := mload(add(s, 0x60))
        }
    }

    function liabilitiesRoot(StateView s) internal pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := mload(add(s, 0xc0))
        }
    }

    function validUntil(StateView s) internal pure returns (uint40 value) {
        assembly ("memory-safe") {
            value := mload(add(s, 0x120))
        }
    }

    function splitCount(StateView s) internal pure returns (uint256 count) {
        assembly ("memory-safe") {
            count := mload(mload(add(s, 0x80)))
        }
    }

    function split(StateView s, uint256 i) internal pure returns (SplitView a) {
        assembly ("memory-safe") {
            a := add(add(mload(add(s, 0x80)), 0x40), mul(i, 0xe0))
        }
    }

    function kind(StateView s) internal pure returns (uint8 value) {
        assembly ("memory-safe") {
            value := mload(mload(add(s, 0xa0)))
        }
    }

    function ref(StateView s) internal pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := mload(add(mload(add(s, 0xa0)), 0x20))
        }
    }

    function expiry(StateView s) internal pure returns (uint40 value) {
        assembly ("memory-safe") {
            value := mload(add(mload(add(s, 0xa0)), 0x40))
        }
    }

    function altCount(StateView s) internal pure returns (uint256 count) {
        assembly ("memory-safe") {
            count := mload(mload(add(mload(add(s, 0xa0)), 0x60)))
        }
    }

    function altLow(StateView s, uint256 i) internal pure returns (uint128 amount) {
        assembly ("memory-safe") {
            amount := mload(add(add(mload(add(mload(add(s, 0xa0)), 0x60)), 0x20), shl(5, i)))
        }
    }
}

library SplitViewLib {
    function netLow(SplitView a) internal pure returns (int128 value) {
        assembly ("memory-safe") {
            value := mload(a)
        }
    }

    function netHigh(SplitView a) internal pure returns (int128 value) {
        assembly ("memory-safe") {
            value := mload(add(a, 0x20))
        }
    }

    function low(SplitView a) internal pure returns (uint128 value) {
        assembly ("memory-safe") {
            value := mload(add(a, 0x40))
        }
    }

    function high(SplitView a) internal pure returns (uint128 value) {
        assembly ("memory-safe") {
            value := mload(add(a, 0x60))
        }
    }

    function outLow(SplitView a) internal pure returns (uint128 value) {
        assembly ("memory-safe") {
            value := mload(add(a, 0x80))
        }
    }

    function outHigh(SplitView a) internal pure returns (uint128 value) {
        assembly ("memory-safe") {
            value := mload(add(a, 0xa0))
        }
    }
}

library OrderViewLib {
    function channelId(OrderView order) internal pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := mload(order)
        }
    }

    function epoch(OrderView order) internal pure returns (uint32 value) {
        assembly ("memory-safe") {
            value := mload(add(order, 0x20))
        }
    }

    function version(OrderView order) internal pure returns (uint64 value) {
        assembly ("memory-safe") {
            value := mload(add(order, 0x40))
        }
    }

    function fundBy(OrderView order) internal pure returns (uint40 value) {
        assembly ("memory-safe") {
            value := mload(add(order, 0x60))
        }
    }

    function legCount(OrderView order) internal pure returns (uint256 count) {
        assembly ("memory-safe") {
            count := mload(mload(add(order, 0x80)))
        }
    }

    function leg(OrderView order, uint256 i) internal pure returns (LegView value) {
        assembly ("memory-safe") {
            value := add(add(mload(add(order, 0x80)), 0x40), shl(7, i))
        }
    }
}

library LegViewLib {
    function token(LegView a) internal pure returns (address value) {
        assembly ("memory-safe") {
            value := mload(a)
        }
    }

    function fromLow(LegView a) internal pure returns (bool value) {
        assembly ("memory-safe") {
            value := mload(add(a, 0x20))
        }
    }

    function amount(LegView a) internal pure returns (uint128 value) {
        assembly ("memory-safe") {
            value := mload(add(a, 0x40))
        }
    }
}
