// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Status} from "../../contracts/interfaces/ChannelTypes.sol";
import {Meta} from "../../contracts/adjudicator/Meta.sol";
import {Symbolic} from "./Symbolic.sol";

/// @title What moves of a channel's word, and what stays
/// @dev All words.
contract MetaProof is Symbolic {
    /// @notice ADJ-06: an opening keeps the epoch, enforces its version, and every other field is clear.
    function check_opened__any__keeps_only_the_epoch(uint256 word, uint64 version) external pure {
        Meta m = Meta.wrap(word);
        Meta after_ = m.opened(version);
        assert(after_.status() == Status.OPEN && after_.isLive() && !after_.isChallenged());
        assert(after_.epoch() == m.epoch() && after_.enforcedVersion() == version);
        assert(after_.deadline() == 0 && after_.orderVersion() == 0 && after_.flags() == 0);
    }

    /// @notice ADJ-06: an end raises the epoch by one and clears version, deadline, order and flags.
    function check_ended__any__starts_the_next_epoch(uint256 word) external pure {
        Meta m = Meta.wrap(word);
        Meta after_ = m.ended();
        assert(uint256(after_.epoch()) == uint256(m.epoch()) + 1);
        assert(after_.status() == Status.IDLE && !after_.isLive() && after_.enforcedVersion() == 0);
        assert(after_.deadline() == 0 && after_.orderVersion() == 0 && after_.flags() == 0);
    }

    /// @notice ADJ-05, ADJ-11: what is enforced is the version given; the challenge is over; epoch and order stay.
    function check_enforced__any__clears_the_challenge_alone(uint256 word, uint64 version) external pure {
        Meta m = Meta.wrap(word);
        Meta after_ = m.enforced(version);
        assert(after_.status() == Status.OPEN && after_.enforcedVersion() == version && after_.deadline() == 0);
        _sameEpochAndOrder(m, after_);
    }

    /// @notice ADJ-11: a challenge writes version, deadline and status, and nothing else.
    function check_challenged__any__moves_version_and_deadline_alone(
        uint256 word,
        uint64 version,
        uint40 deadline
    ) external pure {
        Meta m = Meta.wrap(word);
        Meta after_ = m.challenged(version, deadline);
        assert(after_.isChallenged() && after_.enforcedVersion() == version && after_.deadline() == deadline);
        _sameEpochAndOrder(m, after_);
    }

    /// @notice SET-03: flags that speak of a new version start clear; the rest of the channel is as it was.
    function check_withOrder__any__starts_with_clear_flags(uint256 word, uint64 version) external pure {
        Meta m = Meta.wrap(word);
        Meta after_ = m.withOrder(version);
        assert(after_.orderVersion() == version && after_.flags() == 0);
        _sameDispute(m, after_);
        assert(after_.epoch() == m.epoch());
    }

    /// @notice SET-02: a flag is set and no flag is ever taken away by setting one.
    function check_withFlag__any__only_adds(uint256 word, uint8 flag) external pure {
        Meta m = Meta.wrap(word);
        Meta after_ = m.withFlag(flag);
        assert(after_.flags() == m.flags() | flag && after_.orderVersion() == m.orderVersion());
        _sameDispute(m, after_);
        assert(after_.epoch() == m.epoch());
    }

    function _sameEpochAndOrder(Meta a, Meta b) private pure {
        assert(a.epoch() == b.epoch() && a.orderVersion() == b.orderVersion() && a.flags() == b.flags());
    }

    function _sameDispute(Meta a, Meta b) private pure {
        assert(uint8(Meta.unwrap(a)) == uint8(Meta.unwrap(b)));
        assert(a.enforcedVersion() == b.enforcedVersion() && a.deadline() == b.deadline());
    }
}
