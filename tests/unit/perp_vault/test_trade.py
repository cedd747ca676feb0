"""trade: against the vault, at the oracle's price."""

from fractions import Fraction
from functools import partial

import pytest

from tests.harness.actors import key_of
from tests.harness.perp import BTC, ETH, FEEDS, INSURANCE, LOT, VAULT, usd
from tests.unit.perp_engine.scene import (
    FOR_OPEN,
    NO_SAMPLE,
    OPEN,
    REDUCE,
    RESOLUTION_KIND,
    RESOLUTION_ROLE,
    VAULT_KIND,
    assert_only_fails_for,
    deaf,
    in_lock,
    module,
    refusal_of,
    set_cash,
    set_market,
    told,
    with_changed,
)
from tests.unit.perp_vault.prices import fee_of, quote_of

FAR = 2**64
ANY = 10**30
TEN = 10 * LOT
COST = 30_007_500_600_015_000
"""Pico: 10 · 3,000.3 · 1.0001 · (1 + 10 / 200,000) = 30,007.500600015 USD."""
FEE = 15_003_750_300_008
"""Pico: 0.05 % of it, up."""


def trading(rig, trader, size, *, market=ETH, limit=None, deadline=FAR):
    """Return the call that trades, at any price unless said otherwise."""
    account, owner = trader
    bound = limit if limit is not None else (ANY if size > 0 else 0)
    arguments = (account, market, size, bound, deadline)
    return partial(rig.vault.send, "trade", *arguments, sender=owner.address)


def open_interest(rig):
    return rig.engine.read("peekContext", 0, ETH)[3] & 2**72 - 1


# CHANGES


def test_trade__opening__moves_size_and_the_fee(rig, trader):
    assert (quote_of(TEN), fee_of(quote_of(TEN))) == (-COST, FEE)
    vault = rig.cash(VAULT)

    receipt = trading(rig, trader, TEN)()

    account, _ = trader
    assert receipt.output == -COST
    assert (rig.size(account, ETH), rig.size(VAULT, ETH)) == (TEN, -TEN)
    assert rig.cash(account) == usd(100_000) - FEE * 10**6
    assert rig.cash(VAULT) == vault
    assert open_interest(rig) == TEN
    assert rig.engine.read("accountOf", account)[2] == 1 << ETH


def test_trade__opening__emits_all_of_it(rig, trader):
    """K / S = 10 / 100,000; 30,007.5006 / 100,000 of a whole sample."""
    account, _ = trader

    receipt = trading(rig, trader, TEN)()

    assert told(receipt) == (
        ("Traded", (account, ETH, TEN, -COST, FEE)),
        ("Booked", (ETH, account, TEN, -COST, FEE, -FEE * 10**6, VAULT_KIND)),
        ("Booked", (ETH, VAULT, -TEN, COST, 0, 0, VAULT_KIND)),
        ("PremiumSampled", (ETH, 100_000_000, 300_075)),
    )


def test_trade__a_sale__is_at_the_lower_edge(rig, trader):
    """10 · 2,999.7 · 0.9999 · (1 - 10 / 200,000) = 29,992.5005999850..."""
    account, _ = trader

    receipt = trading(rig, trader, -TEN)()

    assert receipt.output == quote_of(-TEN) == 29_992_500_599_985_000
    assert (rig.size(account, ETH), rig.size(VAULT, ETH)) == (-TEN, TEN)
    assert open_interest(rig) == TEN


def test_trade__increasing__costs_what_one_trade_would(rig, trader):
    """[PERP-28] Path-independent: two halves cost the whole, but for a pico of rounding."""
    trading(rig, trader, 4 * LOT)()

    receipt = trading(rig, trader, 6 * LOT)()

    assert receipt.output == quote_of(6 * LOT, 4 * LOT)
    whole = -(quote_of(4 * LOT) + receipt.output)
    assert COST <= whole <= COST + 1, "PERP-28: splitting a trade gains nothing"
    assert rig.size(trader[0], ETH) == TEN


def test_trade__there_and_back__gains_nothing(rig, trader):
    """[PERP-28]."""
    account, _ = trader
    for size in (3 * LOT, 4 * LOT, -5 * LOT, 7 * LOT, -9 * LOT):
        trading(rig, trader, size)()

    assert rig.size(account, ETH) == 0
    lost = usd(100_000) - rig.cash(account)
    assert lost > 0, "PERP-28: no round trip at a constant oracle gains"


def test_trade__reducing__keeps_the_quote_in_the_position(rig, trader):
    account, _ = trader
    trading(rig, trader, TEN)()
    cash = rig.cash(account)
    back = quote_of(-4 * LOT, TEN)

    receipt = trading(rig, trader, -4 * LOT)()

    assert receipt.output == back
    assert rig.size(account, ETH) == 6 * LOT
    assert rig.cash(account) == cash - fee_of(back) * 10**6
    packed = rig.engine.read("positionOf", account, ETH)
    quote = (packed >> 72) & 2**96 - 1
    assert quote - 2**96 == back - COST
    assert open_interest(rig) == 6 * LOT


def test_trade__reducing_to_nothing__realises_the_quote(rig, trader):
    account, _ = trader
    trading(rig, trader, TEN)()
    back = quote_of(-TEN, TEN)

    trading(rig, trader, -TEN)()

    fees = FEE + fee_of(back)
    assert rig.cash(account) == usd(100_000) + (back - COST - fees) * 10**6
    assert rig.cash(VAULT) == usd(10_000_000) + (COST - back) * 10**6
    assert rig.engine.read("positionOf", account, ETH) == 0
    assert rig.engine.read("accountOf", account)[2] == 0
    assert open_interest(rig) == 0


def test_trade__flipping__ends_on_the_other_side(rig, trader):
    account, _ = trader
    trading(rig, trader, TEN)()

    receipt = trading(rig, trader, -2 * TEN)()

    assert receipt.output == quote_of(-2 * TEN, TEN)
    assert (rig.size(account, ETH), rig.size(VAULT, ETH)) == (-TEN, TEN)
    assert open_interest(rig) == TEN


def test_trade__with_one_source__opens_at_the_wider_band(rig, trader):
    """Chainlink alone: 15 bps either way."""
    rig.wait(61)
    rig.set_price(ETH, 3_000 * 10**8, pyth=False)

    receipt = trading(rig, trader, TEN)()

    assert receipt.output == quote_of(TEN, hi=Fraction(30_045, 10))


# LIMIT AND DEADLINE


def test_trade__a_purchase_at_its_limit__passes_and_above_it_is_refused(rig, trader):
    """Average 3,000.7500600015 USD."""
    limit = 3_000_750_060_001_500 * 10**6
    assert_only_fails_for(
        rig,
        lambda limit: trading(rig, trader, TEN, limit=limit),
        broken=limit - 1,
        fixed=limit,
        error=("PriceLimit", (COST, COST - 1)),
    )


def test_trade__a_sale_at_its_limit__passes_and_below_it_is_refused(rig, trader):
    """Average 2,999.2500599985 USD."""
    limit = 2_999_250_059_998_500 * 10**6
    got = 29_992_500_599_985_000
    assert_only_fails_for(
        rig,
        lambda limit: trading(rig, trader, -TEN, limit=limit),
        broken=limit + 1,
        fixed=limit,
        error=("PriceLimit", (got, got + 1)),
    )


def test_trade__after_its_deadline__is_refused(rig, trader):
    now = rig.chain.now
    assert_only_fails_for(
        rig,
        lambda deadline: trading(rig, trader, TEN, deadline=deadline),
        broken=now - 1,
        fixed=now,
        error=("Expired", (now - 1,)),
    )


# WHO AND WHAT


def test_trade__by_a_stranger__is_refused(rig, trader):
    account, owner = trader
    stranger = key_of("stranger")
    assert_only_fails_for(
        rig,
        lambda by: trading(rig, (account, by), TEN),
        broken=stranger,
        fixed=owner,
        error=("NotTrader", (account, stranger.address)),
    )


@pytest.mark.parametrize("account", [VAULT, INSURANCE])
def test_trade__for_an_account_of_the_protocol__is_refused(rig, trader, account):
    own, owner = trader
    assert_only_fails_for(
        rig,
        lambda id_: trading(rig, (id_, owner), TEN),
        broken=account,
        fixed=own,
        error=("NotTrader", (account, owner.address)),
    )


def test_trade__nothing__is_refused(rig, trader):
    assert_only_fails_for(
        rig,
        lambda size: trading(rig, trader, size),
        broken=0,
        fixed=TEN,
        error=("ZeroSize", ()),
    )


@pytest.mark.parametrize(("where", "name"), [("market", "UnknownMarket"), ("id", "UnknownAccount")])
def test_trade__what_nobody_made__is_refused(rig, trader, where, name):
    account, owner = trader
    wrong = 2 if where == "market" else account + 1

    def arrange(id_):
        if where == "market":
            return trading(rig, trader, TEN, market=id_)
        return trading(rig, (id_, owner), TEN)

    fixed = ETH if where == "market" else account
    assert_only_fails_for(rig, arrange, broken=wrong, fixed=fixed, error=(name, (wrong,)))


# LIMITS OF THE MARKET


@pytest.mark.parametrize("sign", [1, -1])
def test_trade__beyond_a_tenth_of_the_skew_scale__is_refused(rig, sign):
    """[PERP-29] S = 1,000 units: 100 either way, to the lot."""
    rich = rig.trader("rich", 1_000_000)
    set_market(rig, ETH, skewScale=1_000)
    most = sign * 100 * LOT
    assert_only_fails_for(
        rig,
        lambda size: trading(rig, rich, size),
        broken=most + sign,
        fixed=most,
        error=("SkewTooHigh", (most + sign, 100 * LOT)),
    )


def test_trade__lowering_the_skew__passes_however_high_it_is(rig):
    """[PERP-29] Resolution has brought the vault to 150 units, of 100: 150 -> 149 -> -148 pass."""
    rich, other = (rig.trader(name, 1_000_000) for name in ("rich", "other"))
    set_market(rig, ETH, skewScale=1_000)
    maker = module(rig, RESOLUTION_ROLE)
    size, quote = 150 * LOT, 150 * 3_000 * 10**12
    legs = [(rich[0], size, -quote, 0, 0, False), (VAULT, -size, quote, 0, 0, False)]
    in_lock(rig, maker, ("book", (ETH, legs, NO_SAMPLE, RESOLUTION_KIND)))
    assert refusal_of(trading(rig, other, LOT)) == ("SkewTooHigh", (151 * LOT, 100 * LOT))

    trading(rig, rich, -LOT)()
    trading(rig, other, -297 * LOT)()

    assert rig.size(VAULT, ETH) == 148 * LOT, "PERP-29: what lowers |K| always passes"


@pytest.mark.parametrize("sign", [1, -1])
def test_set_market__a_scale_too_small_for_what_the_vault_carries__is_refused(rig, sign):
    """[PERP-29] At a hundredth of the scale the next trader would buy far below the market."""
    rich = rig.trader("rich", 1_000_000)
    trading(rig, rich, sign * 100 * LOT)()
    assert_only_fails_for(
        rig,
        lambda scale: partial(set_market, rig, ETH, skewScale=scale),
        broken=999,
        fixed=1_000,
        error=("BadParameter", ("skewScale",)),
    )


def test_trade__beyond_the_vaults_cap__is_refused(rig):
    """1 % of 10,000,000: 33.33333333 ETH at 3,000 are 99,999.99999 USD, a lot more is over."""
    rich = rig.trader("rich", 1_000_000)
    set_market(rig, ETH, vaultShare=10_000)
    most = 3_333_333_333
    assert_only_fails_for(
        rig,
        lambda size: trading(rig, rich, size),
        broken=most + 1,
        fixed=most,
        error=("VaultCapReached", (ETH, 100_000_00002 * 10**13, usd(100_000))),
    )


def test_trade__lowering_what_the_vault_carries__passes_beyond_its_cap(rig):
    rich = rig.trader("rich", 1_000_000)
    trading(rig, rich, 40 * LOT)()
    set_market(rig, ETH, vaultShare=10_000)
    assert refusal_of(trading(rig, rich, LOT))[0] == "VaultCapReached"

    trading(rig, rich, -LOT)()

    assert rig.size(VAULT, ETH) == -39 * LOT


def test_trade__beyond_the_greatest_open_interest__is_refused(rig, trader):
    set_market(rig, ETH, maxOi=TEN)
    assert_only_fails_for(
        rig,
        lambda size: trading(rig, trader, size),
        broken=TEN + 1,
        fixed=TEN,
        error=("OpenInterestTooHigh", (ETH, TEN + 1, TEN)),
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_trade__less_than_the_least_position__is_refused(rig, trader, sign):
    """10 USD at 3,000: 333,334 lots."""
    account, _ = trader
    assert_only_fails_for(
        rig,
        lambda size: trading(rig, trader, sign * size),
        broken=333_333,
        fixed=333_334,
        error=("BelowMinNotional", (ETH, account, 999_999 * 10**13)),
    )


def test_trade__leaving_less_than_the_least_position__is_refused(rig, trader):
    account, _ = trader
    trading(rig, trader, TEN)()
    assert_only_fails_for(
        rig,
        lambda size: trading(rig, trader, size),
        broken=-TEN + 333_333,
        fixed=-TEN + 333_334,
        error=("BelowMinNotional", (ETH, account, 999_999 * 10**13)),
    )


def test_trade__a_ninth_market__is_refused(rig):
    """[PERP-23] Eight are what one liquidation can carry."""
    rich = rig.trader("rich", 100_000)
    for market in range(2, 9):
        rig.admin.send("addMarket", market, FEEDS[ETH], *with_changed(), sender=rig.roles.timelock)
    for market in range(7):
        trading(rig, rich, LOT // 10, market=market)()
    assert_only_fails_for(
        rig,
        # the eighth is new, or another of it
        lambda sizes: (
            [trading(rig, rich, LOT // 10, market=market)() for market in sizes[:-1]]
            and trading(rig, rich, LOT // 10, market=sizes[-1])
        ),
        broken=(7, 8),
        fixed=(7, 7),
        error=("TooManyMarkets", (rich[0],)),
    )


# ONE SOURCE


@pytest.fixture
def capped(rig):
    """Chainlink alone prices the market; 5 ETH may be opened in ten minutes."""
    set_market(rig, ETH, openCap=5 * LOT)
    rig.wait(61)
    rig.set_price(ETH, 3_000 * 10**8, pyth=False)
    return rig


def test_trade__with_one_source__opens_no_more_than_the_cap(capped, trader):
    other = capped.trader("other", 100_000)
    trading(capped, trader, 3 * LOT)()
    assert_only_fails_for(
        capped,
        lambda size: trading(capped, other, size),
        broken=2 * LOT + 1,
        fixed=2 * LOT,
        error=("OpenCapReached", (ETH, 5 * LOT + 1, 5 * LOT)),
    )


def test_trade__with_one_source__has_a_new_cap_after_ten_minutes(capped, trader):
    trading(capped, trader, 5 * LOT)()

    def arrange(seconds):
        capped.wait(seconds)
        capped.set_price(ETH, 3_000 * 10**8, pyth=False)
        return trading(capped, trader, LOT)

    assert_only_fails_for(
        capped,
        arrange,
        broken=599,
        fixed=600,
        error=("OpenCapReached", (ETH, 6 * LOT, 5 * LOT)),
    )


def test_trade__with_one_source__reduces_beyond_the_cap(capped, trader):
    trading(capped, trader, 5 * LOT)()

    trading(capped, trader, -5 * LOT)()

    assert capped.size(trader[0], ETH) == 0


def test_trade__with_both_sources__knows_no_such_cap(rig, trader):
    set_market(rig, ETH, openCap=5 * LOT)

    trading(rig, trader, 6 * LOT)()

    assert rig.size(trader[0], ETH) == 6 * LOT


# PAUSES AND FEEDS


def test_trade__openings_paused__refuses_to_open_and_reduces(rig, trader):
    trading(rig, trader, TEN)()
    rig.admin.send("setPause", ETH, OPEN, sender=rig.roles.timelock)
    assert_only_fails_for(
        rig,
        lambda size: trading(rig, trader, size),
        broken=LOT,
        fixed=-LOT,
        error=("Paused", (ETH, OPEN)),
    )


def test_trade__a_flip_while_openings_are_paused__is_refused(rig, trader):
    trading(rig, trader, TEN)()
    rig.admin.send("setPause", ETH, OPEN, sender=rig.roles.timelock)
    assert_only_fails_for(
        rig,
        lambda size: trading(rig, trader, size),
        broken=-TEN - LOT,
        fixed=-TEN,
        error=("Paused", (ETH, OPEN)),
    )


def test_trade__reductions_paused__refuses_to_reduce(rig, trader):
    trading(rig, trader, TEN)()
    mask = REDUCE | 4
    rig.admin.send("setPause", ETH, mask, sender=rig.roles.timelock)
    assert_only_fails_for(
        rig,
        lambda size: trading(rig, trader, size),
        broken=-LOT,
        fixed=LOT,
        error=("Paused", (ETH, mask)),
    )


@pytest.mark.parametrize("size", [LOT, -LOT])
def test_trade__a_frozen_feed__is_refused(rig, trader, size):
    """[PERP-46] The other market trades on."""
    trading(rig, trader, TEN)()

    def arrange(market):
        deaf(rig, market)
        return trading(rig, trader, size)

    assert_only_fails_for(rig, arrange, broken=ETH, fixed=BTC, error=("FeedForbids", (ETH, 0, 0)))


# GATE


def test_trade__equity_equal_to_initial_margin__passes(rig, trader):
    """[PERP-31] E = cash - cost - fee + 29,997, IM = 2,999.7, to the wei."""
    account, _ = trader
    im = 2_999_700 * 10**15
    enough = im - 29_997 * 10**18 + (COST + FEE) * 10**6

    def arrange(cash):
        set_cash(rig, account, cash)
        return trading(rig, trader, TEN)

    assert_only_fails_for(
        rig,
        arrange,
        broken=enough - 1,
        fixed=enough,
        error=("UnderInitialMargin", (account, im - 1, im)),
    )


def weaken(rig, account, equity_at_mid):
    """Bring ETH to 2,900 without a premium, and the account's equity at mid to this."""
    rig.wait(300)
    rig.set_price(ETH, 2_900 * 10**8)
    health = rig.engine.read("healthOf", account, 2)
    set_cash(rig, account, rig.cash(account) - health[0] + equity_at_mid)


def test_trade__under_initial_margin__may_reduce_and_not_open(rig, trader):
    account, _ = trader
    trading(rig, trader, TEN)()
    weaken(rig, account, usd(2_000))
    assert refusal_of(trading(rig, trader, LOT))[0] == "UnderInitialMargin"
    before = rig.engine.read("healthOf", account, FOR_OPEN)
    assert before[0] < before[2]

    trading(rig, trader, -LOT)()

    after = rig.engine.read("healthOf", account, FOR_OPEN)
    assert after[0] * before[2] > before[0] * after[2]


def test_trade__a_reduction_that_leaves_it_worse__is_refused(rig, trader):
    """[PERP-31] E' · MM >= E · MM'.

    A reduction costs 0.07 % less the skew's 0.0095 % of what is sold, about 1.75 USD for
    each ETH; of E = 20 one tenth is 2, of E = 15 it is 1.5.
    """
    account, _ = trader
    trading(rig, trader, TEN)()

    def arrange(equity):
        weaken(rig, account, usd(equity))
        return trading(rig, trader, -LOT)

    with rig.chain.isolated():
        arrange(20)()
    with rig.chain.isolated():
        call = arrange(15)
        before = rig.everything()
        assert refusal_of(call)[0] == "UnderInitialMargin"
        assert rig.everything() == before


def test_trade__a_bankrupt_account__is_refused_even_to_close(rig, trader):
    """[PERP-31] E < 0 at mid: only liquidation moves it."""
    account, _ = trader
    trading(rig, trader, TEN)()

    def arrange(equity):
        weaken(rig, account, equity)
        return trading(rig, trader, -TEN)

    assert_only_fails_for(
        rig, arrange, broken=-1, fixed=usd(100), error=("Bankrupt", (account, -1))
    )
