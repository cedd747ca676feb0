// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IAbsorption} from "../../interfaces/IAbsorption.sol";
import {AccountId} from "../../interfaces/PerpTypes.sol";
import {PerpUnits} from "../perp/PerpUnits.sol";
import {Waterfall} from "./Waterfall.sol";

/// @title What insurance adds to keepers' fees, so much in an hour
abstract contract KeeperFee is Waterfall {
    uint256 private constant WINDOW = 1 hours;
    uint256 private constant MOST = 1_000 * PerpUnits.WAD;

    struct Paid {
        uint40 startedAt;
        uint216 wad; // in the window; at most MOST
    }

    Paid private _paid;

    /// @inheritdoc IAbsorption
    function feeAllowance() public view returns (uint256) {
        return block.timestamp < _paid.startedAt + WINDOW ? MOST - _paid.wad : MOST;
    }

    /// @dev What of `missingWad` insurance can pay and may.
    function _topUp(AccountId keeper, uint256 missingWad) internal returns (uint256 wad) {
        wad = _take(INSURANCE, keeper, Math.min(missingWad, feeAllowance()));
        if (block.timestamp >= _paid.startedAt + WINDOW) _paid = Paid(uint40(block.timestamp), 0); // 40 bits last beyond the year 36,000
        _paid.wad += uint216(wad); // within the allowance
    }
}
