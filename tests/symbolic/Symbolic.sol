// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @dev The one cheat code that proofs use; Halmos answers at its address.
interface IAssume {
    function assume(bool condition) external pure;
}

/// @title What every proof stands on
abstract contract Symbolic {
    IAssume internal constant vm = IAssume(address(uint160(uint256(keccak256("hevm cheat code")))));
}
