// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Leg} from "../../contracts/interfaces/EngineTypes.sol";
import {AccountId} from "../../contracts/interfaces/PerpTypes.sol";
import {FillRules} from "../../contracts/derivatives/match/FillRules.sol";
import {GroupSum, GroupSums} from "../../contracts/derivatives/match/GroupSum.sol";
import {NonceRing, RingHead, RingSlot} from "../../contracts/derivatives/match/NonceRing.sol";
import {Ticket} from "../../contracts/derivatives/match/Ticket.sol";
import {Terms} from "../../contracts/interfaces/IMatchSettler.sol";
import {Symbolic} from "./Symbolic.sol";

/// @title Orders: how much is filled, at which price, with which legs
contract MatchProof is Symbolic {
    /* RING */

    /// @notice No order is filled beyond its size; what is filled rises by exactly the lots; no slot goes back to a lesser nonce.
    /// @dev All slots, nonces of 40 bits, sizes and fills of 128.
    function check_fill__accepted__is_within_the_size(
        uint256 word,
        uint40 nonce,
        uint40 least,
        uint128 lots,
        uint128 size
    ) external pure {
        RingSlot s = _slot(word);
        uint256 before = s.filledOf(nonce);
        RingSlot after_ = s.fill(AccountId.wrap(9), nonce, least, lots, size);
        assert(after_.nonce() == nonce && nonce >= s.nonce() && nonce >= least && nonce <= least + NonceRing.REACH);
        assert(after_.filled() == before + lots && after_.filled() <= size);
    }

    /// @notice A cancelled order is never filled by a single lot.
    /// @dev As above; sizes are of 127 bits (int128).
    function check_fill__cancelled__is_refused(uint40 nonce, uint40 least, uint128 lots, uint128 size) external view {
        vm.assume(lots > 0 && size <= uint128(type(int128).max));
        try this.fill(RingSlot.unwrap(NonceRing.cancelled(nonce)), nonce, least, lots, size) {
            assert(false);
        } catch {}
    }

    /// @notice An order whose slot a greater nonce has taken is dead, whatever was filled of it.
    function check_fill__replaced__is_refused(
        uint256 word,
        uint40 nonce,
        uint40 least,
        uint128 lots,
        uint128 size
    ) external view {
        RingSlot s = _slot(word);
        vm.assume(nonce < s.nonce());
        try this.fill(word, nonce, least, lots, size) {
            assert(false);
        } catch {}
    }

    /// @notice Two nonces share a slot only if they are a multiple of 64 apart.
    function check_index__of_two_nonces__collides_each_64(uint40 a, uint40 b) external pure {
        vm.assume(a < b && uint256(b) - a < 64);
        assert(NonceRing.index(a) != NonceRing.index(b) && NonceRing.index(a) < 64);
    }

    /// @notice The head keeps its owner and its least nonce apart.
    function check_headOf__any__keeps_both(uint40 least, address owner) external pure {
        RingHead h = NonceRing.headOf(least, owner);
        assert(h.least() == least && h.owner() == owner);
    }

    function fill(uint256 word, uint256 nonce, uint256 least, uint256 lots, uint256 size) external pure {
        RingSlot.wrap(word).fill(AccountId.wrap(9), nonce, least, lots, size);
    }

    /// @dev A slot as it is stored: 168 bits.
    function _slot(uint256 word) private pure returns (RingSlot) {
        vm.assume(word >> 168 == 0);
        return RingSlot.wrap(word);
    }

    /* RULES */

    /// @notice An accepted price is on the tick, within the taker's limit and within the band around mid.
    /// @dev Prices of 128 bits, mids of 96, bands of 16 bits.
    function check_requirePrice__accepted__is_within_limit_and_band(
        uint128 price,
        uint128 limit,
        int128 size,
        uint96 mid,
        uint16 band
    ) external pure {
        Ticket memory taker;
        (taker.size, taker.limitPrice) = (size, limit);
        Terms memory t;
        (t.mid, t.band) = (mid, band);
        FillRules.requirePrice(price, taker, t);
        assert(price % 1e14 == 0);
        assert(size > 0 ? price <= limit : price >= limit);
        assert(uint256(price) * 1e6 <= uint256(mid) * (1e6 + uint256(band)));
        assert(uint256(price) * 1e6 >= uint256(mid) * (1e6 - uint256(band)));
    }

    /// @notice What reduces brings a position nearer to zero and never through it.
    /// @dev Positions of 72 bits, lots of 136.
    function check_requireReducing__accepted__turns_nobody_around(int72 position, int136 lots) external pure {
        FillRules.requireReducing(AccountId.wrap(9), position, lots);
        int256 after_ = int256(position) + lots;
        if (position > 0) assert(after_ >= 0 && after_ < position);
        else assert(after_ <= 0 && after_ > position);
    }

    /* LEGS */

    /// @notice Fees round up, by less than a pico.
    /// @dev Quotes below 2^186, rates of 14 bits: the widths that GroupSum.sol states.
    function check_feeOf__any__is_the_ceiling(uint192 quote, uint16 fee) external pure {
        vm.assume(quote < 1 << 186 && fee < 1 << 14);
        uint256 charged = GroupSums.feeOf(quote, fee);
        assert(charged * 1e6 >= uint256(quote) * fee && charged * 1e6 < uint256(quote) * fee + 1e6);
    }

    /// @notice PERP-01: the legs of a group sum to zero in size and in quote (a taker and two makers, the same account or not).
    /// @dev Lots of 128 bits, quotes of 179; a fill without lots has no quote (`quoteOf`); without samples.
    function check_close__of_two_fills__sums_to_zero(
        bool buys,
        uint128[2] memory lots,
        uint184[2] memory quotes,
        bool same
    ) external pure {
        vm.assume(quotes[0] < 1 << 179 && quotes[1] < 1 << 179);
        vm.assume((lots[0] > 0 || quotes[0] == 0) && (lots[1] > 0 || quotes[1] == 0));
        Terms memory t;
        GroupSum memory sum = GroupSums.start(3);
        for (uint256 i = 0; i < 2; ++i) {
            Ticket memory maker;
            (maker.account, maker.lots) = (AccountId.wrap(uint32(same ? 9 : 9 + i)), lots[i]);
            int256 size = buys ? -int256(uint256(lots[i])) : int256(uint256(lots[i]));
            sum.add(maker, size, quotes[i], t);
        }
        Ticket memory taker;
        (taker.account, taker.size) = (AccountId.wrap(8), buys ? int128(1) : int128(-1));
        Leg[] memory legs = sum.close(taker, 0);
        (int256 size_, int256 quote_) = (legs[0].size + legs[1].size, legs[0].quote + legs[1].quote);
        if (legs.length == 3) (size_, quote_) = (size_ + legs[2].size, quote_ + legs[2].quote);
        assert(legs.length == (same ? 2 : 3));
        assert(size_ == 0 && quote_ == 0);
    }
}
