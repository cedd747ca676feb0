// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IDerivativesEngine} from "../interfaces/IDerivativesEngine.sol";
import {IInsuranceFund} from "../interfaces/IInsuranceFund.sol";
import {Absorption} from "./resolve/Absorption.sol";
import {ResolutionBase} from "./resolve/ResolutionBase.sol";
import {Waterfall} from "./resolve/Waterfall.sol";

/// @title What becomes of losses that their owner cannot carry
/// @custom:halt A market's LIQUIDATE bit stops absorbing accounts that are in it.
/// @custom:security-contact See SECURITY.md
contract ResolutionModule is Absorption {
    constructor(IDerivativesEngine engine, IInsuranceFund fund) ResolutionBase(engine) Waterfall(fund) {}
}
