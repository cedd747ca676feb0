// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {FundingWord} from "../derivatives/perp/FundingWord.sol";
import {LiquidationMath, Takeover, Target} from "../derivatives/perp/LiquidationMath.sol";
import {Margin, Worth} from "../derivatives/perp/Margin.sol";
import {PerpUnits} from "../derivatives/perp/PerpUnits.sol";
import {Position, PositionLib} from "../derivatives/perp/Position.sol";
import {RiskNow} from "../derivatives/perp/RiskWord.sol";
import {TradeWord} from "../derivatives/perp/TradeWord.sol";
import {VaultPrice} from "../derivatives/perp/VaultPrice.sol";
import {ShareMath} from "../derivatives/vault/ShareMath.sol";
import {VaultDeal, VaultTrade} from "../derivatives/vault/VaultTrade.sol";
import {Context, HealthView, Leg, Offer, Sample, Terms} from "../interfaces/EngineTypes.sol";
import {AccountId} from "../interfaces/PerpTypes.sol";

/// @title The arithmetic of positions, margin, liquidation and the vault, each function by itself
/// @custom:security-contact See SECURITY.md
/// @notice Tests compare each with the specification.
contract PlainPerp {
    using Margin for HealthView;

    /* UNITS */

    /// @notice PerpUnits.value
    function value(int256 lots, uint256 priceWad) external pure returns (int256) {
        return PerpUnits.value(lots, priceWad);
    }

    /// @notice PerpUnits.notional
    function notional(int256 lots, uint256 priceWad) external pure returns (uint256) {
        return PerpUnits.notional(lots, priceWad);
    }

    /// @notice PerpUnits.owed
    function owed(int256 lots, int256 deltaPico) external pure returns (int256) {
        return PerpUnits.owed(lots, deltaPico);
    }

    /* POSITION */

    /// @notice PositionLib.pack
    function packPosition(int256 size, int256 quote, int256 index) external pure returns (Position) {
        return PositionLib.pack(size, quote, index);
    }

    /// @notice Size, quote and index of a packed position.
    function unpackPosition(Position p) external pure returns (int256 size, int256 quote, int256 index) {
        return (p.size(), p.quote(), p.index());
    }

    /// @notice PositionLib.owed
    function owedBy(Position p, FundingWord f) external pure returns (int256) {
        return p.owed(f);
    }

    /// @notice PositionLib.filled
    function filled(
        Position p,
        FundingWord f,
        int256 dLots,
        int256 dQuotePico
    ) external pure returns (Position after_, int256 realisedWad) {
        return p.filled(f, dLots, dQuotePico);
    }

    /* MARGIN */

    /// @notice Margin.lower and upper, as at OPEN
    function valueOpen(uint256 lo, uint256 hi, int256 pi, bool isLong) external pure returns (uint256) {
        return isLong ? Margin.lower(lo, pi) : Margin.upper(hi, pi);
    }

    /// @notice Margin.upper and lower, as at LIQUIDATE
    function valueLiquidate(uint256 lo, uint256 hi, int256 pi, bool isLong) external pure returns (uint256) {
        return isLong ? Margin.upper(hi, pi) : Margin.lower(lo, pi);
    }

    /// @notice Margin.requirement
    function requirement(uint256 notionalWad, RiskNow calldata r) external pure returns (uint256 im, uint256 mm) {
        return Margin.requirement(notionalWad, r);
    }

    /// @notice Margin.target
    function target(uint256 notionalWad, uint256 mm, RiskNow calldata r) external pure returns (uint256) {
        return Margin.target(notionalWad, mm, r);
    }

    /// @notice Margin.add, in a market that counts long and short at one price
    function add(
        HealthView memory h,
        Position p,
        FundingWord f,
        uint256 priceWad,
        RiskNow calldata r,
        bool isLiquid,
        bool isGainless
    ) external pure returns (HealthView memory) {
        Worth memory w = Worth(priceWad, priceWad, f, r, isLiquid, isGainless);
        h.add(p, w);
        return h;
    }

    /// @notice Margin.passesReduce
    function passesReduce(int256 e, uint256 mm, int256 eAfter, uint256 mmAfter) external pure returns (bool) {
        return Margin.passesReduce(e, mm, eAfter, mmAfter);
    }

    /* LIQUIDATION */

    /// @notice LiquidationMath.isLiquidatable
    function isLiquidatable(int256 equity, uint256 mm) external pure returns (bool) {
        return LiquidationMath.isLiquidatable(equity, mm);
    }

    /// @notice LiquidationMath.takeover
    function takeover(Target calldata t) external pure returns (Takeover memory) {
        return LiquidationMath.takeover(t);
    }

    /// @notice LiquidationMath.liquidationPrice
    function liquidationPrice(Target calldata t) external pure returns (uint256) {
        return LiquidationMath.liquidationPrice(t);
    }

    /// @notice LiquidationMath.bankruptcyPrice
    function bankruptcyPrice(Target calldata t) external pure returns (uint256) {
        return LiquidationMath.bankruptcyPrice(t);
    }

    /// @notice LiquidationMath.ratio
    function ratio(int256 equity, uint256 notionalWad) external pure returns (int256) {
        return LiquidationMath.ratio(equity, notionalWad);
    }

    /* VAULT */

    /// @notice ShareMath.minted
    function minted(uint256 amountWad, uint256 navWad, uint256 supply) external pure returns (uint256) {
        return ShareMath.minted(amountWad, navWad, supply);
    }

    /// @notice ShareMath.worth
    function worth(uint256 shares, uint256 navWad, uint256 supply) external pure returns (uint256) {
        return ShareMath.worth(shares, navWad, supply);
    }

    /// @notice VaultPrice.skewWorth
    function skewWorth(int256 net, uint256 mid, TradeWord t) external pure returns (uint256) {
        return VaultPrice.skewWorth(net, mid, t);
    }

    /// @notice VaultPrice.quoteOf
    function quoteOf(int256 d, int256 net, uint256 lo, uint256 hi, TradeWord t) external pure returns (uint256) {
        return VaultPrice.quoteOf(d, net, lo, hi, t);
    }

    /// @notice VaultPrice.maxNet
    function maxNet(TradeWord t) external pure returns (uint256) {
        return VaultPrice.maxNet(t);
    }

    /// @notice VaultTrade.vaultWorth, as DerivativesEngine.deal asks for it
    function vaultWorth(Context calldata c, int256 cashWad) external pure returns (int256) {
        Offer memory offer = VaultTrade.offer(c, 0);
        offer.vaultCash = cashWad;
        return VaultTrade.vaultWorth(offer);
    }

    /// @notice VaultTrade.price
    function priceOf(Context calldata c, int256 size) external pure returns (VaultDeal memory) {
        return VaultTrade.price(VaultTrade.offer(c, size));
    }

    /// @notice VaultTrade.requireSkew
    function requireSkew(Context calldata c, VaultDeal calldata d) external pure {
        VaultTrade.requireSkew(VaultTrade.offer(c, d.size), d);
    }

    /// @notice VaultTrade.requireLimit
    function requireLimit(VaultDeal calldata d, uint256 limitPrice) external pure {
        VaultTrade.requireLimit(d, limitPrice);
    }

    /// @notice VaultTrade.legs
    function legsOf(AccountId account, VaultDeal calldata d) external pure returns (Leg[] memory) {
        return VaultTrade.legs(account, d.size, Terms(d.quote, d.fee, Sample(0, 0)));
    }

    /// @notice VaultTrade.sample
    function sampleOf(Context calldata c, VaultDeal calldata d) external pure returns (Sample memory) {
        return VaultTrade.sample(VaultTrade.offer(c, d.size), d);
    }
}
