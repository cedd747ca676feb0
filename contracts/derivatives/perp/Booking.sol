// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Context, HealthView, Kind, Leg, Purpose, Sample} from "../../interfaces/EngineTypes.sol";
import {Action} from "../../interfaces/OracleTypes.sol";
import {
    AccountId,
    MAX_MARKETS_OF_ACCOUNT,
    MarketId,
    MarketStatus,
    PAUSE_LIQUIDATE,
    PAUSE_OPEN,
    PAUSE_REDUCE,
    PAUSE_SETTLE
} from "../../interfaces/PerpTypes.sol";
import {AccountWord} from "./AccountWord.sol";
import {Margin, Worth} from "./Margin.sol";
import {OiWord} from "./OiWord.sol";
import {OpenCap} from "./OpenCap.sol";
import {PerpBook} from "./PerpBook.sol";
import {PerpUnits} from "./PerpUnits.sol";
import {Position} from "./Position.sol";
import {PremiumRules} from "./PremiumRules.sol";
import {Seen} from "./Seen.sol";

/// @title How legs enter the ledger, and who must be healthy afterwards
abstract contract Booking is PerpBook {
    using SafeCast for int256;
    using SafeCast for uint256;

    /// @dev A judged leg's account before it was booked, for the gate.
    struct Before {
        AccountWord word;
        Position position;
        bool reduced; // |size| fell and its sign did not change
    }

    /// @dev What the legs sum up to.
    struct Sum {
        int256 size;
        int256 quote;
        int256 cash;
        uint256 fee;
        uint256 openInterest;
        bool opened; // whether a judged leg opened
        bool closed; // whether a judged leg reduced
    }

    /* BOOK */

    /// @dev `c` is the market, ticked.
    function _book(MarketId id, Context memory c, Leg[] memory legs, Sample memory sample, Kind kind) internal {
        Before[] memory before = new Before[](legs.length);
        Sum memory sum;
        OiWord oi = _markets[MarketId.unwrap(id)].oi;
        sum.openInterest = oi.openInterest();
        for (uint256 i = 0; i < legs.length; ++i) {
            before[i] = _bookLeg(id, legs[i], c, sum, kind);
        }
        if (sum.size != 0 || sum.quote != 0 || sum.cash != 0) revert LegsUnbalanced(sum.size, sum.quote, sum.cash);

        _requireAllowed(id, c, sum, kind);
        _moveMarket(id, c, oi, sum, sample);
        for (uint256 i = 0; i < legs.length; ++i) {
            if (legs[i].judged) _judge(id, legs[i], c, before[i]);
        }
    }

    /// @dev Settle funding, apply, charge.
    function _bookLeg(
        MarketId id,
        Leg memory leg,
        Context memory c,
        Sum memory sum,
        Kind kind
    ) private returns (Before memory b) {
        // a trade moves cash by its quote and fee alone
        if (leg.cash != 0 && (kind == Kind.VAULT || kind == Kind.MATCH)) revert LegsUnbalanced(0, 0, leg.cash);
        Account storage a = _account(leg.account);
        uint256 key = _positionKey(leg.account, id);
        b.position = _positions[key];
        int256 sizeBefore = b.position.size();
        int256 size = sizeBefore + leg.size;

        (Position position, int256 cash) = b.position.filled(c.funding, leg.size, leg.quote);
        cash += leg.cash - b.position.owed(c.funding) - (leg.fee * PerpUnits.PICO_TO_WAD).toInt256();
        bool crosses = (sizeBefore == 0) != (size == 0);
        if (crosses || cash != 0 || leg.judged) {
            b.word = a.word;
            AccountWord word = b.word.plus(cash);
            if (crosses) word = word.withMarket(MarketId.unwrap(id), size != 0);
            if (leg.judged) {
                b.reduced = _isReduced(sizeBefore, size);
                if (b.reduced) sum.closed = true;
                else sum.opened = true;
                // who takes over a small position, or a part of one, may be left with as little
                uint256 least = kind == Kind.LIQUIDATION ? 0 : c.trade.minNotional();
                _requireFits(id, leg.account, word, size, c.quote.mid, least);
            }
            if (!word.eq(b.word)) a.word = word;
        }

        _positions[key] = position;
        (sum.size, sum.quote) = (sum.size + leg.size, sum.quote + leg.quote);
        (sum.cash, sum.fee) = (sum.cash + leg.cash, sum.fee + leg.fee);
        // openInterest is the sum of longs, so it covers each of them
        sum.openInterest = sum.openInterest + _long(size) - _long(sizeBefore);
        emit Booked(id, leg.account, leg.size, leg.quote, leg.fee, cash, kind);
    }

    function _isReduced(int256 from, int256 to) private pure returns (bool) {
        return from > 0 ? to >= 0 && to < from : to <= 0 && to > from;
    }

    function _long(int256 size) private pure returns (uint256) {
        return size > 0 ? uint256(size) : 0;
    }

    /// @dev No dust that nobody would liquidate, no more markets than a liquidation can carry.
    function _requireFits(
        MarketId id,
        AccountId account,
        AccountWord word,
        int256 size,
        uint256 mid,
        uint256 minNotional
    ) private pure {
        if (size == 0) return;
        uint256 notional = PerpUnits.notional(size, mid);
        if (notional < minNotional) revert BelowMinNotional(id, account, notional);
        if (!_isProtocols(account) && _count(word.markets()) > MAX_MARKETS_OF_ACCOUNT) revert TooManyMarkets(account);
    }

    function _count(uint256 bits) private pure returns (uint256 count) {
        unchecked {
            // at most 128 bits
            for (; bits != 0; ++count) {
                bits &= bits - 1;
            }
        }
    }

    /* RULES */

    /// @dev What pauses, the feed and the market's status forbid.
    function _requireAllowed(MarketId id, Context memory c, Sum memory sum, Kind kind) private view {
        if (kind == Kind.RESOLUTION) return;
        uint256 paused = c.risk.pause() | _core.mask(block.timestamp);
        if (paused & _stops(sum, kind) != 0) revert Paused(id, uint8(paused)); // 8 bits are stored
        uint256 status = c.risk.status();
        bool opens = sum.opened && kind != Kind.LIQUIDATION;
        if (status > uint256(opens ? MarketStatus.LIVE : MarketStatus.WIND_DOWN)) {
            revert MarketNotLive(id, MarketStatus(status));
        }
        uint256 asked = _asks(sum, kind);
        if (c.quote.allowed & asked != asked) revert FeedForbids(id, c.quote.state, c.quote.gates);
    }

    /// @dev The pause bits that stop a booking.
    function _stops(Sum memory sum, Kind kind) private pure returns (uint256 mask) {
        if (kind == Kind.LIQUIDATION) return PAUSE_LIQUIDATE;
        mask = kind == Kind.MATCH ? PAUSE_SETTLE : 0;
        if (sum.opened) mask |= PAUSE_OPEN;
        if (sum.closed) mask |= PAUSE_REDUCE;
    }

    /// @dev The actions that the feed must allow, one bit for each.
    function _asks(Sum memory sum, Kind kind) private pure returns (uint256 actions) {
        if (kind == Kind.LIQUIDATION) return 1 << uint256(Action.LIQUIDATE);
        if (sum.opened) actions = 1 << uint256(Action.OPEN);
        if (sum.closed) actions |= 1 << uint256(kind == Kind.MATCH ? Action.SIGNED_REDUCE : Action.CLOSE);
    }

    /// @dev Open interest, fees, premium.
    function _moveMarket(MarketId id, Context memory c, OiWord oi, Sum memory sum, Sample memory sample) private {
        Market storage m = _markets[MarketId.unwrap(id)];
        uint256 oiBefore = oi.openInterest();
        if (sum.openInterest > oiBefore) {
            if (sum.openInterest > oi.maxOi()) revert OpenInterestTooHigh(id, sum.openInterest, oi.maxOi());
            if (c.quote.degraded) _requireCap(id, m, sum.openInterest - oiBefore);
        }
        m.oi = oi.moved(sum.openInterest, sum.fee);
        if (sample.notional < c.trade.minNotional() || !_allows(c.quote, Action.FUNDING)) return;

        uint256 weight = PremiumRules.weightOf(
            sample.notional,
            PerpUnits.notional(oiBefore.toInt256(), c.quote.mid),
            c.trade,
            c.risk
        );
        int256 premium = PremiumRules.clamped(sample.premium, c.trade.premCap());
        m.premium = c.premium.sampled(premium, weight, block.timestamp);
        emit PremiumSampled(id, premium, weight);
    }

    function _requireCap(MarketId id, Market storage m, uint256 lots) private {
        (uint256 word, uint256 opened) = OpenCap.plus(m.capOrPrice, lots, block.timestamp);
        uint256 cap = m.limit.openCap();
        if (opened > cap) revert OpenCapReached(id, opened, cap);
        m.capOrPrice = word;
    }

    /* GATE */

    /// @dev The account is above initial margin, or has only reduced and is no worse than before.
    function _judge(MarketId id, Leg memory leg, Context memory c, Before memory b) private {
        AccountWord word = _account(leg.account).word;
        Position position = _positions[_positionKey(leg.account, id)];
        Seen memory seen = _see(word, id);

        Worth memory worth = Margin.worth(c, Purpose.OPEN, block.timestamp);
        HealthView memory open = _health(leg.account, word, id, position, worth, Purpose.OPEN, seen);
        bool covered = open.equity >= open.im.toInt256();
        // A gain at mid must not be what lifts a bankrupt account: equity before = equity after - gain, and OPEN is not above MID.
        if (covered && open.equity >= _gain(leg, c.quote.mid)) return;

        worth = Margin.worth(c, Purpose.MID, block.timestamp);
        HealthView memory now_ = _health(leg.account, word, id, position, worth, Purpose.MID, seen);
        HealthView memory then = _health(leg.account, b.word, id, b.position, worth, Purpose.MID, seen);
        if (then.equity < 0) revert Bankrupt(leg.account, then.equity);
        if (covered) return;
        if (!b.reduced || !Margin.passesReduce(then.equity, then.mm, now_.equity, now_.mm)) {
            revert UnderInitialMargin(leg.account, open.equity, open.im);
        }
    }

    /// @dev What the leg is worth at mid, wad, rounded up.
    function _gain(Leg memory leg, uint256 mid) private pure returns (int256) {
        return leg.quote * int256(PerpUnits.PICO_TO_WAD) + leg.cash - PerpUnits.value(-leg.size, mid);
    }
}
