"""Every measurement of snapshots/gas.json: importing a module of meters registers its own."""

from tests.gas import (
    box_meters,
    channel_meters,
    governance_meters,
    ledger_meters,
    oracle_meters,
    perp_meters,
)
from tests.gas.meter import METERS, measure_all

__all__ = ["METERS", "MODULES", "measure_all"]

MODULES = (
    box_meters,
    channel_meters,
    governance_meters,
    ledger_meters,
    oracle_meters,
    perp_meters,
)
