// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Context} from "../../interfaces/EngineTypes.sol";
import {IDerivativesEngine} from "../../interfaces/IDerivativesEngine.sol";
import {IPriceOracle} from "../../interfaces/IPriceOracle.sol";
import {Ending, ISettlement} from "../../interfaces/ISettlement.sol";
import {Action, FeedId, FeedMemo, PriceState} from "../../interfaces/OracleTypes.sol";
import {AccountId, MarketId, MarketStatus} from "../../interfaces/PerpTypes.sol";
import {Rounding} from "../../libraries/Rounding.sol";
import {BACKSTOP_ACCOUNT} from "../perp/PerpBook.sol";
import {PerpUnits} from "../perp/PerpUnits.sol";
import {Position} from "../perp/Position.sol";
import {ResolutionBase} from "./ResolutionBase.sol";

/// @title From trading to one price for ever
abstract contract WindDown is ISettlement, ResolutionBase {
    /// @dev Time for everybody to close by himself.
    uint256 private constant NOTICE = 24 hours;
    /// @dev How long a feed must have been of no use.
    uint256 private constant FROZEN_FOR = 7 days;
    /// @dev Over which the settlement price is averaged.
    uint256 private constant TWAP_WINDOW = 1 hours;
    uint256 private constant MAX_APART_BPS = 200;

    mapping(MarketId market => Ending) internal _endings;

    /// @inheritdoc ISettlement
    function windDown(MarketId market) external {
        ENGINE.enter();
        Ending storage e = _endings[market];
        MarketStatus status = _statusOf(ENGINE.context(market));
        if (status == MarketStatus.LIVE) {
            _requireTimelock();
            ENGINE.setStatus(market, MarketStatus.WIND_DOWN, 0);
        } else if (status != MarketStatus.WIND_DOWN || e.windDownAt != 0) {
            revert WrongStatus(market, status);
        }

        e.windDownAt = uint40(block.timestamp); // for 34,000 years
        emit WindDownBegun(market, block.timestamp + NOTICE);
        ENGINE.exit();
    }

    /// @inheritdoc ISettlement
    function settle(MarketId market) external {
        ENGINE.enter();
        Context memory c = ENGINE.context(market);
        _requireNoticeGiven(market, c);
        if (c.quote.allowed & (1 << uint256(Action.LIQUIDATE)) == 0) {
            revert IDerivativesEngine.FeedForbids(market, c.quote.state, c.quote.gates);
        }
        (IPriceOracle oracle, FeedId feed) = _feedOf(market);
        uint256 twap = oracle.twap(feed, TWAP_WINDOW);
        uint256 mid = c.quote.mid;
        uint256 apart = twap > mid ? twap - mid : mid - twap;
        if (apart * PerpUnits.BPS > mid * MAX_APART_BPS) revert PriceApart(twap, mid);

        _settleAt(market, twap);
        ENGINE.exit();
    }

    /// @inheritdoc ISettlement
    function settleFrozen(MarketId market) external {
        _requireTimelock();
        ENGINE.enter();
        Context memory c = ENGINE.context(market);
        _requireNoticeGiven(market, c);
        (IPriceOracle oracle, FeedId feed) = _feedOf(market);
        FeedMemo memory memo = oracle.memoOf(feed);
        uint256 notBefore = memo.lastGoodAt + FROZEN_FOR;
        if (c.quote.state != PriceState.FROZEN || block.timestamp < notBefore) {
            revert NotFrozen(market, c.quote.state, notBefore);
        }

        _settleAt(market, memo.lastGood);
        ENGINE.exit();
    }

    function _settleAt(MarketId market, uint256 priceWad) private {
        ENGINE.setStatus(market, MarketStatus.SETTLED, priceWad);
        _begin(market, priceWad);
    }

    /// @dev The market is SETTLED: by this module, or by an absorption that left it in debt, whose price the engine knows. Funding has
    /// ended, so what the backstop's position is worth here is so for ever.
    function _requireSettled(MarketId market) internal {
        if (_endings[market].settledAt != 0) return;
        Context memory c = ENGINE.context(market);
        if (_statusOf(c) != MarketStatus.SETTLED) revert WrongStatus(market, _statusOf(c));
        _begin(market, c.quote.mid);
    }

    function _begin(MarketId market, uint256 priceWad) private {
        Context memory c = ENGINE.context(market);
        Position backstop = ENGINE.positionOf(AccountId.wrap(BACKSTOP_ACCOUNT), market);
        int256 quote = _closingQuote(backstop.size(), priceWad);

        Ending storage e = _endings[market];
        e.settledAt = uint40(block.timestamp); // for 34,000 years
        e.price = priceWad;
        emit Settled(market, priceWad);
        int256 pnl = _pnl(backstop, quote, c);
        if (pnl != 0) _setApart(market, backstop.size(), quote, pnl);
    }

    /// @dev What the backstop has lost or won here, `pnl`, wad, becomes cash: for `size` it would receive `quote`, pico.
    function _setApart(MarketId market, int256 size, int256 quote, int256 pnl) internal virtual;

    /// @dev Pico that closing `size` brings: floor(size · price / 1e14). Equity counts the same product down to a wad, so none is gained.
    function _closingQuote(int256 size, uint256 priceWad) internal pure returns (int256) {
        // prices are below 2^128
        return Rounding.floorDiv(size * int256(priceWad), int256(PerpUnits.TICK));
    }

    /// @dev Wad: what closing a position for `quote` does to cash.
    function _pnl(Position p, int256 quote, Context memory c) internal pure returns (int256) {
        return (p.quote() + quote) * int256(PerpUnits.PICO_TO_WAD) - p.owed(c.funding);
    }

    function _statusOf(Context memory c) private pure returns (MarketStatus) {
        return MarketStatus(c.risk.status());
    }

    function _requireTimelock() private view {
        (, , address timelock, , , ) = ENGINE.parameters();
        if (msg.sender != timelock) revert NotTimelock(msg.sender);
    }

    function _requireNoticeGiven(MarketId market, Context memory c) private view {
        MarketStatus status = _statusOf(c);
        uint256 begun = _endings[market].windDownAt;
        if (status != MarketStatus.WIND_DOWN || begun == 0) revert WrongStatus(market, status);
        if (block.timestamp < begun + NOTICE) revert TooSoon(market, begun + NOTICE);
    }

    function _feedOf(MarketId market) private view returns (IPriceOracle, FeedId) {
        (, address oracle, , , , ) = ENGINE.parameters();
        return (IPriceOracle(oracle), ENGINE.feedOf(market));
    }

    /// @inheritdoc ISettlement
    function settlementOf(MarketId market) external view returns (Ending memory) {
        return _endings[market];
    }
}
