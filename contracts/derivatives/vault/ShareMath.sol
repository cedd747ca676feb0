// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Shares of the vault
/// @dev Virtual shares and a virtual wei: whoever comes first cannot make later shares round to nothing by giving to the vault.
/// Everything
/// rounds down, in favour of those who stay.
library ShareMath {
    uint256 private constant VIRTUAL_SHARES = 1e6;
    uint256 private constant VIRTUAL_WAD = 1;
    /// @dev Shares of a wei at most; of the first it is VIRTUAL_SHARES.
    uint256 private constant MAX_SHARES_OF_WAD = 1e12;

    /// @dev floor(amount · (supply + 1e6) / (nav + 1)).
    function minted(uint256 amountWad, uint256 navWad, uint256 supply) internal pure returns (uint256) {
        return Math.mulDiv(amountWad, supply + VIRTUAL_SHARES, navWad + VIRTUAL_WAD);
    }

    /// @dev A share is worth less than a millionth of what the first was. After a few such losses whoever adds would get more shares than
    /// the 216 bits that he can ask for again.
    function isDiluted(uint256 navWad, uint256 supply) internal pure returns (bool) {
        return supply + VIRTUAL_SHARES > (navWad + VIRTUAL_WAD) * MAX_SHARES_OF_WAD;
    }

    /// @dev floor(shares · (nav + 1) / (supply + 1e6)).
    function worth(uint256 shares, uint256 navWad, uint256 supply) internal pure returns (uint256) {
        return Math.mulDiv(shares, navWad + VIRTUAL_WAD, supply + VIRTUAL_SHARES);
    }
}
