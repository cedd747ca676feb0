// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title The part of the broker registry that the Adjudicator calls
/// @custom:security-contact See SECURITY.md
/// @notice One slot of each broker is held by every open or challenged channel. The registry is a Vyper contract;
/// `IBrokerRegistry.vyi` documents all of it.
interface IBrokerRegistry {
    /* SLOTS */

    /// @notice Take one slot of each broker for a channel that opens.
    /// @param brokerLow One broker of the channel.
    /// @param signerLow The signer that the channel names for it; not zero.
    /// @param brokerHigh The other broker; never equal to `brokerLow`.
    /// @param signerHigh The signer that the channel names for it; not zero.
    /// @return code 0: both slots are taken. Otherwise nothing has changed, and 1 / 2: the low / high broker has named
    /// another signer, 3 / 4: the low / high broker has no free slot. The lowest code that applies is given.
    /// @dev Only the Adjudicator, which guarantees what is said of the parameters.
    // solhint-disable-next-line func-name-mixedcase
    function take_slots(
        address brokerLow,
        address signerLow,
        address brokerHigh,
        address signerHigh
    ) external returns (uint256 code);

    /// @notice Give back the slots of a channel that has ended.
    /// @param brokerLow One broker of the channel.
    /// @param brokerHigh The other broker.
    /// @dev Only the Adjudicator, once for each channel that took its slots: for such a call it cannot fail.
    // solhint-disable-next-line func-name-mixedcase
    function release_slots(address brokerLow, address brokerHigh) external;

    /* VIEWS */

    /// @notice The only contract that takes and releases slots.
    /// @return The address given to the constructor.
    function adjudicator() external view returns (address);

    /// @notice The key that a broker has named.
    /// @param broker Any account.
    /// @return Zero before the broker has named one.
    // solhint-disable-next-line func-name-mixedcase
    function signer_of(address broker) external view returns (address);

    /// @notice The keys that two brokers have named.
    /// @param brokerLow Any account.
    /// @param brokerHigh Any account.
    /// @return signerLow Zero before `brokerLow` has named one.
    /// @return signerHigh Zero before `brokerHigh` has named one.
    // solhint-disable-next-line func-name-mixedcase
    function signers_of(
        address brokerLow,
        address brokerHigh
    ) external view returns (address signerLow, address signerHigh);
}
