// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

// Units: lots 1e-8 units, pico 1e-12 USD, wad 1e-18 USD, ppm 1e-6, bps 1e-4. Times are Unix seconds, durations seconds.

/// An account of the engine; 0 to 3 are the protocol's.
type AccountId is uint32;

/// A market, counted from 0.
type MarketId is uint16;

// Markets that the engine has room for; that are listed at most, so that absorbing anybody fits into a transaction (docs/adr/0015);
// and that one account can be in.
uint256 constant MAX_MARKETS = 128;
uint256 constant MOST_LISTED = 24;
uint256 constant MAX_MARKETS_OF_ACCOUNT = 8;

// What a pause mask stops.
uint8 constant PAUSE_OPEN = 1;
uint8 constant PAUSE_REDUCE = 2;
uint8 constant PAUSE_LIQUIDATE = 4;
uint8 constant PAUSE_WITHDRAW = 8;
uint8 constant PAUSE_SETTLE = 16;
uint8 constant PAUSE_FUNDING = 32;

enum MarketStatus {
    NONE,
    LIVE,
    WIND_DOWN, // closing only, on its way to a settlement price
    SETTLED
}

/// Margin, in brackets the bounds in code. IM = N · min(im + slope · N, imMax), MM = kappa · IM.
struct RiskParams {
    uint32 im; // ppm of notional [10,000 .. 1,000,000]
    uint16 kappa; // bps: maintenance as a share of initial margin [5,000 .. 9,000; 6,000 where slope > 0]
    uint32 slope; // ppm per 1,000,000 USD of notional [0 .. 1,000,000]
    uint32 imMax; // ppm [im .. 1,000,000; where slope > 0 also kappa · (2 · imMax - im) <= 99 %]
    uint32 penalty; // ppm of what is liquidated [1 .. ⅔ of maintenance margin]
    uint32 impactNotional; // USD of trades that count as one whole premium sample [1 ..]
}

/// What a trade costs and how it moves the premium.
struct TradeParams {
    uint16 takerFee; // ppm [0 .. 10,000; with the lesser of makerFee and vaultSpread above 0]
    uint16 makerFee; // ppm [0 .. 10,000]
    uint16 vaultSpread; // ppm on each side of the vault's price [0 .. 10,000]
    uint32 premCap; // ppm: greatest premium either way [1 .. min((im - mm) / (1 + mm), mm - penalty - maxConf)]
    uint32 minNotional; // USD: least size of a position [1 .. 1,000,000]
    uint40 skewScale; // units: the vault's price moves by net / skewScale [1 .. 2^36 - 1]
    uint16 coefficientInverse; // hours over which a standing premium is paid once; 24 = coefficient 1/24 an hour [1 .. 1,000]
}

/// What bounds a market.
struct LimitParams {
    uint32 maxRate; // ppm: greatest funding of one interval [1 .. (im - mm) / 4]
    uint16 interval; // s between two fundings [900 .. 28,800]
    uint16 band; // ppm: how far signed prices may be from mid [1 .. 50,000]
    uint16 minFee; // US cents: what an absorption pays a keeper at least [0 .. half the maintenance margin of minNotional]
    uint72 openCap; // lots of net new open interest in a window of ten minutes while one source prices the market
    uint32 vaultShare; // ppm of the vault's value that it may carry of this market [0 .. 1,000,000]
    uint72 maxOi; // lots of open interest
}

/// The terms of a market that are changed most: of RiskParams, TradeParams and LimitParams, in their units and bounds.
struct MarketRates {
    uint32 im;
    uint16 kappa;
    uint16 takerFee;
    uint16 makerFee;
    uint16 vaultSpread;
    uint32 maxRate;
    uint16 interval;
}
