// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IDerivativesEngine} from "../../interfaces/IDerivativesEngine.sol";
import {AccountId} from "../../interfaces/PerpTypes.sol";
import {BACKSTOP_ACCOUNT, FEES_ACCOUNT, INSURANCE_ACCOUNT, VAULT_ACCOUNT} from "../perp/PerpBook.sol";

/// @title What the parts of the modules of resolution and settlement have in common
abstract contract ResolutionBase {
    AccountId internal constant VAULT = AccountId.wrap(VAULT_ACCOUNT);
    AccountId internal constant BACKSTOP = AccountId.wrap(BACKSTOP_ACCOUNT);
    AccountId internal constant INSURANCE = AccountId.wrap(INSURANCE_ACCOUNT);
    AccountId internal constant FEES = AccountId.wrap(FEES_ACCOUNT);

    IDerivativesEngine public immutable ENGINE;

    constructor(IDerivativesEngine engine) {
        ENGINE = engine;
    }
}
