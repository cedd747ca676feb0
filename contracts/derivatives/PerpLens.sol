// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {
    AccountState,
    Context,
    HealthView,
    MarketState,
    PositionState,
    Purpose,
    Role
} from "../interfaces/EngineTypes.sol";
import {IDerivativesEngine} from "../interfaces/IDerivativesEngine.sol";
import {AccountView, IPerpLens, MarketView, PositionView, TradeView} from "../interfaces/IPerpLens.sol";
import {IRiskManager} from "../interfaces/IRiskManager.sol";
import {IVaultModule} from "../interfaces/IVaultModule.sol";
import {Action} from "../interfaces/OracleTypes.sol";
import {AccountId, MarketId, MarketStatus, PAUSE_WITHDRAW} from "../interfaces/PerpTypes.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {AfterTrade, Change} from "./lens/AfterTrade.sol";
import {PositionFigures} from "./lens/PositionFigures.sol";
import {LiquidationMath, Target} from "./perp/LiquidationMath.sol";
import {FIRST_OWNED} from "./perp/PerpBook.sol";
import {SMALL_DEBT, SMALL_PART} from "./perp/PerpDoors.sol";
import {PerpUnits} from "./perp/PerpUnits.sol";

/// @title Views of the perpetual swaps for people, keepers and indexers
/// @custom:halt Nothing to halt: it has no state and no power.
/// @custom:security-contact See SECURITY.md
contract PerpLens is IPerpLens {
    using AfterTrade for HealthView;
    using PositionFigures for PositionState;
    using SafeCast for int256;
    using SafeCast for uint256;

    uint256 private constant WAD_DECIMALS = 18;

    IDerivativesEngine public immutable ENGINE;

    constructor(IDerivativesEngine engine) {
        ENGINE = engine;
    }

    /* MARKETS */

    /// @inheritdoc IPerpLens
    function markets(uint16 from, uint16 count) external view returns (MarketView[] memory found) {
        (, , , , , uint256 known) = ENGINE.parameters();
        uint256 end = Math.min(uint256(from) + count, known);
        found = new MarketView[](end > from ? end - from : 0);
        for (uint256 i = 0; i < found.length; ++i) {
            found[i] = _marketOf(MarketId.wrap(uint16(from + i))); // below `end`, which is at most 128
        }
    }

    function _marketOf(MarketId market) private view returns (MarketView memory m) {
        Context memory c = ENGINE.peekContext(AccountId.wrap(0), market);
        m.market = market;
        m.feed = c.trade.feed();
        m.state = _stateOf(c);
        m.quote = c.quote;
        m.vaultSize = c.vault.size();
        m.inForce = c.risk.inForce(block.timestamp);
        m.risk = c.risk.unpack();
        m.trade = c.trade.unpack();
        m.limit = c.limit.unpack(c.oi);
    }

    function _stateOf(Context memory c) private pure returns (MarketState memory) {
        return
            MarketState({
                status: MarketStatus(c.risk.status()),
                pauseMask: uint8(c.risk.pause()), // 8 bits are stored
                openInterest: c.oi.openInterest(),
                fees: c.oi.fees(),
                fLong: c.funding.fLong(),
                fShort: c.funding.fShort(),
                rate: c.funding.rate(),
                fundedAt: uint40(c.funding.fundedAt()), // 40 bits are stored
                premium: c.pi,
                state: c.quote.state,
                mid: c.quote.mid,
                mark: PositionFigures.markOf(c)
            });
    }

    /* POSITIONS */

    /// @inheritdoc IPerpLens
    function positions(AccountId id) external view returns (PositionView[] memory found) {
        MarketId[] memory held = _marketsOf(ENGINE.accountOf(id).markets);
        IRiskManager risk = _risk();
        found = new PositionView[](held.length);
        for (uint256 i = 0; i < held.length; ++i) {
            found[i] = _positionOf(id, held[i], risk);
        }
    }

    function _positionOf(
        AccountId id,
        MarketId market,
        IRiskManager risk
    ) private view returns (PositionView memory p) {
        Context memory c = ENGINE.peekContext(id, market);
        p.market = market;
        p.state = PositionFigures.stateOf(ENGINE.positionOf(id, market), c);
        p.mark = PositionFigures.markOf(c);
        p.notional = PerpUnits.notional(p.state.size, p.mark);
        p.pnl = p.state.pnl(p.mark);
        p.breakEven = p.state.breakEven();
        p.liquidationPrice = risk.liquidationPrice(id, market);
        p.bankruptcyPrice = risk.bankruptcyPrice(id, market);
    }

    /// @dev The markets of a bitmap, ascending.
    function _marketsOf(uint256 bitmap) private pure returns (MarketId[] memory held) {
        uint256 count = 0;
        for (uint256 bits = bitmap; bits != 0; bits &= bits - 1) ++count;
        held = new MarketId[](count);
        uint256 next = 0;
        for (uint16 i = 0; next < count; ++i) {
            if ((bitmap >> i) & 1 != 0) held[next++] = MarketId.wrap(i);
        }
    }

    /* ACCOUNTS */

    /// @inheritdoc IPerpLens
    function account(AccountId id) external view returns (AccountView memory a) {
        IRiskManager risk = _risk();
        a.state = ENGINE.accountOf(id);
        a.open = ENGINE.healthOf(id, Purpose.OPEN);
        a.liquidate = ENGINE.healthOf(id, Purpose.LIQUIDATE);
        a.mid = ENGINE.healthOf(id, Purpose.MID);
        a.marginRatio = risk.marginRatio(id);
        a.isLiquidatable = risk.isLiquidatable(id);
        a.withdrawableRaw = _withdrawable(a) / 10 ** (WAD_DECIMALS - _decimals());
    }

    /// @dev Wad: cash, as far as equity is above initial margin; nothing while a market of the account does not let go, or where nobody
    /// is to take it.
    function _withdrawable(AccountView memory a) private view returns (uint256) {
        if (a.state.owner == address(0)) return 0;
        int256 free = a.state.cash;
        if (a.state.markets != 0) {
            if (!_isReleased(a.state.markets)) return 0;
            int256 spare = a.open.equity - a.open.im.toInt256();
            if (spare < free) free = spare;
        }
        return free > 0 ? uint256(free) : 0;
    }

    function _isReleased(uint256 bitmap) private view returns (bool) {
        MarketId[] memory held = _marketsOf(bitmap);
        for (uint256 i = 0; i < held.length; ++i) {
            Context memory c = ENGINE.peekContext(AccountId.wrap(0), held[i]);
            if (c.risk.pause() & PAUSE_WITHDRAW != 0) return false;
            if ((c.quote.allowed >> uint256(Action.WITHDRAW)) & 1 == 0) return false;
            if (!_isCovered(held[i], c)) return false;
        }
        return true;
    }

    function _isCovered(MarketId market, Context memory c) private view returns (bool) {
        uint256 debt = ENGINE.debtOf(market);
        uint256 part = PerpUnits.notional(c.oi.openInterest().toInt256(), c.quote.mid) / SMALL_PART;
        return debt <= Math.max(SMALL_DEBT, part);
    }

    function _decimals() private view returns (uint256) {
        (address token, , , , , ) = ENGINE.parameters();
        return IERC20Metadata(token).decimals();
    }

    /// @inheritdoc IPerpLens
    function healthBatch(AccountId[] calldata accounts, Purpose purpose) external view returns (HealthView[] memory) {
        return ENGINE.healthsOf(accounts, purpose);
    }

    /* TRADES */

    /// @inheritdoc IPerpLens
    function previewTrade(AccountId id, MarketId market, int256 size) external view returns (TradeView memory t) {
        if (AccountId.unwrap(id) < FIRST_OWNED) revert NoTrader(id);
        AccountState memory state = ENGINE.accountOf(id);
        Context memory c = ENGINE.peekContext(id, market);
        (t.quote, t.fee) = IVaultModule(_module(Role.VAULT)).quoteTrade(id, market, size);
        t.price = _averageOf(size, t.quote);

        Change memory change = AfterTrade.changeOf(ENGINE.positionOf(id, market), c, size, t.quote, t.fee);
        t.size = change.after_.size();
        t.cash = state.cash + change.cash;
        t.open = ENGINE.healthOf(id, Purpose.OPEN).healthAfter(change, c, Purpose.OPEN);
        t.liquidate = ENGINE.healthOf(id, Purpose.LIQUIDATE).healthAfter(change, c, Purpose.LIQUIDATE);
        HealthView memory then = ENGINE.healthOf(id, Purpose.MID);
        t.passes = AfterTrade.passes(t.open, then, then.healthAfter(change, c, Purpose.MID), change);
        if (t.size != 0) t.liquidationPrice = _liquidationPriceOf(t, c);
    }

    /// @dev Wad: |quote| pico · 1e14 / |size| lots, against the trader.
    function _averageOf(int256 size, int256 quotePico) private pure returns (uint256) {
        Math.Rounding rounding = size > 0 ? Math.Rounding.Ceil : Math.Rounding.Floor;
        return Math.mulDiv(Rounding.abs(quotePico), PerpUnits.TICK, Rounding.abs(size), rounding);
    }

    function _liquidationPriceOf(TradeView memory t, Context memory c) private view returns (uint256) {
        return
            LiquidationMath.liquidationPrice(
                Target({
                    size: t.size,
                    price: AfterTrade.valueOf(c, Purpose.LIQUIDATE, t.size > 0),
                    equity: t.liquidate.equity,
                    mm: t.liquidate.mm,
                    target: t.liquidate.target,
                    minNotional: c.trade.minNotional(),
                    risk: c.risk.inForce(block.timestamp)
                })
            );
    }

    /* MODULES */

    function _risk() private view returns (IRiskManager) {
        return IRiskManager(_module(Role.RISK));
    }

    function _module(Role role) private view returns (address module) {
        module = ENGINE.moduleOf(role);
        if (module == address(0)) revert NoModule(role);
    }
}
