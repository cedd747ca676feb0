// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IDerivativesEngine} from "../interfaces/IDerivativesEngine.sol";
import {IInsuranceFund} from "../interfaces/IInsuranceFund.sol";
import {MarketId, MarketStatus} from "../interfaces/PerpTypes.sol";
import {Absorption} from "./resolve/Absorption.sol";
import {ResolutionBase} from "./resolve/ResolutionBase.sol";
import {Waterfall} from "./resolve/Waterfall.sol";

/// @title What becomes of losses that their owner cannot carry, and of markets that end
/// @custom:halt A market's LIQUIDATE bit stops absorbing accounts that are in it.
/// @custom:security-contact See SECURITY.md
contract ResolutionModule is Absorption {
    constructor(IDerivativesEngine engine, IInsuranceFund fund) ResolutionBase(engine) Waterfall(fund) {}

    function _settleAt(MarketId market, uint256 priceWad) internal override {
        ENGINE.setStatus(market, MarketStatus.SETTLED, priceWad);
    }
}
