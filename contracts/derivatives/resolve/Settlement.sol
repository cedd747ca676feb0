// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Context, HealthView, Kind, Leg, Purpose, Role, Sample} from "../../interfaces/EngineTypes.sol";
import {IAbsorption} from "../../interfaces/IAbsorption.sol";
import {Ending, ISettlement} from "../../interfaces/ISettlement.sol";
import {AccountId, MarketId} from "../../interfaces/PerpTypes.sol";
import {Rounding} from "../../libraries/Rounding.sol";
import {Margin} from "../perp/Margin.sol";
import {BACKSTOP_ACCOUNT, VAULT_ACCOUNT} from "../perp/PerpBook.sol";
import {PerpUnits} from "../perp/PerpUnits.sol";
import {Position} from "../perp/Position.sol";
import {WindDown} from "./WindDown.sol";

/// @title Who is closed at a settled market's price, and what gains are paid
abstract contract Settlement is WindDown {
    using SafeCast for int256;
    using SafeCast for uint256;

    /// @dev How long a winner keeps a gain that his other positions need.
    uint256 private constant GRACE = 1 days;
    /// @dev How long others pay what a final market owes, as soon as they can.
    uint256 private constant COVERED_FOR = 1 days;

    /// @notice The account that holds gains until they are paid, of all markets.
    AccountId public immutable POT;

    mapping(MarketId market => mapping(AccountId account => uint256 wad)) private _claims;

    /// @inheritdoc ISettlement
    mapping(AccountId account => uint256 wad) public coveredFor;
    /// @inheritdoc ISettlement
    uint256 public unreckoned;

    constructor() {
        POT = ENGINE.createAccount();
    }

    /* CLOSE */

    /// @inheritdoc ISettlement
    function closeAt(MarketId market, AccountId[] calldata accounts) external {
        ENGINE.enter();
        _requireSettled(market);
        Context memory c = ENGINE.context(market);
        for (uint256 i = 0; i < accounts.length; ++i) {
            if (AccountId.unwrap(accounts[i]) > BACKSTOP_ACCOUNT) _closeOne(market, accounts[i], c);
        }
        _finish(market);
        ENGINE.exit();
    }

    /// @inheritdoc ISettlement
    function finalise(MarketId market) external {
        ENGINE.enter();
        _requireSettled(market);
        uint256 left = _finish(market);
        if (left != 0) revert StillOpen(market, left);
        ENGINE.exit();
    }

    /// @dev `c` is the market: settled, so its funding stands still.
    function _closeOne(MarketId market, AccountId account, Context memory c) private {
        Position p = ENGINE.positionOf(account, market);
        int256 size = p.size();
        if (size == 0) return;
        Ending storage e = _endings[market];
        int256 quote = _closingQuote(size, e.price);
        int256 pnl = _pnl(p, quote, c);
        if (pnl > 0 && block.timestamp < e.settledAt + GRACE && _leansOn(market, account, size, c)) {
            emit CloseWaits(market, account, e.settledAt + GRACE);
            return;
        }

        Leg[] memory legs = new Leg[](2);
        legs[0] = Leg(account, -size, quote, 0, 0, false);
        legs[1] = Leg(BACKSTOP, size, -quote, 0, 0, false);
        ENGINE.book(market, legs, Sample(0, 0), Kind.RESOLUTION);
        _reckon(market, account, size, pnl);
    }

    /// @inheritdoc WindDown
    /// @dev Its position starts anew at the price: whoever absorbs it later lays nothing of a loss to this market again, and it does not
    /// matter whose closing makes cash of a gain. A loss counts at once. A gain carries what the backstop loses elsewhere until the
    /// end, but pays for nobody else: it may still be cut.
    function _setApart(MarketId market, int256 size, int256 quote, int256 pnl) internal override {
        _startAnew(BACKSTOP, market, size, quote);
        if (pnl < 0) {
            _reckon(market, BACKSTOP, 0, pnl);
        } else {
            _endings[market].backstopPnl = pnl;
            unreckoned += uint256(pnl);
        }
    }

    /// @dev Whether the account's other positions are under initial margin without the gain, which OPEN leaves out. Not asked of the
    /// vault, which has no margin.
    function _leansOn(MarketId market, AccountId account, int256 size, Context memory c) private view returns (bool) {
        if (AccountId.unwrap(account) == VAULT_ACCOUNT) return false;
        if (ENGINE.accountOf(account).markets == 1 << MarketId.unwrap(market)) return false;
        HealthView memory h = ENGINE.healthOf(account, Purpose.OPEN);
        uint256 notional = PerpUnits.notional(size, c.quote.mid);
        (uint256 im, ) = Margin.requirement(notional, c.risk.inForce(block.timestamp));
        return h.equity < (h.im - im).toInt256();
    }

    /// @dev A gain goes to the pot, but for what fills a hole; a loss that cannot be paid becomes the market's. At mid for a gain: the far
    /// edge of a silent feed's band would let money go to the pot that a hole there needs as soon as the feed is back.
    function _reckon(MarketId market, AccountId account, int256 size, int256 pnl) private {
        int256 equity = ENGINE.healthOf(account, Purpose.LIQUIDATE).equity;
        uint256 claim = 0;
        uint256 debt = 0;
        if (equity < 0) {
            debt = _debtOf(account, pnl, equity);
            if (debt != 0) ENGINE.moveDebt(market, account, debt.toInt256());
            if (AccountId.unwrap(account) > BACKSTOP_ACCOUNT) coveredFor[account] += debt;
        } else if (pnl > 0) {
            int256 atMid = ENGINE.healthOf(account, Purpose.MID).equity;
            if (atMid > 0) {
                claim = Math.min(pnl.toUint256(), atMid.toUint256());
                _claims[market][account] += claim;
                _endings[market].claims += claim;
                ENGINE.moveCash(account, POT, claim);
            }
        }
        emit ClosedAt(market, account, size, pnl, claim, debt);
    }

    /// @dev A hole from elsewhere is left to a market that the account is still in, where it can be absorbed; the last market takes all.
    function _debtOf(AccountId account, int256 pnl, int256 equity) private view returns (uint256 debt) {
        debt = Rounding.abs(equity);
        if (ENGINE.accountOf(account).markets == 0) return debt;
        return pnl < 0 ? Math.min(debt, Rounding.abs(pnl)) : 0;
    }

    /* FINAL */

    /// @dev Close the vault if nobody but the backstop is left against it; then the books are final.
    /// @return left lots that are open.
    function _finish(MarketId market) private returns (uint256 left) {
        Ending storage e = _endings[market];
        if (e.finalAt == 0) {
            Context memory c = ENGINE.context(market);
            left = c.oi.openInterest();
            // open interest is the sum of longs: these two are all there is
            if (
                left != 0 && Rounding.abs(c.vault.size()) == left && ENGINE.sizeOf(BACKSTOP, market) == -c.vault.size()
            ) {
                _closeOne(market, VAULT, c);
                left = 0;
            }
            if (left != 0) return left;
            _finalise(market, e);
        }
        _coverRest(market, e);
    }

    function _finalise(MarketId market, Ending storage e) private {
        e.finalAt = uint40(block.timestamp); // for 34,000 years
        if (e.backstopPnl != 0) {
            unreckoned -= uint256(e.backstopPnl);
            _reckon(market, BACKSTOP, 0, e.backstopPnl);
        }

        (uint256 claims, uint256 debt) = (e.claims, ENGINE.debtOf(market));
        uint256 repaid = Math.min(debt, claims);
        e.pot = claims - repaid;
        _repay(market, POT, repaid);
        emit Finalised(market, claims, repaid, debt - repaid);

        _payClaim(market, VAULT, e);
        _payClaim(market, BACKSTOP, e);
    }

    /// @dev What no claim carries is paid as the rest of an absorption is, but by positions, of which there are none: whether a loser is
    /// absorbed before the market is settled or closed after it, the fund and lenders stand behind it. Again for a day, so that neither
    /// another feed's silence nor another market that ends later decides who pays.
    function _coverRest(MarketId market, Ending storage e) private {
        uint256 rest = ENGINE.debtOf(market);
        address resolution = ENGINE.moduleOf(Role.RESOLUTION);
        if (rest == 0 || block.timestamp > e.finalAt + COVERED_FOR || resolution == address(0)) return;
        (uint256 insurance, uint256 backstop, uint256 vault) = IAbsorption(resolution).allotRest(market, rest);
        _repay(market, INSURANCE, insurance);
        _repay(market, BACKSTOP, backstop);
        _repay(market, VAULT, vault);
        emit RestCovered(market, insurance, backstop, vault, rest - insurance - backstop - vault);
    }

    function _repay(MarketId market, AccountId from, uint256 wad) private {
        if (wad != 0) ENGINE.moveDebt(market, from, -wad.toInt256());
    }

    /* PAY */

    /// @inheritdoc ISettlement
    function payClaims(MarketId market, AccountId[] calldata accounts) external {
        Ending storage e = _endings[market];
        if (e.finalAt == 0) revert NotFinal(market);
        ENGINE.enter();
        for (uint256 i = 0; i < accounts.length; ++i) {
            _payClaim(market, accounts[i], e);
        }
        ENGINE.exit();
    }

    /// @dev floor(claim · pot / claims), once; first for what others covered for the account.
    function _payClaim(MarketId market, AccountId account, Ending storage e) private {
        uint256 claim = _claims[market][account];
        if (claim == 0) return;
        delete _claims[market][account];
        uint256 paid = (claim * e.pot) / e.claims;
        uint256 kept = Math.min(paid, coveredFor[account]);
        if (kept != 0) {
            coveredFor[account] -= kept;
            ENGINE.moveCash(POT, INSURANCE, kept);
            emit ClaimKept(market, account, kept);
        }
        ENGINE.moveCash(POT, account, paid - kept);
        emit ClaimPaid(market, account, claim, paid - kept);
    }

    /// @inheritdoc ISettlement
    function noteCovered(AccountId account, uint256 wad) external {
        if (msg.sender != ENGINE.moduleOf(Role.RESOLUTION)) revert NotResolution(msg.sender);
        coveredFor[account] += wad;
    }

    /// @inheritdoc ISettlement
    function repayDebt(MarketId market) external returns (uint256 amountWad) {
        ENGINE.enter();
        int256 cash = ENGINE.accountOf(FEES).cash;
        if (cash > 0) amountWad = Math.min(ENGINE.debtOf(market), cash.toUint256());
        ENGINE.moveDebt(market, FEES, -amountWad.toInt256());
        emit DebtRepaid(market, amountWad);
        ENGINE.exit();
    }

    /// @inheritdoc ISettlement
    function claimOf(MarketId market, AccountId account) external view returns (uint256) {
        return _claims[market][account];
    }
}
