// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Context, HealthView, Held, Kind, Leg, Purpose, Sample} from "../interfaces/EngineTypes.sol";
import {IDerivativesEngine} from "../interfaces/IDerivativesEngine.sol";
import {IRiskManager} from "../interfaces/IRiskManager.sol";
import {AccountId, MarketId} from "../interfaces/PerpTypes.sol";
import {LiquidationMath, Target, Takeover} from "./perp/LiquidationMath.sol";
import {Margin} from "./perp/Margin.sol";
import {FIRST_OWNED, INSURANCE_ACCOUNT} from "./perp/PerpBook.sol";

/// @title Liquidation, and what an account is worth
/// @custom:halt A market's LIQUIDATE bit, and its feed where it cannot say a price that is fair to the account.
/// @custom:security-contact See SECURITY.md
contract RiskManager is IRiskManager {
    using SafeCast for int256;
    using SafeCast for uint256;

    /// @dev What fits OP's transaction of 16,777,216 gas.
    uint256 private constant MAX_ACCOUNTS = 200;

    IDerivativesEngine public immutable ENGINE;

    constructor(IDerivativesEngine engine) {
        ENGINE = engine;
    }

    /* LIQUIDATE */

    /// @inheritdoc IRiskManager
    function liquidate(AccountId account, MarketId market, AccountId liquidator) external returns (int256 size) {
        _requireOwner(liquidator);
        _requireOther(account, liquidator);
        AccountId[] memory one = new AccountId[](1);
        one[0] = account;
        (Context memory c, Held[] memory held) = ENGINE.inspect(market, one);
        Takeover memory t = _takeover(account, c, held[0]);
        if (t.size == 0) _refuse(account, market, held[0]);

        Leg[] memory legs = new Leg[](3);
        legs[0] = _legOf(account, t);
        emit Liquidated(account, market, liquidator, t.size, t.price, t.penalty);
        _close(legs, 1, market, liquidator, t.size, t.quote, t.penalty);
        return t.size;
    }

    /// @inheritdoc IRiskManager
    function liquidateBatch(
        AccountId[] calldata accounts,
        MarketId market,
        AccountId liquidator
    ) external returns (uint256 done) {
        if (accounts.length > MAX_ACCOUNTS) revert TooManyAccounts(accounts.length, MAX_ACCOUNTS);
        _requireOwner(liquidator);
        (Context memory c, Held[] memory held) = ENGINE.inspect(market, accounts);
        Leg[] memory legs = new Leg[](accounts.length + 2);
        (int256 size, int256 quote, uint256 penalty) = (0, 0, 0);
        for (uint256 i = 0; i < accounts.length; ++i) {
            // ascending: the same account twice would be judged twice by what it was before
            if (i > 0 && AccountId.unwrap(accounts[i]) <= AccountId.unwrap(accounts[i - 1])) revert NotAscending(i);
            _requireOther(accounts[i], liquidator);
            Takeover memory t = _takeover(accounts[i], c, held[i]);
            if (t.size == 0) {
                emit LiquidationSkipped(accounts[i], market);
                continue;
            }
            legs[done++] = _legOf(accounts[i], t);
            (size, quote, penalty) = (size + t.size, quote + t.quote, penalty + t.penalty);
            emit Liquidated(accounts[i], market, liquidator, t.size, t.price, t.penalty);
        }
        if (done == 0) ENGINE.exit();
        else _close(legs, done, market, liquidator, size, quote, penalty);
    }

    function _requireOwner(AccountId liquidator) private view {
        if (ENGINE.accountOf(liquidator).owner != msg.sender) revert NotOwner(liquidator, msg.sender);
    }

    function _requireOther(AccountId account, AccountId liquidator) private pure {
        if (AccountId.unwrap(account) == AccountId.unwrap(liquidator)) revert OwnLiquidation(account);
    }

    /// @dev The account's side: the size goes, its quote comes back, the penalty is paid.
    function _legOf(AccountId account, Takeover memory t) private pure returns (Leg memory) {
        return Leg(account, -t.size, t.quote, 0, -t.penalty.toInt256(), false);
    }

    /// @dev Add the liquidator's and insurance's legs behind `count` others, and book.
    function _close(
        Leg[] memory legs,
        uint256 count,
        MarketId market,
        AccountId liquidator,
        int256 size,
        int256 quote,
        uint256 penalty
    ) private {
        uint256 reward = penalty / 2; // down; insurance gets the odd wei
        legs[count] = Leg(liquidator, size, -quote, 0, reward.toInt256(), true);
        legs[count + 1] = Leg(AccountId.wrap(INSURANCE_ACCOUNT), 0, 0, 0, (penalty - reward).toInt256(), false);
        assembly ("memory-safe") {
            // as many legs as were filled; never more than were made
            mstore(legs, add(count, 2))
        }
        ENGINE.finish(market, legs, Sample(0, 0), Kind.LIQUIDATION);
    }

    /* RULE */

    /// @dev What must be taken over; size 0 if nothing, or if what is below zero needs absorption's waterfall: at a value that is no worse
    /// than the index a takeover would leave it in the cash.
    function _takeover(AccountId account, Context memory c, Held memory held) private view returns (Takeover memory t) {
        HealthView memory h = held.health;
        if (AccountId.unwrap(account) < FIRST_OWNED || !LiquidationMath.isLiquidatable(h.equity, h.mm)) return t;
        if (held.size == 0) return t;
        if (h.equity < 0 && LiquidationMath.isPriced(h.mm, h.liquidMm)) return t;
        return LiquidationMath.takeover(_target(c, h, held.size));
    }

    function _refuse(AccountId account, MarketId market, Held memory held) private pure {
        HealthView memory h = held.health;
        bool isBankrupt = AccountId.unwrap(account) >= FIRST_OWNED && h.equity < 0 && held.size != 0;
        if (isBankrupt) revert MustBeAbsorbed(account, market, h.equity);
        revert NotLiquidatable(account, market, h.equity, h.mm);
    }

    function _target(Context memory c, HealthView memory h, int256 size) private view returns (Target memory) {
        return
            Target({
                size: size,
                price: _price(c, size > 0),
                equity: h.equity,
                mm: h.mm,
                target: h.target,
                minNotional: c.trade.minNotional(),
                risk: c.risk.inForce(block.timestamp)
            });
    }

    function _price(Context memory c, bool isLong) private pure returns (uint256) {
        return isLong ? Margin.upper(c.quote.liqHi, c.pi) : Margin.lower(c.quote.liqLo, c.pi);
    }

    /* VIEWS */

    /// @inheritdoc IRiskManager
    function isLiquidatable(AccountId account) external view returns (bool) {
        HealthView memory h = ENGINE.healthOf(account, Purpose.LIQUIDATE);
        return AccountId.unwrap(account) >= FIRST_OWNED && LiquidationMath.isLiquidatable(h.equity, h.mm);
    }

    /// @inheritdoc IRiskManager
    function preview(
        AccountId account,
        MarketId market
    ) external view returns (int256 sizeLots, uint256 priceWad, uint256 penaltyWad) {
        Context memory c = ENGINE.peekContext(account, market);
        HealthView memory h = ENGINE.healthOf(account, Purpose.LIQUIDATE);
        Takeover memory t = _takeover(account, c, Held(c.accountSize, h));
        return (t.size, t.price, t.penalty);
    }

    /// @inheritdoc IRiskManager
    function liquidationPrice(AccountId account, MarketId market) external view returns (uint256) {
        Context memory c = ENGINE.peekContext(account, market);
        if (c.accountSize == 0) return 0;
        HealthView memory h = ENGINE.healthOf(account, Purpose.LIQUIDATE);
        return LiquidationMath.liquidationPrice(_target(c, h, c.accountSize));
    }

    /// @inheritdoc IRiskManager
    function bankruptcyPrice(AccountId account, MarketId market) external view returns (uint256) {
        Context memory c = ENGINE.peekContext(account, market);
        if (c.accountSize == 0) return 0;
        HealthView memory h = ENGINE.healthOf(account, Purpose.LIQUIDATE);
        return LiquidationMath.bankruptcyPrice(_target(c, h, c.accountSize));
    }

    /// @inheritdoc IRiskManager
    function marginRatio(AccountId account) external view returns (int256) {
        HealthView memory h = ENGINE.healthOf(account, Purpose.LIQUIDATE);
        return LiquidationMath.ratio(h.equity, h.notional);
    }
}
