// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title What no vote can set
/// @dev Times in seconds, parts in basis points.
library GovernanceBounds {
    uint256 internal constant BPS = 1e4;

    uint256 internal constant QUORUM_MIN_BPS = 200;
    uint256 internal constant QUORUM_MAX_BPS = 3_000;
    /// @dev The rule is strict: more than this part.
    uint256 internal constant APPROVAL_MIN_BPS = 5_000;
    uint256 internal constant APPROVAL_MAX_BPS = 9_000;
    uint256 internal constant EXTRA_DELAY_MAX = 14 days;

    uint256 internal constant VOTING_DELAY_MIN = 1 days;
    uint256 internal constant VOTING_DELAY_MAX = 7 days;
    uint256 internal constant VOTING_PERIOD_MIN = 3 days;
    uint256 internal constant VOTING_PERIOD_MAX = 14 days;
    uint256 internal constant EXTENSION_MIN = 1 days;
    uint256 internal constant EXTENSION_MAX = 7 days;
    /// @dev Of the supply.
    uint256 internal constant THRESHOLD_MIN_BPS = 10;
    uint256 internal constant THRESHOLD_MAX_BPS = 500;
    uint256 internal constant TIMELOCK_MIN = 1 days;
    uint256 internal constant TIMELOCK_MAX = 30 days;

    uint256 internal constant MAX_OPERATIONS = 10;
    /// @dev How long a success waits to be queued, and a queued one to be executed once it may be.
    uint256 internal constant GRACE = 14 days;
    uint256 internal constant GUARDIAN_TERM_MAX = 365 days;
}
