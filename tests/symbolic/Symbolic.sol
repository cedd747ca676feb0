// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @dev The cheat codes that proofs use; Halmos answers at its address.
interface ICheats {
    /// @notice Leave out what does not fit.
    function assume(bool condition) external pure;

    /// @notice Set the time.
    function warp(uint256 timestamp) external;
}

/// @title What every proof stands on
abstract contract Symbolic {
    ICheats internal constant vm = ICheats(address(uint160(uint256(keccak256("hevm cheat code")))));
}
