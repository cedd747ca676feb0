// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// What two brokers agree on once. `channelId = hashStruct(ChannelDef)`: with the chain and the contract inside, the id alone is
/// unique in the world.
struct ChannelDef {
    uint256 chainId; // chain the channel lives on
    address adjudicator; // contract that holds the collateral
    address brokerLow; // owner of the low side; brokerLow < brokerHigh as numbers
    address brokerHigh; // owner of the high side
    address signerLow; // key that signs states for the low side
    address signerHigh; // key that signs states for the high side
    address[] assets; // 1..8 tokens, strictly ascending, fixed for life
    uint32 challengeDuration; // seconds between a challenge and the end it may lead to
    uint64 nonce; // lets the same brokers hold several channels
}

/// One asset of a state, in raw token units. `low + high == netLow + netHigh`.
struct AssetSplit {
    int128 netLow; // put in minus taken out by the low broker, as this state has processed it
    int128 netHigh; // the same for the high broker
    uint128 low; // what the low broker owns if the channel ends now
    uint128 high; // what the high broker owns if the channel ends now
    uint128 outLow; // RESIZE: taken out to the ledger; CLOSE: part of the payout sent to the broker's address
    uint128 outHigh; // the same for the high broker
}

/// A promise that decides the split when the channel ends.
struct Condition {
    uint8 kind; // 0 none, 1 HASHLOCK, 2 ORDER
    bytes32 ref; // HASHLOCK: sha256 of a 32-byte preimage; ORDER: hashStruct(SettlementOrder)
    uint40 expiry; // HASHLOCK: last second is expiry - 1; ORDER: the order's fundBy
    uint128[] altLow; // HASHLOCK: n low shares if revealed; ORDER: 3n, delivered | low defaulted | high defaulted
}

/// The co-signed state of a channel.
struct ClearingState {
    bytes32 channelId;
    uint32 epoch; // life of the channel this state belongs to; +1 at each end
    uint64 version; // > 0; a higher version replaces a lower one
    uint8 intent; // 1 OPEN, 2 OPERATE, 3 RESIZE, 4 SETTLE, 5 CLOSE
    AssetSplit[] splits; // one per asset of the definition, in its order
    Condition condition;
    bytes32 liabilitiesRoot; // Merkle root of what the brokers owe each other; 0 = nothing
    bytes32 riskHash; // commits to the prices, factors and margins of this state; never read on chain
    uint40 signedAt; // when the state was proposed; never read on chain
    uint40 validUntil; // OPEN, RESIZE, CLOSE: the call must come before; otherwise 0
}

/// One movement of a settlement.
struct Leg {
    address token;
    bool fromLow; // true: the low broker delivers
    uint128 amount; // raw units, > 0
}

/// Delivery versus payment: all legs or none.
struct SettlementOrder {
    bytes32 channelId;
    uint32 epoch;
    uint64 version; // version of the SETTLE state that names this order
    uint40 fundBy; // the first funder and `settle` must come before
    Leg[] legs; // 1..32
}

/// Lets anybody start a challenge with exactly this state; signed by either signer of the definition.
struct ChallengeIntent {
    bytes32 channelId;
    uint32 epoch;
    uint64 version;
    bytes32 stateDigest; // hashStruct(ClearingState)
}

/// Lets anybody withdraw exactly this; signed by `account` (ECDSA or ERC-1271), never by a channel signer.
struct WithdrawAuth {
    address account;
    address token;
    address to;
    uint128 amount; // raw units
    uint256 nonce; // unordered; serves once
    uint40 validUntil;
}

/// Compact secp256k1 signature (EIP-2098): `vs` = parity bit and low s.
struct Signature {
    bytes32 r;
    bytes32 vs;
}

enum Status {
    NEW,
    OPEN,
    CHALLENGED,
    IDLE
}

enum Side {
    LOW,
    HIGH
}

/// How an end chose between the split and the condition's alternatives.
enum Outcome {
    SPLIT,
    REVEALED,
    DELIVERED,
    LOW_DEFAULTED,
    HIGH_DEFAULTED
}

/// What a channel's storage says.
struct ChannelView {
    Status status;
    uint32 epoch;
    uint64 enforcedVersion;
    uint40 deadline; // meaningful while CHALLENGED
    uint64 orderVersion; // version that the flags belong to
    uint8 orderFlags; // 1 low funded, 2 high funded, 4 executed, 8 refunded, 16 revealed
    bytes32 digest; // hashStruct of the challenged state; meaningful while CHALLENGED
    bytes32 order; // hashStruct of the order that holds locks; meaningful while a lock is outstanding
}

/// What an Adjudicator was deployed with.
struct Parameters {
    address registry; // names the brokers' signers and counts their channels
    address timelock; // lists tokens, raises caps, lifts a pause
    address guardian; // pauses openings
    uint32 minChallenge; // bounds of challengeDuration, seconds
    uint32 maxChallenge;
    uint32 grace; // seconds that the second funder of an order has after fundBy
    uint256 pushGas; // gas that a token gets when a cooperative close pays out
}

/// `Opened`: what each side put into one asset, and how much of it came from the allowance instead of the ledger.
struct AssetFunding {
    address token;
    uint128 netLow;
    uint128 netHigh;
    uint128 pulledLow;
    uint128 pulledHigh;
}

/// A pair of amounts in raw units of one asset, in the order of the definition.
struct AssetAmounts {
    uint128 low;
    uint128 high;
}

/// `Closed`: what of one asset went to the ledgers, and what was sent to the brokers' addresses (but see PushFailed).
struct AssetPayout {
    uint128 creditedLow;
    uint128 creditedHigh;
    uint128 sentLow;
    uint128 sentHigh;
}
