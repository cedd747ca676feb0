// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernorCountingFractional} from "@openzeppelin/contracts/governance/extensions/GovernorCountingFractional.sol";
import {GovernorPreventLateQuorum} from "@openzeppelin/contracts/governance/extensions/GovernorPreventLateQuorum.sol";
import {GovernorProposalGuardian} from "@openzeppelin/contracts/governance/extensions/GovernorProposalGuardian.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {GovernorTimelockControl} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {GovernorVotesQuorumFraction} from "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IERC6372} from "@openzeppelin/contracts/interfaces/IERC6372.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Time} from "@openzeppelin/contracts/utils/types/Time.sol";
import {GovernorSetup, ProposalTerms} from "../interfaces/GovernanceTypes.sol";
import {IProposalTypes} from "../interfaces/IProposalTypes.sol";
import {IProtocolGovernor} from "../interfaces/IProtocolGovernor.sol";
import {GovernanceBounds as Bounds} from "./GovernanceBounds.sol";

/// @title How holders of YELLOW decide
/// @notice OpenZeppelin's Governor, with typed proposals that end by themselves. See IProtocolGovernor.
/// @custom:security-contact See SECURITY.md
/// @custom:halt Nothing halts it. The guardian can cancel proposals until its expiry, but for those that only replace it.
contract ProtocolGovernor is
    Governor,
    GovernorSettings,
    GovernorCountingFractional,
    GovernorVotes,
    GovernorVotesQuorumFraction,
    GovernorPreventLateQuorum,
    GovernorProposalGuardian,
    GovernorTimelockControl,
    IProtocolGovernor
{
    /// @inheritdoc IProtocolGovernor
    IProposalTypes public immutable TYPES;

    /// @inheritdoc IProtocolGovernor
    uint48 public guardianExpiry;
    mapping(uint256 proposalId => ProposalTerms) private _termsOf;
    /// @inheritdoc IProtocolGovernor
    mapping(address proposer => uint256) public lastProposalOf;

    /// @param token YELLOW; counts votes by time.
    /// @param timelock_ What executes; its only proposer, canceller and executor shall be this contract.
    /// @param types Judges proposals of this contract for this timelock.
    /// @param setup What it starts with; within the bounds.
    constructor(
        IVotes token,
        TimelockController timelock_,
        IProposalTypes types,
        GovernorSetup memory setup
    )
        Governor("Smart Clearing Protocol")
        GovernorSettings(setup.votingDelay, setup.votingPeriod, setup.threshold)
        GovernorVotes(token)
        GovernorVotesQuorumFraction(setup.quorumFloorBps)
        GovernorPreventLateQuorum(setup.lateExtension)
        GovernorTimelockControl(timelock_)
    {
        bool isOurs = types.GOVERNOR() == address(this) && types.TIMELOCK() == address(timelock_);
        if (!isOurs || IERC6372(address(token)).clock() != Time.timestamp()) revert PartsDoNotFit();
        _requireThreshold(setup.threshold);
        TYPES = types;
        _setGuardian(setup.guardian, setup.guardianExpiry);
    }

    /* PROPOSE */

    /// @inheritdoc Governor
    function propose(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description
    ) public override returns (uint256) {
        return proposeWithMetadata(targets, values, calldatas, description, 0);
    }

    /// @inheritdoc IProtocolGovernor
    function proposeWithMetadata(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description,
        bytes32 sha256Digest
    ) public returns (uint256 proposalId) {
        if (targets.length > Bounds.MAX_OPERATIONS) revert TooManyOperations(targets.length, Bounds.MAX_OPERATIONS);
        uint256 last = lastProposalOf[msg.sender];
        if (last != 0 && isLive(last)) revert ProposerBusy(msg.sender, last);

        proposalId = super.propose(targets, values, calldatas, description);

        ProposalTerms memory terms = TYPES.judge(targets, values, calldatas);
        // The quorum of every kind and its floor are at most 3,000 bps.
        terms.quorumBps = uint16(Math.max(terms.quorumBps, quorumNumerator()));
        _termsOf[proposalId] = terms;
        lastProposalOf[msg.sender] = proposalId;
        emit ProposalTyped(proposalId, terms.kind, terms.quorumBps, terms.approvalBps, terms.extraDelay, sha256Digest);
    }

    /* END */

    /// @inheritdoc IProtocolGovernor
    function cancelExpired(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) external returns (uint256 proposalId) {
        proposalId = getProposalId(targets, values, calldatas, descriptionHash);
        if (state(proposalId) != ProposalState.Expired || proposalEta(proposalId) == 0) {
            revert NothingToCancel(proposalId);
        }

        _termsOf[proposalId].isClosed = true;
        emit ExpiredCancelled(proposalId);

        TimelockController executor = TimelockController(payable(timelock()));
        bytes32 salt = bytes20(address(this)) ^ descriptionHash; // as GovernorTimelockControl queues it
        executor.cancel(executor.hashOperationBatch(targets, values, calldatas, 0, salt));
    }

    /* GOVERNANCE */

    /// @inheritdoc IProtocolGovernor
    function setGuardian(address guardian, uint48 expiry) external onlyGovernance {
        _setGuardian(guardian, expiry);
    }

    /// @notice Always reverts: setGuardian names one with an expiry.
    function setProposalGuardian(address) public pure override {
        revert GuardianNeedsExpiry();
    }

    /// @inheritdoc GovernorSettings
    function setProposalThreshold(uint256 newThreshold) public override {
        _requireThreshold(newThreshold);
        super.setProposalThreshold(newThreshold);
    }

    /// @notice Always reverts: what is queued, listed and governed obeys this timelock.
    function updateTimelock(TimelockController) public pure override {
        revert TimelockIsFixed();
    }

    /// @inheritdoc Governor
    function relay(address target, uint256 value, bytes calldata data) public payable override {
        if (target == timelock()) revert RelayToTimelock();
        super.relay(target, value, data);
    }

    /* VIEWS */

    /// @inheritdoc Governor
    function state(
        uint256 proposalId
    ) public view override(Governor, GovernorTimelockControl) returns (ProposalState current) {
        current = super.state(proposalId);
        if (current == ProposalState.Succeeded) {
            if (block.timestamp > proposalDeadline(proposalId) + Bounds.GRACE) return ProposalState.Expired;
        } else if (current == ProposalState.Queued) {
            if (block.timestamp > proposalEta(proposalId) + Bounds.GRACE) return ProposalState.Expired;
        } else if (current == ProposalState.Canceled) {
            // The timelock has forgotten the operation because it expired.
            if (_termsOf[proposalId].isClosed) return ProposalState.Expired;
        }
    }

    /// @inheritdoc IProtocolGovernor
    function termsOf(uint256 proposalId) external view returns (ProposalTerms memory) {
        return _termsOf[proposalId];
    }

    /// @inheritdoc IProtocolGovernor
    function quorumOf(uint256 proposalId) public view returns (uint256) {
        uint256 supply = token().getPastTotalSupply(proposalSnapshot(proposalId));
        return Math.ceilDiv(supply * _termsOf[proposalId].quorumBps, Bounds.BPS); // supply is below 2^208
    }

    /// @inheritdoc IProtocolGovernor
    function isLive(uint256 proposalId) public view returns (bool) {
        ProposalState current = state(proposalId);
        return
            current == ProposalState.Pending ||
            current == ProposalState.Active ||
            current == ProposalState.Succeeded ||
            current == ProposalState.Queued;
    }

    /// @inheritdoc GovernorProposalGuardian
    function proposalGuardian() public view override returns (address) {
        return block.timestamp < guardianExpiry ? super.proposalGuardian() : address(0);
    }

    /// @notice What quorumNumerator is a part of.
    function quorumDenominator() public pure override returns (uint256) {
        return Bounds.BPS;
    }

    /// @inheritdoc GovernorVotes
    function clock() public view override(Governor, GovernorVotes) returns (uint48) {
        return Time.timestamp();
    }

    /// @inheritdoc GovernorVotes
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override(Governor, GovernorVotes) returns (string memory) {
        return "mode=timestamp";
    }

    /// @inheritdoc GovernorPreventLateQuorum
    function proposalDeadline(
        uint256 proposalId
    ) public view override(Governor, GovernorPreventLateQuorum) returns (uint256) {
        return super.proposalDeadline(proposalId);
    }

    /// @inheritdoc GovernorSettings
    function proposalThreshold() public view override(Governor, GovernorSettings) returns (uint256) {
        return super.proposalThreshold();
    }

    /// @inheritdoc GovernorTimelockControl
    function proposalNeedsQueuing(
        uint256 proposalId
    ) public view override(Governor, GovernorTimelockControl) returns (bool) {
        return super.proposalNeedsQueuing(proposalId);
    }

    /* INTERNALS: RULES */

    function _quorumReached(
        uint256 proposalId
    ) internal view override(Governor, GovernorCountingFractional) returns (bool) {
        (, uint256 forVotes, uint256 abstainVotes) = proposalVotes(proposalId);
        return forVotes + abstainVotes >= quorumOf(proposalId);
    }

    function _voteSucceeded(
        uint256 proposalId
    ) internal view override(Governor, GovernorCountingFractional) returns (bool) {
        (uint256 againstVotes, uint256 forVotes, ) = proposalVotes(proposalId);
        return forVotes * Bounds.BPS > _termsOf[proposalId].approvalBps * (forVotes + againstVotes);
    }

    /// @dev Not super: without a guardian OpenZeppelin's would let the proposer cancel what has been decided.
    function _validateCancel(
        uint256 proposalId,
        address caller
    ) internal view override(Governor, GovernorProposalGuardian) returns (bool) {
        if (!isLive(proposalId)) return false; // OpenZeppelin's would turn Defeated into Canceled
        if (caller == proposalGuardian() && !_termsOf[proposalId].isGuardianOnly) return true;

        ProposalState current = state(proposalId);
        address proposer = proposalProposer(proposalId);
        if (current == ProposalState.Pending && caller == proposer) return true;
        bool isOpen = current == ProposalState.Pending || current == ProposalState.Active;
        return isOpen && getVotes(proposer, clock() - 1) < proposalThreshold();
    }

    /* INTERNALS: SETTINGS */

    /// @dev A guardian and its expiry are both zero or both set.
    function _setGuardian(address guardian, uint48 expiry) private {
        if (guardian == address(0)) {
            _requireWithin("guardianExpiry", expiry, 0, 0);
        } else {
            uint256 latest = block.timestamp + Bounds.GUARDIAN_TERM_MAX;
            _requireWithin("guardianExpiry", expiry, block.timestamp + 1, latest);
        }
        _setProposalGuardian(guardian);
        emit GuardianExpirySet(guardian, guardianExpiry, expiry);
        guardianExpiry = expiry;
    }

    function _setVotingDelay(uint48 newVotingDelay) internal override {
        _requireWithin("votingDelay", newVotingDelay, Bounds.VOTING_DELAY_MIN, Bounds.VOTING_DELAY_MAX);
        super._setVotingDelay(newVotingDelay);
    }

    function _setVotingPeriod(uint32 newVotingPeriod) internal override {
        _requireWithin("votingPeriod", newVotingPeriod, Bounds.VOTING_PERIOD_MIN, Bounds.VOTING_PERIOD_MAX);
        super._setVotingPeriod(newVotingPeriod);
    }

    function _setLateQuorumVoteExtension(uint48 newVoteExtension) internal override {
        _requireWithin("lateExtension", newVoteExtension, Bounds.EXTENSION_MIN, Bounds.EXTENSION_MAX);
        super._setLateQuorumVoteExtension(newVoteExtension);
    }

    function _updateQuorumNumerator(uint256 newQuorumNumerator) internal override {
        _requireWithin("quorumFloorBps", newQuorumNumerator, Bounds.QUORUM_MIN_BPS, Bounds.QUORUM_MAX_BPS);
        super._updateQuorumNumerator(newQuorumNumerator);
    }

    /// @dev Not in _setProposalThreshold, which runs before the constructor knows the token.
    function _requireThreshold(uint256 threshold) private view {
        uint256 supply = IERC20(address(token())).totalSupply();
        uint256 low = Math.ceilDiv(supply * Bounds.THRESHOLD_MIN_BPS, Bounds.BPS);
        _requireWithin("threshold", threshold, low, (supply * Bounds.THRESHOLD_MAX_BPS) / Bounds.BPS);
    }

    function _requireWithin(bytes32 what, uint256 value, uint256 low, uint256 high) private pure {
        if (value < low || value > high) revert OutOfBounds(what, value, low, high);
    }

    /* INTERNALS: COMPOSITION */

    /// @dev The extra delay is in the eta that is stored and told; execute enforces it, the timelock knows its own delay alone.
    function _queueOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        uint48 ready = super._queueOperations(proposalId, targets, values, calldatas, descriptionHash);
        return ready + _termsOf[proposalId].extraDelay;
    }

    /// @dev After the proposal is known to be queued and not expired, before anything is called.
    function _executeOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) {
        uint256 eta = proposalEta(proposalId);
        if (block.timestamp < eta) revert ProposalNotReady(proposalId, eta);
        bytes22 pinned = _termsOf[proposalId].codePin;
        bytes22 found = TYPES.pinOf(targets, calldatas);
        if (pinned != found) revert CodeChanged(proposalId, pinned, found);

        super._executeOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }

    function _tallyUpdated(uint256 proposalId) internal override(Governor, GovernorPreventLateQuorum) {
        super._tallyUpdated(proposalId);
    }

    function _executor() internal view override(Governor, GovernorTimelockControl) returns (address) {
        return super._executor();
    }
}
