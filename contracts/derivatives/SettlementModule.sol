// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IDerivativesEngine} from "../interfaces/IDerivativesEngine.sol";
import {ResolutionBase} from "./resolve/ResolutionBase.sol";
import {Settlement} from "./resolve/Settlement.sol";

/// @title What becomes of markets that end
/// @custom:halt Nothing to halt: what is done here is what is left to do.
/// @custom:security-contact See SECURITY.md
contract SettlementModule is Settlement {
    constructor(IDerivativesEngine engine) ResolutionBase(engine) {}
}
