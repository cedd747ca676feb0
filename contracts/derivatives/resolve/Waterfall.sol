// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Context, Purpose, Role} from "../../interfaces/EngineTypes.sol";
import {IAbsorption} from "../../interfaces/IAbsorption.sol";
import {IInsuranceFund} from "../../interfaces/IInsuranceFund.sol";
import {ISettlement} from "../../interfaces/ISettlement.sol";
import {AccountId, MarketId, MarketStatus} from "../../interfaces/PerpTypes.sol";
import {Rounding} from "../../libraries/Rounding.sol";
import {SMALL_DEBT} from "../perp/PerpDoors.sol";
import {Case, CaseLib, Part} from "./Case.sol";
import {ResolutionBase} from "./ResolutionBase.sol";
import {SharedLoss} from "./SharedLoss.sol";
import {SharedWindow} from "./SharedWindow.sol";

/// @title Who covers a loss, one after the other
abstract contract Waterfall is SharedWindow, ResolutionBase {
    using SafeCast for uint256;

    /// @notice Keeps the limits of what insurance and the backstop lose.
    IInsuranceFund public immutable FUND;

    /// @dev Markets that this module has ended, as bits, until the module of settlement has been told.
    uint256 internal _justEnded;

    constructor(IInsuranceFund fund) {
        FUND = fund;
    }

    /* FIRST */

    /// @dev Insurance, then the backstop, within their limits of each market that is not SETTLED. What each has to spare is looked up once:
    /// here it falls by what it pays alone, and the backstop may be in every market.
    function _coverFirst(Case memory k) internal {
        if (k.equity >= 0) return;
        k.share();
        uint256 insured = _spare(INSURANCE);
        uint256 backed = _isSame(k.id, BACKSTOP) ? 0 : _spare(BACKSTOP);
        for (uint256 i = 0; i < k.parts.length; ++i) {
            Part memory p = k.parts[i];
            if (p.left == 0 || p.isSettled) continue;
            p.insurance = _pay(INSURANCE, k.id, _least(p.left, insured, FUND.limitLeft(p.market)));
            insured -= p.insurance;
            p.cover(p.insurance);
            p.backstop = _pay(BACKSTOP, k.id, _least(p.left, backed, FUND.backstopLeft(p.market)));
            backed -= p.backstop;
            p.cover(p.backstop);
            if (p.insurance + p.backstop != 0) FUND.spend(p.market, p.insurance, p.backstop);
        }
    }

    /* LAST */

    /// @dev All positions of the market, then the vault, then debt, until `lossWad` is covered: no more than what the parts have left.
    /// What is lost in a SETTLED market is debt at once, as if it had been closed there: the claims of its winners carry it.
    function _coverLast(Case memory k, uint256 lossWad) internal {
        for (uint256 i = 0; i < k.parts.length; ++i) {
            Part memory p = k.parts[i];
            if (p.loss == 0) continue;
            uint256 rest = Math.min(p.left, lossWad);
            lossWad -= rest;
            uint256 asked = p.isSettled ? 0 : rest;
            uint256 shared = asked == 0 ? 0 : _share(k.id, p.market, asked);
            uint256 vault = _isSame(k.id, VAULT) ? 0 : _take(VAULT, k.id, asked - shared);
            rest -= shared + vault;
            if (rest != 0) _owe(k.id, p.market, rest);
            emit Covered(p.market, k.id, p.insurance, p.backstop, shared, vault, rest);
        }
    }

    /// @dev Let all positions of the market but the backstop's, and the account's own, pay what the cap has left.
    function _share(AccountId id, MarketId market, uint256 lossWad) private returns (uint256) {
        Context memory c = ENGINE.context(market);
        SharedLoss.Split memory s = SharedLoss.split(
            lossWad,
            2 * c.oi.openInterest(),
            Rounding.abs(ENGINE.sizeOf(BACKSTOP, market)),
            _isSame(id, VAULT) ? Rounding.abs(c.vault.size()) : 0,
            _capLeft(market, SharedLoss.cap(c.risk.inForce(block.timestamp), c.quote.mid))
        );
        if (s.delta != 0) {
            _carry(market, s.delta);
            ENGINE.shareLoss(market, s.delta, id, s.amount + s.own, s.backstop);
        }
        return s.amount;
    }

    /// @dev What nobody covers ends the market, once it owes more than what keeps nobody from withdrawing: at a price that is fair now, or
    /// along the way of one whose price is not.
    function _owe(AccountId id, MarketId market, uint256 restWad) private {
        ENGINE.moveDebt(market, id, restWad.toInt256());
        if (ENGINE.debtOf(market) <= SMALL_DEBT) return;
        Context memory c = ENGINE.context(market);
        uint256 status = c.risk.status();
        if (status == uint256(MarketStatus.SETTLED)) return;
        if (CaseLib.isLiquid(c)) {
            _justEnded |= 1 << MarketId.unwrap(market);
            ENGINE.setStatus(market, MarketStatus.SETTLED, c.quote.mid);
        } else if (status == uint256(MarketStatus.LIVE)) {
            ENGINE.setStatus(market, MarketStatus.WIND_DOWN, 0);
        }
    }

    /* ENDED */

    /// @inheritdoc IAbsorption
    function allotRest(
        MarketId market,
        uint256 restWad
    ) external returns (uint256 insuranceWad, uint256 backstopWad, uint256 vaultWad) {
        if (msg.sender != ENGINE.moduleOf(Role.SETTLEMENT)) revert NotSettlement(msg.sender);
        insuranceWad = _least(restWad, _spare(INSURANCE), FUND.limitLeft(market));
        restWad -= insuranceWad;
        backstopWad = _least(restWad, _spare(BACKSTOP), FUND.backstopLeft(market));
        vaultWad = Math.min(restWad - backstopWad, _spare(VAULT));
        if (insuranceWad + backstopWad != 0) FUND.spend(market, insuranceWad, backstopWad);
    }

    /* CASH */

    /// @dev Up to `mostWad` of what one of the protocol's accounts has to spare.
    function _take(AccountId from, AccountId to, uint256 mostWad) internal returns (uint256) {
        return mostWad == 0 ? 0 : _pay(from, to, Math.min(mostWad, _spare(from)));
    }

    /// @dev Wad: min(cash, E at OPEN), or nothing. What the backstop has won in markets that have ended is no spare of it before it is cut.
    function _spare(AccountId id) private view returns (uint256) {
        int256 cash = ENGINE.accountOf(id).cash;
        int256 equity = ENGINE.healthOf(id, Purpose.OPEN).equity;
        int256 spare = cash < equity ? cash : equity;
        if (_isSame(id, BACKSTOP)) spare -= _unreckoned();
        return spare > 0 ? uint256(spare) : 0;
    }

    /// @dev Wad.
    function _unreckoned() internal view returns (int256) {
        address settlement = ENGINE.moduleOf(Role.SETTLEMENT);
        return settlement == address(0) ? int256(0) : ISettlement(settlement).unreckoned().toInt256();
    }

    function _pay(AccountId from, AccountId to, uint256 amountWad) private returns (uint256) {
        if (amountWad != 0) ENGINE.moveCash(from, to, amountWad);
        return amountWad;
    }

    function _least(uint256 a, uint256 b, uint256 c) private pure returns (uint256) {
        return Math.min(a, Math.min(b, c));
    }

    function _isSame(AccountId a, AccountId b) internal pure returns (bool) {
        return AccountId.unwrap(a) == AccountId.unwrap(b);
    }
}
