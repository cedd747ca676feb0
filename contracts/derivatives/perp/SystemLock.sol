// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IDerivativesEngine} from "../../interfaces/IDerivativesEngine.sol";

/// @title One lock over the whole system, for the length of a transaction at most
/// @dev Transient storage: it holds who has taken it. A lock for each contract was not enough elsewhere (GMX v1, 2025): between two steps
/// of one module nothing of any other may run.
library SystemLock {
    /// @dev keccak256("clearing.derivatives.lock") - 1, far from every hash that is used as a slot.
    uint256 private constant SLOT = 0xa95834ad91fb344df7c889d3f54654654e232e023cbf570a59e4141630191496;

    /// @dev The engine itself, for a call of its own, or the module that calls it.
    function take(address holder) internal {
        requireFree();
        _set(holder);
    }

    function give() internal {
        _set(address(0));
    }

    /// @dev By the caller.
    function requireHeld() internal view {
        if (_holder() != msg.sender) revert IDerivativesEngine.NotLocked();
    }

    function requireFree() internal view {
        if (_holder() != address(0)) revert IDerivativesEngine.Locked();
    }

    function _holder() private view returns (address holder) {
        assembly ("memory-safe") {
            holder := tload(SLOT)
        }
    }

    function _set(address holder) private {
        assembly ("memory-safe") {
            tstore(SLOT, holder)
        }
    }
}
