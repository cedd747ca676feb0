// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IDerivativesEngine} from "../../interfaces/IDerivativesEngine.sol";
import {MarketId} from "../../interfaces/PerpTypes.sol";

/// @title What the parts of the resolution module have in common
abstract contract ResolutionBase {
    IDerivativesEngine public immutable ENGINE;

    constructor(IDerivativesEngine engine) {
        ENGINE = engine;
    }

    /// @dev End a market at a price, within the lock: no trade from now on, every position leaves by `closeAt`.
    function _settleAt(MarketId market, uint256 priceWad) internal virtual;
}
