// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Context, HealthView, Kind, Leg, Purpose, Sample} from "../../interfaces/EngineTypes.sol";
import {IAbsorption} from "../../interfaces/IAbsorption.sol";
import {IDerivativesEngine} from "../../interfaces/IDerivativesEngine.sol";
import {AccountId, MarketId, MarketStatus, PAUSE_LIQUIDATE} from "../../interfaces/PerpTypes.sol";
import {LiquidationMath} from "../perp/LiquidationMath.sol";
import {PerpUnits} from "../perp/PerpUnits.sol";
import {CaseLib} from "./Case.sol";
import {Waterfall} from "./Waterfall.sol";

/// @title How the backstop gets rid of what it took
abstract contract TakeBack is Waterfall {
    using SafeCast for uint256;

    /// @inheritdoc IAbsorption
    function takeBackstop(MarketId market, int256 size, AccountId to) external {
        if (ENGINE.accountOf(to).owner != msg.sender) revert NotOwner(to, msg.sender);
        ENGINE.enter();
        Context memory c = ENGINE.context(market);
        _requireHas(market, size);
        _requireTradable(market, c);
        int256 equity = _requireBackstopAbsorbed();

        uint256 price = CaseLib.priceOf(c, size > 0);
        int256 quote = CaseLib.quoteFor(size, price);
        uint256 reward = _reward(c, size, price, equity);
        Leg[] memory legs = new Leg[](2);
        legs[0] = Leg(BACKSTOP, -size, quote, 0, -reward.toInt256(), false);
        legs[1] = Leg(to, size, -quote, 0, reward.toInt256(), true);
        emit TakenBack(market, to, size, price, reward);
        ENGINE.finish(market, legs, Sample(0, 0), Kind.RESOLUTION);
    }

    /// @dev What the backstop lost must stay where it was lost until it is shared.
    /// @return equity wad, at LIQUIDATE.
    function _requireBackstopAbsorbed() internal view returns (int256 equity) {
        HealthView memory h = ENGINE.healthOf(BACKSTOP, Purpose.LIQUIDATE);
        equity = h.equity;
        bool isLacking = equity < -int256(PerpUnits.PICO_TO_WAD);
        if (isLacking && LiquidationMath.isPriced(h.mm, h.liquidMm)) revert BackstopMustBeAbsorbed(equity);
    }

    function _requireHas(MarketId market, int256 size) private view {
        int256 held = ENGINE.sizeOf(BACKSTOP, market);
        bool has = held > 0 ? size > 0 && size <= held : size < 0 && size >= held;
        if (!has) revert BackstopHasLess(market, size, held);
    }

    /// @dev What a liquidation asks for too: the engine asks nothing of resolution.
    function _requireTradable(MarketId market, Context memory c) private pure {
        uint256 status = c.risk.status();
        if (status == uint256(MarketStatus.SETTLED)) {
            revert IDerivativesEngine.MarketNotLive(market, MarketStatus(status));
        }
        uint256 paused = c.risk.pause();
        if (paused & PAUSE_LIQUIDATE != 0) revert IDerivativesEngine.Paused(market, uint8(paused)); // 8 bits are stored
        if (!CaseLib.isLiquid(c)) revert IDerivativesEngine.FeedForbids(market, c.quote.state, c.quote.gates);
    }

    /// @dev Wad: min(ceil(f · x / 2), the backstop's cash, its E at LIQUIDATE), both without what may still be cut.
    function _reward(Context memory c, int256 size, uint256 price, int256 equity) private view returns (uint256) {
        int256 cash = ENGINE.accountOf(BACKSTOP).cash;
        int256 most = (cash < equity ? cash : equity) - _unreckoned();
        if (most <= 0) return 0;
        uint256 notional = PerpUnits.notional(size, price);
        uint256 half = Math.mulDiv(notional, c.risk.penalty(), 2 * PerpUnits.PPM, Math.Rounding.Ceil);
        return Math.min(half, uint256(most));
    }
}
