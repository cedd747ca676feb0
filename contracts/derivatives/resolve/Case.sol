// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Context} from "../../interfaces/EngineTypes.sol";
import {Action} from "../../interfaces/OracleTypes.sol";
import {AccountId, MarketId, MarketStatus} from "../../interfaces/PerpTypes.sol";
import {Rounding} from "../../libraries/Rounding.sol";
import {LiquidationMath, Target} from "../perp/LiquidationMath.sol";
import {Margin} from "../perp/Margin.sol";
import {BACKSTOP_ACCOUNT} from "../perp/PerpBook.sol";
import {PerpUnits} from "../perp/PerpUnits.sol";
import {Position} from "../perp/Position.sol";
import {RiskNow} from "../perp/RiskWord.sol";

/// An account whose loss is resolved.
struct Case {
    AccountId id;
    int256 equity; // wad, of its cash and its positions at the parts' prices
    uint256 rest; // wad of the shortfall that was not lost in SETTLED markets
    uint256 mm; // wad, of the positions in the others
    uint256 fee; // wad, what a keeper gets at most
    Part[] parts;
}

/// Its position in one market.
struct Part {
    MarketId market;
    int256 size; // lots that it still has
    uint256 price; // wad, the LIQUIDATE value, or mid
    uint256 mid; // wad
    uint256 mm; // wad, of the whole position
    bool isSettled; // it trades no more: the claims of its winners carry what was lost in it
    uint256 lost; // wad: what closing the position there costs
    bool canDeleverage; // its price is fair and it trades
    bool isOmitted; // it counts as neither gain nor loss, and stays as it is
    RiskNow risk;
    uint256 loss; // wad, this market's part of the shortfall
    uint256 left; // wad of it that nobody has covered
    uint256 insurance; // wad that insurance covered
    uint256 backstop; // wad that the backstop covered
}

using CaseLib for Case global;
using CaseLib for Part global;

/// @title What an account's loss comes to in each of its markets
library CaseLib {
    using SafeCast for uint256;

    /// @dev The account's position in a market. A gain of the vault or the backstop in one whose feed does not allow LIQUIDATE counts at
    /// mid: the far edge of its band is no gain that pays for what was lost elsewhere, and would be lost here once the feed is back. Where
    /// mid shows none either, it counts as neither gain nor loss.
    function add(Case memory k, uint256 at, MarketId market, Position held, Context memory c) internal view {
        Part memory p = k.parts[at];
        int256 size = held.size();
        p.market = market;
        p.size = size;
        p.price = priceOf(c, size > 0);
        p.mid = c.quote.mid;
        p.risk = c.risk.inForce(block.timestamp);
        p.isSettled = c.risk.status() == uint256(MarketStatus.SETTLED);
        p.canDeleverage = isLiquid(c) && !p.isSettled;
        int256 paid = held.quote() * int256(PerpUnits.PICO_TO_WAD) - held.owed(c.funding);
        int256 gain = paid + PerpUnits.value(size, p.price);
        if (gain > 0 && !p.isSettled && !p.canDeleverage && AccountId.unwrap(k.id) <= BACKSTOP_ACCOUNT) {
            k.equity -= gain;
            gain = paid + PerpUnits.value(size, p.mid);
            p.isOmitted = gain <= 0;
            if (p.isOmitted) gain = 0;
            else p.price = p.mid;
            k.equity += gain;
        }
        (, p.mm) = Margin.requirement(PerpUnits.notional(size, p.price), p.risk);
        if (gain < 0) p.lost = Rounding.abs(gain);
    }

    /// @dev Wad, the LIQUIDATE value.
    function priceOf(Context memory c, bool isLong) internal pure returns (uint256) {
        return isLong ? Margin.upper(c.quote.liqHi, c.pi) : Margin.lower(c.quote.liqLo, c.pi);
    }

    /// @dev Whether the feed allows LIQUIDATE.
    function isLiquid(Context memory c) internal pure returns (bool) {
        return (c.quote.allowed >> uint256(Action.LIQUIDATE)) & 1 != 0;
    }

    /// @dev Pico for giving `size` away at a price, in favour of who gives: a long receives ceil(size · price / 1e14), a short pays
    /// floor(|size| · price / 1e14). Prices are below 2^128.
    function quoteFor(int256 size, uint256 price) internal pure returns (int256) {
        return Rounding.ceilDiv(size * int256(price), int256(PerpUnits.TICK));
    }

    /// @dev Splits the shortfall, wad. First each SETTLED market gets what was lost in it, as if the position had been closed there. Of the
    /// rest, the vault's and the backstop's go to where they were lost, for anybody may trade against the vault and would choose who pays;
    /// what is lost in no position that is open, and all of an owner's, is split by maintenance margin. Each part up, the last ones what is
    /// left: rounded up as the bankruptcy price is, so that closing a whole position at it brings its whole part. Where there are no other
    /// markets, the last SETTLED one gets the rest.
    function share(Case memory k) internal pure {
        if (k.equity >= 0) return;
        uint256 rest = Rounding.abs(k.equity);
        uint256 lost = 0;
        for (uint256 i = 0; i < k.parts.length; ++i) {
            Part memory p = k.parts[i];
            if (!p.isSettled) {
                k.mm += p.mm;
                if (AccountId.unwrap(k.id) <= BACKSTOP_ACCOUNT) lost += p.lost;
                continue;
            }
            p.loss = Math.min(rest, p.lost);
            rest -= p.loss;
        }

        k.rest = rest;
        uint256 known = Math.min(rest, lost);
        for (uint256 i = 0; i < k.parts.length; ++i) {
            Part memory p = k.parts[i];
            if (!p.isSettled) {
                p.loss = Math.mulDiv(k.rest - known, p.mm, k.mm, Math.Rounding.Ceil);
                if (known != 0) p.loss += Math.mulDiv(known, p.lost, lost, Math.Rounding.Ceil);
                p.loss = Math.min(rest, p.loss);
                rest -= p.loss;
            } else if (k.mm == 0 && i == k.parts.length - 1) {
                p.loss += rest;
            }
            p.left = p.loss;
        }
    }

    /// @dev Less of the part's loss is left.
    function cover(Part memory p, uint256 amountWad) internal pure {
        p.left = p.left > amountWad ? p.left - amountWad : 0;
    }

    /// @dev Lots that closing at the bankruptcy price must take to bring what is left: ceil(|size| · left / loss).
    function lotsToClose(Part memory p) internal pure returns (uint256) {
        return Math.mulDiv(Rounding.abs(p.size), p.left, p.loss, Math.Rounding.Ceil);
    }

    /// @dev Wad; of the position before anything was closed of it.
    function bankruptcyPrice(Part memory p, Case memory k) internal pure returns (uint256) {
        return LiquidationMath.bankruptcyPrice(Target(p.size, p.price, -k.rest.toInt256(), k.mm, 0, 0, p.risk));
    }
}
