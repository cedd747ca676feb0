// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title An account that makes several calls in one transaction and misbehaves when it is paid in ether
/// @custom:security-contact See SECURITY.md
/// @notice Behaves like a contract wallet without a payable fallback, like a splitter that runs out of gas, or like an
/// attacker. Whoever calls `execute` acts as this account.
contract HostileAccount {
    /// @notice One call of a batch.
    struct Call {
        address callee;
        uint256 value;
        bytes data;
    }

    /// @notice What it does with ether: take it · revert · revert with 100,000 bytes · burn all gas · take it and call
    /// back · the same, and revert if that call fails.
    enum Mode {
        Accept,
        Reject,
        RejectHuge,
        BurnGas,
        CallBack,
        CallBackOrReject
    }

    uint256 private constant HUGE = 100_000;

    /// @notice What it does with ether now.
    Mode public mode;

    /// @notice Who is called back.
    address public target;

    /// @notice What it is called back with.
    bytes public payload;

    /// @notice Calls made back since the receiver was armed.
    uint256 public calls;

    /// @notice Whether the last call back succeeded.
    bool public succeeded;

    /// @notice The receiver does not want to be paid.
    error Rejected();

    /// @notice Take ether, or not, as `mode` says.
    receive() external payable {
        _misbehave();
    }

    /// @notice Choose what it does with ether.
    /// @param mode_ The new mode.
    function setMode(Mode mode_) external {
        mode = mode_;
    }

    /// @notice Call `target_` with `payload_` whenever ether arrives, and forget earlier outcomes.
    /// @param target_ Who is called back.
    /// @param payload_ Calldata.
    function arm(address target_, bytes calldata payload_) external {
        mode = Mode.CallBack;
        target = target_;
        payload = payload_;
        calls = 0;
        succeeded = false;
    }

    /// @notice Make calls as this account, all or none.
    /// @param batch The calls, in order.
    function execute(Call[] calldata batch) external payable {
        for (uint256 i = 0; i < batch.length; ++i) {
            (bool success, bytes memory answer) = batch[i].callee.call{value: batch[i].value}(batch[i].data);
            if (!success) {
                assembly {
                    revert(add(answer, 32), mload(answer))
                }
            }
        }
    }

    function _misbehave() private {
        require(mode != Mode.Reject, Rejected());
        if (mode == Mode.RejectHuge) {
            uint256 size = HUGE;
            assembly {
                revert(0, size)
            }
        }
        if (mode == Mode.BurnGas) {
            assembly {
                invalid()
            }
        }
        if (mode >= Mode.CallBack) {
            (bool success, ) = target.call(payload);
            require(success || mode == Mode.CallBack, Rejected());
            ++calls;
            succeeded = success;
        }
    }
}
