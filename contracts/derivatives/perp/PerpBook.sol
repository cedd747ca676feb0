// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IDerivativesEngine} from "../../interfaces/IDerivativesEngine.sol";
import {Context, HealthView, Purpose, Role} from "../../interfaces/EngineTypes.sol";
import {IPriceOracle} from "../../interfaces/IPriceOracle.sol";
import {Action, FeedId, Quote} from "../../interfaces/OracleTypes.sol";
import {AccountId, MarketId, MarketStatus, PAUSE_FUNDING} from "../../interfaces/PerpTypes.sol";
import {AccountWord} from "./AccountWord.sol";
import {CoreWord} from "./CoreWord.sol";
import {FundingTerms, FundingWord} from "./FundingWord.sol";
import {LimitWord} from "./LimitWord.sol";
import {Margin, Worth} from "./Margin.sol";
import {OiWord} from "./OiWord.sol";
import {PerpUnits} from "./PerpUnits.sol";
import {Position} from "./Position.sol";
import {PremiumWord} from "./PremiumWord.sol";
import {RiskWord} from "./RiskWord.sol";
import {Seen, SeenLib} from "./Seen.sol";
import {SettledPrice} from "./SettledPrice.sol";
import {TradeWord} from "./TradeWord.sol";

// Accounts that belong to the protocol: ids below FIRST_OWNED have no owner.
uint32 constant VAULT_ACCOUNT = 0;
uint32 constant BACKSTOP_ACCOUNT = 1;
uint32 constant INSURANCE_ACCOUNT = 2;
uint32 constant FEES_ACCOUNT = 3;
uint32 constant FIRST_OWNED = 4;

// No market: no account holds a position in it.
MarketId constant NO_MARKET = MarketId.wrap(type(uint16).max);

/// @title What the engine stores, and the one way to look at a market and at an account
abstract contract PerpBook is IDerivativesEngine {
    using Margin for HealthView;

    struct Account {
        address owner;
        AccountWord word;
    }

    struct Market {
        TradeWord trade; // 0 = no such market
        RiskWord risk;
        FundingWord funding;
        PremiumWord premium;
        OiWord oi;
        LimitWord limit;
        uint256 capOrPrice; // OpenCap: net new open interest while the feed is degraded; of a SETTLED market its price, wad
        uint256 debt; // wad: losses that nobody covered
    }

    CoreWord internal _core;
    mapping(uint256 account => Account) internal _accounts;
    mapping(uint256 market => Market) internal _markets;
    mapping(uint256 key => Position) internal _positions;
    mapping(uint256 account => mapping(address key => uint256 expiry)) internal _sessions;
    mapping(address module => Role) internal _roleOf;

    /* LOAD */

    function _positionKey(AccountId account, MarketId market) internal pure returns (uint256) {
        return (uint256(AccountId.unwrap(account)) << 16) | MarketId.unwrap(market);
    }

    function _account(AccountId id) internal view returns (Account storage a) {
        if (AccountId.unwrap(id) >= _core.accounts()) revert UnknownAccount(id);
        return _accounts[AccountId.unwrap(id)];
    }

    /// @dev That the caller is the module of a role.
    function _requireRole(Role wanted) internal view {
        Role role = _roleOf[msg.sender];
        if (role != wanted) revert NotModule(msg.sender, role);
    }

    function _isProtocols(AccountId id) internal pure returns (bool) {
        return AccountId.unwrap(id) < FIRST_OWNED;
    }

    /* LOOK AT A MARKET */

    /// @dev The market as it would be after a tick now, which `intervals` > 0 makes worth writing down. `oi` and `vault` are left to
    /// whoever wants them.
    function _look(MarketId id, Quote memory q) internal view returns (Context memory c, uint256 intervals) {
        Market storage m = _markets[MarketId.unwrap(id)];
        c.quote = q;
        c.trade = m.trade;
        c.risk = m.risk;
        c.premium = m.premium.folded(block.timestamp);
        c.funding = m.funding;
        bool isSettled = c.risk.status() == uint256(MarketStatus.SETTLED);
        if (isSettled) SettledPrice.put(q, m.capOrPrice);
        // the limits are read only when an interval may be over
        if (block.timestamp - c.funding.fundedAt() >= PerpUnits.MIN_INTERVAL) {
            c.limit = m.limit;
            (c.funding, c.premium, intervals) = c.funding.ticked(c.premium, _terms(c), block.timestamp);
        }
        if (!isSettled) c.pi = c.premium.premium(block.timestamp);
    }

    function _terms(Context memory c) private pure returns (FundingTerms memory) {
        return
            FundingTerms({
                index: c.quote.funding,
                live: _allows(c.quote, Action.FUNDING),
                paused: c.risk.pause() & PAUSE_FUNDING != 0 || c.risk.status() == uint256(MarketStatus.SETTLED),
                coefficientInverse: c.trade.coefficientInverse(),
                maxRatePpm: c.limit.maxRate(),
                interval: c.limit.interval()
            });
    }

    function _allows(Quote memory q, Action action) internal pure returns (bool) {
        return (q.allowed >> uint256(action)) & 1 != 0;
    }

    /// @inheritdoc IDerivativesEngine
    function feedOf(MarketId id) public view returns (FeedId) {
        TradeWord t = _markets[MarketId.unwrap(id)].trade;
        if (!t.exists()) revert UnknownMarket(id);
        return t.feed();
    }

    /// @dev Look, and write down what is due. Every change of a market begins here; `oi` is left to whoever wants it.
    function _tick(MarketId id) internal returns (Context memory c) {
        Quote memory q = IPriceOracle(_core.oracle()).quote(feedOf(id));
        uint256 intervals;
        (c, intervals) = _look(id, q);
        if (intervals == 0) return c;

        Market storage m = _markets[MarketId.unwrap(id)];
        (m.funding, m.premium) = (c.funding, c.premium);
        emit FundingTicked(id, c.funding.fLong(), c.funding.fShort(), c.funding.rate(), intervals);
    }

    /* LOOK AT AN ACCOUNT */

    /// @dev What an account would be worth that has `word` and, in market `id`, `position`, which counts as `worth` says. Other markets
    /// are as they are now, taken from `seen` where they are there.
    function _health(
        AccountId account,
        AccountWord word,
        MarketId id,
        Position position,
        Worth memory worth,
        Purpose purpose,
        Seen memory seen
    ) internal view returns (HealthView memory h) {
        h.equity = word.cash();
        if (position.size() != 0) h.add(position, worth);
        _addAll(h, account, word.markets() & ~(1 << MarketId.unwrap(id)), purpose, seen);
    }

    /// @dev An account as it is stored.
    function _healthOf(
        AccountId account,
        Purpose purpose,
        Seen memory seen
    ) internal view returns (HealthView memory h) {
        AccountWord word = _account(account).word;
        h.equity = word.cash();
        _addAll(h, account, word.markets(), purpose, seen);
    }

    /// @dev Adds the positions in the markets of `bits`.
    function _addAll(
        HealthView memory h,
        AccountId account,
        uint256 bits,
        Purpose purpose,
        Seen memory seen
    ) private view {
        for (uint256 i = 0; bits != 0; ++i) {
            if (bits & 1 != 0) {
                MarketId id = MarketId.wrap(uint16(i)); // i < 128
                h.add(_positions[_positionKey(account, id)], _worthIn(seen, id, purpose));
            }
            bits >>= 1;
        }
    }

    /// @dev `seen` keeps worths of one purpose only, where it keeps them.
    function _worthIn(Seen memory seen, MarketId id, Purpose purpose) private view returns (Worth memory w) {
        uint256 i = MarketId.unwrap(id);
        if (seen.hasWorth(i)) return seen.worth(i);
        w = Margin.worth(_contextIn(seen, id), purpose, block.timestamp);
        seen.putWorth(i, w);
    }

    function _contextIn(Seen memory seen, MarketId id) private view returns (Context memory c) {
        if (seen.has(MarketId.unwrap(id))) return seen.get(MarketId.unwrap(id));
        (c, ) = _look(id, IPriceOracle(_core.oracle()).peekQuote(feedOf(id)));
        seen.put(MarketId.unwrap(id), c);
    }

    /// @dev Look at the account's markets but `except`, and let the transaction remember their prices.
    function _see(AccountWord word, MarketId except) internal returns (Seen memory seen) {
        uint256 bits = word.markets() & ~(1 << MarketId.unwrap(except));
        if (bits == 0) return seen;
        seen = SeenLib.make();
        IPriceOracle oracle = IPriceOracle(_core.oracle());
        for (uint256 i = 0; bits != 0; ++i) {
            if (bits & 1 != 0) {
                MarketId id = MarketId.wrap(uint16(i)); // i < 128
                (Context memory c, ) = _look(id, oracle.quote(feedOf(id)));
                seen.put(i, c);
            }
            bits >>= 1;
        }
    }
}
