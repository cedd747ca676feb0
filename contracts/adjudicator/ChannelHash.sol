// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    AssetSplit,
    ChallengeIntent,
    ChannelDef,
    ClearingState,
    Condition,
    Leg,
    SettlementOrder,
    WithdrawAuth
} from "../interfaces/ChannelTypes.sol";

/// @title EIP-712 struct hashes, straight from calldata
/// @dev Each assembly block copies the words of one struct behind its type hash and hashes them; contracts/mocks/PlainHash.sol is the
/// plain twin that tests compare with. Scratch lies above the free memory pointer and is never kept, so memory-safe. Fields that no
/// other code reads are range-checked here; the rest is checked by the compiler where it is read. Array lengths were bounded
/// against calldatasize by the compiler when the slice was taken.
library ChannelHash {
    bytes32 internal constant DEF_TYPEHASH = keccak256(
        "ChannelDef(uint256 chainId,address adjudicator,address brokerLow,address brokerHigh,address signerLow,address signerHigh,address[] assets,uint32 challengeDuration,uint64 nonce)"
    );
    bytes32 internal constant SPLIT_TYPEHASH = keccak256(
        "AssetSplit(int128 netLow,int128 netHigh,uint128 low,uint128 high,uint128 outLow,uint128 outHigh)"
    );
    bytes32 internal constant CONDITION_TYPEHASH =
        keccak256("Condition(uint8 kind,bytes32 ref,uint40 expiry,uint128[] altLow)");
    bytes32 internal constant STATE_TYPEHASH = keccak256(
        "ClearingState(bytes32 channelId,uint32 epoch,uint64 version,uint8 intent,AssetSplit[] splits,Condition condition,bytes32 liabilitiesRoot,bytes32 riskHash,uint40 signedAt,uint40 validUntil)AssetSplit(int128 netLow,int128 netHigh,uint128 low,uint128 high,uint128 outLow,uint128 outHigh)Condition(uint8 kind,bytes32 ref,uint40 expiry,uint128[] altLow)"
    );
    bytes32 internal constant LEG_TYPEHASH = keccak256("Leg(address token,bool fromLow,uint128 amount)");
    bytes32 internal constant ORDER_TYPEHASH = keccak256(
        "SettlementOrder(bytes32 channelId,uint32 epoch,uint64 version,uint40 fundBy,Leg[] legs)Leg(address token,bool fromLow,uint128 amount)"
    );
    bytes32 internal constant INTENT_TYPEHASH =
        keccak256("ChallengeIntent(bytes32 channelId,uint32 epoch,uint64 version,bytes32 stateDigest)");
    bytes32 internal constant AUTH_TYPEHASH = keccak256(
        "WithdrawAuth(address account,address token,address to,uint128 amount,uint256 nonce,uint40 validUntil)"
    );

    /// @dev The channel id.
    function hashDef(ChannelDef calldata def) internal pure returns (bytes32 hash) {
        bytes32 typehash = DEF_TYPEHASH;
        address[] calldata assets = def.assets;
        assembly ("memory-safe") {
            let p := mload(0x40)
            let size := shl(5, assets.length)
            calldatacopy(p, assets.offset, size)
            let assetsHash := keccak256(p, size)
            mstore(p, typehash)
            calldatacopy(add(p, 0x20), def, 0x120) // 9 head words
            mstore(add(p, 0xe0), assetsHash) // instead of the offset of `assets`
            hash := keccak256(p, 0x140)
        }
    }

    function hashState(ClearingState calldata s) internal pure returns (bytes32 hash) {
        bytes32 typehash = STATE_TYPEHASH;
        bytes32 splitsHash = _hashSplits(s.splits);
        bytes32 conditionHash = _hashCondition(s.condition);
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, typehash)
            calldatacopy(add(p, 0x20), s, 0x140) // 10 head words
            if shr(40, mload(add(p, 0x120))) { revert(0, 0) } // signedAt is read nowhere else
            mstore(add(p, 0xa0), splitsHash) // instead of the offset of `splits`
            mstore(add(p, 0xc0), conditionHash) // instead of the offset of `condition`
            hash := keccak256(p, 0x160)
        }
    }

    function hashOrder(SettlementOrder calldata order) internal pure returns (bytes32 hash) {
        bytes32 typehash = ORDER_TYPEHASH;
        bytes32 legsHash = _hashLegs(order.legs);
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, typehash)
            calldatacopy(add(p, 0x20), order, 0x80) // channelId, epoch, version, fundBy
            mstore(add(p, 0xa0), legsHash)
            hash := keccak256(p, 0xc0)
        }
    }

    function hashIntent(bytes32 id, uint32 epoch, uint64 version, bytes32 stateHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(INTENT_TYPEHASH, id, epoch, version, stateHash));
    }

    function hashAuth(WithdrawAuth calldata auth) internal pure returns (bytes32) {
        return keccak256(abi.encode(AUTH_TYPEHASH, auth));
    }

    function _hashSplits(AssetSplit[] calldata splits) private pure returns (bytes32 hash) {
        bytes32 typehash = SPLIT_TYPEHASH;
        assembly ("memory-safe") {
            let p := mload(0x40)
            let hashes := add(p, 0xe0) // behind the 7 words of one struct
            let size := shl(5, splits.length)
            let src := splits.offset
            mstore(p, typehash)
            for { let i := 0 } lt(i, size) { i := add(i, 0x20) } {
                calldatacopy(add(p, 0x20), src, 0xc0)
                mstore(add(hashes, i), keccak256(p, 0xe0))
                src := add(src, 0xc0)
            }
            hash := keccak256(hashes, size)
        }
    }

    function _hashCondition(Condition calldata condition) private pure returns (bytes32 hash) {
        bytes32 typehash = CONDITION_TYPEHASH;
        uint128[] calldata altLow = condition.altLow;
        assembly ("memory-safe") {
            let p := mload(0x40)
            let size := shl(5, altLow.length)
            calldatacopy(p, altLow.offset, size)
            let altHash := keccak256(p, size)
            mstore(p, typehash)
            calldatacopy(add(p, 0x20), condition, 0x60) // kind, ref, expiry
            mstore(add(p, 0x80), altHash)
            hash := keccak256(p, 0xa0)
        }
    }

    function _hashLegs(Leg[] calldata legs) private pure returns (bytes32 hash) {
        bytes32 typehash = LEG_TYPEHASH;
        assembly ("memory-safe") {
            let p := mload(0x40)
            let hashes := add(p, 0x80) // behind the 4 words of one struct
            let size := shl(5, legs.length)
            let src := legs.offset
            mstore(p, typehash)
            for { let i := 0 } lt(i, size) { i := add(i, 0x20) } {
                calldatacopy(add(p, 0x20), src, 0x60)
                mstore(add(hashes, i), keccak256(p, 0x80))
                src := add(src, 0x60)
            }
            hash := keccak256(hashes, size)
        }
    }
}
