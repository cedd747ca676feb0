// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Kind, KindTerms, ProposalTerms} from "./GovernanceTypes.sol";

/// @title What kind a proposal is, inferred from what it does
/// @custom:security-contact See SECURITY.md
/// @notice A proposer cannot say what kind a proposal is: the kind is the highest over its actions. An action is as its function is
/// listed here; a function that is not listed, an action that sends ether, and calldata without a selector are UPGRADE.
/// @dev FOR EVER UPGRADE, whatever is listed: everything on the governor, the timelock and this contract, and functions that pass
/// calls on (relay, multicall), since the real call would hide inside.
/// BOUNDS: quorum 200 to 3,000 bps, approval 5,000 to 9,000 bps (strictly more is needed, so 5,000 asks for a majority), extra delay
/// at most 14 days; a later kind never asks for less than an earlier one.
/// Warning: the pin of a target's code sees a proxy and not what is behind it. Governed contracts of this protocol are no proxies.
interface IProposalTypes {
    /* EVENTS */

    /// What a function counts as has changed. `oldKind` NONE: it was not listed, hence UPGRADE.
    event KindChanged(address indexed target, bytes4 indexed selector, Kind oldKind, Kind newKind);
    /// What a kind asks for has changed, for proposals made from now on.
    event KindTermsChanged(Kind indexed kind, KindTerms oldTerms, KindTerms newTerms);

    /* ERRORS */

    error NotTimelock(address caller);
    /// A role given to the constructor is zero.
    error ZeroAddress();
    /// This function is UPGRADE for ever.
    error AlwaysUpgrade(address target, bytes4 selector);
    /// NONE is no kind.
    error NoKind();
    /// A term is out of its bounds; `what` is quorumBps, approvalBps or extraDelay.
    error OutOfBounds(bytes32 what, uint256 value, uint256 low, uint256 high);
    /// The terms ask for less than an earlier kind does, or for more than a later one.
    error TermsOutOfOrder(Kind kind, Kind neighbour);
    /// There is nothing to call at the target, or an account whose owner can change its code (EIP-7702).
    error TargetNotContract(address target);
    /// The lists of a proposal do not pair up.
    error LengthMismatch(uint256 targets, uint256 values, uint256 calldatas);

    /* TIMELOCK */

    /// @notice List a function as a kind. Reverts: NotTimelock, AlwaysUpgrade, NoKind.
    /// @param target The contract that is called.
    /// @param selector The first four bytes of the calldata.
    /// @param kind UPGRADE is what an unlisted function is, too.
    /// @dev Warning: list only functions that do one thing. One that could add or replace depending on its arguments has two kinds.
    function setKind(address target, bytes4 selector, Kind kind) external;

    /// @notice Set what a kind asks for. Reverts: NotTimelock, NoKind, OutOfBounds, TermsOutOfOrder.
    /// @param kind Not NONE.
    /// @param terms For proposals made from now on.
    function setTerms(Kind kind, KindTerms calldata terms) external;

    /* VIEWS */

    /// @notice Judge a proposal as it would be judged if it were made now. Reverts: LengthMismatch, TargetNotContract.
    /// @param targets What is called.
    /// @param values Ether sent along, wei.
    /// @param calldatas Empty: ether is sent and nothing called; then the target needs no code.
    /// @return terms What is kept of the proposal. A proposal without actions is of kind NONE.
    function judge(
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata calldatas
    ) external view returns (ProposalTerms memory terms);

    /// @notice The pin of the targets' code as it is now: the first 176 bits of keccak256 over one word for each action, which is the
    /// code hash of its target, or zero if its calldata is empty. Reverts: LengthMismatch, TargetNotContract.
    /// @param targets What is called.
    /// @param calldatas What it is called with.
    /// @return pin To find two codes of one pin takes about 2^88 tries.
    function pinOf(address[] calldata targets, bytes[] calldata calldatas) external view returns (bytes22 pin);

    /// @notice What a function counts as.
    /// @param target The contract that is called.
    /// @param selector The first four bytes of the calldata.
    /// @return UPGRADE unless it is listed as something else; never NONE.
    function kindOf(address target, bytes4 selector) external view returns (Kind);

    /// @notice What a kind asks for.
    /// @param kind Any; NONE asks for nothing and is never judged.
    function termsOf(Kind kind) external view returns (KindTerms memory);

    /// @notice The only caller that changes anything here.
    function TIMELOCK() external view returns (address);

    /// @notice The governor whose proposals are judged here.
    function GOVERNOR() external view returns (address);
}
