// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAggregatorV3} from "../interfaces/IAggregatorV3.sol";
import {Misbehaving} from "./Misbehaving.sol";

/// @title An L2 sequencer uptime feed
/// @custom:security-contact See SECURITY.md
/// @notice Behaves like Chainlink's feed on OP: the answer is 0 while the sequencer is up and 1 while it is down, `startedAt` is the time
/// of the last flip, and a report that changes nothing moves `updatedAt` alone.
contract MockSequencerFeed is IAggregatorV3, Misbehaving {
    /// @notice What the last report said.
    bool public isDown;

    /// @notice Flips so far, and one.
    uint32 public round = 1;

    /// @notice When the last flip happened.
    uint40 public flippedAt;

    /// @notice When the last report was made.
    uint40 public reportedAt;

    /// @param flippedAt_ Since when the sequencer has been up, Unix second.
    constructor(uint40 flippedAt_) {
        flippedAt = flippedAt_;
        reportedAt = flippedAt_;
    }

    /// @notice Report the sequencer's status as of `at`. A report older than the last one is ignored, as the feed does.
    /// @param isDown_ Whether it is down.
    /// @param at Unix second.
    function report(bool isDown_, uint40 at) external {
        if (at < reportedAt) return;
        if (isDown_ != isDown) {
            isDown = isDown_;
            flippedAt = at;
            ++round;
        }
        reportedAt = at;
    }

    /// @inheritdoc IAggregatorV3
    function decimals() external pure returns (uint8) {
        return 0;
    }

    /// @inheritdoc IAggregatorV3
    function description() external pure returns (string memory) {
        return "L2 Sequencer Uptime Status Feed";
    }

    /// @inheritdoc IAggregatorV3
    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        roundId = round;
        answer = isDown ? int256(1) : int256(0);
        startedAt = flippedAt;
        updatedAt = reportedAt;
        answeredInRound = roundId;
        _misbehave(mode);
    }
}
