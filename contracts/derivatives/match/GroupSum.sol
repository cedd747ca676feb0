// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Leg, Sample} from "../../interfaces/EngineTypes.sol";
import {Terms} from "../../interfaces/IMatchSettler.sol";
import {AccountId} from "../../interfaces/PerpTypes.sol";
import {PerpUnits} from "../perp/PerpUnits.sol";
import {PremiumRules} from "../perp/PremiumRules.sol";

/// What a group's fills add up to. `legs[0]` is the taker's.
struct GroupSum {
    Leg[] legs;
    uint256 count; // legs that are used
    uint256 lots;
    uint256 quote; // pico
    int256 weighed; // Σ sample · quote, of fills that speak of the premium
    uint256 spoken; // Σ quote of those, pico
}

using GroupSums for GroupSum global;

/// @title The legs and the sample of a group
library GroupSums {
    using SafeCast for uint256;

    function start(uint256 makers) internal pure returns (GroupSum memory sum) {
        sum.legs = new Leg[](makers + 1);
        sum.count = 1;
    }

    /// @dev What the account has traded in this group so far; makers come by account, so it can only be the last leg's.
    function tradedBy(GroupSum memory sum, AccountId account) internal pure returns (int256 lots) {
        Leg memory last = sum.legs[sum.count - 1];
        if (sum.count > 1 && _isSame(last.account, account)) return last.size;
    }

    /// @dev A maker's fill at `price`, on the tick: exact in pico. Returns its quote.
    function add(
        GroupSum memory sum,
        AccountId maker,
        int256 size,
        uint256 price,
        Terms memory t
    ) internal pure returns (uint256 quote) {
        uint256 lots = uint256(size < 0 ? -size : size); // at most 2^128
        quote = (lots * price) / PerpUnits.TICK;
        sum.lots += lots;
        sum.quote += quote;
        _addLeg(sum, maker, size, quote, feeOf(quote, t.trade.makerFee()));

        if (t.samples && quote * PerpUnits.PICO_TO_WAD >= t.trade.minNotional()) {
            int256 premium = PremiumRules.clamped(PremiumRules.sampleOf(price, t.mid), t.trade.premCap());
            sum.weighed += premium * quote.toInt256();
            sum.spoken += quote;
        }
    }

    function _addLeg(GroupSum memory sum, AccountId account, int256 size, uint256 quote, uint256 fee) private pure {
        Leg memory leg = sum.legs[sum.count - 1];
        if (sum.count == 1 || !_isSame(leg.account, account)) {
            leg = sum.legs[sum.count++];
            (leg.account, leg.judged) = (account, true);
        }
        leg.size += size;
        leg.quote += size > 0 ? -quote.toInt256() : quote.toInt256();
        leg.fee += fee;
    }

    /// @dev Write the taker's leg and cut off what merged accounts left unused.
    function close(
        GroupSum memory sum,
        AccountId taker,
        bool buys,
        uint256 feePpm
    ) internal pure returns (Leg[] memory legs) {
        legs = sum.legs;
        (int256 lots, int256 quote) = (sum.lots.toInt256(), sum.quote.toInt256());
        legs[0] = Leg({
            account: taker,
            size: buys ? lots : -lots,
            quote: buys ? -quote : quote,
            fee: feeOf(sum.quote, feePpm),
            cash: 0,
            judged: true
        });
        uint256 count = sum.count;
        assembly ("memory-safe") {
            // count is at most the length that was allocated
            mstore(legs, count)
        }
    }

    /// @dev Nothing where no fill spoke.
    function sample(GroupSum memory sum) internal pure returns (Sample memory s) {
        if (sum.spoken == 0) return s;
        s.premium = sum.weighed / sum.spoken.toInt256();
        s.notional = sum.spoken * PerpUnits.PICO_TO_WAD;
    }

    /// @dev ceil(quote · rate), pico.
    function feeOf(uint256 quote, uint256 feePpm) internal pure returns (uint256) {
        return Math.ceilDiv(quote * feePpm, PerpUnits.PPM);
    }

    function _isSame(AccountId a, AccountId b) private pure returns (bool) {
        return AccountId.unwrap(a) == AccountId.unwrap(b);
    }
}
