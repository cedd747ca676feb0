// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAggregatorV3} from "../interfaces/IAggregatorV3.sol";
import {Misbehaving} from "./Misbehaving.sol";

/// @title A Chainlink price feed
/// @custom:security-contact See SECURITY.md
/// @notice Behaves like Chainlink's aggregator behind its proxy, and reads as many storage slots as an aggregator: round ids carry a
/// phase
/// in their upper bits, a new phase starts at round 1, the latest round is what was transmitted last, whatever it says.
contract MockAggregator is IAggregatorV3, Misbehaving {
    struct Round {
        int192 answer;
        uint32 startedAt;
        uint32 updatedAt;
    }

    uint256 private constant PHASE_AT = 64;

    /// @inheritdoc IAggregatorV3
    uint8 public decimals;

    /// @notice Phase of the latest round; a new aggregator behind the same proxy is a new phase.
    uint16 public phase = 1;

    /// @notice Number of the latest round within its phase; 0 before the first.
    uint64 public round;

    /// @inheritdoc IAggregatorV3
    string public description;

    mapping(uint256 roundId => Round) private _rounds;

    /// @param decimals_ Decimals of the answers.
    /// @param description_ What is priced.
    constructor(uint8 decimals_, string memory description_) {
        decimals = decimals_;
        description = description_;
    }

    /// @notice Transmit an answer as of now.
    /// @param answer Price, in `decimals`; any value.
    function transmit(int192 answer) external {
        _transmit(answer, uint32(block.timestamp), uint32(block.timestamp));
    }

    /// @notice Transmit an answer with times of its own: old, zero, or in the future.
    /// @param answer Price, in `decimals`; any value.
    /// @param startedAt Unix second.
    /// @param updatedAt Unix second.
    function transmitAt(int192 answer, uint32 startedAt, uint32 updatedAt) external {
        _transmit(answer, startedAt, updatedAt);
    }

    /// @notice Put another aggregator behind the proxy: the next round is the first of the next phase. Until then there is no round.
    function startPhase() external {
        ++phase;
        round = 0;
    }

    /// @notice Put an aggregator with other decimals behind the proxy.
    /// @param decimals_ Decimals from now on.
    function setDecimals(uint8 decimals_) external {
        decimals = decimals_;
    }

    /// @inheritdoc IAggregatorV3
    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        (uint64 round_, uint16 phase_, Mode mode_) = (round, phase, mode);
        _misbehave(mode_);
        if (round_ != 0) roundId = (uint80(phase_) << uint80(PHASE_AT)) | round_;
        Round storage r = _rounds[roundId];
        return (roundId, r.answer, r.startedAt, r.updatedAt, roundId);
    }

    function _transmit(int192 answer, uint32 startedAt, uint32 updatedAt) private {
        ++round;
        _rounds[(uint256(phase) << PHASE_AT) | round] = Round(answer, startedAt, updatedAt);
    }
}
