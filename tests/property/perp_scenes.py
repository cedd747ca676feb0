"""What the property tests of the perpetual swaps' arithmetic draw, and how they compare.

Widths are those of the libraries: sizes 72 bits, prices below 2^96 wad, cash 128 bits, times 32.
"""

from collections.abc import Callable
from dataclasses import astuple, replace
from functools import lru_cache
from typing import Any, NamedTuple

from hypothesis import strategies as st

from clearing.spec.errors import SpecError
from clearing.spec.perp_margin import in_force, listed, phased
from clearing.spec.perp_types import (
    Funding,
    LimitParams,
    MarketStatus,
    OpenInterest,
    Pause,
    Position,
    Premium,
    Risk,
    RiskNow,
    RiskParams,
    TradeParams,
)
from clearing.spec.perp_units import PPM_TO_PICO
from clearing.spec.units import DAY_S, PPM
from tests.harness.actors import key_of
from tests.harness.contract import Contract
from tests.harness.draw import signed_integers, unsigned_integers
from tests.harness.errors import Refused
from tests.harness.revm import Revm

FEED = b"ETH/USD".ljust(16, b"\0")
NOW = 1_700_000_000
MAX_PREMIUM = (2**17 - 1) * PPM_TO_PICO
"""Pico: the greatest cap that a word holds."""
HOLDS_NO_MORE = {"SafeCastOverflowedIntDowncast", "SafeCastOverflowedUintDowncast"}


@lru_cache
def plain(name: str) -> Contract:
    """Return a deployed contract that keeps nothing."""
    return Revm().deploy(name, sender=key_of("deployer").address)


# COMPARE


class Refusal(NamedTuple):
    name: str
    args: tuple[object, ...]


def verdict(function: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """Return what a function of either side returns, or its refusal."""
    try:
        return function(*args, **named)
    except (Refused, SpecError) as refusal:
        return Refusal(refusal.name, refusal.args_)


def is_refused_or(expected: Any, got: Any) -> bool:
    """Say whether arithmetic was exact, or too large and refused; wrapped is neither."""
    if isinstance(got, Refusal):
        return got.name == "Panic" or got.name in HOLDS_NO_MORE
    return bool(got == expected)


# NUMBERS


def magnitudes(bits: int, least: int = 0) -> st.SearchStrategy[int]:
    """Return naturals below 2^bits: each length as often as another, and both ends often."""
    ends = st.sampled_from((least, least + 1, 2**bits - 1, 2**bits - 2))
    lengths = st.tuples(st.integers(0, 2**bits - 1), st.integers(0, bits - 1))
    return ends | lengths.map(lambda drawn: max(least, drawn[0] >> drawn[1]))


def signed(bits: int) -> st.SearchStrategy[int]:
    """Return integers of a signed width: each length as often as another, and both ends often."""
    sizes = st.builds(int.__mul__, magnitudes(bits - 1), st.sampled_from((1, -1)))
    return sizes | st.just(-(2 ** (bits - 1)))


def around_signed(bits: int) -> st.SearchStrategy[int]:
    """Return integers of a signed width and a little beyond."""
    edge = 2 ** (bits - 1)
    return st.sampled_from((-edge - 1, -edge, edge - 1, edge)) | signed_integers(bits)


def around_unsigned(bits: int) -> st.SearchStrategy[int]:
    """Return naturals of a width and a little beyond."""
    return st.sampled_from((2**bits - 1, 2**bits)) | unsigned_integers(bits)


def within(least: int, greatest: int) -> st.SearchStrategy[int]:
    """Return integers between two bounds, both of them often."""
    return st.sampled_from((least, greatest)) | st.integers(least, greatest)


_WHOLE = 2**64
_shares = st.sampled_from((0, _WHOLE)) | st.integers(0, _WHOLE)


def between(draw: st.DrawFn, least: int, greatest: int) -> int:
    """Draw as `within`, but without a new strategy for each example, which takes longer."""
    return least + (greatest - least) * draw(_shares) // _WHOLE


lots = signed(72)
prices = magnitudes(96, 1)
cash = signed(128)
premiums = within(-MAX_PREMIUM, MAX_PREMIUM) | st.just(0)
times = within(0, 2**32 - 1)
indices = signed(88)


@st.composite
def bands(draw: st.DrawFn) -> tuple[int, int]:
    """Draw a price band, wad, low end first."""
    low, high = sorted((draw(prices), draw(prices)))
    return low, high


# PARAMETERS

_booleans = st.booleans()
_feeds = st.integers(1, 2**128 - 1).map(lambda number: number.to_bytes(16, "big"))
_masks = st.integers(0, 255).map(Pause)
_statuses = st.sampled_from(MarketStatus)


@st.composite
def risk_params(draw: st.DrawFn, *, least_im: int = 10_000, sloped: bool = False) -> RiskParams:
    """Draw margin rules within their bounds."""
    slope = between(draw, 1, PPM) if sloped or draw(_booleans) else 0
    im = between(draw, least_im, PPM)
    kappa = between(draw, 5_000, 6_000 if slope else 9_000)
    steepest = (9_900_000_000 // kappa + im) // 2
    return RiskParams(
        im=im,
        kappa=kappa,
        slope=slope,
        im_max=between(draw, im, min(PPM, steepest) if slope else PPM),
        penalty=between(draw, 1, min(2 * (im * kappa // 10_000) // 3, 2**17 - 1)),
        impact_notional=between(draw, 1, 2**32 - 1),
    )


@st.composite
def trade_params(draw: st.DrawFn) -> TradeParams:
    """Draw terms of trade within their bounds, the premium's cap within its word."""
    taker = between(draw, 0, 10_000)
    return TradeParams(
        feed=draw(_feeds),
        taker_fee=taker,
        maker_fee=between(draw, 0 if taker else 1, 10_000),
        vault_spread=between(draw, 0 if taker else 1, 10_000),
        prem_cap=between(draw, 1, 2**17 - 1),
        min_notional=between(draw, 1, 10**6),
        skew_scale=between(draw, 1, 2**36 - 1),
        coefficient_inverse=between(draw, 1, 1_000),
    )


limit_params = st.builds(
    LimitParams,
    max_rate=within(1, 2**17 - 1),
    interval=within(900, 28_800),
    band=within(1, 50_000),
    min_fee=within(0, 2**16 - 1),
    open_cap=within(0, 2**72 - 1),
    vault_share=within(0, PPM),
    max_oi=within(0, 2**72 - 1),
)


def _at_once(params: RiskParams) -> RiskNow:
    return in_force(listed(params, MarketStatus.LIVE, 0), 0)


risks_now = risk_params().map(_at_once)
sloped_now = risk_params(sloped=True).map(_at_once)


@st.composite
def risks(draw: st.DrawFn) -> Risk:
    """Draw margin rules on their way from some to others."""
    old, new = draw(risk_params()), draw(risk_params())
    start = between(draw, 0, 2**32 - 1 - 2 * DAY_S)
    pause, status = draw(_masks), draw(_statuses)
    before = listed(old, status, start)
    return replace(phased(before, new, start), pause=pause)


# WORDS

positions = st.builds(Position, lots, signed(96), indices)
interests = st.builds(OpenInterest, unsigned_integers(72), unsigned_integers(88))
fundings = st.builds(Funding, indices, indices, within(0, 2**40 - 1), signed(40))


@st.composite
def premium_words(draw: st.DrawFn, *, folded: bool = False) -> Premium:
    """Draw a premium that samples at and before NOW can leave."""
    ema_at = draw(st.just(0) | st.integers(NOW - 40_000, NOW))
    anchor_age = between(draw, 0, 300) if ema_at else 0
    pending_at = between(draw, max(ema_at, NOW - 1_000), NOW)
    mean, weight = (0, 0) if folded else (draw(premiums), between(draw, 0, 4 * 10**9))
    ema = draw(premiums) if ema_at else 0
    integral = draw(signed(62)) if ema_at else 0
    return Premium(ema, ema_at, anchor_age, pending_at, mean, weight, integral)


# PACK


def word_of_position(p: Position) -> int:
    """Return `| index 88 | quote 96 | size 72 |`."""
    return _joined((p.size, 72), (p.quote, 96), (p.index, 88))


def word_of_funding(f: Funding) -> int:
    """Return `| rate 40 | fundedAt 40 | fShort 88 | fLong 88 |`."""
    return _joined((f.f_long, 88), (f.f_short, 88), (f.funded_at, 40), (f.rate, 40))


def word_of_trade(t: TradeParams) -> int:
    """Return the terms of trade as the engine stores them."""
    return _joined(
        (int.from_bytes(t.feed, "big"), 128),
        (t.taker_fee, 14),
        (t.maker_fee, 14),
        (t.vault_spread, 14),
        (t.prem_cap, 17),
        (t.min_notional, 20),
        (t.skew_scale, 36),
        (t.coefficient_inverse, 10),
    )


def word_of_premium(p: Premium) -> int:
    """Return the premium as the engine stores it."""
    return _joined(
        (p.ema, 40),
        (p.ema_at, 32),
        (p.anchor_age, 16),
        (p.pending_at, 32),
        (p.mean, 40),
        (p.weight, 32),
        (p.integral, 64),
    )


def word_of_risk(r: Risk) -> int:
    """Return the margin rules as the engine stores them."""
    rules = [
        field
        for one in (r.old, r.new)
        for field in zip(astuple(one), (20, 14, 24, 20), strict=True)
    ]
    rest = ((r.phase_start, 32), (r.penalty, 17), (r.pause, 8), (r.status, 4))
    return _joined(*rules, *rest, (r.impact_notional, 32))


def word_of_limit(p: LimitParams) -> int:
    """Return `| openCap 72 | minFee 16 | band 16 | interval 16 | maxRate 17 |`."""
    return _joined(
        (p.max_rate, 17), (p.interval, 16), (p.band, 16), (p.min_fee, 16), (p.open_cap, 72)
    )


def word_of_oi(o: OpenInterest, p: LimitParams) -> int:
    """Return `| vaultShare 20 | fees 88 | maxOi 72 | openInterest 72 |`."""
    return _joined((o.open_interest, 72), (p.max_oi, 72), (o.fees, 88), (p.vault_share, 20))


def word_of_account(cash_wad: int, markets: int) -> int:
    """Return `| markets 128 | cash 128 |`."""
    return _joined((cash_wad, 128), (markets, 128))


def _joined(*fields: tuple[int, int]) -> int:
    """Return the word of values with their bits, lowest first."""
    word = at = 0
    for value, bits in fields:
        word |= (value & (2**bits - 1)) << at
        at += bits
    assert at <= 256
    return word
