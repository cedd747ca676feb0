// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Kind, Leg, Sample} from "../../interfaces/EngineTypes.sol";
import {IDerivativesEngine} from "../../interfaces/IDerivativesEngine.sol";
import {AccountId, MarketId} from "../../interfaces/PerpTypes.sol";
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

    /// @dev What a position has lost or won becomes cash: the account gives `size` to insurance, receives `quote` (pico, signed), and takes
    /// it back for the same. No value and no open interest changes, and nobody else's position.
    function _startAnew(AccountId id, MarketId market, int256 size, int256 quote) internal {
        Leg[] memory legs = new Leg[](4);
        legs[0] = Leg(id, -size, quote, 0, 0, false);
        legs[1] = Leg(INSURANCE, size, -quote, 0, 0, false);
        legs[2] = Leg(INSURANCE, -size, quote, 0, 0, false);
        legs[3] = Leg(id, size, -quote, 0, 0, false);
        ENGINE.book(market, legs, Sample(0, 0), Kind.RESOLUTION);
    }
}
