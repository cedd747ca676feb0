"""The settler falls silent, and somebody trades past the vault's skew limit by forced reductions.

Beyond the limit each lot costs what it does at the limit. Once the whole trade was priced by its
average, cut off there: sold in two parts at -5 and -10 %, bought back in one at -10 %, 400 ETH
brought 28,467 USD a cycle, for as long as the vault had something.
"""

import pytest

from tests.harness.actors import key_of
from tests.harness.perp import ETH, FAR, LOT, PRICES_E8, VAULT, deploy_perp
from tests.unit.perp_engine.scene import (
    AT_MID,
    NO_SAMPLE,
    RESOLUTION_KIND,
    RESOLUTION_ROLE,
    SETTLER_ROLE,
    in_lock,
    module,
    set_market,
)

UNITS = 400
"""Twice the limit."""


@pytest.fixture(scope="module")
def silent():
    """A rig whose settler has been silent for a day; the attacker is long against himself."""
    rig = deploy_perp()
    set_market(rig, ETH, skewScale=2_000)
    long, short = rig.trader("long", 400_000), rig.trader("short", 400_000)
    size, quote = UNITS * LOT, UNITS * 3_000 * 10**12
    legs = [(long[0], size, -quote, 0, 0, False), (short[0], -size, quote, 0, 0, False)]
    in_lock(rig, module(rig, RESOLUTION_ROLE), ("book", (ETH, legs, NO_SAMPLE, RESOLUTION_KIND)))
    bringer, roles = key_of("bringer").address, rig.roles
    settler = rig.chain.deploy("MatchSettler", rig.engine.address, bringer, sender=roles.deployer)
    rig.engine.send("setModule", SETTLER_ROLE, settler.address, sender=roles.timelock)
    rig.wait(86_400)
    rig.set_price(ETH, PRICES_E8[ETH])
    rig.calm(ETH)
    rig.set_price(ETH, PRICES_E8[ETH])
    return rig, long, short


@pytest.mark.parametrize("parts", [(200, 200), (100, 150, 150), (200, 1, 199)])
@pytest.mark.parametrize("back", [(400,), (1, 399), (200, 200)])
def test_silent__sold_in_parts_past_the_limit_and_bought_back__costs(silent, parts, back):
    rig, (account, owner), (other, _) = silent

    def worth(*accounts):
        return sum(rig.engine.read("healthOf", each, AT_MID)[0] for each in accounts)

    def force(size):
        limit = 0 if size < 0 else 2**127
        args = (account, ETH, size, limit, FAR)
        rig.vault.send("forceReduce", *args, sender=owner.address)

    with rig.chain.isolated():
        for _ in range(2):
            mine, vault = worth(account, other), worth(VAULT)
            rig.trade(account, owner, ETH, -parts[0] * LOT)
            for part in parts[1:]:
                force(-part * LOT)
            for part in back:
                rig.trade(account, owner, ETH, part * LOT)

            assert rig.size(VAULT, ETH) == 0
            assert worth(account, other) < mine, "PERP-28"
            assert worth(VAULT) >= vault
