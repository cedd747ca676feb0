// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    AssetSplit,
    ChannelDef,
    ClearingState,
    Condition,
    Leg,
    SettlementOrder,
    WithdrawAuth
} from "../interfaces/ChannelTypes.sol";
import {DefView, OrderView, StateView} from "./ChannelViews.sol";

/// @title Calldata to memory, hashed as EIP-712 on the way
/// @dev Each `load` copies the words of a struct once, behind its type hash, hashes them there, and leaves them to be read through
/// ChannelViews.sol: what is hashed is what is read, so offsets that overlap or point astray only spell a state that its signers have
/// signed in those very words. Dirty bits (a word outside its type) revert with empty data; for a definition see `requireClean`.
/// contracts/mocks/PlainHash.sol does the same by abi.encode, and tests compare the two.
/// Array lengths were bounded against calldatasize by the compiler when the slice was taken, so no size below overflows.
library ChannelCodec {
    bytes32 internal constant DEF_TYPEHASH = keccak256(
        "ChannelDef(uint256 chainId,address adjudicator,address brokerLow,address brokerHigh,address signerLow,"
        "address signerHigh,address[] assets,uint32 challengeDuration,uint64 nonce)"
    );
    bytes32 internal constant SPLIT_TYPEHASH = keccak256(
        "AssetSplit(int128 netLow,int128 netHigh,uint128 low,uint128 high,uint128 outLow,uint128 outHigh)"
    );
    bytes32 internal constant CONDITION_TYPEHASH = keccak256(
        "Condition(uint8 kind,bytes32 ref,uint40 expiry,uint128[] altLow)"
    );
    bytes32 internal constant STATE_TYPEHASH = keccak256(
        "ClearingState(bytes32 channelId,uint32 epoch,uint64 version,uint8 intent,AssetSplit[] splits,"
        "Condition condition,bytes32 liabilitiesRoot,bytes32 riskHash,uint40 signedAt,uint40 validUntil)"
        "AssetSplit(int128 netLow,int128 netHigh,uint128 low,uint128 high,uint128 outLow,uint128 outHigh)"
        "Condition(uint8 kind,bytes32 ref,uint40 expiry,uint128[] altLow)"
    );
    bytes32 internal constant LEG_TYPEHASH = keccak256("Leg(address token,bool fromLow,uint128 amount)");
    bytes32 internal constant ORDER_TYPEHASH = keccak256(
        "SettlementOrder(bytes32 channelId,uint32 epoch,uint64 version,uint40 fundBy,Leg[] legs)"
        "Leg(address token,bool fromLow,uint128 amount)"
    );
    bytes32 internal constant INTENT_TYPEHASH = keccak256(
        "ChallengeIntent(bytes32 channelId,uint32 epoch,uint64 version,bytes32 stateDigest)"
    );
    bytes32 internal constant AUTH_TYPEHASH = keccak256(
        "WithdrawAuth(address account,address token,address to,uint128 amount,uint256 nonce,uint40 validUntil)"
    );

    /* LOAD */

    /// @return def view of the definition
    /// @return id its hash: the channel id
    function load(ChannelDef calldata raw) internal pure returns (DefView def, bytes32 id) {
        bytes32 typehash = DEF_TYPEHASH;
        address[] calldata assets = raw.assets;
        assembly ("memory-safe") {
            // memory: count, assets… | type hash, 9 words of the struct
            let list := mload(0x40)
            let size := shl(5, assets.length)
            let items := add(list, 0x20)
            let head := add(items, size)
            def := add(head, 0x20)
            mstore(0x40, add(def, 0x120))

            mstore(list, assets.length)
            calldatacopy(items, assets.offset, size)
            mstore(head, typehash)
            calldatacopy(def, raw, 0x120)
            mstore(add(def, 0xc0), keccak256(items, size)) // in place of the offset of `assets`
            id := keccak256(head, 0x140)
            mstore(add(def, 0xc0), list)
        }
    }

    /// @dev Dirty bits change the id, so only `open` has to look: no other call finds a channel under such a definition.
    function requireClean(DefView def) internal pure {
        assembly ("memory-safe") {
            let addresses := or(mload(add(def, 0x20)), or(mload(add(def, 0x40)), mload(add(def, 0x60))))
            addresses := or(addresses, or(mload(add(def, 0x80)), mload(add(def, 0xa0))))
            let list := mload(add(def, 0xc0))
            let end := add(add(list, 0x20), shl(5, mload(list)))
            for {
                let at := add(list, 0x20)
            } lt(at, end) {
                at := add(at, 0x20)
            } {
                addresses := or(addresses, mload(at))
            }
            let dirty := or(shr(160, addresses), or(shr(32, mload(add(def, 0xe0))), shr(64, mload(add(def, 0x100)))))
            if dirty {
                revert(0, 0)
            }
        }
    }

    /// @return s view of the state
    /// @return hash its hashStruct
    function load(ClearingState calldata raw) internal pure returns (StateView s, bytes32 hash) {
        bytes32 typehash = STATE_TYPEHASH;
        (uint256 splits, bytes32 splitsHash) = _load(raw.splits);
        (uint256 condition, bytes32 conditionHash) = _load(raw.condition);
        assembly ("memory-safe") {
            // memory: type hash, 10 words of the struct
            let head := mload(0x40)
            s := add(head, 0x20)
            mstore(0x40, add(s, 0x140))

            mstore(head, typehash)
            calldatacopy(s, raw, 0x140)
            mstore(add(s, 0x80), splitsHash) // in place of the offsets of `splits` and `condition`
            mstore(add(s, 0xa0), conditionHash)
            hash := keccak256(head, 0x160)
            mstore(add(s, 0x80), splits)
            mstore(add(s, 0xa0), condition)

            let dirty := or(shr(32, mload(add(s, 0x20))), shr(64, mload(add(s, 0x40))))
            dirty := or(dirty, shr(8, mload(add(s, 0x60))))
            dirty := or(dirty, shr(40, or(mload(add(s, 0x100)), mload(add(s, 0x120)))))
            if dirty {
                revert(0, 0)
            }
        }
    }

    /// @return order view of the order
    /// @return hash its hashStruct
    function load(SettlementOrder calldata raw) internal pure returns (OrderView order, bytes32 hash) {
        bytes32 typehash = ORDER_TYPEHASH;
        (uint256 legs, bytes32 legsHash) = _load(raw.legs);
        assembly ("memory-safe") {
            // memory: type hash, 5 words of the struct
            let head := mload(0x40)
            order := add(head, 0x20)
            mstore(0x40, add(order, 0xa0))

            mstore(head, typehash)
            calldatacopy(order, raw, 0x80)
            mstore(add(order, 0x80), legsHash)
            hash := keccak256(head, 0xc0)
            mstore(add(order, 0x80), legs)

            let dirty := or(shr(32, mload(add(order, 0x20))), shr(64, mload(add(order, 0x40))))
            dirty := or(dirty, shr(40, mload(add(order, 0x60))))
            if dirty {
                revert(0, 0)
            }
        }
    }

    function _load(AssetSplit[] calldata raw) private pure returns (uint256 splits, bytes32 hash) {
        bytes32 typehash = SPLIT_TYPEHASH;
        assembly ("memory-safe") {
            // memory: count | per split: type hash, 6 words | hashes… (scratch)
            let size := shl(5, raw.length)
            splits := mload(0x40)
            mstore(splits, raw.length)
            let at := add(splits, 0x20)
            let hashes := add(at, mul(raw.length, 0xe0))
            mstore(0x40, hashes)

            let src := raw.offset
            let dirty := 0
            for {
                let i := 0
            } lt(i, size) {
                i := add(i, 0x20)
            } {
                let item := add(at, 0x20)
                mstore(at, typehash)
                calldatacopy(item, src, 0xc0)
                mstore(add(hashes, i), keccak256(at, 0xe0))
                let netLow := mload(item)
                let netHigh := mload(add(item, 0x20))
                let amounts := or(mload(add(item, 0x40)), mload(add(item, 0x60)))
                amounts := or(amounts, or(mload(add(item, 0x80)), mload(add(item, 0xa0))))
                dirty := or(dirty, shr(128, amounts))
                dirty := or(dirty, xor(netLow, signextend(15, netLow)))
                dirty := or(dirty, xor(netHigh, signextend(15, netHigh)))
                at := add(at, 0xe0)
                src := add(src, 0xc0)
            }
            hash := keccak256(hashes, size)
            if dirty {
                revert(0, 0)
            }
        }
    }

    function _load(Condition calldata raw) private pure returns (uint256 condition, bytes32 hash) {
        bytes32 typehash = CONDITION_TYPEHASH;
        uint128[] calldata altLow = raw.altLow;
        assembly ("memory-safe") {
            // memory: count, entries… | type hash, 4 words of the struct
            let list := mload(0x40)
            let size := shl(5, altLow.length)
            let items := add(list, 0x20)
            let head := add(items, size)
            condition := add(head, 0x20)
            mstore(0x40, add(condition, 0x80))

            mstore(list, altLow.length)
            calldatacopy(items, altLow.offset, size)
            mstore(head, typehash)
            calldatacopy(condition, raw, 0x60)
            mstore(add(condition, 0x60), keccak256(items, size))
            hash := keccak256(head, 0xa0)
            mstore(add(condition, 0x60), list)

            let entries := 0
            for {
                let at := items
            } lt(at, head) {
                at := add(at, 0x20)
            } {
                entries := or(entries, mload(at))
            }
            let dirty := or(shr(8, mload(condition)), shr(40, mload(add(condition, 0x40))))
            if or(dirty, shr(128, entries)) {
                revert(0, 0)
            }
        }
    }

    function _load(Leg[] calldata raw) private pure returns (uint256 legs, bytes32 hash) {
        bytes32 typehash = LEG_TYPEHASH;
        assembly ("memory-safe") {
            // memory: count | per leg: type hash, 3 words | hashes… (scratch)
            let size := shl(5, raw.length)
            legs := mload(0x40)
            mstore(legs, raw.length)
            let at := add(legs, 0x20)
            let hashes := add(at, shl(7, raw.length))
            mstore(0x40, hashes)

            let src := raw.offset
            let dirty := 0
            for {
                let i := 0
            } lt(i, size) {
                i := add(i, 0x20)
            } {
                let item := add(at, 0x20)
                mstore(at, typehash)
                calldatacopy(item, src, 0x60)
                mstore(add(hashes, i), keccak256(at, 0x80))
                dirty := or(dirty, shr(160, mload(item)))
                dirty := or(dirty, shr(1, mload(add(item, 0x20))))
                dirty := or(dirty, shr(128, mload(add(item, 0x40))))
                at := add(at, 0x80)
                src := add(src, 0x60)
            }
            hash := keccak256(hashes, size)
            if dirty {
                revert(0, 0)
            }
        }
    }

    /* HASH ONLY */

    function hashIntent(bytes32 id, uint32 epoch, uint64 version, bytes32 stateHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(INTENT_TYPEHASH, id, epoch, version, stateHash));
    }

    function hashAuth(WithdrawAuth calldata auth) internal pure returns (bytes32) {
        return keccak256(abi.encode(AUTH_TYPEHASH, auth));
    }
}
