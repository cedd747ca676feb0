// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Context, Role} from "../../interfaces/EngineTypes.sol";
import {IDerivativesEngine} from "../../interfaces/IDerivativesEngine.sol";
import {AccountId, MarketId, MarketStatus} from "../../interfaces/PerpTypes.sol";
import {BACKSTOP_ACCOUNT, PerpBook} from "./PerpBook.sol";
import {SystemLock} from "./SystemLock.sol";

/// @title What the modules of resolution and settlement may do to the ledger: share losses, let a market owe, end a market
abstract contract PerpResolve is PerpBook {
    using SafeCast for int256;
    using SafeCast for uint256;

    /// @dev lots · pico per unit in one wad.
    uint256 private constant CHARGE_UNIT = 100;

    modifier onlyResolution() {
        SystemLock.requireHeld();
        Role role = _roleOf[msg.sender];
        if (role != Role.RESOLUTION && role != Role.SETTLEMENT) revert NotModule(msg.sender, role);
        _;
    }

    /// @inheritdoc IDerivativesEngine
    /// @dev Longs owe δ · size more and shorts δ · |size|, each rounded up: together at least δ · 2 · open interest.
    function shareLoss(
        MarketId market,
        uint256 deltaPico,
        AccountId account,
        uint256 amountWad,
        uint256 backstopWad
    ) external onlyResolution {
        Context memory c = _tick(market);
        uint256 charge = (deltaPico * 2 * _markets[MarketId.unwrap(market)].oi.openInterest()) / CHARGE_UNIT;
        uint256 credit = amountWad + backstopWad;
        if (credit > charge) revert CreditTooHigh(market, credit, charge);

        int256 delta = deltaPico.toInt256();
        _markets[MarketId.unwrap(market)].funding = c.funding.shifted(delta, -delta);
        _pay(account, amountWad.toInt256());
        _pay(AccountId.wrap(BACKSTOP_ACCOUNT), backstopWad.toInt256());
        emit LossShared(market, account, deltaPico, amountWad, backstopWad);
    }

    /// @inheritdoc IDerivativesEngine
    function moveDebt(MarketId market, AccountId account, int256 amountWad) external onlyResolution {
        feedOf(market); // it exists
        Market storage m = _markets[MarketId.unwrap(market)];
        m.debt = (m.debt.toInt256() + amountWad).toUint256();
        _pay(account, amountWad);
        emit DebtMoved(market, account, amountWad, m.debt);
    }

    /// @inheritdoc IDerivativesEngine
    function setStatus(MarketId market, MarketStatus status, uint256 priceWad) external onlyResolution {
        Context memory c = _tick(market);
        if (uint256(status) <= c.risk.status()) revert MarketNotLive(market, MarketStatus(c.risk.status()));
        if ((status == MarketStatus.SETTLED) != (priceWad != 0)) revert BadParameter("price");
        Market storage m = _markets[MarketId.unwrap(market)];
        m.risk = c.risk.withStatus(status);
        if (priceWad != 0) m.capOrPrice = priceWad;
        emit StatusChanged(market, status, priceWad);
    }

    function _pay(AccountId account, int256 amountWad) private {
        Account storage a = _account(account);
        a.word = a.word.plus(amountWad);
    }

    /// @inheritdoc IDerivativesEngine
    function debtOf(MarketId market) external view returns (uint256) {
        return _markets[MarketId.unwrap(market)].debt;
    }
}
