// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    AssetAmounts,
    AssetFunding,
    AssetPayout,
    ChannelDef,
    ChannelView,
    ClearingState,
    Outcome,
    Parameters,
    SettlementOrder,
    Side,
    Signature,
    Status
} from "./ChannelTypes.sol";
import {IAssetVault} from "./IAssetVault.sol";
import {IEscrowPayment} from "./IEscrowPayment.sol";

/// @title Bilateral clearing channels: collateral, disputes, settlement
/// @notice Two brokers trade off chain by co-signing states; the chain sees the opening, perhaps checkpoints, the settlement, the end.
/// A state S pays each side `split + (net on chain - S.net)`: what S had not seen yet returns to whoever paid it in.
/// S is enforceable only if `S.net <= net on chain` on both sides of every asset, so no payout is negative and the payouts of an
/// asset sum to what the channel holds of it.
/// @dev A call that takes a signed state checks, in this order: encoding of the definition; status; encoding of the state;
/// S.channelId; S.epoch; S.version > 0; the validity matrix (number of splits, intent, condition kind for the intent, validUntil and
/// liabilitiesRoot for the intent, condition fields, horizon, then per asset: conservation, outs, alternatives); the low signature;
/// the high signature; then what the function says.
/// Windows: a response is valid iff now < deadline, an end iff now >= deadline. Nobody but a broker, for its own, and the two signers
/// together can move collateral; the timelock may list tokens and raise caps, the guardian may stop new openings for at most 72
/// hours. No owner, no upgrade.
interface IAdjudicator is IAssetVault, IEscrowPayment {
    /* EVENTS */

    /// A channel started an epoch; `funding[i]` belongs to asset i.
    event Opened(
        bytes32 indexed id,
        address indexed brokerLow,
        address indexed brokerHigh,
        uint32 epoch,
        uint64 version,
        AssetFunding[] funding
    );
    /// The broker of a side moved `amount` raw units of asset number `asset` from its ledger into the channel.
    event CollateralDeposited(bytes32 indexed id, Side side, uint256 asset, uint256 amount);
    /// `version` is now the least that counts; a challenge, if there was one, is cleared.
    event Checkpointed(bytes32 indexed id, uint32 epoch, uint64 version);
    /// `version` is enforced, and unless a higher one comes before `deadline` the state behind `digest` ends the channel.
    event Challenged(bytes32 indexed id, uint32 epoch, uint64 version, bytes32 digest, uint40 deadline);
    /// `outs[i]` of asset i went to the ledgers; a challenge, if there was one, is cleared.
    event Resized(bytes32 indexed id, uint32 epoch, uint64 version, AssetAmounts[] outs);
    /// The preimage of the version's hash lock is public.
    event Revealed(bytes32 indexed id, uint32 epoch, uint64 version, bytes32 preimage);
    /// Cooperative end; `payouts[i]` belongs to asset i.
    event Closed(bytes32 indexed id, uint32 epoch, uint64 version, AssetPayout[] payouts);
    /// Forced end: `credited[i]` went to the ledgers.
    event Finalized(bytes32 indexed id, uint32 epoch, uint64 version, Outcome outcome, AssetAmounts[] credited);
    /// New openings are refused before `until`.
    event OpeningsPaused(uint40 until);

    /* ERRORS: definition */

    error WrongChain(uint256 have, uint256 want);
    error WrongAdjudicator(address have, address want);
    error BrokersNotAscending(address low, address high);
    error BadSigners(address low, address high);
    error BadAssetCount(uint256 count);
    error AssetsNotAscending(uint256 asset);
    error ChallengeDurationOutOfRange(uint32 duration, uint32 min, uint32 max);

    /* ERRORS: state */

    error WrongStatus(Status status);
    error WrongChannel(bytes32 have, bytes32 want);
    error WrongEpoch(uint32 have, uint32 want);
    error ZeroVersion();
    error WrongSplitCount(uint256 have, uint256 want);
    /// The intent is unknown, or not one that this function takes.
    error WrongIntent(uint8 intent);
    /// The condition's kind does not go with the intent.
    error WrongCondition(uint8 intent, uint8 kind);
    /// validUntil must be 0 for this intent.
    error UnexpectedValidUntil(uint40 validUntil);
    /// A CLOSE with liabilities: a cooperative close settles first.
    error LiabilitiesOutstanding(bytes32 root);
    /// Kind 0 with a reference, an expiry or alternatives; or the wrong number of alternatives.
    error MalformedCondition();
    error ConditionTooFar(uint40 expiry, uint256 latest);
    error NotConserved(uint256 asset);
    /// An out where the intent has none, or a CLOSE that sends more than the split.
    error BadOut(uint256 asset);
    /// Entry number `entry` of altLow exceeds the asset's total.
    error BadAlternative(uint256 entry);
    error BadSignature(address signer);

    /* ERRORS: actions */

    error StateExpired(uint40 validUntil);
    error StateNotExpired(uint40 validUntil);
    /// The state's version is `have`; at least `want` is needed (exactly `want` when an OPEN state is challenged).
    error StaleVersion(uint64 have, uint64 want);
    error Unenforceable(uint256 asset);
    error DeadlinePassed(uint40 deadline);
    error DeadlineNotReached(uint40 deadline);
    /// Past the deadline only the challenged state counts; also `finalize` with another state.
    error WrongDigest(bytes32 have, bytes32 want);
    /// The OPEN state's split is not its nets, or a net is negative.
    error BadOpening(uint256 asset);
    error NoSlot(address broker);
    error SignerNotNamed(address broker, address signer);
    error NotBroker(address caller);
    /// The caller is neither broker nor signer of the channel; or the ChallengeIntent it brought is signed by neither signer.
    error NotParty(address caller);
    error UnknownAsset(address token);
    error LockOutstanding(bytes32 order);
    error WrongPreimage(bytes32 preimage);
    error RevealTooLate(uint40 expiry);
    error AlreadyRevealed();
    /// The condition is open until `notBefore`.
    error ConditionOpen(uint256 notBefore);
    error OpeningsArePaused(uint40 until);
    error NotGuardian(address caller);
    /// A pause may not be armed again within 7 days of the end of the last one.
    error PauseTooSoon(uint256 notBefore);
    /// A pause must end in the future.
    error PauseInPast(uint40 until);
    /// The registry names another Adjudicator.
    error RegistryNotOurs(address registry);
    /// A constructor argument out of its bounds: "roles", "challenge", "grace" or "pushGas".
    error BadParameter(string name);

    /* LIFE CYCLE */

    /// @notice Start an epoch, by anyone who holds the two signatures: ledgers, then allowances, pay the nets in.
    /// @dev Checks, in this order: status NEW or IDLE; not paused; the definition (chain, contract, brokers, signers, asset count,
    /// asset order, duration); the state; intent OPEN; now < validUntil; per asset: split = net >= 0, listed, caps; registry: the
    /// signers are the ones their brokers name, each broker has a free slot; funds.
    function open(ChannelDef calldata def, ClearingState calldata s, Signature[2] calldata sigs) external;

    /// @notice Move `amount` raw units of the caller's ledger into the channel. Never changes what the peer is paid.
    /// @dev Checks: OPEN, or CHALLENGED before the deadline; caller is a broker; asset known; ZeroAmount; cap; ledger.
    function depositCollateral(ChannelDef calldata def, address token, uint128 amount) external;

    /// @notice Make a version the least that counts, by anyone; answers a challenge.
    /// @dev OPERATE, SETTLE, or a RESIZE past its validUntil; OPEN, or CHALLENGED in time; version > enforced; enforceable.
    function checkpoint(ChannelDef calldata def, ClearingState calldata s, Signature[2] calldata sigs) external;

    /// @notice Start (or raise) a challenge, by a broker or signer of the channel.
    /// @dev Any intent but CLOSE; an OPEN state only at version = enforced. OPEN: version >= enforced; CHALLENGED: version > enforced
    /// and in time. A move from OPEN sets the deadline; a higher challenge does not move it.
    function challenge(ChannelDef calldata def, ClearingState calldata s, Signature[2] calldata sigs) external;

    /// @notice As above, by anyone, with a ChallengeIntent signed by either signer.
    function challenge(
        ChannelDef calldata def,
        ClearingState calldata s,
        Signature[2] calldata sigs,
        Signature calldata intent
    ) external;

    /// @notice Take collateral out to the ledgers, by anyone.
    /// @dev Intent RESIZE; now < validUntil; OPEN, or CHALLENGED in time; version > enforced; no lock outstanding;
    /// S.net <= net on chain - out.
    function resize(ChannelDef calldata def, ClearingState calldata s, Signature[2] calldata sigs) external;

    /// @notice Publish the preimage of a state's hash lock, by anyone.
    /// @dev Condition HASHLOCK; window and version (>= enforced); enforceable; lock of an order; not yet revealed;
    /// sha256(preimage) = ref; now < expiry.
    function reveal(
        ChannelDef calldata def,
        ClearingState calldata s,
        Signature[2] calldata sigs,
        bytes32 preimage
    ) external;

    /// @notice End at once: `out` to the brokers' addresses, the rest to their ledgers. By anyone.
    /// @dev Intent CLOSE; now < validUntil; version > enforced; no lock outstanding; enforceable. A transfer that fails becomes a
    /// ledger credit; the call reverts with InsufficientGas rather than let a lack of gas make it fail.
    function closeCooperative(ChannelDef calldata def, ClearingState calldata s, Signature[2] calldata sigs) external;

    /// @notice End by the challenged state once its deadline has passed and its condition is decided. By anyone.
    /// @dev CHALLENGED; now >= deadline; hashStruct(S) = digest; no lock outstanding; ORDER: executed, or now >= expiry + grace;
    /// HASHLOCK: revealed, or now >= expiry. Never reverts once these hold: no token is called.
    function finalize(ChannelDef calldata def, ClearingState calldata s) external;

    /* GUARDIAN */

    /// @notice Refuse new openings until `until`, clamped to now + 72 hours. Only the guardian, and not within 7 days after the end of
    /// the last pause. Reverts: NotGuardian, PauseTooSoon, PauseInPast.
    function pauseOpenings(uint40 until) external;

    /// @notice Let openings go on before the pause ends; does nothing when there is none. Only the timelock.
    function liftPause() external;

    /* VIEWS */

    /// @notice Storage of a channel, unpacked.
    function channelOf(bytes32 id) external view returns (ChannelView memory);

    /// @notice Net on chain of asset number `asset` (0..7): put in minus taken out, raw units, low and high. Meaningful while live.
    function netOf(bytes32 id, uint256 asset) external view returns (int128 low, int128 high);

    /// @notice hashStruct of a definition: the channel's id.
    function hashDef(ChannelDef calldata def) external pure returns (bytes32);

    /// @notice hashStruct of a state: what a challenge stores.
    function hashState(ClearingState calldata s) external pure returns (bytes32);

    /// @notice hashStruct of an order: what a SETTLE state names.
    function hashOrder(SettlementOrder calldata order) external pure returns (bytes32);

    /// @notice EIP-712 domain separator; follows block.chainid.
    function domainSeparator() external view returns (bytes32);

    /// @notice What the constructor was given; fixed for life.
    function parameters() external view returns (Parameters memory);

    /// @notice Openings are refused before this Unix second.
    function openingsPausedUntil() external view returns (uint40);
}
