// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Kind, ProposalTerms} from "./GovernanceTypes.sol";
import {IProposalTypes} from "./IProposalTypes.sol";

/// @title What the governor of the protocol adds to OpenZeppelin's
/// @custom:security-contact See SECURITY.md
/// @notice Holders of YELLOW propose, vote, queue and execute; anyone may queue and execute what has passed. OpenZeppelin's IGovernor
/// is the rest of the interface and works as documented there, with these rules on top.
/// @dev KIND: inferred from the actions (IProposalTypes) when the proposal is made. Quorum, approval, extra delay and the code of its
/// targets are copied then, into one word, and hold for this proposal whatever is decided later.
/// PASSING: (for + abstain) · 1e4 >= quorumBps · supply at the snapshot, and for · 1e4 > approvalBps · (for + against).
/// TIME, with d = 14 days: SUCCEEDED becomes EXPIRED after deadline + d without queueing; QUEUED becomes EXPIRED after eta + d. eta
/// is the timelock's delay and the extra delay of the kind after queueing; execute works in [eta, eta + d].
/// EDGES: Pending -> Active -> Defeated | Succeeded -> Queued -> Executed; Succeeded, Queued -> Expired; Pending, Active, Succeeded,
/// Queued -> Canceled. Defeated, Executed, Expired and Canceled are for ever.
/// CANCELLING: the proposer while Pending; anyone while Pending or Active if the proposer's votes fell under the threshold; the
/// guardian until its expiry, but never a proposal whose only actions change the guardian.
/// BOUNDS: voting delay 1 to 7 days, period 3 to 14 days, late-quorum extension 1 to 7 days, threshold 0.1 % to 5 % of the supply,
/// quorum of all kinds at least 200 and at most 3,000 bps.
interface IProtocolGovernor {
    /* EVENTS */

    /// What a new proposal was judged to be, right after OpenZeppelin's ProposalCreated. `digest` is the sha2-256 of its metadata file,
    /// zero if none was given.
    event ProposalTyped(
        uint256 indexed proposalId,
        Kind indexed kind,
        uint256 quorumBps,
        uint256 approvalBps,
        uint256 extraDelay,
        bytes32 digest
    );
    /// The guardian may cancel until `expiry`; right after OpenZeppelin's ProposalGuardianSet.
    event GuardianExpirySet(address indexed guardian, uint256 oldExpiry, uint256 newExpiry);
    /// The operation of an expired proposal is gone from the timelock.
    event ExpiredCancelled(uint256 indexed proposalId);

    /* ERRORS */

    error TooManyOperations(uint256 operations, uint256 most);
    /// The proposer has a proposal that has not ended.
    error ProposerBusy(address proposer, uint256 proposalId);
    error ProposalNotReady(uint256 proposalId, uint256 eta);
    /// The code of a target is not what was voted on.
    error CodeChanged(uint256 proposalId, bytes22 pinned, bytes22 found);
    /// It is not expired, or was never queued.
    error NothingToCancel(uint256 proposalId);
    /// A setting is out of its bounds.
    error OutOfBounds(bytes32 what, uint256 value, uint256 low, uint256 high);
    /// setProposalGuardian would set one without expiry: use setGuardian.
    error GuardianNeedsExpiry();
    /// Another timelock needs another governor.
    error TimelockIsFixed();
    /// Operations reach the timelock through proposals alone.
    error RelayToTimelock();
    /// The proposal types judge for another governor or obey another timelock, or the token does not count by time.
    error PartsDoNotFit();

    /* PROPOSE */

    /// @notice Make a proposal and publish the digest of its metadata. As IGovernor.propose, which gives the digest zero. Reverts as
    /// that, and with TooManyOperations (10), ProposerBusy and what IProposalTypes.judge reverts with.
    /// @param targets What is called, in order.
    /// @param values Ether sent along, wei.
    /// @param calldatas What it is called with.
    /// @param description A title, a body, and the address of the metadata.
    /// @param sha256Digest The sha2-256 of the metadata file; nothing on chain checks it.
    /// @return proposalId As getProposalId gives it.
    function proposeWithMetadata(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description,
        bytes32 sha256Digest
    ) external returns (uint256 proposalId);

    /* END */

    /// @notice Cancel the operation of an expired proposal inside the timelock, too. Anyone may; the proposal stays Expired.
    /// Reverts: NothingToCancel, and with the timelock's error if that was done before.
    /// @param targets As proposed, like the rest.
    /// @param values As proposed.
    /// @param calldatas As proposed.
    /// @param descriptionHash keccak256 of the description.
    /// @return proposalId As getProposalId gives it.
    /// @dev The timelock takes orders from the governor alone, so an expired operation is dead already; this keeps it dead even if a
    /// later decision gives somebody else the right to execute.
    function cancelExpired(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) external returns (uint256 proposalId);

    /* GOVERNANCE */

    /// @notice Name who may cancel proposals, and until when. Only by a proposal. Reverts: GovernorOnlyExecutor, OutOfBounds.
    /// @param guardian Zero: nobody; then `expiry` is 0.
    /// @param expiry Unix seconds, later than now and at most 365 days from now.
    function setGuardian(address guardian, uint48 expiry) external;

    /* VIEWS */

    /// @notice What a proposal was judged to be when it was made.
    /// @param proposalId Of a proposal; of none: kind NONE and zeros.
    function termsOf(uint256 proposalId) external view returns (ProposalTerms memory);

    /// @notice Votes for and abstaining that a proposal needs, raw YELLOW, rounded up.
    /// @param proposalId Of a proposal whose snapshot is past.
    function quorumOf(uint256 proposalId) external view returns (uint256);

    /// @notice Whether a proposal is on its way: Pending, Active, Succeeded or Queued.
    /// @param proposalId Any.
    function isLive(uint256 proposalId) external view returns (bool);

    /// @notice The proposal that an account made last; zero if none.
    /// @param proposer Any account.
    function lastProposalOf(address proposer) external view returns (uint256);

    /// @notice From when on the guardian can do nothing, Unix seconds.
    function guardianExpiry() external view returns (uint48);

    /// @notice What judges proposals.
    function TYPES() external view returns (IProposalTypes);
}
