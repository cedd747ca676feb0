"""MarketBounds and setPause against the specification: inside, on and just outside each bound."""

from dataclasses import replace

from hypothesis import event, given
from hypothesis import strategies as st

from clearing.channel.words import snake_case
from clearing.spec.perp_margin import BPS, in_force, listed, phased
from clearing.spec.perp_params import prem_cap_limit, require_all, require_change, require_pause
from clearing.spec.perp_types import LimitParams, MarketStatus, RiskParams, TradeParams
from clearing.spec.units import DAY_S, PPM
from tests.harness.perp import ETH, LIMIT, RISK, TRADE, deploy_perp
from tests.property.perp_scenes import (
    Refusal,
    between,
    limit_params,
    magnitudes,
    plain,
    risk_params,
    trade_params,
    verdict,
)

SOL = plain("MarketBounds")
BOOK = plain("PlainPremium")
WIDTHS = {
    "im": 32,
    "kappa": 16,
    "slope": 32,
    "imMax": 32,
    "penalty": 32,
    "impactNotional": 32,
    "takerFee": 16,
    "makerFee": 16,
    "vaultSpread": 16,
    "premCap": 32,
    "minNotional": 32,
    "skewScale": 40,
    "coefficientInverse": 16,
    "maxRate": 32,
    "interval": 16,
    "band": 16,
    "minFee": 16,
    "openCap": 72,
    "vaultShare": 32,
    "maxOi": 72,
}
"""Bits of each field of PerpTypes.sol."""

Market = tuple[RiskParams, TradeParams, LimitParams, int]
"""And the confidence of its feed, bps."""
_rules = risk_params(least_im=20_000)
_terms = trade_params()


@st.composite
def markets(draw) -> Market:
    """Draw a market that may be."""
    risk, trade, limit = draw(_rules), draw(_terms), draw(limit_params)
    mm, mm_up = risk.im * risk.kappa // BPS, -(-risk.im * risk.kappa // BPS)
    conf = between(draw, 1, 20)
    most = min(2 * mm // 3, mm - conf * 100 - 1, 2**17 - 1)
    risk = replace(risk, penalty=between(draw, 1, most))
    trade = replace(trade, prem_cap=between(draw, 1, prem_cap_limit(risk, conf)))
    max_rate = between(draw, 1, min((risk.im - mm_up) // 4, 2**17 - 1))
    min_fee = between(draw, 0, min(trade.min_notional * mm // (2 * BPS), 2**16 - 1))
    return risk, trade, replace(limit, max_rate=max_rate, min_fee=min_fee), conf


def both(*market):
    """Return the one verdict of both sides."""
    expected = verdict(require_all, *market)
    got = verdict(lambda *args: SOL.read("requireAll", *args), *market)
    assert got == expected
    return got


def with_one(market, name, value):
    """Return a market with another value of one field."""
    place = next(i for i, one in enumerate((RISK, TRADE, LIMIT)) if name in one)
    changed = replace(market[place], **{snake_case(name): value})
    return (*market[:place], changed, *market[place + 1 :])


def test_widths__the_table__has_every_field():
    assert WIDTHS.keys() == RISK.keys() | TRADE.keys() | LIMIT.keys()


@given(markets())
def test_require_all__inside_the_bounds__is_allowed(market):
    assert both(*market) is None


def edges_of(risk, trade, limit, conf):
    """Return each field with its least and greatest value, the others being as they are."""
    mm, mm_up = risk.im * risk.kappa // BPS, -(-risk.im * risk.kappa // BPS)
    by_mark = (risk.im - mm_up) * PPM // (PPM + mm_up)
    by_price = mm - risk.penalty - 100 * conf
    steepest = (99 * 10**8 // risk.kappa + risk.im) // 2 if risk.slope else PPM
    return {
        "im": (10_000, risk.im_max),
        "kappa": (5_000, 6_000 if risk.slope else 9_000),
        "slope": (0, PPM),
        "imMax": (risk.im, min(PPM, steepest)),
        "penalty": (1, min(2 * mm // 3, 2**17 - 1)),
        "impactNotional": (1, 2**32 - 1),
        "takerFee": (0 if min(trade.maker_fee, trade.vault_spread) else 1, 10_000),
        "makerFee": (0 if trade.taker_fee else 1, 10_000),
        "vaultSpread": (0 if trade.taker_fee else 1, 10_000),
        "premCap": (1, min(by_mark, by_price, 2**17 - 1)),
        "minNotional": (1, 10**6),
        "skewScale": (1, 2**36 - 1),
        "coefficientInverse": (1, 1_000),
        "maxRate": (1, min((risk.im - mm_up) // 4, 2**17 - 1)),
        "interval": (900, 28_800),
        "band": (1, 50_000),
        "minFee": (0, trade.min_notional * mm // (2 * BPS)),
        "openCap": (0, 2**72 - 1),
        "vaultShare": (0, PPM),
        "maxOi": (0, 2**72 - 1),
    }


DEPENDED_ON = {"im", "kappa", "slope", "imMax", "penalty", "minNotional"}
"""Fields by which others are bounded: at their own edges another may be out of bounds."""


@given(markets())
def test_require_all__a_unit_beyond_each_edge__is_refused_by_the_same_name(market):
    for name, edges in edges_of(*market).items():
        for inside, outside in zip(edges, (edges[0] - 1, edges[1] + 1), strict=True):
            if 0 <= inside < 2 ** WIDTHS[name]:
                refusal = both(*with_one(market, name, inside))
                assert refusal is None or name in DEPENDED_ON
                event(f"{name}: {'allowed' if refusal is None else 'others'}")
            if 0 <= outside < 2 ** WIDTHS[name]:
                refusal = both(*with_one(market, name, outside))
                assert refusal == ("BadParameter", (_named(name, outside, market),))


def _named(name, value, market):
    """Return which field is named: mostly the one that is out of bounds itself."""
    risk = market[0]
    if name == "im" and risk.im_max < value <= PPM:
        return "imMax"
    if name == "slope" and risk.kappa > 6_000:
        return "kappa"  # a slope of any size asks for less
    return "takerFee" if name in {"makerFee", "vaultSpread"} and value == 0 else name


changes = st.tuples(st.sampled_from(list(WIDTHS)), magnitudes(72))


@given(markets(), st.lists(changes, min_size=1, max_size=4), st.none() | st.integers(0, 2**16))
def test_require_all__any_values_of_some_fields__have_the_same_verdict(market, some, conf):
    """Several may be out of bounds: the first is named, and nothing underflows before."""
    for name, value in some:
        market = with_one(market, name, value % 2 ** WIDTHS[name])
    if conf is not None:
        market = (*market[:3], conf)

    event(str(both(*market)))


# CHANGE


@given(markets(), markets(), st.integers(0, DAY_S))
def test_require_change__any_two_markets__is_asked_of_both_ends(old, new, elapsed):
    """As setMarket asks: the new rules, and those in force right after."""
    risk = listed(old[0], MarketStatus.LIVE, 0)
    word = BOOK.read("phased", BOOK.read("packRisk", old[0], 1), new[0], DAY_S)
    now_ = BOOK.read("inForce", word, DAY_S)[:4]
    first = RiskParams(*now_, new[0].penalty, new[0].impact_notional)

    expected = both(*new) or both(first, *new[1:])
    got = verdict(require_change, risk, *new, DAY_S)

    event("refused" if got else "allowed")
    assert got == expected
    if got is None:
        _holds_on_the_way(phased(risk, new[0], DAY_S), new, DAY_S + elapsed)


def _holds_on_the_way(risk, market, now):
    """In between all bounds hold but the steepest maintenance, which stays below 1."""
    params, trade, limit, conf = market
    r = in_force(risk, now)
    between = RiskParams(r.im, r.kappa, 0, r.im_max, params.penalty, params.impact_notional)
    assert both(between, trade, limit, conf) is None
    assert not r.slope or r.kappa * (2 * r.im_max - r.im) < BPS * PPM


# PAUSE


def test_set_pause__each_mask__has_the_specifications_verdict():
    rig = deploy_perp()
    for mask in range(256):
        with rig.chain.isolated():
            got = verdict(rig.admin.send, "setPause", ETH, mask, sender=rig.roles.timelock)
            refusal = got if isinstance(got, Refusal) else None
            assert refusal == verdict(require_pause, mask)
