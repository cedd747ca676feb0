// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Leg, Sample} from "../../interfaces/EngineTypes.sol";
import {Terms} from "../../interfaces/IMatchSettler.sol";
import {AccountId} from "../../interfaces/PerpTypes.sol";
import {PerpUnits} from "../perp/PerpUnits.sol";
import {PremiumRules} from "../perp/PremiumRules.sol";
import {Ticket} from "./Ticket.sol";

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
/// @dev A fill has at most 2^128 lots, at a price of at most 2^97 (the band keeps it near mid, below 2^96): its quote is below 2^179, that
/// of a hundred below 2^186. Rates are below 2^14, samples within 2^37: no sum or product of this file comes near 2^255.
library GroupSums {
    /// @dev Of so many orders.
    function start(uint256 orders) internal pure returns (GroupSum memory sum) {
        Leg[] memory legs;
        assembly ("memory-safe") {
            // room for the pointers alone: each is written before it is read, and `close` cuts off the others
            legs := mload(0x40)
            mstore(legs, orders)
            mstore(0x40, add(legs, shl(5, add(orders, 1))))
        }
        (sum.legs, sum.count) = (legs, 1);
    }

    /// @dev What the account has traded in this group so far. Makers come by account, so a maker's is in the last leg; the taker's account
    /// is no maker's, whose owners are others.
    function tradedBy(GroupSum memory sum, AccountId account) internal pure returns (int256 lots) {
        unchecked {
            if (sum.count == 1) return 0;
            Leg memory last = sum.legs[sum.count - 1];
            if (AccountId.unwrap(last.account) == AccountId.unwrap(account)) return last.size;
        }
    }

    /// @dev Pico; exact, since the price is on the tick.
    function quoteOf(Ticket memory maker) internal pure returns (uint256) {
        unchecked {
            return (maker.lots * maker.limitPrice) / PerpUnits.TICK;
        }
    }

    /// @dev A maker's fill: `size` lots, + bought, for `quote` pico.
    function add(GroupSum memory sum, Ticket memory maker, int256 size, uint256 quote, Terms memory t) internal pure {
        unchecked {
            sum.lots += maker.lots;
            sum.quote += quote;
            _addLeg(
                sum,
                maker.account,
                size,
                size > 0 ? -int256(quote) : int256(quote),
                feeOf(quote, t.trade.makerFee())
            );

            if (t.samples && quote * PerpUnits.PICO_TO_WAD >= t.trade.minNotional()) {
                int256 premium = PremiumRules.clamped(
                    PremiumRules.sampleOf(maker.limitPrice, t.mid),
                    t.trade.premCap()
                );
                sum.weighed += premium * int256(quote);
                sum.spoken += quote;
            }
        }
    }

    function _addLeg(GroupSum memory sum, AccountId account, int256 size, int256 quote, uint256 fee) private pure {
        unchecked {
            uint256 count = sum.count;
            if (count > 1) {
                Leg memory last = sum.legs[count - 1];
                if (AccountId.unwrap(last.account) == AccountId.unwrap(account)) {
                    last.size += size;
                    last.quote += quote;
                    last.fee += fee;
                    return;
                }
            }
            sum.legs[count] = Leg({account: account, size: size, quote: quote, fee: fee, cash: 0, judged: true});
            sum.count = count + 1;
        }
    }

    /// @dev Write the taker's leg and cut off what merged accounts left unused.
    function close(GroupSum memory sum, Ticket memory taker, uint256 feePpm) internal pure returns (Leg[] memory legs) {
        legs = sum.legs;
        (int256 lots, int256 quote) = (int256(sum.lots), int256(sum.quote));
        bool buys = taker.size > 0;
        legs[0] = Leg({
            account: taker.account,
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
        s.premium = sum.weighed / int256(sum.spoken);
        s.notional = sum.spoken * PerpUnits.PICO_TO_WAD;
    }

    /// @dev ceil(quote · rate), pico.
    function feeOf(uint256 quote, uint256 feePpm) internal pure returns (uint256) {
        unchecked {
            return Math.ceilDiv(quote * feePpm, PerpUnits.PPM);
        }
    }
}
