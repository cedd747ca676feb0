// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {
    ChallengeIntent,
    ChannelDef,
    ClearingState,
    SettlementOrder,
    WithdrawAuth
} from "../interfaces/ChannelTypes.sol";

/// @title The struct hashes of a channel as EIP-712 words them, without assembly
/// @custom:security-contact See SECURITY.md
/// @notice The plain twin of ChannelCodec: slow, readable, and written against the types alone. Tests compare the two.
contract PlainHash {
    bytes private constant DEF_TYPE =
        "ChannelDef(uint256 chainId,address adjudicator,address brokerLow,address brokerHigh,"
        "address signerLow,address signerHigh,address[] assets,uint32 challengeDuration,uint64 nonce)";
    bytes private constant INTENT_TYPE =
        "ChallengeIntent(bytes32 channelId,uint32 epoch,uint64 version,bytes32 stateDigest)";
    bytes private constant AUTH_TYPE =
        "WithdrawAuth(address account,address token,address to,uint128 amount,uint256 nonce,uint40 validUntil)";
    bytes private constant SPLIT_TYPE =
        "AssetSplit(int128 netLow,int128 netHigh,uint128 low,uint128 high,uint128 outLow,uint128 outHigh)";
    bytes private constant CONDITION_TYPE = "Condition(uint8 kind,bytes32 ref,uint40 expiry,uint128[] altLow)";
    bytes private constant STATE_TYPE =
        "ClearingState(bytes32 channelId,uint32 epoch,uint64 version,uint8 intent,AssetSplit[] splits,"
        "Condition condition,bytes32 liabilitiesRoot,bytes32 riskHash,uint40 signedAt,uint40 validUntil)";
    bytes private constant LEG_TYPE = "Leg(address token,bool fromLow,uint128 amount)";
    bytes private constant ORDER_TYPE =
        "SettlementOrder(bytes32 channelId,uint32 epoch,uint64 version,uint40 fundBy,Leg[] legs)";

    /// @notice hashStruct of a definition.
    function hashDef(ChannelDef calldata def) external pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    keccak256(DEF_TYPE),
                    def.chainId,
                    def.adjudicator,
                    def.brokerLow,
                    def.brokerHigh,
                    def.signerLow,
                    def.signerHigh,
                    keccak256(abi.encodePacked(def.assets)),
                    def.challengeDuration,
                    def.nonce
                )
            );
    }

    /// @notice hashStruct of a state.
    function hashState(ClearingState calldata s) external pure returns (bytes32) {
        bytes32[] memory splits = new bytes32[](s.splits.length);
        for (uint256 i = 0; i < splits.length; ++i) {
            splits[i] = keccak256(abi.encode(keccak256(SPLIT_TYPE), s.splits[i]));
        }
        bytes32 condition = keccak256(
            abi.encode(
                keccak256(CONDITION_TYPE),
                s.condition.kind,
                s.condition.ref,
                s.condition.expiry,
                keccak256(abi.encodePacked(s.condition.altLow))
            )
        );
        return
            keccak256(
                abi.encode(
                    keccak256(bytes.concat(STATE_TYPE, SPLIT_TYPE, CONDITION_TYPE)),
                    s.channelId,
                    s.epoch,
                    s.version,
                    s.intent,
                    keccak256(abi.encodePacked(splits)),
                    condition,
                    s.liabilitiesRoot,
                    s.riskHash,
                    s.signedAt,
                    s.validUntil
                )
            );
    }

    /// @notice hashStruct of an order.
    function hashOrder(SettlementOrder calldata order) external pure returns (bytes32) {
        bytes32[] memory legs = new bytes32[](order.legs.length);
        for (uint256 i = 0; i < legs.length; ++i) {
            legs[i] = keccak256(abi.encode(keccak256(LEG_TYPE), order.legs[i]));
        }
        return
            keccak256(
                abi.encode(
                    keccak256(bytes.concat(ORDER_TYPE, LEG_TYPE)),
                    order.channelId,
                    order.epoch,
                    order.version,
                    order.fundBy,
                    keccak256(abi.encodePacked(legs))
                )
            );
    }

    /// @notice hashStruct of a challenge intent.
    function hashIntent(ChallengeIntent calldata intent) external pure returns (bytes32) {
        return
            keccak256(
                abi.encode(keccak256(INTENT_TYPE), intent.channelId, intent.epoch, intent.version, intent.stateDigest)
            );
    }

    /// @notice hashStruct of a withdraw authorisation.
    function hashAuth(WithdrawAuth calldata auth) external pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    keccak256(AUTH_TYPE),
                    auth.account,
                    auth.token,
                    auth.to,
                    auth.amount,
                    auth.nonce,
                    auth.validUntil
                )
            );
    }
}
