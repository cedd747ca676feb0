// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {Kind, KindRow, KindTerms, ProposalTerms} from "../interfaces/GovernanceTypes.sol";
import {IProposalTypes} from "../interfaces/IProposalTypes.sol";
import {IProtocolGovernor} from "../interfaces/IProtocolGovernor.sol";
import {GovernanceBounds as Bounds} from "./GovernanceBounds.sol";

/// @title What kind a proposal is, inferred from what it does
/// @custom:security-contact See SECURITY.md
/// @custom:halt Nothing halts it: only the timelock changes it, and everybody may ask.
contract ProposalTypes is IProposalTypes {
    /// @dev The code of an account that has delegated to a contract begins so (EIP-7702) and is 23 bytes long.
    bytes3 private constant DESIGNATOR = 0xef0100;
    uint256 private constant DESIGNATOR_BYTES = 23;

    /// @inheritdoc IProposalTypes
    address public immutable TIMELOCK;
    /// @inheritdoc IProposalTypes
    address public immutable GOVERNOR;

    mapping(address target => mapping(bytes4 selector => Kind)) private _kindOf;
    mapping(Kind kind => KindTerms) private _termsOf;

    /// @param timelock The only caller that changes anything here.
    /// @param governor The governor to come; its constructor checks that it is the one.
    /// @param terms What PARAMETER, MARKET_ADDITION, RISK_CONFIGURATION and UPGRADE ask for, in this order.
    /// @param rows What is listed from the start; everything else is UPGRADE.
    constructor(address timelock, address governor, KindTerms[4] memory terms, KindRow[] memory rows) {
        if (timelock == address(0) || governor == address(0)) revert ZeroAddress();
        (TIMELOCK, GOVERNOR) = (timelock, governor);
        for (uint256 i = 0; i < terms.length; ++i) {
            _setTerms(Kind(i + 1), terms[i]);
            if (i > 0) _requireOrder(Kind(i), Kind(i + 1), Kind(i + 1));
        }
        for (uint256 i = 0; i < rows.length; ++i) {
            _setKind(rows[i].target, rows[i].selector, rows[i].kind, timelock, governor);
        }
    }

    modifier onlyTimelock() {
        if (msg.sender != TIMELOCK) revert NotTimelock(msg.sender);
        _;
    }

    /* TIMELOCK */

    /// @inheritdoc IProposalTypes
    function setKind(address target, bytes4 selector, Kind kind) external onlyTimelock {
        _setKind(target, selector, kind, TIMELOCK, GOVERNOR);
    }

    /// @inheritdoc IProposalTypes
    function setTerms(Kind kind, KindTerms calldata terms) external onlyTimelock {
        if (kind == Kind.NONE) revert NoKind();
        _setTerms(kind, terms);
        if (kind > Kind.PARAMETER) _requireOrder(Kind(uint8(kind) - 1), kind, kind);
        if (kind < Kind.UPGRADE) _requireOrder(kind, Kind(uint8(kind) + 1), kind);
    }

    /* VIEWS */

    /// @inheritdoc IProposalTypes
    function judge(
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata calldatas
    ) external view returns (ProposalTerms memory terms) {
        if (targets.length != values.length || targets.length != calldatas.length) {
            revert LengthMismatch(targets.length, values.length, calldatas.length);
        }

        Kind highest = Kind.NONE;
        bool isGuardianOnly = true;
        for (uint256 i = 0; i < targets.length; ++i) {
            Kind kind = _kindOfAction(targets[i], values[i], calldatas[i]);
            if (kind > highest) highest = kind;
            isGuardianOnly = isGuardianOnly && _isGuardianChange(targets[i], values[i], calldatas[i]);
        }

        KindTerms memory asked = _termsOf[highest];
        terms = ProposalTerms({
            kind: highest,
            isGuardianOnly: isGuardianOnly,
            isClosed: false,
            quorumBps: asked.quorumBps,
            approvalBps: asked.approvalBps,
            extraDelay: asked.extraDelay,
            codePin: _pin(targets, calldatas)
        });
    }

    /// @inheritdoc IProposalTypes
    function pinOf(address[] calldata targets, bytes[] calldata calldatas) external view returns (bytes22 pin) {
        if (targets.length != calldatas.length) {
            revert LengthMismatch(targets.length, targets.length, calldatas.length);
        }
        return _pin(targets, calldatas);
    }

    /// @inheritdoc IProposalTypes
    function kindOf(address target, bytes4 selector) public view returns (Kind) {
        // What is UPGRADE for ever can never be listed, so its entry is NONE or UPGRADE.
        Kind kind = _kindOf[target][selector];
        return kind == Kind.NONE ? Kind.UPGRADE : kind;
    }

    /// @inheritdoc IProposalTypes
    function termsOf(Kind kind) external view returns (KindTerms memory) {
        return _termsOf[kind];
    }

    /* INTERNALS */

    /// @dev The roles are passed since a constructor cannot read its immutables.
    function _setKind(address target, bytes4 selector, Kind kind, address timelock, address governor) private {
        bool isOurs = target == governor || target == timelock || target == address(this);
        if (isOurs || _passesCallsOn(selector)) revert AlwaysUpgrade(target, selector);
        if (kind == Kind.NONE) revert NoKind();

        emit KindChanged(target, selector, _kindOf[target][selector], kind);
        _kindOf[target][selector] = kind;
    }

    function _setTerms(Kind kind, KindTerms memory terms) private {
        _requireWithin("quorumBps", terms.quorumBps, Bounds.QUORUM_MIN_BPS, Bounds.QUORUM_MAX_BPS);
        _requireWithin("approvalBps", terms.approvalBps, Bounds.APPROVAL_MIN_BPS, Bounds.APPROVAL_MAX_BPS);
        _requireWithin("extraDelay", terms.extraDelay, 0, Bounds.EXTRA_DELAY_MAX);

        emit KindTermsChanged(kind, _termsOf[kind], terms);
        _termsOf[kind] = terms;
    }

    /// @dev `changed` is the one of the two that is being set.
    function _requireOrder(Kind lower, Kind higher, Kind changed) private view {
        KindTerms memory less = _termsOf[lower];
        KindTerms memory more = _termsOf[higher];
        bool isOrdered =
            less.quorumBps <= more.quorumBps &&
                less.approvalBps <= more.approvalBps &&
                less.extraDelay <= more.extraDelay;
        if (!isOrdered) revert TermsOutOfOrder(changed, changed == lower ? higher : lower);
    }

    function _requireWithin(bytes32 what, uint256 value, uint256 low, uint256 high) private pure {
        if (value < low || value > high) revert OutOfBounds(what, value, low, high);
    }

    function _kindOfAction(address target, uint256 value, bytes calldata data) private view returns (Kind) {
        if (value > 0 || data.length < 4) return Kind.UPGRADE;
        return kindOf(target, bytes4(data));
    }

    function _isGuardianChange(address target, uint256 value, bytes calldata data) private view returns (bool) {
        return
            target == GOVERNOR &&
            value == 0 &&
            data.length >= 4 &&
            bytes4(data) == IProtocolGovernor.setGuardian.selector;
    }

    /// @dev The forms of multicall in use, and OpenZeppelin's relay.
    function _passesCallsOn(bytes4 selector) private pure returns (bool) {
        return
            selector == Governor.relay.selector ||
            selector == bytes4(keccak256("multicall(bytes[])")) ||
            selector == bytes4(keccak256("multicall(uint256,bytes[])")) ||
            selector == bytes4(keccak256("multicall(bytes32,bytes[])"));
    }

    /// @dev keccak256 over one word for each action, cut to its first 176 bits.
    function _pin(address[] calldata targets, bytes[] calldata calldatas) private view returns (bytes22) {
        bytes32[] memory hashes = new bytes32[](targets.length);
        for (uint256 i = 0; i < targets.length; ++i) {
            if (calldatas[i].length > 0) hashes[i] = _codeHash(targets[i]);
        }
        return bytes22(keccak256(abi.encodePacked(hashes)));
    }

    function _codeHash(address target) private view returns (bytes32) {
        uint256 size = target.code.length;
        if (size == 0) revert TargetNotContract(target);
        if (size == DESIGNATOR_BYTES && bytes3(target.code) == DESIGNATOR) revert TargetNotContract(target);
        return target.codehash;
    }
}
