// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Adjudicator} from "../../contracts/adjudicator/Adjudicator.sol";
import {ChannelCodec} from "../../contracts/adjudicator/ChannelCodec.sol";
import {INTENT_OPERATE, INTENT_SETTLE, CONDITION_ORDER} from "../../contracts/adjudicator/ChannelRules.sol";
import {StateView} from "../../contracts/adjudicator/ChannelViews.sol";
import {Meta} from "../../contracts/adjudicator/Meta.sol";
import {AssetSplit, ChannelDef, ClearingState} from "../../contracts/interfaces/ChannelTypes.sol";
import {IBrokerRegistry} from "../../contracts/interfaces/IBrokerRegistry.sol";
import {Split, StateMaker} from "./Memory.sol";
import {Symbolic} from "./Symbolic.sol";

/// @dev Names whoever asks as its adjudicator, and forgets slots.
contract AnyRegistry {
    function adjudicator() external view returns (address) {
        return msg.sender;
    }

    function release_slots(address, address) external pure {}
}

/// @dev The Adjudicator itself, with its gates to be asked alone and a channel that can be put down.
contract Opened is Adjudicator {
    constructor(
        IBrokerRegistry registry
    ) Adjudicator(registry, address(1), address(2), 1 days, 7 days, 1 days, 100_000) {}

    function put(ChannelDef calldata def, ClearingState calldata state, uint256 word) external {
        (, bytes32 id) = ChannelCodec.load(def);
        (, bytes32 hash) = ChannelCodec.load(state);
        _channel(id).meta = Meta.wrap(word);
        _channel(id).digest = hash;
    }

    /// @dev What every call asks that answers a challenge.
    function answer(uint256 word) external view {
        _requireInTime(Meta.wrap(word));
    }

    function replace(uint256 word, uint64 version) external pure {
        Split memory a;
        uint128[3] memory none;
        _requireNewer(Meta.wrap(word), StateMaker.make(INTENT_OPERATE, 0, version, a, none, 0));
    }

    function advance(uint256 word, uint64 version) external view returns (uint256) {
        Split memory a;
        uint128[3] memory none;
        StateView s = StateMaker.make(INTENT_OPERATE, 0, version, a, none, 0);
        return Meta.unwrap(_advance(_channel(0), Meta.wrap(word), s, bytes32(uint256(1))));
    }
}

/// @title When a channel can be answered for, when it can end, and which version counts
/// @dev The real `finalize` and the gates of the real Adjudicator, of one channel with one asset. All words, all times below 2^40.
contract ChannelWindowsProof is Symbolic {
    Opened private _adjudicator;

    function setUp() external {
        _adjudicator = new Opened(IBrokerRegistry(address(new AnyRegistry())));
    }

    /// @notice ADJ-10: of a challenged channel without a condition, at any time, either the answer or the end is open: never both, never
    /// neither.
    function check_finalize__challenged__opens_when_answers_close(uint256 word, uint40 now_) external {
        bool ends = _finalize(word, now_, _state());
        assert(ends != _answers(word));
    }

    /// @notice ADJ-10, SET-05: a condition can only delay the end: it never opens while an answer is possible, nor before the condition's
    /// grace is over unless its event has happened.
    function check_finalize__with_an_order__never_ends_early(uint256 word, uint40 now_, uint40 fundBy) external {
        ClearingState memory s = _state();
        s.intent = INTENT_SETTLE;
        s.condition.kind = CONDITION_ORDER;
        s.condition.expiry = fundBy;
        s.condition.altLow = new uint128[](3);
        bool ends = _finalize(word, now_, s);
        if (ends) assert(!_answers(word));
        bool executed = Meta.wrap(word).orderVersion() == s.version && Meta.wrap(word).flags() & 4 != 0;
        if (ends && !executed) assert(now_ >= uint256(fundBy) + 1 days);
    }

    /// @notice ADJ-05: what replaces the enforced version is strictly above it.
    function check_requireNewer__accepted__is_strictly_higher(uint256 word, uint64 version) external view {
        try _adjudicator.replace(word, version) {
            assert(version > Meta.wrap(word).enforcedVersion());
        } catch {
            assert(version <= Meta.wrap(word).enforcedVersion());
        }
    }

    /// @notice ADJ-05, ADJ-11: a call on a condition never lowers the enforced version, and moves nothing once the deadline has passed.
    function check_advance__accepted__never_goes_back(uint256 word, uint64 version, uint40 now_) external {
        vm.warp(now_);
        Meta m = Meta.wrap(word);
        Meta after_ = Meta.wrap(_adjudicator.advance(word, version));
        assert(after_.enforcedVersion() >= m.enforcedVersion());
        assert(after_.enforcedVersion() == m.enforcedVersion() || after_.enforcedVersion() == version);
        if (m.isChallenged() && now_ >= m.deadline()) assert(Meta.unwrap(after_) == word);
        assert(after_.epoch() == m.epoch() && after_.flags() == m.flags() && after_.orderVersion() == m.orderVersion());
    }

    function _answers(uint256 word) private view returns (bool) {
        try _adjudicator.answer(word) {
            return true;
        } catch {
            return false;
        }
    }

    /// @dev Whether the end is open. The channel is challenged and holds no lock.
    function _finalize(uint256 word, uint40 now_, ClearingState memory s) private returns (bool) {
        Meta m = Meta.wrap(word);
        vm.assume(m.isChallenged() && !m.isLocked() && m.epoch() != type(uint32).max);
        vm.warp(now_);
        ChannelDef memory def;
        (def.brokerLow, def.brokerHigh) = (address(3), address(4));
        def.assets = new address[](1);
        _adjudicator.put(def, s, word);
        try _adjudicator.finalize(def, s) {
            return true;
        } catch {
            return false;
        }
    }

    function _state() private pure returns (ClearingState memory s) {
        (s.version, s.intent) = (7, INTENT_OPERATE);
        s.splits = new AssetSplit[](1);
    }
}
