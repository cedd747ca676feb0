// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IPyth} from "@pythnetwork/pyth-sdk-solidity/IPyth.sol";
import {IAggregatorV3} from "../../interfaces/IAggregatorV3.sol";
import {IPriceOracle} from "../../interfaces/IPriceOracle.sol";

/// @title Questions to sources that may revert, burn gas, or answer with anything
/// @dev Nothing a source does makes these revert. An answer counts if the call succeeded and brought all words asked for; no more than
/// those is copied, so an oversized answer costs the source its own gas.
/// A failure counts only if the source had all of SOURCE_GAS: if the caller brought less, the whole call reverts, so nobody can choose a
/// failure by starving the source, nor what stands behind it (a proxy may fail with gas to spare when its implementation runs out).
library SourceCalls {
    /// @dev More than six times what Chainlink's and Pyth's proxies need; four sources that burn it all still leave a block usable.
    uint256 internal constant SOURCE_GAS = 200_000;
    /// @dev A call passes on at most 63/64 of what is left after its own cost (2,600 for a cold address) and ours.
    uint256 internal constant NEEDED_GAS = (SOURCE_GAS * 64) / 63 + 5_000;

    /// @dev latestRoundData of an aggregator or sequencer feed; the words are unchecked. answeredInRound is ignored, as Chainlink says.
    function latestRound(
        address source
    ) internal view returns (bool answered, uint256 roundId, int256 answer, uint256 startedAt, uint256 updatedAt) {
        uint256 left = gasleft();
        bytes4 selector = IAggregatorV3.latestRoundData.selector;
        assembly ("memory-safe") {
            // beyond the free memory pointer, which stays
            let out := mload(0x40)
            mstore(0, selector)
            answered := staticcall(SOURCE_GAS, source, 0, 4, out, 0xa0)
            answered := and(answered, gt(returndatasize(), 0x9f))
            if answered {
                roundId := mload(out)
                answer := mload(add(out, 0x20))
                startedAt := mload(add(out, 0x40))
                updatedAt := mload(add(out, 0x60))
            }
        }
        if (!answered) _requireFed(left);
    }

    /// @dev decimals of an aggregator, unchecked.
    function decimals(address source) internal view returns (bool answered, uint256 value) {
        uint256 left = gasleft();
        bytes4 selector = IAggregatorV3.decimals.selector;
        assembly ("memory-safe") {
            // scratch space holds the question, then the answer
            mstore(0, selector)
            answered := staticcall(SOURCE_GAS, source, 0, 4, 0, 0x20)
            answered := and(answered, gt(returndatasize(), 0x1f))
            if answered {
                value := mload(0)
            }
        }
        if (!answered) _requireFed(left);
    }

    /// @dev getPriceUnsafe of Pyth; the words are unchecked.
    function pythPrice(
        address pyth,
        bytes32 id
    ) internal view returns (bool answered, int256 price, uint256 conf, int256 expo, uint256 publishTime) {
        uint256 left = gasleft();
        bytes4 selector = IPyth.getPriceUnsafe.selector;
        assembly ("memory-safe") {
            // question in scratch space, answer beyond the free memory pointer, which stays
            let out := mload(0x40)
            mstore(0, selector)
            mstore(4, id)
            answered := staticcall(SOURCE_GAS, pyth, 0, 0x24, out, 0x80)
            answered := and(answered, gt(returndatasize(), 0x7f))
            if answered {
                price := mload(out)
                conf := mload(add(out, 0x20))
                expo := mload(add(out, 0x40))
                publishTime := mload(add(out, 0x60))
            }
        }
        if (!answered) _requireFed(left);
    }

    function _requireFed(uint256 left) private pure {
        if (left < NEEDED_GAS) revert IPriceOracle.InsufficientGas(left, NEEDED_GAS);
    }
}
