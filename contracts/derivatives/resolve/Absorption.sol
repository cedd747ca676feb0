// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Context, HealthView, Purpose, Role} from "../../interfaces/EngineTypes.sol";
import {Deleverage, IAbsorption} from "../../interfaces/IAbsorption.sol";
import {IDerivativesEngine} from "../../interfaces/IDerivativesEngine.sol";
import {ISettlement} from "../../interfaces/ISettlement.sol";
import {AccountId, MarketId, MarketStatus, PAUSE_LIQUIDATE} from "../../interfaces/PerpTypes.sol";
import {Rounding} from "../../libraries/Rounding.sol";
import {LiquidationMath} from "../perp/LiquidationMath.sol";
import {BACKSTOP_ACCOUNT, FIRST_OWNED} from "../perp/PerpBook.sol";
import {Case, CaseLib, Part} from "./Case.sol";
import {Deleveraging} from "./Deleveraging.sol";
import {KeeperFee} from "./KeeperFee.sol";
import {TakeBack} from "./TakeBack.sol";

/// @title What becomes of an account that liquidation cannot save
abstract contract Absorption is Deleveraging, KeeperFee, TakeBack {
    using SafeCast for int256;
    using SafeCast for uint256;

    /* ACCOUNTS OF OWNERS */

    /// @inheritdoc IAbsorption
    function absorb(AccountId account, AccountId keeper, Deleverage[] calldata lists) external {
        ENGINE.accountOf(keeper); // it exists
        if (_isSame(account, keeper)) revert OwnKeeper(account);
        _beginEnded(account);
        ENGINE.enter();
        HealthView memory h = ENGINE.healthOf(account, Purpose.LIQUIDATE);
        bool isOwned = AccountId.unwrap(account) >= FIRST_OWNED;
        if (!isOwned || h.equity >= h.penalty.toInt256() || !LiquidationMath.isPriced(h.mm, h.liquidMm))
            _refuse(account, h);

        Case memory k = _open(account, h);
        uint256 own = k.equity > 0 ? Math.min(k.fee, uint256(k.equity)) : 0;
        uint256 added = _topUp(keeper, k.fee - own);
        _coverFirst(k);
        for (uint256 i = 0; i < k.parts.length; ++i) {
            _deleverage(k, k.parts[i], lists);
            _toBackstop(k.id, k.parts[i]);
        }
        uint256 paid = _settleCash(k, keeper, own);
        if (k.equity < 0) _noteCovered(account, Rounding.abs(k.equity));
        emit Absorbed(account, keeper, k.equity, added + paid);
        ENGINE.exit();
    }

    /// @dev What the backstop had won in a market when it ended is set apart before it takes a position there.
    function _beginEnded(AccountId id) private {
        uint256 bits = ENGINE.accountOf(id).markets & _justEnded;
        address settlement = ENGINE.moduleOf(Role.SETTLEMENT);
        if (bits == 0 || settlement == address(0)) return;
        _justEnded &= ~bits;
        for (uint16 i = 0; bits != 0; ++i) {
            if (bits & 1 != 0) ISettlement(settlement).closeAt(MarketId.wrap(i), new AccountId[](0));
            bits >>= 1;
        }
    }

    /// @dev What deleveraging has left of a position. One that closes the backstop's waits until its loss is shared.
    function _toBackstop(AccountId id, Part memory p) private {
        if (p.size == 0) return;
        if (ENGINE.sizeOf(BACKSTOP, p.market) == -p.size) _requireBackstopAbsorbed();
        _move(p.market, id, BACKSTOP, p.size, CaseLib.quoteFor(p.size, p.price));
    }

    /// @dev All positions are gone: the fee and then what is left of the cash leaves, or what is missing comes. Every quote was rounded
    /// for the account and every part of its loss up, so it never misses more than what the parts have left.
    function _settleCash(Case memory k, AccountId keeper, uint256 feeWad) private returns (uint256 paid) {
        int256 cash = ENGINE.accountOf(k.id).cash;
        _coverLast(k, cash < 0 ? (-cash).toUint256() : 0);
        if (cash <= 0) return 0;
        paid = Math.min(feeWad, uint256(cash));
        if (paid != 0) ENGINE.moveCash(k.id, keeper, paid);
        if (uint256(cash) > paid) ENGINE.moveCash(k.id, BACKSTOP, uint256(cash) - paid);
    }

    /// @dev What the account has won in markets that have ended and waits for answers for it.
    function _noteCovered(AccountId id, uint256 wad) private {
        address settlement = ENGINE.moduleOf(Role.SETTLEMENT);
        if (settlement != address(0)) ISettlement(settlement).noteCovered(id, wad);
    }

    /* THE PROTOCOL'S */

    /// @inheritdoc IAbsorption
    function absorbProtocol(AccountId account) external {
        ENGINE.enter();
        HealthView memory h = ENGINE.healthOf(account, Purpose.LIQUIDATE);
        bool isCarrier = AccountId.unwrap(account) <= BACKSTOP_ACCOUNT; // the vault, the backstop
        if (!isCarrier || h.equity >= 0 || !LiquidationMath.isPriced(h.mm, h.liquidMm)) _refuse(account, h);

        Case memory k = _open(account, h);
        _coverFirst(k);
        _coverLast(k, type(uint256).max);
        _startAllAnew(k);
        ENGINE.exit();
    }

    /// @dev What was lost is covered now, and must not be laid to these markets again when something is lost in others. A gain in a SETTLED
    /// market stays where it is, to be paid as others are, and so does what counted for nothing.
    function _startAllAnew(Case memory k) private {
        for (uint256 i = 0; i < k.parts.length; ++i) {
            Part memory p = k.parts[i];
            if (p.isOmitted || (p.lost == 0 && _hasEnded(p))) continue;
            _startAnew(k.id, p.market, p.size, CaseLib.quoteFor(p.size, p.price));
        }
    }

    /// @dev Before, or because it was charged just now.
    function _hasEnded(Part memory p) private returns (bool) {
        if (p.isSettled || p.loss == 0) return p.isSettled;
        return ENGINE.context(p.market).risk.status() == uint256(MarketStatus.SETTLED);
    }

    /* CASE */

    function _refuse(AccountId account, HealthView memory h) private pure {
        revert NotAbsorbable(account, h.equity, h.penalty, h.mm, h.liquidMm);
    }

    /// @dev The account's positions, market by market, ticked.
    function _open(AccountId account, HealthView memory h) private returns (Case memory k) {
        (k.id, k.equity) = (account, h.equity);
        uint256 bits = ENGINE.accountOf(account).markets;
        k.parts = new Part[](_count(bits));
        uint256 at = 0;
        for (uint256 i = 0; bits != 0; ++i) {
            if (bits & 1 != 0) {
                MarketId market = MarketId.wrap(uint16(i)); // i < 128
                Context memory c = ENGINE.context(market);
                uint256 paused = c.risk.pause();
                // 8 bits are stored
                if (paused & PAUSE_LIQUIDATE != 0) revert IDerivativesEngine.Paused(market, uint8(paused));
                k.add(at++, market, ENGINE.positionOf(account, market), c);
                k.fee += c.limit.minFee();
            }
            bits >>= 1;
        }
    }

    function _count(uint256 bits) private pure returns (uint256 count) {
        for (; bits != 0; ++count) {
            bits &= bits - 1;
        }
    }
}
