// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IAbsorption} from "../../interfaces/IAbsorption.sol";
import {MarketId} from "../../interfaces/PerpTypes.sol";
import {Rounding} from "../../libraries/Rounding.sol";

/// @title What a unit of each market has carried of shared losses, forgiven as what the fund has spent
abstract contract SharedWindow is IAbsorption {
    using SafeCast for uint256;

    uint256 private constant FORGIVEN_AFTER = 30 days;

    struct Carried {
        uint40 at;
        uint216 pico; // a unit, at `at`
    }

    mapping(MarketId market => Carried) private _carried;

    /// @inheritdoc IAbsorption
    function sharedOf(MarketId market) public view returns (uint256) {
        Carried storage carried = _carried[market];
        uint256 elapsed = block.timestamp - carried.at;
        if (elapsed >= FORGIVEN_AFTER) return 0;
        return Rounding.ceilDiv(carried.pico * (FORGIVEN_AFTER - elapsed), FORGIVEN_AFTER);
    }

    /// @dev Pico that a unit may still carry, of a cap.
    function _capLeft(MarketId market, uint256 capPico) internal view returns (uint256) {
        uint256 carried = sharedOf(market);
        return capPico > carried ? capPico - carried : 0;
    }

    function _carry(MarketId market, uint256 deltaPico) internal {
        uint256 pico = sharedOf(market) + deltaPico;
        _carried[market] = Carried(uint40(block.timestamp), pico.toUint216()); // 40 bits last beyond the year 36,000
    }
}
