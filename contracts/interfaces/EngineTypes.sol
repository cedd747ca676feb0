// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {FundingWord} from "../derivatives/perp/FundingWord.sol";
import {LimitWord} from "../derivatives/perp/LimitWord.sol";
import {OiWord} from "../derivatives/perp/OiWord.sol";
import {Position} from "../derivatives/perp/Position.sol";
import {PremiumWord} from "../derivatives/perp/PremiumWord.sol";
import {RiskWord} from "../derivatives/perp/RiskWord.sol";
import {TradeWord} from "../derivatives/perp/TradeWord.sol";
import {PriceState, Quote} from "./OracleTypes.sol";
import {AccountId, MarketStatus} from "./PerpTypes.sol";

// Units: lots 1e-8 units, pico 1e-12 USD, wad 1e-18 USD.

/// What a module is in the system.
enum Role {
    NONE,
    VAULT, // trades against account 0, LP shares
    SETTLER, // signed orders
    RISK, // liquidation
    RESOLUTION, // absorb, ADL, socialise
    INSURANCE, // account 2
    ADMIN, // markets and their parameters
    SETTLEMENT // wind-down, closing at a settled price
}

/// What a booking is, and so what may forbid it.
enum Kind {
    VAULT, // a trade against the vault at the oracle's price
    MATCH, // signed orders between traders
    LIQUIDATION, // a liquidator takes over
    RESOLUTION // absorb, ADL, wind-down: nothing forbids it here
}

/// What a position is valued for.
enum Purpose {
    OPEN, // adverse: openings, withdrawals
    LIQUIDATE, // favourable: liquidation, what new shares of the vault cost
    MID
}

/// One side of a trade.
struct Leg {
    AccountId account;
    int256 size; // lots, + bought
    int256 quote; // pico, - paid
    uint256 fee; // pico, charged to the account's cash for the market's fees
    int256 cash; // wad, + received: a penalty and who gets it
    bool judged; // whether the account must be healthy afterwards
}

/// What a trade says of the premium.
struct Sample {
    int256 premium; // pico: price / mid - 1; clamped to the cap
    uint256 notional; // wad; 0: no sample
}

/// What the vault is asked to take the other side of.
struct Offer {
    int256 size; // lots, the trader's
    int256 held; // lots, the trader's position before
    uint256 lo; // wad, the band of an opening or of a reduction
    uint256 hi;
    uint256 mid; // wad
    TradeWord trade;
    OiWord oi;
    Position vault; // of account 0 in this market
    int256 vaultCash; // wad
    FundingWord funding;
}

/// What the vault asks for it.
struct Terms {
    int256 quote; // pico, the trader's: - paid, + received
    uint256 fee; // pico
    Sample sample;
}

/// An account that may be liquidated, in one market.
struct Held {
    int256 size; // lots
    HealthView health; // of the account, LIQUIDATE
}

/// All there is to price a trade in a market: funding ticked, premium folded.
struct Context {
    Quote quote;
    FundingWord funding;
    PremiumWord premium;
    OiWord oi;
    RiskWord risk;
    TradeWord trade;
    LimitWord limit;
    int256 pi; // pico, the premium now
    Position vault; // of account 0
    int256 accountSize; // lots, of the account that `peekContext` was asked for; else 0
}

/// What is stored of an account.
struct AccountState {
    address owner; // 0: one of the protocol's
    int256 cash; // wad
    uint256 markets; // bit 1 << market for each position
}

/// What is stored of a position, and the funding it has not settled.
struct PositionState {
    int256 size; // lots
    int256 quote; // pico
    int256 fundingIndex; // pico per unit
    int256 owed; // wad, with all funding that is due; negative: the position receives
}

/// A market now.
struct MarketState {
    MarketStatus status;
    uint8 pauseMask; // the timelock's; the guardian's own of all markets is told by GuardianPaused
    uint256 openInterest; // lots
    uint256 fees; // pico not collected yet
    int256 fLong; // pico per unit, with all intervals that are due
    int256 fShort;
    int256 rate; // pico, of the newest interval
    uint40 fundedAt; // start of the present interval
    int256 premium; // pico, π now
    PriceState state; // of its feed
    uint256 mid; // wad, the index
    uint256 mark; // wad, floor(mid · (1 + π))
}

/// What an account is worth for a purpose.
struct HealthView {
    int256 equity; // wad, floor
    uint256 notional; // wad, ceil
    uint256 im; // wad, ceil
    uint256 mm; // wad, ceil
    uint256 penalty; // wad, ceil: Σ f · N
    uint256 target; // wad, ceil: Σ (MM + N · (im - kappa · im) / 2), where a partial liquidation leaves the account
    uint256 liquidMm; // wad: the part of `mm` in markets whose feed allows LIQUIDATE
}
