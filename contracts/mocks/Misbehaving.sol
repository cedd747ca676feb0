// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title A source that can fail in every way a call can fail
/// @custom:security-contact See SECURITY.md
/// @notice Behaves like a feed that was upgraded, hacked or retired. Honest until told otherwise.
abstract contract Misbehaving {
    /// @notice What reads do: answer honestly · revert · revert with 100,000 bytes · burn all gas · answer 100,000 bytes of ones · answer
    /// nothing · answer `rawAnswer` · answer honestly only if `appetite` gas is left, else revert at once and cheaply, as a proxy does
    /// whose implementation ran out of gas.
    enum Mode {
        Honest,
        Reject,
        RejectHuge,
        BurnGas,
        AnswerHuge,
        AnswerNothing,
        AnswerRaw,
        Hungry
    }

    uint256 private constant HUGE = 100_000;

    /// @notice The exact bytes of a raw answer.
    bytes public rawAnswer;

    /// @notice What reads do now. In a slot that an heir's small variables share, so that honest answers cost what they should.
    Mode public mode;

    /// @notice Gas that must be left when a hungry source is read.
    uint64 public appetite;

    /// @notice The source does not want to answer.
    error Rejected();

    /// @notice Choose what reads do.
    /// @param mode_ The new mode.
    function setMode(Mode mode_) external {
        _setMode(mode_);
    }

    /// @notice Answer these bytes from now on: too short, too long, or words that no honest source says.
    /// @param rawAnswer_ The whole answer.
    function answerRaw(bytes calldata rawAnswer_) external {
        rawAnswer = rawAnswer_;
        _setMode(Mode.AnswerRaw);
    }

    /// @notice Answer only to those who leave at least this much gas.
    /// @param appetite_ Gas.
    function becomeHungry(uint64 appetite_) external {
        appetite = appetite_;
        _setMode(Mode.Hungry);
    }

    function _setMode(Mode mode_) internal virtual {
        mode = mode_;
    }

    /// @dev First in every read that may misbehave: does not return unless the answer is to be honest.
    function _misbehave(Mode m) internal view {
        if (m == Mode.Honest) return;
        if (m == Mode.Hungry) {
            if (gasleft() < appetite) revert Rejected();
            return;
        }
        if (m == Mode.Reject) revert Rejected();
        if (m == Mode.AnswerRaw) _return(rawAnswer);
        if (m == Mode.AnswerNothing) _return("");
        if (m == Mode.BurnGas) {
            assembly {
                invalid()
            }
        }
        _answerHuge(m == Mode.RejectHuge);
    }

    function _return(bytes memory answer) private pure {
        assembly {
            return(add(answer, 0x20), mload(answer))
        }
    }

    function _answerHuge(bool rejects) private pure {
        uint256 size = HUGE;
        assembly {
            for {
                let at := 0
            } lt(at, 0x100) {
                at := add(at, 0x20)
            } {
                mstore(at, 1)
            }
            if rejects {
                revert(0, size)
            }
            return(0, size)
        }
    }
}
