// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IMatchSettler} from "../../interfaces/IMatchSettler.sol";

/// @title Whose signature it is
/// @dev Nothing that a signer or its contract does makes these revert, but a caller that brings too little gas.
library OrderSigner {
    /// @dev Enough for a wallet of several owners behind a proxy, little enough that a hundred hostile ones fit into a transaction.
    uint256 internal constant CALL_GAS = 100_000;
    /// @dev A call passes on at most 63/64 of what is left after its own cost (2,600 for a cold address) and ours.
    uint256 internal constant NEEDED_GAS = (CALL_GAS * 64) / 63 + 5_000;

    uint256 private constant COMPACT_BYTES = 64;

    /// @dev The address that signed, by 65 bytes r, s, v or 64 bytes r, vs, low s; zero: nobody.
    function recover(bytes32 digest, bytes calldata signature) internal pure returns (address signer) {
        if (signature.length == COMPACT_BYTES) {
            return recover(digest, bytes32(signature[:32]), bytes32(signature[32:]));
        }
        (signer, , ) = ECDSA.tryRecoverCalldata(digest, signature);
    }

    /// @dev The same, of the compact form.
    function recover(bytes32 digest, bytes32 r, bytes32 vs) internal pure returns (address signer) {
        (signer, , ) = ECDSA.tryRecover(digest, r, vs);
    }

    /// @dev Whether the owner is a contract that takes the signature for its own (ERC-1271). One word of its answer is copied, so an
    /// oversized one costs it its own gas. A refusal counts only if the contract had all of CALL_GAS: nobody can choose it by starving.
    function vouches(address owner, bytes32 digest, bytes calldata signature) internal view returns (bool vouched) {
        if (owner.code.length == 0) return false;
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        bytes32 magic = bytes32(IERC1271.isValidSignature.selector);
        uint256 gas_ = CALL_GAS;
        uint256 left = gasleft();
        assembly ("memory-safe") {
            // scratch space takes the answer
            let answered := staticcall(gas_, owner, add(question, 0x20), mload(question), 0, 0x20)
            vouched := and(and(answered, gt(returndatasize(), 0x1f)), eq(mload(0), magic))
        }
        if (!vouched && left < NEEDED_GAS) revert IMatchSettler.InsufficientGas(left, NEEDED_GAS);
    }
}
