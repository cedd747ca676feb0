// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

// Prices are USD per unit, 1e18 (WAD). Times are Unix seconds, durations seconds, shares basis points of 10,000 (bps).

/// A feed's name: up to 16 ASCII characters, left-aligned, such as "ETH/USD". Zero is no feed.
type FeedId is bytes16;

// Gates: each forbids some actions whatever the price state is (IPriceOracle has the table).

// The guardian has paused the feed.
uint8 constant GATE_PAUSED = 1;
// The sequencer feed says down.
uint8 constant GATE_SEQ_DOWN = 2;
// The sequencer is up, for at most seqGraceLiquidate seconds: the grace of liquidations, funding and the ring.
uint8 constant GATE_SEQ_GRACE = 4;
// The sequencer is up, for at most seqGraceOpen seconds: the grace of openings and withdrawals.
uint8 constant GATE_SEQ_GRACE_OPEN = 8;
// The sequencer feed gave no answer that makes sense.
uint8 constant GATE_SEQ_UNKNOWN = 16;

/// What a source's answer is worth.
enum Grade {
    BROKEN, // no answer, or one that cannot be a price
    STALE, // too old
    AHEAD, // Pyth: from too far in the future
    UNCERTAIN, // Pyth: confidence interval too wide
    OK
}

enum SequencerStatus {
    UNKNOWN,
    DOWN,
    UP // also when the feed names no sequencer feed
}

/// What the sources together are worth. Exactly one holds.
enum PriceState {
    FROZEN, // nothing usable
    NORMAL, // both sources, in agreement
    PRIMARY_ONLY, // Chainlink alone
    SECONDARY_ONLY, // Pyth alone, near the TWAP
    TWAP_ONLY, // both sources too old, the ring bridges
    DIVERGED, // both sources, apart
    TRIPPED // the breaker
}

/// Why the breaker tripped. A greater reason replaces a lesser one, never the other way round.
enum TripReason {
    NONE,
    JUMP, // a price too far from the last good one that no second source confirms
    DEVIATION, // the sources too far apart
    SANITY // both sources outside the sanity bounds
}

/// What a price is asked for.
enum Action {
    OPEN, // open or increase a position
    CLOSE, // close or reduce against the vault
    SIGNED_REDUCE, // signed reduce-only fills between traders, at their own limits
    WITHDRAW, // withdraw with positions
    LIQUIDATE,
    FUNDING, // the index of funding
    TWAP_RECORD // the ring's own
}

/// What a position in a market that is not acted on is valued for.
enum Purpose {
    OPEN, // adverse to the position
    LIQUIDATE, // in favour of the position
    MID
}

/// Where a feed's prices come from. Changed by `replaceFeed` alone.
struct FeedSources {
    address clFeed; // Chainlink aggregator (or its proxy)
    uint8 clDecimals; // of its answers, 0..18; an aggregator that says otherwise later is BROKEN
    bytes32 pythId; // price id at the Pyth contract; not 0
    address sequencer; // L2 sequencer uptime feed; 0 = not checked
}

/// A feed's limits. In brackets: the bounds in code.
struct FeedParams {
    uint24 clMaxStale; // greatest age of a Chainlink answer [60 s .. 25 h]
    uint16 clDeviation; // bps by which the aggregator lets the price move before it answers anew: half-width of its band [1 .. 499]
    uint16 softDev; // bps up to which the sources agree [clDeviation .. 499]
    uint16 hardDev; // bps above which the breaker trips [softDev + 1 .. 1,000]
    uint16 resetDev; // bps up to which agreement counts towards a reset [1 .. softDev]
    uint16 pyMaxStale; // greatest age of a Pyth price [1 s .. 1 h]
    uint8 pyOpenStale; // the same for opening [0 s .. pyMaxStale]
    uint8 pyMaxAhead; // greatest lead of a Pyth price over the block [0 .. 60 s]
    uint16 maxConf; // bps of the price, greatest confidence of a Pyth price [1 .. 500]
    uint16 maxConfOpen; // the same for opening [1 .. maxConf]
    uint16 jumpBase; // bps by which a price may differ from the last good one at once [clDeviation + softDev .. 2,500]
    uint16 jumpSlope; // bps more for each √second [0 .. 100]
    uint16 jumpCap; // bps at most [jumpBase .. 5,000]
    uint16 twapWindow; // seconds averaged [60 s .. 1 h]
    uint16 twapMaxGap; // greatest age of the newest and distance of neighbouring observations [30 s .. twapWindow]
    uint16 twapDev; // bps by which Pyth alone may differ from the TWAP [1 .. 2,000]
    uint8 twapMinObs; // observations in the window at least [2 .. twapWindow / 30]
    uint16 seqGraceOpen; // seconds without openings after the sequencer came back [0 .. 12 h]
    uint16 seqGraceLiquidate; // the same for liquidations [0 .. min(1 h, seqGraceOpen)]
    uint16 cooldown; // least seconds between a deviation trip and its reset [60 s .. 12 h]
    uint64 sanityMinE8; // least price that can be true, in 1e-8 USD [1 ..]
    uint64 sanityMaxE8; // greatest [sanityMinE8 + 1 .. 7e18, 70 billion USD]
}

/// All that one look at the sources gives. Prices are 0 where there is none.
struct Reading {
    PriceState state;
    uint8 gates; // GATE_ bits
    TripReason trip; // the greater of the latch and the trip condition that holds now; NONE unless TRIPPED
    bool agree; // Chainlink OK, Pyth OK or UNCERTAIN, and no more than softDev apart
    bool pythOpens; // Pyth is good enough for opening: OK, not older than pyOpenStale, confidence within maxConfOpen
    bool ringFit; // the ring may stand in for a source; evaluated, like `twap`, only where the state depends on it (`readingOf`: always)
    Grade clGrade;
    Grade pyGrade;
    SequencerStatus sequencer;
    uint256 sequencerSince; // time of its last flip; 0 if UNKNOWN or not checked
    uint256 c; // Chainlink's price; 0 if BROKEN
    uint256 clAt; // updatedAt; 0 if BROKEN
    uint256 p; // Pyth's price; 0 if BROKEN
    uint256 conf; // half-width of its confidence interval; 0 if BROKEN
    uint256 pyAt; // publish time; 0 if BROKEN
    uint256 twap; // over twapWindow; 0 unless ringFit
    uint256 mid;
    uint256 midAt; // time of the data behind mid; never in the future
    uint256 lo; // the band: CLOSE
    uint256 hi;
    uint256 openLo; // the strict band, contains the band: OPEN and WITHDRAW
    uint256 openHi;
    uint256 liqLo; // the favourable band, contains the band: LIQUIDATE
    uint256 liqHi;
    uint256 lastGood; // the newest mid that a poke saw in NORMAL, PRIMARY_ONLY or SECONDARY_ONLY
    uint256 lastGoodAt; // time of the data behind it
}

/// All that a reader of prices needs, from one call. Valuation form: where nobody can price (FROZEN, TRIPPED unless the sources agree)
/// mid is the last good price and the three bands are lastGood -/+ part(lastGood, 1000); nothing but SIGNED_REDUCE is allowed there.
struct Quote {
    uint256 mid;
    uint256 funding; // price of the funding index: mid if FUNDING is allowed, else the last good price
    uint256 lo; // CLOSE
    uint256 hi;
    uint256 openLo; // OPEN, WITHDRAW, and what is not acted on, adverse
    uint256 openHi;
    uint256 liqLo; // LIQUIDATE, and what is not acted on, favourable
    uint256 liqHi;
    uint256 allowed; // bit 1 << Action for each action that state and gates allow
    bool degraded; // Pyth is not good enough for opening: net new open interest is capped
    PriceState state;
    uint8 gates; // GATE_ bits
}

/// What the contract remembers of a feed.
struct FeedMemo {
    uint256 lastGood;
    uint40 lastGoodAt; // time of the data behind lastGood
    uint40 pausedUntil;
    TripReason latch; // NONE unless the breaker is latched
    uint40 trippedAt; // this and what follows up to `lastPrice` is meaningful while latched
    uint8 pokes; // evidence towards a reset: agreeing pokes (255 is 255 or more)
    uint24 pokedAt; // low 24 bits of the time of the last one that was counted; for nothing but to count a second once
    uint8 rounds; // evidence towards a reset: Chainlink rounds in line (255 is 255 or more)
    uint40 since; // updatedAt of the round the rounds are counted from
    uint40 lastAt; // updatedAt of the last round seen
    uint256 lastPrice; // price of that round
    uint8 head; // index of the ring's newest observation
    uint8 count; // observations in the ring, at most 128
    uint40 gapAt; // the ring has no gap since this time
}

/// One slot of the ring.
struct Observation {
    uint40 at;
    uint96 price; // in force from `at` to the next observation
    uint120 cumulative; // Σ price · seconds up to `at`, modulo 2^120
}
