// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Context, HealthView, Purpose} from "../../interfaces/EngineTypes.sol";
import {Margin} from "../perp/Margin.sol";
import {PerpUnits} from "../perp/PerpUnits.sol";
import {Position} from "../perp/Position.sol";

/// A position before and after a trade, and what the trade does to its account's cash.
struct Change {
    Position before;
    Position after_;
    int256 cash; // wad
}

/// @title What an account is worth after a trade that has not happened
/// @dev Its other markets stand still: the sums lose what the position was and gain what it becomes. The premium does too, since a
/// sample joins it at a later timestamp.
library AfterTrade {
    using Margin for HealthView;
    using SafeCast for uint256;

    /// @dev Size and quote join the settled position; the fee and the funding owed leave the cash.
    function changeOf(
        Position before,
        Context memory c,
        int256 size,
        int256 quotePico,
        uint256 feePico
    ) internal pure returns (Change memory change) {
        change.before = before;
        (change.after_, change.cash) = before.filled(c.funding, size, quotePico);
        change.cash -= before.owed(c.funding) + (feePico * PerpUnits.PICO_TO_WAD).toInt256();
    }

    /// @dev `h` is the account now, for the same purpose.
    function healthAfter(
        HealthView memory h,
        Change memory change,
        Context memory c,
        Purpose purpose
    ) internal view returns (HealthView memory a) {
        HealthView memory old = _partOf(change.before, c, purpose);
        HealthView memory next = _partOf(change.after_, c, purpose);
        a.equity = h.equity + change.cash + next.equity - old.equity;
        // each old part is contained in its sum
        a.notional = h.notional - old.notional + next.notional;
        a.im = h.im - old.im + next.im;
        a.mm = h.mm - old.mm + next.mm;
        a.penalty = h.penalty - old.penalty + next.penalty;
        a.target = h.target - old.target + next.target;
        a.liquidMm = h.liquidMm - old.liquidMm + next.liquidMm;
    }

    /// @dev What a position adds to its account's sums.
    function _partOf(Position p, Context memory c, Purpose purpose) private view returns (HealthView memory h) {
        if (p.size() == 0) return h;
        h.add(p, Margin.worth(c, purpose, block.timestamp));
    }

    /// @dev Wad: what a position counts at.
    function valueOf(Context memory c, Purpose purpose, bool isLong) internal pure returns (uint256) {
        (uint256 long, uint256 short) = Margin.values(c.quote, c.pi, purpose);
        return isLong ? long : short;
    }

    /// @dev The engine's gate (IDerivativesEngine, GATE). `then` and `now_` are the account before and after at MID, `open` after at
    /// OPEN. A trade's gain at mid must not be what lifts a bankrupt account.
    function passes(
        HealthView memory open,
        HealthView memory then,
        HealthView memory now_,
        Change memory change
    ) internal pure returns (bool) {
        if (then.equity < 0) return false;
        if (open.equity >= open.im.toInt256()) return true;
        return _isReduced(change) && Margin.passesReduce(then.equity, then.mm, now_.equity, now_.mm);
    }

    /// @dev |size| fell and its sign did not change.
    function _isReduced(Change memory change) private pure returns (bool) {
        (int256 from, int256 to) = (change.before.size(), change.after_.size());
        return from > 0 ? to >= 0 && to < from : to <= 0 && to > from;
    }
}
