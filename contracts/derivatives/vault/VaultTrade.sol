// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Context, Leg, Offer, Sample, Terms} from "../../interfaces/EngineTypes.sol";
import {IVaultModule} from "../../interfaces/IVaultModule.sol";
import {AccountId} from "../../interfaces/PerpTypes.sol";
import {Rounding} from "../../libraries/Rounding.sol";
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
    using VaultTrade for Offer;
    using SafeCast for uint256;

    /// @dev What the vault is offered. A trade that opens (|size| of the account rises, or its sign changes) is priced by the strict
    /// band.
    function offer(Context memory c, int256 size) internal pure returns (Offer memory o) {
        (o.size, o.held) = (size, c.accountSize);
        (o.lo, o.hi) = o.reduces() ? (c.quote.lo, c.quote.hi) : (c.quote.openLo, c.quote.openHi);
        (o.mid, o.trade, o.oi, o.vault, o.funding) = (c.quote.mid, c.trade, c.oi, c.vault, c.funding);
    }

    /// @dev |size| of the account falls and its sign does not change.
    function reduces(Offer memory o) internal pure returns (bool) {
        return o.held != 0 && (o.held > 0) != (o.size > 0) && Rounding.abs(o.size) <= Rounding.abs(o.held);
    }

    /// @dev Wad, floor: the vault's cash and what its position in this market is worth at mid.
    function vaultWorth(Offer memory o) internal pure returns (int256) {
        int256 gain = o.vault.quote() * int256(PerpUnits.PICO_TO_WAD) + PerpUnits.value(o.vault.size(), o.mid);
        return o.vaultCash + gain - o.vault.owed(o.funding);
    }

    function price(Offer memory o) internal pure returns (VaultDeal memory d) {
        if (o.size == 0) revert IVaultModule.ZeroSize();
        int256 net = -o.vault.size();
        uint256 quote = VaultPrice.quoteOf(o.size, net, o.lo, o.hi, o.trade);

        d.size = o.size;
        d.quote = o.size > 0 ? -quote.toInt256() : quote.toInt256();
        d.fee = Rounding.ceilDiv(quote * o.trade.takerFee(), PerpUnits.PPM);
        d.netAfter = net + o.size;
        d.isLess = Rounding.abs(d.netAfter) < Rounding.abs(net);
    }

    /// @dev |net| <= skewScale / 10, or falling.
    function requireSkew(Offer memory o, VaultDeal memory d) internal pure {
        uint256 max = VaultPrice.maxNet(o.trade);
        if (!d.isLess && Rounding.abs(d.netAfter) > max) revert IVaultModule.SkewTooHigh(d.netAfter, max);
    }

    /// @dev Average price no worse than the limit: |quote| pico against |size| lots · limit wad / 1e14.
    function requireLimit(VaultDeal memory d, uint256 limitPrice) internal pure {
        uint256 size = Rounding.abs(d.size);
        if (d.size > 0) {
            uint256 most = Math.mulDiv(size, limitPrice, PerpUnits.TICK);
            if (Rounding.abs(d.quote) > most) revert IVaultModule.PriceLimit(Rounding.abs(d.quote), most);
        } else {
            uint256 least = Math.mulDiv(size, limitPrice, PerpUnits.TICK, Math.Rounding.Ceil);
            if (Rounding.abs(d.quote) < least) revert IVaultModule.PriceLimit(Rounding.abs(d.quote), least);
        }
    }

    /// @dev The trader's leg, judged, and the vault's.
    function legs(AccountId account, int256 size, Terms memory t) internal pure returns (Leg[] memory both) {
        both = new Leg[](2);
        both[0] = Leg({account: account, size: size, quote: t.quote, fee: t.fee, cash: 0, judged: true});
        both[1] = Leg({
            account: AccountId.wrap(VAULT_ACCOUNT),
            size: -size,
            quote: -t.quote,
            fee: 0,
            cash: 0,
            judged: false
        });
    }

    /// @dev The vault speaks of the premium by its skew: net / skewScale.
    function sample(Offer memory o, VaultDeal memory d) internal pure returns (Sample memory) {
        return
            Sample({
                premium: (d.netAfter * int256(PerpUnits.PICO)) / int256(o.trade.skewScale()),
                notional: Rounding.abs(d.quote) * PerpUnits.PICO_TO_WAD
            });
    }
}
