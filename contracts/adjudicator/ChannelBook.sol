// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ChannelDef, ClearingState, Signature} from "../interfaces/ChannelTypes.sol";
import {IAdjudicator} from "../interfaces/IAdjudicator.sol";
import {IBrokerRegistry} from "../interfaces/IBrokerRegistry.sol";
import {AssetVault} from "./AssetVault.sol";
import {ChannelCodec} from "./ChannelCodec.sol";
import {ChannelRules} from "./ChannelRules.sol";
import {DefView, SplitView, StateView} from "./ChannelViews.sol";
import {Meta} from "./Meta.sol";

/// @title What is stored of each channel, and the gates that every call with a state passes
abstract contract ChannelBook is IAdjudicator, AssetVault {
    /// @dev No end zeroes a slot: a channel that opens again pays for changed slots, not for new ones. What is left of an earlier
    /// epoch is never read: `open` sets the nets, a challenge the digest, a funding the order.
    struct Channel {
        Meta meta; // status, epoch, versions, deadline, order flags: see Meta.sol
        bytes32 digest; // hashStruct of the challenged state
        bytes32 order; // hashStruct of the order that holds locks
        uint256[8] net; // per asset: net of high (int128) << 128 | net of low (int128); 8 = ChannelRules.MAX_ASSETS
    }

    /// @dev Names the brokers' signers and counts their channels.
    IBrokerRegistry internal immutable REGISTRY;

    mapping(bytes32 id => Channel) private _channels;

    constructor(IBrokerRegistry registry) {
        if (registry.adjudicator() != address(this)) revert RegistryNotOurs(address(registry));
        REGISTRY = registry;
    }

    /* LOAD */

    function _channel(bytes32 id) internal view returns (Channel storage) {
        return _channels[id];
    }

    /// @dev The channel of a definition, OPEN or CHALLENGED. Its definition was checked when it opened.
    function _live(ChannelDef calldata raw) internal view returns (DefView def, bytes32 id, Channel storage c, Meta m) {
        (def, id) = ChannelCodec.load(raw);
        c = _channels[id];
        m = c.meta;
        if (!m.isLive()) revert WrongStatus(m.status());
    }

    /// @dev As `_live`, and an authentic state.
    function _enter(
        ChannelDef calldata rawDef,
        ClearingState calldata rawState,
        Signature[2] calldata sigs
    ) internal view returns (DefView def, bytes32 id, Channel storage c, Meta m, StateView s, bytes32 stateHash) {
        (def, id, c, m) = _live(rawDef);
        (s, stateHash) = _authenticate(def, id, m, rawState, sigs);
    }

    /* GATES */

    /// @dev The state belongs to this life of this channel, is valid, and both signers have signed it.
    function _authenticate(
        DefView def,
        bytes32 id,
        Meta m,
        ClearingState calldata raw,
        Signature[2] calldata sigs
    ) internal view returns (StateView s, bytes32 stateHash) {
        (s, stateHash) = ChannelCodec.load(raw);
        if (s.channelId() != id) revert WrongChannel(s.channelId(), id);
        if (s.epoch() != m.epoch()) revert WrongEpoch(s.epoch(), m.epoch());
        if (s.version() == 0) revert ZeroVersion();
        ChannelRules.requireValid(s, def.assetCount());
        bytes32 digest = _hashTypedDataV4(stateHash);
        if (!_isSigned(digest, sigs[0], def.signerLow())) revert BadSignature(def.signerLow());
        if (!_isSigned(digest, sigs[1], def.signerHigh())) revert BadSignature(def.signerHigh());
    }

    /// @dev ecrecover alone: what a contract at the signer's address says could change later. Low s only; signers are not zero.
    function _isSigned(bytes32 digest, Signature calldata sig, address signer) internal pure returns (bool) {
        (address recovered, , ) = ECDSA.tryRecover(digest, sig.r, sig.vs);
        return recovered == signer;
    }

    /// @dev OPEN, or CHALLENGED with now < deadline.
    function _requireInTime(Meta m) internal view {
        if (m.isChallenged() && block.timestamp >= m.deadline()) revert DeadlinePassed(m.deadline());
    }

    /// @dev For calls that replace what is enforced.
    function _requireNewer(Meta m, StateView s) internal pure {
        uint64 enforced = m.enforcedVersion();
        // There is no version above the highest one.
        if (s.version() <= enforced)
            revert StaleVersion(s.version(), enforced == type(uint64).max ? enforced : enforced + 1);
    }

    /// @dev For calls on a condition: a version that is enforced already stays as it is, a higher one is enforced; past the deadline
    /// the channel's end is fixed and only the challenged state counts.
    function _advance(Channel storage c, Meta m, StateView s, bytes32 stateHash) internal view returns (Meta) {
        if (m.isChallenged() && block.timestamp >= m.deadline()) {
            if (stateHash != c.digest) revert WrongDigest(stateHash, c.digest);
            return m;
        }
        uint64 enforced = m.enforcedVersion();
        if (s.version() < enforced) revert StaleVersion(s.version(), enforced);
        return s.version() > enforced ? m.enforced(s.version()) : m;
    }

    /// @dev No lock of another version or order may be outstanding; then the flags speak of this version.
    function _bindOrder(Channel storage c, Meta m, uint64 version, bytes32 orderHash) internal view returns (Meta) {
        if (m.isLocked() && (m.orderVersion() != version || orderHash != c.order)) revert LockOutstanding(c.order);
        return m.orderVersion() == version ? m : m.withOrder(version);
    }

    function _requireUnlocked(Channel storage c, Meta m) internal view {
        if (m.isLocked()) revert LockOutstanding(c.order);
    }

    function _requireEnforceable(Channel storage c, StateView s) internal view {
        uint256 n = s.splitCount();
        for (uint256 i = 0; i < n; ++i) {
            (int128 low, int128 high) = _netAt(c, i);
            SplitView a = s.split(i);
            if (a.netLow() > low || a.netHigh() > high) revert Unenforceable(i);
        }
    }

    /* NETS */

    function _netAt(Channel storage c, uint256 i) internal view returns (int128 low, int128 high) {
        uint256 word = c.net[i];
        return (int128(uint128(word)), int128(uint128(word >> 128)));
    }

    /// @dev The new net of that side. In 256 bits; the caller refuses what exceeds the cap, below which it fits its 128.
    function _addToNet(Channel storage c, uint256 i, bool low, uint128 amount) internal returns (int256 net) {
        uint256 word = c.net[i];
        uint256 shift = low ? 0 : 128;
        unchecked {
            // A 127-bit and a 128-bit number.
            net = int256(int128(uint128(word >> shift))) + int256(uint256(amount));
        }
        uint256 other = word & (uint256(type(uint128).max) << (128 - shift));
        c.net[i] = other | (uint256(uint128(uint256(net))) << shift);
    }

    function _setNet(Channel storage c, uint256 i, int128 low, int128 high) internal {
        c.net[i] = uint256(uint128(low)) | (uint256(uint128(high)) << 128);
    }
}
