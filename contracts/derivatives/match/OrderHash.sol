// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Order} from "../../interfaces/IMatchSettler.sol";

/// @title The struct hash of an order as EIP-712 words it
library OrderHash {
    bytes32 internal constant TYPE_HASH = keccak256(
        "Order(uint32 account,uint16 market,int128 size,uint128 limitPrice,uint32 maxFeePpm,uint64 expiry,"
        "uint40 nonce,uint8 flags,uint128 triggerPrice)"
    );

    function hash(Order memory order) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPE_HASH, order));
    }
}
