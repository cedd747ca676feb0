// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccountId, MarketId} from "./PerpTypes.sol";
import {RingSlot} from "../derivatives/match/NonceRing.sol";
import {PackedHead} from "../derivatives/match/PackedOrders.sol";
import {TradeWord} from "../derivatives/perp/TradeWord.sol";

// Units: lots 1e-8 units, pico 1e-12 USD, wad 1e-18 USD, ppm 1e-6, times Unix seconds.

// Flags of an order; any other bit makes it void.

// It may only bring the account's position in its market nearer to zero.
uint8 constant REDUCE_ONLY = 1;
// Never a taker.
uint8 constant POST_ONLY = 2;
// Never a maker; what its group leaves of it is cancelled.
uint8 constant IOC = 4;

/// What an account's owner or session key signs (EIP-712).
struct Order {
    AccountId account;
    MarketId market;
    int128 size; // lots, + buys
    uint128 limitPrice; // wad; as a maker it trades at exactly this price, a multiple of 1e14
    uint32 maxFeePpm; // highest fee, of the quote
    uint64 expiry; // last second in which it may be filled
    uint40 nonce; // its slot in the account's ring is nonce % 64
    uint8 flags;
    uint128 triggerPrice; // wad, 0 = none; it lives while the index is at or beyond: above for a buy, below for a sale
}

struct SignedOrder {
    Order order;
    bytes signature; // 65 bytes r, s, v, or 64 bytes r, vs, or what the owner's contract understands (ERC-1271)
}

/// One maker and how much of it is filled.
struct Fill {
    SignedOrder maker;
    uint128 lots;
}

/// One taker, and the makers that it meets, by ascending account (one account may stand there several times in a row).
struct Group {
    SignedOrder taker;
    Fill[] fills;
}

/// What every group of a market is held to within one batch.
struct Terms {
    MarketId market;
    uint256 mid; // wad, the index; 0: not known yet
    uint256 band; // ppm of mid
    TradeWord trade;
    bool samples; // whether fills speak of the premium now
}

/// @title Signed orders, matched off chain, settled in batches
/// @custom:security-contact See SECURITY.md
/// @notice Traders sign orders; the settler pairs them and brings them here in batches. The settler is trusted with order and
/// censorship, and with nothing else: whatever it sends, an order is never filled beyond its size, outside its limits, after its
/// expiry, twice, or once cancelled.
///
/// @dev FILLED. A nonce's slot in its account's ring of 64 holds {nonce, filled}. An order may be filled while minNonce <= nonce <=
/// minNonce + 2^20, the slot's nonce is not greater (less: nothing of it is filled yet), and filled + fill <= |size|. Cancelling sets
/// filled to its maximum. A client that adds 64 to a nonce whose order is done uses the slot again, at a quarter of the gas.
///
/// GROUP. A taker and its makers, each at the maker's limit price: same market, opposite sides, owners other than the taker's. It is
/// booked whole, all accounts judged at its end, or skipped with the reason and without a trace. The first that fails is the reason, in
/// this order: signatures, before anything is written; no maker; the market's terms; the taker: known flags, expiry, fee, trigger, not
/// post-only; each maker: side, market, ascending account, owner, not IOC, then as the taker, then price on the tick, within the
/// taker's limit, within mid · (1 ± band), then lots, reduce-only, ring; the taker's lots, reduce-only, ring; the engine's `book`.
///
/// SIGNER. The owner of the account; a live session key; or, where the owner is a contract, whoever it vouches for by ERC-1271: a
/// static call of at most 100,000 gas, in the ABI form only, while nothing of the group is written and the groups before it are in the
/// ledger whole. Of an account that nobody has traded for yet the engine is asked for the owner, who never changes; then he is kept.
///
/// FEES. ceil(quote · rate), pico; the market's taker fee on the group's whole quote, the maker fee on each fill.
///
/// PREMIUM. trunc(Σ sample · quote / Σ quote) over the fills of minNotional or more, sample = trunc((price / mid - 1) · 1e12) within
/// ±premCap; none while the funding price is not live.
///
/// PACKED. One word: `| spare 4 | widths 5·4 | priceUnit 48 | sizeUnit 64 | expiryBase 40 | maxFeePpm 32 | batchId 48 |`, widths from
/// the low nibble: account (at most 4), nonce (5), size, price, expiry (8 each), in bytes. Then groups: flags (1 byte: 128 a market
/// follows, 64 each maker's lots follow its fields, 32 the taker's size is what the makers fill), number of makers (1 byte), market (2
/// bytes, if flagged; else the market before, at first 0), the taker, the makers. An order: flags (1 byte, 128 sells, the rest as
/// signed), account, nonce, size, price, expiry, lots, r, vs. Sizes count in sizeUnit lots, prices in priceUnit ticks of 1e14 wad,
/// expiries from expiryBase. Trigger prices and ERC-1271 exist in the ABI form alone. Otherwise both forms do the same to the bit, as
/// does one batch for each group.
///
/// GAS. A group that fails for lack of gas reverts the batch with InsufficientGas: it cannot be skipped by starving it.
interface IMatchSettler {
    /* EVENTS */

    /// An order was filled: lots signed as its size, at quotePico / |sizeLots| on average. `slot` is what its slot holds from now on: the
    /// nonce in the low 40 bits, the lots filled above. The market is in the engine's Booked, which follows.
    event OrderFilled(AccountId indexed account, RingSlot slot, int256 sizeLots, uint256 quotePico);
    /// The slot holds this nonce, filled to the maximum.
    event OrderCancelled(AccountId indexed account, uint40 indexed nonce);
    /// Every order below `minNonce` is dead.
    event NoncesCancelled(AccountId indexed account, uint40 minNonce);
    event BatchSettled(uint48 indexed batchId, uint256 groups, uint256 skipped);
    /// A group was skipped; `reason` is the error of this contract, the engine or the oracle.
    event FillSkipped(uint48 indexed batchId, uint256 indexed group, bytes reason);
    event SettlerChanged(address oldSettler, address newSettler);

    /* ERRORS of a call */

    error NotSettler(address caller);
    error NotTimelock(address caller);
    error NotTrader(AccountId account, address caller);
    error OnlySelf(address caller);
    error BatchOutOfOrder(uint256 batchId, uint256 expected);
    error EmptyBatch();
    error TooManyFills(uint256 fills);
    error InsufficientGas(uint256 have, uint256 want);
    /// The packed batch cannot be read from this byte on.
    error BadPacking(uint256 offset);
    /// A nonce that is neither cancelled nor within reach: minNonce < nonce <= minNonce + 2^20.
    error NonceOutOfReach(AccountId account, uint256 nonce, uint256 minNonce);

    /* ERRORS of a group: why it was skipped */

    error EmptyGroup();
    error InvalidSignature(AccountId account, uint40 nonce);
    error UnknownFlags(uint8 flags);
    error OrderExpired(AccountId account, uint40 nonce, uint64 expiry);
    error OrderFeeTooHigh(AccountId account, uint256 feePpm, uint256 maxFeePpm);
    error NotTriggered(AccountId account, uint256 triggerPrice, uint256 mid);
    error PostOnlyTaker(AccountId account, uint40 nonce);
    error IocMaker(AccountId account, uint40 nonce);
    error ZeroFill(AccountId account, uint40 nonce);
    error WrongMarket(MarketId market, MarketId expected);
    error SameSide(AccountId account, uint40 nonce);
    error MakersUnsorted(AccountId account, AccountId before);
    error SelfTrade(address owner);
    error PriceOffTick(uint256 price);
    error PriceBeyondLimit(uint256 price, uint256 limitPrice);
    error PriceOutsideBand(uint256 price, uint256 mid, uint256 bandPpm);
    /// A reduce-only order would open, or turn the position.
    error NotReducing(AccountId account, int256 positionLots, int256 fillLots);
    error NonceTooLow(AccountId account, uint256 nonce, uint256 minNonce);
    error NonceTooHigh(AccountId account, uint256 nonce, uint256 minNonce);
    /// The slot belongs to a later nonce.
    error NonceReplaced(AccountId account, uint256 nonce, uint256 stored);
    error Overfilled(AccountId account, uint256 nonce, uint256 filled, uint256 sizeLots);

    /* SETTLER */

    /// @notice Settle a batch.
    /// @param batchId the last one + 1.
    /// @param groups 100 fills at most in all.
    /// @dev Reverts: NotSettler, BatchOutOfOrder, EmptyBatch, TooManyFills, InsufficientGas, and as IDerivativesEngine.enter.
    function settle(uint48 batchId, Group[] calldata groups) external;

    /// @notice The same, from the packed form.
    /// @dev Reverts: as `settle`, BadPacking.
    function settlePacked(bytes calldata batch) external;

    /// @notice One group, whole or not at all. Only by this contract itself.
    /// @param known the terms of the group before, used if it was in the same market.
    /// @return the terms of this one.
    function applyGroup(Terms calldata known, Group calldata group) external returns (Terms memory);

    /// @notice The same, from the packed form. Only by this contract itself.
    /// @param head the batch's first word.
    /// @param flags the group's.
    /// @param orders the taker and the makers.
    function applyPacked(
        Terms calldata known,
        PackedHead head,
        uint256 flags,
        MarketId market,
        bytes calldata orders
    ) external returns (Terms memory);

    /* TRADERS: an account's owner or session key */

    /// @notice Cancel orders by their nonces. Those that are dead already are passed over.
    /// @dev Reverts: NotTrader, NonceOutOfReach.
    function cancel(AccountId account, uint40[] calldata nonces) external;

    /// @notice Cancel every order below a nonce.
    /// @param minNonce above the present one, by at most 2^20.
    /// @dev Reverts: NotTrader, NonceOutOfReach.
    function cancelUpTo(AccountId account, uint40 minNonce) external;

    /* TIMELOCK of the engine */

    /// @notice Name the settler; zero: nobody.
    function setSettler(address settler) external;

    /* VIEWS */

    /// @notice A slot of an account's ring: the nonce that it belongs to and how many lots of it are filled.
    function slotOf(AccountId account, uint256 index) external view returns (uint40 nonce, uint128 filled);

    function minNonceOf(AccountId account) external view returns (uint40);

    /// @notice What is left of an order that is neither expired nor cancelled; 0 if it cannot be filled now.
    /// @dev Looks at nonce and size alone: neither at the signature, nor at prices, nor at margin.
    function remainingOf(Order calldata order) external view returns (uint256 lots);

    /// @notice What is signed: the EIP-712 digest of an order, on this chain, for this contract.
    function digestOf(Order calldata order) external view returns (bytes32);

    function domainSeparator() external view returns (bytes32);

    function settler() external view returns (address);

    /// @notice The number of the last batch that was settled.
    function lastBatch() external view returns (uint48);

    /// @notice When it was settled, Unix seconds; before the first one, when this contract was made.
    /// @dev Tells how long the settler has been silent: a batch counts, whatever became of its groups.
    function lastBatchAt() external view returns (uint40);
}
