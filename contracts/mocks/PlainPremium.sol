// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccountWord} from "../derivatives/perp/AccountWord.sol";
import {FundingTerms, FundingWord, FundingWordLib} from "../derivatives/perp/FundingWord.sol";
import {LimitWord, LimitWordLib} from "../derivatives/perp/LimitWord.sol";
import {OiWord, OiWordLib} from "../derivatives/perp/OiWord.sol";
import {OpenCap} from "../derivatives/perp/OpenCap.sol";
import {PremiumRules} from "../derivatives/perp/PremiumRules.sol";
import {PremiumWord, PremiumWordLib} from "../derivatives/perp/PremiumWord.sol";
import {RiskNow, RiskWord, RiskWordLib} from "../derivatives/perp/RiskWord.sol";
import {TradeWord, TradeWordLib} from "../derivatives/perp/TradeWord.sol";
import {FeedId} from "../interfaces/OracleTypes.sol";
import {LimitParams, MarketStatus, RiskParams, TradeParams} from "../interfaces/PerpTypes.sol";

/// @title The words of a market and what moves them, each function by itself
/// @custom:security-contact See SECURITY.md
/// @notice Tests compare each with the specification.
contract PlainPremium {
    /* FUNDING */

    /// @notice FundingWordLib.pack
    function packFunding(int256 long, int256 short, uint256 fundedAt, int256 rate) external pure returns (FundingWord) {
        return FundingWordLib.pack(long, short, fundedAt, rate);
    }

    /// @notice Both indices, the start of the interval and the rate of a packed funding.
    function unpackFunding(FundingWord w) external pure returns (int256, int256, uint256, int256) {
        return (w.fLong(), w.fShort(), w.fundedAt(), w.rate());
    }

    /// @notice FundingWordLib.start
    function startFunding(uint256 now_) external pure returns (FundingWord) {
        return FundingWordLib.start(now_);
    }

    /// @notice FundingWordLib.indexOf
    function indexOf(FundingWord w, int256 lots) external pure returns (int256) {
        return w.indexOf(lots);
    }

    /// @notice FundingWordLib.shifted
    function shifted(FundingWord w, int256 long, int256 short) external pure returns (FundingWord) {
        return w.shifted(long, short);
    }

    /// @notice FundingWordLib.ticked
    function ticked(
        FundingWord w,
        PremiumWord p,
        FundingTerms calldata t,
        uint256 now_
    ) external pure returns (FundingWord, PremiumWord, uint256 intervals) {
        return w.ticked(p, t, now_);
    }

    /* PREMIUM */

    /// @notice PremiumWordLib.pack
    function packPremium(PremiumWordLib.Parts calldata p) external pure returns (PremiumWord) {
        return PremiumWordLib.pack(p);
    }

    /// @notice PremiumWordLib.unpack
    function unpackPremium(PremiumWord w) external pure returns (PremiumWordLib.Parts memory) {
        return w.unpack();
    }

    /// @notice PremiumWordLib.premium
    function premium(PremiumWord w, uint256 now_) external pure returns (int256) {
        return w.premium(now_);
    }

    /// @notice PremiumWordLib.folded
    function folded(PremiumWord w, uint256 now_) external pure returns (PremiumWord) {
        return w.folded(now_);
    }

    /// @notice PremiumWordLib.sampled
    function sampled(PremiumWord w, int256 sample, uint256 weight, uint256 now_) external pure returns (PremiumWord) {
        return w.sampled(sample, weight, now_);
    }

    /// @notice PremiumRules.sampleOf
    function sampleOf(uint256 priceWad, uint256 midWad) external pure returns (int256) {
        return PremiumRules.sampleOf(priceWad, midWad);
    }

    /// @notice PremiumRules.clamped
    function clamped(int256 samplePico, uint256 premCapPpm) external pure returns (int256) {
        return PremiumRules.clamped(samplePico, premCapPpm);
    }

    /// @notice PremiumRules.weightOf
    function weightOf(
        uint256 notionalWad,
        uint256 oiNotionalWad,
        TradeWord t,
        RiskWord r
    ) external pure returns (uint256) {
        return PremiumRules.weightOf(notionalWad, oiNotionalWad, t, r);
    }

    /* RISK */

    /// @notice RiskWordLib.pack
    function packRisk(RiskParams calldata p, MarketStatus status) external pure returns (RiskWord) {
        return RiskWordLib.pack(p, status);
    }

    /// @notice RiskWordLib.unpack
    function unpackRisk(RiskWord w) external pure returns (RiskParams memory) {
        return w.unpack();
    }

    /// @notice Penalty, pause, status and impact notional of a packed risk.
    function restOfRisk(RiskWord w) external pure returns (uint256, uint256, uint256, uint256) {
        return (w.penalty(), w.pause(), w.status(), w.impactNotional());
    }

    /// @notice RiskWordLib.inForce
    function inForce(RiskWord w, uint256 now_) external pure returns (RiskNow memory) {
        return w.inForce(now_);
    }

    /// @notice RiskWordLib.phased
    function phased(RiskWord w, RiskParams calldata p, uint256 now_) external pure returns (RiskWord) {
        return w.phased(p, now_);
    }

    /// @notice RiskWordLib.withPause
    function withPause(RiskWord w, uint8 mask) external pure returns (RiskWord) {
        return w.withPause(mask);
    }

    /// @notice RiskWordLib.withStatus
    function withStatus(RiskWord w, MarketStatus status) external pure returns (RiskWord) {
        return w.withStatus(status);
    }

    /* OPEN INTEREST */

    /// @notice OiWordLib.pack
    function packOi(uint256 oi, uint256 fees, uint256 maxOi, uint256 vaultShare) external pure returns (OiWord) {
        return OiWordLib.pack(oi, fees, maxOi, vaultShare);
    }

    /// @notice Open interest, fees, limit and the vault's share of a packed open interest.
    function unpackOi(OiWord w) external pure returns (uint256, uint256, uint256, uint256) {
        return (w.openInterest(), w.fees(), w.maxOi(), w.vaultShare());
    }

    /// @notice OiWordLib.moved
    function moved(OiWord w, uint256 oi, uint256 feePico) external pure returns (OiWord) {
        return w.moved(oi, feePico);
    }

    /// @notice OiWordLib.collected
    function collected(OiWord w) external pure returns (OiWord) {
        return w.collected();
    }

    /// @notice OpenCap.plus
    function plusOpened(uint256 word, uint256 lots, uint256 now_) external pure returns (uint256, uint256) {
        return OpenCap.plus(word, lots, now_);
    }

    /* TERMS OF TRADE, LIMITS */

    /// @notice TradeWordLib.pack
    function packTrade(FeedId feed, TradeParams calldata p) external pure returns (TradeWord) {
        return TradeWordLib.pack(feed, p);
    }

    /// @notice TradeWordLib.unpack, and the feed.
    function unpackTrade(TradeWord w) external pure returns (FeedId, TradeParams memory) {
        return (w.feed(), w.unpack());
    }

    /// @notice What a packed trade is read for: least notional in wad, skew scale in lots, whether there is a market.
    function readTrade(TradeWord w) external pure returns (uint256, uint256, bool) {
        return (w.minNotional(), w.skewScale(), w.exists());
    }

    /// @notice LimitWordLib.pack
    function packLimit(LimitParams calldata p) external pure returns (LimitWord) {
        return LimitWordLib.pack(p);
    }

    /// @notice LimitWordLib.unpack
    function unpackLimit(LimitWord w, OiWord oi) external pure returns (LimitParams memory) {
        return w.unpack(oi);
    }

    /// @notice LimitWordLib.minFee
    function minFee(LimitWord w) external pure returns (uint256) {
        return w.minFee();
    }

    /* ACCOUNT */

    /// @notice Cash and markets of a packed account.
    function unpackAccount(AccountWord w) external pure returns (int256, uint256) {
        return (w.cash(), w.markets());
    }

    /// @notice AccountWordLib.withCash
    function withCash(AccountWord w, int256 cashWad) external pure returns (AccountWord) {
        return w.withCash(cashWad);
    }

    /// @notice AccountWordLib.plus
    function plusCash(AccountWord w, int256 deltaWad) external pure returns (AccountWord) {
        return w.plus(deltaWad);
    }

    /// @notice AccountWordLib.withMarket
    function withMarket(AccountWord w, uint256 market, bool held) external pure returns (AccountWord) {
        return w.withMarket(market, held);
    }
}
