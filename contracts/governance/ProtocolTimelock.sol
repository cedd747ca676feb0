// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {GovernanceBounds as Bounds} from "./GovernanceBounds.sol";

/// @title The account that governed contracts obey
/// @notice OpenZeppelin's timelock. Set up, it has one proposer, canceller and executor, the governor, and no admin but itself.
/// @custom:security-contact See SECURITY.md
/// @custom:halt Nothing halts it; the governor can cancel what it queued.
contract ProtocolTimelock is TimelockController {
    constructor(
        uint256 minDelay,
        address[] memory proposers,
        address[] memory executors,
        address admin
    ) TimelockController(minDelay, proposers, executors, admin) {}

    /// @notice Seconds from queueing to execution, at least 1 day and at most 30, whatever updateDelay was given.
    /// @dev Too little would leave nobody the time to leave; too much would end governance.
    function getMinDelay() public view override returns (uint256) {
        return Math.min(Math.max(super.getMinDelay(), Bounds.TIMELOCK_MIN), Bounds.TIMELOCK_MAX);
    }
}
