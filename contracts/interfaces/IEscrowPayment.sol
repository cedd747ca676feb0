// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ChannelDef, ClearingState, Leg, SettlementOrder, Side, Signature} from "./ChannelTypes.sol";

/// @title Delivery versus payment between the ledgers of a channel's two brokers
/// @notice A SETTLE state names an order by its hash; the order's legs move all at once or not at all. If the peer goes silent, the
/// funded flags of the order decide which alternative of the state is paid (IAdjudicator.finalize).
/// @dev While CHALLENGED and past the deadline these calls accept only the challenged state and change neither version nor status;
/// otherwise a version above the enforced one is enforced and clears a challenge.
interface IEscrowPayment {
    /// The legs of the sides in `sides` (1 low, 2 high) left their ledgers: locked under `order`, or executed in the same call (then
    /// OrderExecuted follows with sides 0, and the storage does not keep `order`).
    event OrderFunded(bytes32 indexed id, uint32 epoch, uint64 version, bytes32 order, uint8 sides, Leg[] legs);
    /// All legs arrived; those of the sides in `sides` (1 low, 2 high, 3 both) were paid from the ledgers in this call.
    event OrderExecuted(bytes32 indexed id, uint32 epoch, uint64 version, bytes32 order, uint8 sides, Leg[] legs);
    /// The locked legs of the sides in `sides` went back to their owners.
    event OrderRefunded(bytes32 indexed id, uint32 epoch, uint64 version, bytes32 order, uint8 sides, Leg[] legs);

    /// hashStruct(order) is not what the state (or the storage) names.
    error WrongOrder(bytes32 have, bytes32 want);
    /// The order names another channel, epoch or version, or its fundBy is not the condition's expiry.
    error OrderNotOfState();
    error BadLegCount(uint256 count);
    error ZeroLeg(uint256 leg);
    /// The order of this version is executed or refunded (flags as in ChannelView.orderFlags).
    error OrderFinished(uint8 flags);
    error AlreadyFunded(Side side);
    /// The last second to fund or settle was `until - 1`.
    error FundingClosed(uint256 until);
    /// The caller may not move the ledger of that side.
    error NotThatSide(address caller, Side side);
    error NoLock();
    error RefundTooEarly(uint256 notBefore);

    /// @notice Execute an order in one transaction, by anyone: all debits, then all credits.
    /// @dev Checks, in this order: live status; the state (see IAdjudicator); intent SETTLE; window and version (>= enforced);
    /// enforceable; order = state's; lock of another order; not finished; now < fundBy; both signers are still the registry's;
    /// ledgers cover what is not locked.
    function settle(
        ChannelDef calldata def,
        ClearingState calldata s,
        Signature[2] calldata sigs,
        SettlementOrder calldata order
    ) external;

    /// @notice Lock one side's legs; when the other side is already locked (or has no legs), execute.
    /// @param side whose legs; the caller is that broker, or its signer of the definition while the registry still names it.
    /// @dev Checks as `settle` up to "not finished"; then the caller; not yet funded; the first funder before fundBy, the second
    /// before fundBy + grace; the ledger covers the legs. A side without legs locks nothing but counts as funded.
    function fundOrder(
        ChannelDef calldata def,
        ClearingState calldata s,
        Signature[2] calldata sigs,
        SettlementOrder calldata order,
        Side side
    ) external;

    /// @notice Give locked legs back, by anyone, from fundBy + grace on, or at once when a higher version is enforced.
    /// @dev The funded flags stay: they say who was ready. Reverts: WrongStatus, NoLock, WrongOrder, RefundTooEarly.
    function refundOrder(ChannelDef calldata def, SettlementOrder calldata order) external;
}
