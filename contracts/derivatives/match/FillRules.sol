// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IMatchSettler, IOC, POST_ONLY, REDUCE_ONLY, Terms} from "../../interfaces/IMatchSettler.sol";
import {AccountId, MarketId} from "../../interfaces/PerpTypes.sol";
import {PerpUnits} from "../perp/PerpUnits.sol";
import {Ticket} from "./Ticket.sol";

/// @title What an order allows, and what the market allows of it
library FillRules {
    uint256 private constant KNOWN_FLAGS = REDUCE_ONLY | POST_ONLY | IOC;

    /// @dev What any order must meet, on whichever side it stands.
    function requireLive(Ticket memory o, uint256 feePpm, uint256 mid, uint256 now_) internal pure {
        if (o.flags & ~KNOWN_FLAGS != 0) revert IMatchSettler.UnknownFlags(o.flags);
        if (now_ > o.expiry) revert IMatchSettler.OrderExpired(o.account, o.nonce, o.expiry);
        if (feePpm > o.maxFeePpm) revert IMatchSettler.OrderFeeTooHigh(o.account, feePpm, o.maxFeePpm);
        if (o.triggerPrice != 0 && (o.size > 0 ? mid < o.triggerPrice : mid > o.triggerPrice)) {
            revert IMatchSettler.NotTriggered(o.account, o.triggerPrice, mid);
        }
    }

    function requireTaker(Ticket memory o) internal pure {
        if (o.flags & POST_ONLY != 0) revert IMatchSettler.PostOnlyTaker(o.account, o.nonce);
    }

    /// @dev A maker beside its taker and the account of the maker before it.
    function requireMaker(Ticket memory maker, Ticket memory taker, AccountId before) internal pure {
        if ((maker.size > 0) == (taker.size > 0)) revert IMatchSettler.SameSide(maker.account, maker.nonce);
        if (MarketId.unwrap(maker.market) != MarketId.unwrap(taker.market)) {
            revert IMatchSettler.WrongMarket(maker.market, taker.market);
        }
        if (AccountId.unwrap(maker.account) < AccountId.unwrap(before)) {
            revert IMatchSettler.MakersUnsorted(maker.account, before);
        }
        if (maker.owner == taker.owner) revert IMatchSettler.SelfTrade(maker.owner);
        if (maker.flags & IOC != 0) revert IMatchSettler.IocMaker(maker.account, maker.nonce);
    }

    /// @dev A fill's price: on the tick, no worse than the taker's limit, within mid · (1 ± band).
    function requirePrice(uint256 price, Ticket memory taker, Terms memory t) internal pure {
        if (price % PerpUnits.TICK != 0) revert IMatchSettler.PriceOffTick(price);
        if (taker.size > 0 ? price > taker.limitPrice : price < taker.limitPrice) {
            revert IMatchSettler.PriceBeyondLimit(price, taker.limitPrice);
        }
        unchecked {
            // price < 2^128, mid < 2^96, band < PPM
            uint256 scaled = price * PerpUnits.PPM;
            if (scaled > t.mid * (PerpUnits.PPM + t.band) || scaled < t.mid * (PerpUnits.PPM - t.band)) {
                revert IMatchSettler.PriceOutsideBand(price, t.mid, t.band);
            }
        }
    }

    /// @dev Whether `lots` (signed) bring `position` nearer to zero, at most to it.
    function requireReducing(AccountId account, int256 position, int256 lots) internal pure {
        bool reduces = position > 0 ? lots < 0 && position + lots >= 0 : lots > 0 && position + lots <= 0;
        if (!reduces) revert IMatchSettler.NotReducing(account, position, lots);
    }
}
