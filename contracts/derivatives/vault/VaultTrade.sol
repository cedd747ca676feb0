// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Context, Leg, Sample} from "../../interfaces/EngineTypes.sol";
import {IVaultModule} from "../../interfaces/IVaultModule.sol";
import {AccountId} from "../../interfaces/PerpTypes.sol";
import {VAULT_ACCOUNT} from "../perp/PerpBook.sol";
import {PerpUnits} from "../perp/PerpUnits.sol";
import {VaultPrice} from "../perp/VaultPrice.sol";

/// A trade against the vault, priced.
struct VaultDeal {
    int256 size; // lots, the trader's
    int256 quote; // pico, the trader's
    uint256 fee; // pico
    int256 netAfter; // lots, the traders' net size afterwards
    bool isLess; // whether the vault carries less afterwards
}

/// @title What a trade against the vault costs, and its legs
library VaultTrade {
    using SafeCast for uint256;

    /// @dev A trade that opens (|size| of the account rises, or its sign changes) is priced by the strict band.
    function price(Context memory c, int256 size) internal pure returns (VaultDeal memory d) {
        if (size == 0) revert IVaultModule.ZeroSize();
        int256 net = -c.vaultSize;
        bool opens = c.accountSize == 0 || (c.accountSize > 0) == (size > 0) || _abs(size) > _abs(c.accountSize);
        (uint256 lo, uint256 hi) = opens ? (c.quote.openLo, c.quote.openHi) : (c.quote.lo, c.quote.hi);
        uint256 quote = VaultPrice.quoteOf(size, net, lo, hi, c.trade);

        d.size = size;
        d.quote = size > 0 ? -quote.toInt256() : quote.toInt256();
        d.fee = Math.mulDiv(quote, c.trade.takerFee(), PerpUnits.PPM, Math.Rounding.Ceil);
        d.netAfter = net + size;
        d.isLess = _abs(d.netAfter) < _abs(net);
    }

    /// @dev |net| <= skewScale / 10, or falling.
    function requireSkew(Context memory c, VaultDeal memory d) internal pure {
        uint256 max = VaultPrice.maxNet(c.trade);
        if (!d.isLess && _abs(d.netAfter) > max) revert IVaultModule.SkewTooHigh(d.netAfter, max);
    }

    /// @dev Average price no worse than the limit: |quote| pico against |size| lots · limit wad / 1e14.
    function requireLimit(VaultDeal memory d, uint256 limitPrice) internal pure {
        uint256 size = _abs(d.size);
        if (d.size > 0) {
            uint256 most = Math.mulDiv(size, limitPrice, PerpUnits.TICK);
            if (_abs(d.quote) > most) revert IVaultModule.PriceLimit(_abs(d.quote), most);
        } else {
            uint256 least = Math.mulDiv(size, limitPrice, PerpUnits.TICK, Math.Rounding.Ceil);
            if (_abs(d.quote) < least) revert IVaultModule.PriceLimit(_abs(d.quote), least);
        }
    }

    /// @dev The trader's leg, judged, and the vault's.
    function legs(AccountId account, VaultDeal memory d) internal pure returns (Leg[] memory both) {
        both = new Leg[](2);
        both[0] = Leg({account: account, size: d.size, quote: d.quote, fee: d.fee, cash: 0, judged: true});
        both[1] = Leg({
            account: AccountId.wrap(VAULT_ACCOUNT),
            size: -d.size,
            quote: -d.quote,
            fee: 0,
            cash: 0,
            judged: false
        });
    }

    /// @dev The vault speaks of the premium by its skew: net / skewScale.
    function sample(Context memory c, VaultDeal memory d) internal pure returns (Sample memory) {
        return
            Sample({
                premium: (d.netAfter * int256(PerpUnits.PICO)) / int256(c.trade.skewScale()),
                notional: _abs(d.quote) * PerpUnits.PICO_TO_WAD
            });
    }

    function _abs(int256 x) private pure returns (uint256) {
        return uint256(x < 0 ? -x : x); // sizes and quotes are far from the least int256
    }
}
