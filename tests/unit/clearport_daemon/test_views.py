"""What operators see of a channel, from its first minute on."""

from clearing.channel.risk_hash import DatedPrices
from clearing.clearport.daemon.views import margin_view, risk_of_phase
from clearing.client.terms import Market
from clearing.spec.risk import FactorTable, PriceSet
from clearing.spec.units import WAD, Timestamp
from tests.unit.clearport_daemon.fakes import NOW, USDT, phase_of

MARKET = Market(
    DatedPrices(PriceSet.of({USDT.asset: WAD}), Timestamp(NOW), Timestamp(NOW)), FactorTable()
)


def test_margin_view__channel_that_is_only_asked_for__is_zero():
    """Every login lists the margins: one such channel must not keep the operator out."""
    view = margin_view(phase_of(), MARKET, is_stale=False, seq=7, now=NOW)

    assert (view.collateral_wad, view.risk_wad, view.used_wad, view.available_wad) == (0, 0, 0, 0)
    assert (view.seq, view.version) == (7, 0)


def test_risk_of_phase__channel_that_is_only_asked_for__is_zero():
    assert risk_of_phase(phase_of(), MARKET).risk_wad == 0
