// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// What a market carries: `| vaultShare 20 ppm | fees 88 pico | maxOi 72 lots | openInterest 72 lots |` (low bits on the right).
type OiWord is uint256;

using OiWordLib for OiWord global;

/// @title Open interest, its limits, and the fees that wait to be collected
library OiWordLib {
    using SafeCast for uint256;

    uint256 private constant MAX_AT = 72;
    uint256 private constant FEES_AT = 144;
    uint256 private constant SHARE_AT = 232;
    uint256 private constant FEES_BITS = 88;
    uint256 private constant SHARE_BITS = 20;

    function openInterest(OiWord w) internal pure returns (uint256) {
        return uint72(OiWord.unwrap(w));
    }

    function maxOi(OiWord w) internal pure returns (uint256) {
        return uint72(OiWord.unwrap(w) >> MAX_AT);
    }

    function fees(OiWord w) internal pure returns (uint256) {
        return uint88(OiWord.unwrap(w) >> FEES_AT);
    }

    function vaultShare(OiWord w) internal pure returns (uint256) {
        return (OiWord.unwrap(w) >> SHARE_AT) & ((1 << SHARE_BITS) - 1);
    }

    /// @dev maxOi below 2^72 and vaultShare at most 1,000,000: the bounds of LimitParams.
    function pack(uint256 oi, uint256 fees_, uint256 maxOi_, uint256 vaultShare_) internal pure returns (OiWord) {
        return
            OiWord.wrap(
                uint256(oi.toUint72()) |
                    (maxOi_ << MAX_AT) |
                    (uint256(fees_.toUint88()) << FEES_AT) |
                    (vaultShare_ << SHARE_AT)
            );
    }

    /// @dev Another open interest, and so much more in fees.
    function moved(OiWord w, uint256 oi, uint256 feePico) internal pure returns (OiWord) {
        return pack(oi, w.fees() + feePico, w.maxOi(), w.vaultShare());
    }

    function collected(OiWord w) internal pure returns (OiWord) {
        return pack(w.openInterest(), 0, w.maxOi(), w.vaultShare());
    }
}
