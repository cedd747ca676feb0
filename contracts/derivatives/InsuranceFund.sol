// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {AccountState, Role} from "../interfaces/EngineTypes.sol";
import {IDerivativesEngine} from "../interfaces/IDerivativesEngine.sol";
import {IInsuranceFund, MarketLimits} from "../interfaces/IInsuranceFund.sol";
import {AccountId, MarketId} from "../interfaces/PerpTypes.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {FEES_ACCOUNT, INSURANCE_ACCOUNT} from "./perp/PerpBook.sol";

/// @title Limits of what insurance and the backstop lose, market by market
/// @custom:halt A limit of 0 keeps the fund out of a market; nothing else is stopped by it.
/// @custom:security-contact See SECURITY.md
contract InsuranceFund is IInsuranceFund {
    using SafeCast for int256;
    using SafeCast for uint256;

    AccountId private constant INSURANCE = AccountId.wrap(INSURANCE_ACCOUNT);
    uint256 private constant FORGIVEN_AFTER = 30 days;

    IDerivativesEngine public immutable ENGINE;

    /// @inheritdoc IInsuranceFund
    uint256 public target = type(uint256).max;
    mapping(MarketId market => MarketLimits) private _limits;

    constructor(IDerivativesEngine engine) {
        ENGINE = engine;
    }

    modifier onlyTimelock() {
        (, , address timelock, , , ) = ENGINE.parameters();
        if (msg.sender != timelock) revert NotTimelock(msg.sender);
        _;
    }

    /* TIMELOCK */

    /// @inheritdoc IInsuranceFund
    function setLimits(MarketId market, uint128 insuranceWad, uint128 backstopWad) external onlyTimelock {
        ENGINE.feedOf(market); // it exists
        MarketLimits storage m = _limits[market];
        emit LimitsChanged(market, m.insuranceWad, m.backstopWad, insuranceWad, backstopWad);
        (m.insuranceWad, m.backstopWad) = (insuranceWad, backstopWad);
    }

    /// @inheritdoc IInsuranceFund
    function setTarget(uint256 wad) external onlyTimelock {
        emit TargetChanged(target, wad);
        target = wad;
    }

    /* BY ANYONE */

    /// @inheritdoc IInsuranceFund
    function donate(AccountId account, uint256 amountWad) external {
        ENGINE.enter();
        AccountState memory a = ENGINE.accountOf(account);
        if (a.owner != msg.sender) revert NotOwner(account, msg.sender);
        if (amountWad == 0) revert ZeroAmount();
        if (a.markets != 0) revert HasPositions(account);
        if (a.cash < amountWad.toInt256()) revert CashTooLow(account, a.cash, amountWad);

        emit Donated(account, amountWad);
        ENGINE.moveCash(account, INSURANCE, amountWad);
        ENGINE.exit();
    }

    /// @inheritdoc IInsuranceFund
    function sweep() external returns (uint256 amountWad) {
        ENGINE.enter();
        _requireNoDebt();
        int256 cash = ENGINE.accountOf(INSURANCE).cash;
        if (cash <= 0 || uint256(cash) <= target) revert ZeroAmount();

        amountWad = uint256(cash) - target;
        emit Swept(amountWad);
        ENGINE.moveCash(INSURANCE, AccountId.wrap(FEES_ACCOUNT), amountWad);
        ENGINE.exit();
    }

    function _requireNoDebt() private view {
        (, , , , , uint256 markets) = ENGINE.parameters();
        for (uint256 i = 0; i < markets; ++i) {
            MarketId market = MarketId.wrap(uint16(i)); // there are at most 128
            uint256 debt = ENGINE.debtOf(market);
            if (debt != 0) revert DebtOutstanding(market, debt);
        }
    }

    /* RESOLUTION */

    /// @inheritdoc IInsuranceFund
    function spend(MarketId market, uint256 insuranceWad, uint256 backstopWad) external {
        if (msg.sender != ENGINE.moduleOf(Role.RESOLUTION)) revert NotResolution(msg.sender);
        MarketLimits storage m = _limits[market];
        (uint256 insurance, uint256 backstop) = spent(market);
        (insurance, backstop) = (insurance + insuranceWad, backstop + backstopWad);
        if (insuranceWad != 0 && insurance > m.insuranceWad) revert LimitExceeded(market, insurance, m.insuranceWad);
        if (backstopWad != 0 && backstop > m.backstopWad) revert LimitExceeded(market, backstop, m.backstopWad);

        (m.insuranceSpentWad, m.backstopSpentWad) = (insurance.toUint128(), backstop.toUint128());
        m.spentAt = uint40(block.timestamp); // 40 bits last beyond the year 36,000
        emit Spent(market, insuranceWad, backstopWad, insurance, backstop);
    }

    /* VIEWS */

    /// @inheritdoc IInsuranceFund
    function limits(MarketId market) external view returns (MarketLimits memory) {
        return _limits[market];
    }

    /// @inheritdoc IInsuranceFund
    function limitLeft(MarketId market) external view returns (uint256) {
        (uint256 insurance, ) = spent(market);
        return _less(_limits[market].insuranceWad, insurance);
    }

    /// @inheritdoc IInsuranceFund
    function backstopLeft(MarketId market) external view returns (uint256) {
        (, uint256 backstop) = spent(market);
        return _less(_limits[market].backstopWad, backstop);
    }

    /// @inheritdoc IInsuranceFund
    function spent(MarketId market) public view returns (uint256 insuranceWad, uint256 backstopWad) {
        MarketLimits storage m = _limits[market];
        uint256 elapsed = block.timestamp - m.spentAt;
        if (elapsed >= FORGIVEN_AFTER) return (0, 0);
        uint256 left = FORGIVEN_AFTER - elapsed;
        return (
            Rounding.ceilDiv(m.insuranceSpentWad * left, FORGIVEN_AFTER),
            Rounding.ceilDiv(m.backstopSpentWad * left, FORGIVEN_AFTER)
        );
    }

    function _less(uint256 limit, uint256 used) private pure returns (uint256) {
        return limit > used ? limit - used : 0;
    }
}
