// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Chainlink's aggregator: the part of AggregatorV3Interface that is read here
/// @custom:security-contact See SECURITY.md
interface IAggregatorV3 {
    /// @notice Decimals of `answer`.
    function decimals() external view returns (uint8);

    /// @notice What is priced, such as "ETH / USD".
    function description() external view returns (string memory);

    /// @notice The newest round.
    /// @return roundId phase << 64 | round of the phase.
    /// @return answer A price; of a sequencer feed 0 while the sequencer is up, 1 while it is down.
    /// @return startedAt Unix second; of a sequencer feed the time of the last flip.
    /// @return updatedAt Unix second of the answer.
    /// @return answeredInRound Deprecated by Chainlink.
    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}
