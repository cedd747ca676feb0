// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Context, HealthView, Kind, Leg, Purpose, Sample} from "../../interfaces/EngineTypes.sol";
import {Deleverage} from "../../interfaces/IAbsorption.sol";
import {AccountId, MarketId} from "../../interfaces/PerpTypes.sol";
import {Rounding} from "../../libraries/Rounding.sol";
import {Margin} from "../perp/Margin.sol";
import {FIRST_OWNED} from "../perp/PerpBook.sol";
import {PerpUnits} from "../perp/PerpUnits.sol";
import {Position} from "../perp/Position.sol";
import {VaultPrice} from "../perp/VaultPrice.sol";
import {Case, CaseLib, Part} from "./Case.sol";
import {Waterfall} from "./Waterfall.sol";

/// @title Closing a bankrupt position against those who gained on it
abstract contract Deleveraging is Waterfall {
    using SafeCast for int256;
    using SafeCast for uint256;

    /// @dev Somebody on the other side, at mid.
    struct Other {
        AccountId id;
        int256 size; // lots
        HealthView health;
    }

    /// @dev Close as much of a position as its market's uncovered loss asks for, at its bankruptcy price.
    function _deleverage(Case memory k, Part memory p, Deleverage[] calldata lists) internal {
        if (p.left == 0 || !p.canDeleverage) return;
        uint256 lots = p.lotsToClose();
        uint256 price = p.bankruptcyPrice(k);
        Context memory c = ENGINE.context(p.market);
        lots -= _throughVault(k, p, c, lots, price);
        for (uint256 i = 0; i < lists.length && lots != 0; ++i) {
            if (MarketId.unwrap(lists[i].market) != MarketId.unwrap(p.market)) continue;
            lots -= _throughList(k, p, c, lists[i].counterparties, lots, price);
        }
    }

    /// @dev Its health, for which all of its markets are looked at, is asked for only where there is something to close.
    function _throughVault(
        Case memory k,
        Part memory p,
        Context memory c,
        uint256 lots,
        uint256 price
    ) private returns (uint256) {
        Other memory vault;
        (vault.id, vault.size) = (VAULT, ENGINE.sizeOf(VAULT, p.market));
        if (!_isOpposite(vault.size, p.size)) return 0;
        lots = Math.min(lots, _lotsOfVault(vault, p, c, price));
        if (lots == 0) return 0;
        vault.health = ENGINE.healthOf(VAULT, Purpose.MID);
        return _closeAgainst(k, p, vault, lots, price);
    }

    function _throughList(
        Case memory k,
        Part memory p,
        Context memory c,
        AccountId[] calldata ids,
        uint256 lots,
        uint256 price
    ) private returns (uint256 closed) {
        Other memory last;
        for (uint256 i = 0; i < ids.length && closed < lots; ++i) {
            if (AccountId.unwrap(ids[i]) < FIRST_OWNED || _isSame(ids[i], k.id)) continue;
            Other memory o = _other(ids[i], p.market);
            if (!_mayPay(o, p, c)) continue;
            if (AccountId.unwrap(last.id) != 0 && !_isAtMost(o.health, last.health)) revert NotOrdered(p.market, i);
            last = o;
            closed += _closeAgainst(k, p, o, lots - closed, price);
        }
    }

    function _other(AccountId id, MarketId market) private view returns (Other memory) {
        return Other(id, ENGINE.sizeOf(id, market), ENGINE.healthOf(id, Purpose.MID));
    }

    /// @dev On the other side, solvent, and in profit in this market at mid.
    function _mayPay(Other memory o, Part memory p, Context memory c) private view returns (bool) {
        if (!_isOpposite(o.size, p.size) || o.health.equity <= 0) return false;
        return _gain(o, p, c) > 0;
    }

    /// @dev Wad, at mid: what closing its position there would bring.
    function _gain(Other memory o, Part memory p, Context memory c) private view returns (int256) {
        Position position = ENGINE.positionOf(o.id, p.market);
        int256 paid = position.quote() * int256(PerpUnits.PICO_TO_WAD) - position.owed(c.funding);
        return paid + PerpUnits.value(o.size, p.mid);
    }

    /// @dev Lots that the vault can close at `price`, giving up against mid no more than it has won:
    /// floor((gain - 1 pico) / |price - mid|), for the quote rounds up by less than a pico. None without a gain; the price of who is
    /// bankrupt is always worse than mid. What it gives back as its skew shrinks is no gain, so a skew that is made for an absorption adds
    /// nothing to it; what the position has won since it was last exactly zero may be spent (KI-97).
    function _lotsOfVault(
        Other memory vault,
        Part memory p,
        Context memory c,
        uint256 price
    ) private view returns (uint256) {
        int256 gain = _gain(vault, p, c) - VaultPrice.skewWorth(vault.size, p.mid, c.trade).toInt256();
        gain -= int256(PerpUnits.PICO_TO_WAD);
        if (gain <= 0) return 0;
        return Math.mulDiv(uint256(gain), PerpUnits.LOTS, price > p.mid ? price - p.mid : p.mid - price);
    }

    function _isOpposite(int256 a, int256 b) private pure returns (bool) {
        return a > 0 ? b < 0 : a < 0 && b > 0;
    }

    /// @dev N / E of `a` <= N / E of `b`; both E > 0.
    function _isAtMost(HealthView memory a, HealthView memory b) private pure returns (bool) {
        return a.notional * b.equity.toUint256() <= b.notional * a.equity.toUint256();
    }

    /// @return taken lots; 0 if there are none to take, or the other would be left below maintenance margin.
    function _closeAgainst(
        Case memory k,
        Part memory p,
        Other memory o,
        uint256 lots,
        uint256 price
    ) private returns (uint256 taken) {
        if (!_isOpposite(o.size, p.size)) return 0;
        taken = Math.min(Rounding.abs(o.size), lots);
        int256 size = p.size > 0 ? taken.toInt256() : -taken.toInt256();
        int256 quote = CaseLib.quoteFor(size, price);
        if (taken == 0 || !_staysSafe(o, p, size, quote)) return 0;

        _move(p.market, k.id, o.id, size, quote);
        emit Deleveraged(p.market, k.id, o.id, size, price);
        p.size -= size;
        // what the account got above the value at which the rest goes to the backstop
        int256 gain = quote * int256(PerpUnits.PICO_TO_WAD) + PerpUnits.value(-size, p.price);
        if (gain > 0) p.cover(uint256(gain));
    }

    /// @dev Whether E >= MM at mid once it has taken `size` for `quote`. Exact: its funding is settled either way.
    function _staysSafe(Other memory o, Part memory p, int256 size, int256 quote) private pure returns (bool) {
        int256 after_ = o.size + size;
        int256 equity = o.health.equity - quote * int256(PerpUnits.PICO_TO_WAD);
        equity += PerpUnits.value(after_, p.mid) - PerpUnits.value(o.size, p.mid);
        (, uint256 mmBefore) = Margin.requirement(PerpUnits.notional(o.size, p.mid), p.risk);
        (, uint256 mmAfter) = Margin.requirement(PerpUnits.notional(after_, p.mid), p.risk);
        return equity >= (o.health.mm - mmBefore + mmAfter).toInt256();
    }

    /// @dev `from` gives `size` to `to` and receives `quote` (pico, signed).
    function _move(MarketId market, AccountId from, AccountId to, int256 size, int256 quote) internal {
        Leg[] memory legs = new Leg[](2);
        legs[0] = Leg(from, -size, quote, 0, 0, false);
        legs[1] = Leg(to, size, -quote, 0, 0, false);
        ENGINE.book(market, legs, Sample(0, 0), Kind.RESOLUTION);
    }
}
