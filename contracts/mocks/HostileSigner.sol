// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title A contract wallet that answers ERC-1271 as badly as a test wants
/// @custom:security-contact See SECURITY.md
/// @notice Anybody makes calls as this account and chooses its manner.
contract HostileSigner {
    /// @notice What `isValidSignature` does: accept · refuse · revert · burn all gas · answer with 100,000 bytes that begin with the
    /// magic word · answer nothing · accept if a call into `target` succeeds.
    enum Mode {
        Accept,
        Refuse,
        Revert,
        Burn,
        Bomb,
        Silence,
        Reenter
    }

    uint256 private constant HUGE = 100_000;
    bytes4 private constant MAGIC = 0x1626ba7e;

    /// @notice What it does now.
    Mode public mode;

    /// @notice Whom it calls back.
    address public target;

    /// @notice What it calls back with.
    bytes public payload;

    /// @notice It does not sign.
    error Refused();

    /// @notice Choose what it does.
    /// @param mode_ The new mode.
    function setMode(Mode mode_) external {
        mode = mode_;
    }

    /// @notice Call `target_` with `payload_` whenever a signature is asked about.
    /// @param target_ Whom it calls back.
    /// @param payload_ Calldata.
    function arm(address target_, bytes calldata payload_) external {
        mode = Mode.Reenter;
        target = target_;
        payload = payload_;
    }

    /// @notice Make a call as this account.
    /// @param callee Whom it calls.
    /// @param data Calldata.
    /// @return answer What came back.
    function execute(address callee, bytes calldata data) external returns (bytes memory answer) {
        bool success;
        (success, answer) = callee.call(data);
        if (!success) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
    }

    /// @notice ERC-1271, in its manner.
    /// @return magic 0x1626ba7e where it accepts.
    function isValidSignature(bytes32, bytes calldata) external returns (bytes4 magic) {
        Mode m = mode;
        if (m == Mode.Revert) revert Refused();
        if (m == Mode.Burn || m == Mode.Bomb || m == Mode.Silence) {
            uint256 size = m == Mode.Bomb ? HUGE : 0;
            bytes32 word = MAGIC;
            assembly {
                if eq(m, 3) {
                    invalid()
                }
                mstore(0, word)
                return(0, size)
            }
        }
        if (m == Mode.Reenter) {
            (bool success, ) = target.call(payload);
            if (!success) return 0;
        }
        return m == Mode.Refuse ? bytes4(0) : MAGIC;
    }
}
