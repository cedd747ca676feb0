"""Show risk factors and a channel's risk: a table for people, JSON with exact text for programs."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clearing.risk.decimal_text import WAD_DECIMALS, rounded_text, scaled_text
from clearing.risk.factors import FactorReport
from clearing.spec.assets import symbol_of
from clearing.spec.risk import (
    AssetRisk,
    Collateral,
    RiskReport,
    SideRisk,
    is_settlement_due,
    is_trade_admissible,
    utilisation_of,
)
from clearing.spec.types import Side
from clearing.spec.units import mul_div_down, mul_div_up

__all__ = ["factors_json", "factors_table", "risk_json", "risk_view"]

PERCENT_DECIMALS = WAD_DECIMALS - 2
CENT_WAD = 10 ** (WAD_DECIMALS - 2)

Json = dict[str, object]


def factors_json(report: FactorReport) -> Json:
    """Return the factors for programs; `clearing risk --factors` reads it."""
    return {
        "window": report.window,
        "first_day": report.first_day.isoformat(),
        "last_day": report.last_day.isoformat(),
        "factors": {
            row.symbol: {
                "factor_wad": str(row.factor_wad),
                "factor_percent": scaled_text(row.factor_wad, PERCENT_DECIMALS),
                "observations": row.observations,
                "skipped": row.skipped,
            }
            for row in report.factors
        },
    }


def factors_table(report: FactorReport) -> RenderableType:
    """Return the factors for people, percent to three decimals."""
    table = Table(box=box.SIMPLE)
    table.add_column("Asset")
    for heading in ("Factor", "Observations", "Skipped"):
        table.add_column(heading, justify="right")
    for row in report.factors:
        table.add_row(
            Text(row.symbol), _percent(row.factor_wad), str(row.observations), str(row.skipped)
        )
    title = f"Median absolute daily change over {report.window} changes to {report.last_day}"
    return Group(Text(title), table)


def risk_json(report: RiskReport, collateral: Collateral | None) -> Json:
    """Return the risk for programs: USD, quantities and factors as exact decimal text."""
    result: Json = {
        "risk_usd": _exact(report.risk_wad),
        "bearers": [_name(side) for side in report.bearers],
        "moved_by_low_usd": _exact(report.settled_variation_wad),
        "assets": [_asset_json(row) for row in report.assets],
        "sides": {_name(side): _side_json(report, side, collateral) for side in Side},
    }
    if collateral is not None:
        result["is_covered"] = is_trade_admissible(report, collateral)
        result["is_settlement_due"] = is_settlement_due(report, collateral)
    return result


def risk_view(report: RiskReport, collateral: Collateral | None) -> RenderableType:
    """Return the risk for people: a row per debt, a total per side, then who must cover what.

    USD to the cent: what counts towards a requirement is rounded up, what counts against it down.
    """
    lines = [_requirement(report, side) for side in report.bearers]
    if not lines:
        lines = ["Nothing can be lost: no side must cover anything."]
    if collateral is not None:
        lines += [_use(report, side, collateral) for side in report.bearers]
        lines.append(_verdict(report, collateral))
    return Group(_risk_table(report), *(Text(line) for line in lines))


def _risk_table(report: RiskReport) -> Table:
    """Return a row per debt and a total per side, valued and then with the factors counted."""
    is_tie = len(report.bearers) > 1
    table = Table(box=box.SIMPLE)
    table.add_column("Asset")
    table.add_column("Owed by")
    counted = ("Factors up", "Factors down") if is_tie else ("With factors",)
    for heading in ("Quantity", "Price", "Factor", "Value", *counted):
        table.add_column(heading, justify="right")
    for row in report.assets:
        table.add_row(
            Text(symbol_of(row.asset)),
            _name(row.debtor),
            _grouped(row.quantity_wad),
            _grouped(row.price_wad),
            _percent(row.factor_wad),
            _usd(row.value_wad),
            *_counted(report, row, row.debtor),
        )
    table.add_section()
    for side in Side:
        total = report.of(side)
        cells = (_usd(total.value_wad), *_counted(report, total, side))
        table.add_row("Total", _name(side), "", "", "", *cells)
    return table


def _counted(report: RiskReport, values: AssetRisk | SideRisk, debtor: Side) -> tuple[str, ...]:
    """Return a debt with its factor up if its side bears, down if not, both on a tie."""
    if len(report.bearers) > 1:
        return _usd_up(values.up_wad), _usd_down(values.down_wad)
    is_up = debtor in report.bearers
    return (_usd_up(values.up_wad) if is_up else _usd_down(values.down_wad),)


def _requirement(report: RiskReport, side: Side) -> str:
    """Return the sum that a bearer must cover."""
    own = report.of(side)
    paid_wad = report.settled_variation_wad * (1 if side is Side.LOW else -1)
    moved = f" {'−' if paid_wad > 0 else '+'} {_usd(abs(paid_wad))} moved" if paid_wad else ""
    return (
        f"Risk: {_usd_up(own.up_wad)} − {_usd_down(report.of(side.other).down_wad)}{moved}"
        f" = {_usd_up(own.required_wad)} USD, borne by {_name(side)}."
    )


def _use(report: RiskReport, side: Side, collateral: Collateral) -> str:
    """Return how much of a bearer's collateral is spoken for."""
    share = utilisation_of(report.of(side).required_wad, collateral.of(side))
    used = "more than all" if share is None else _percent_up(share)
    return f"Margin used by {_name(side)}: {used} of {_usd(collateral.of(side))} USD."


def _verdict(report: RiskReport, collateral: Collateral) -> str:
    """Return what a client would do."""
    if not is_trade_admissible(report, collateral):
        return "Not covered: refuse the trade, settle or top up."
    if is_settlement_due(report, collateral):
        return "Covered, but ask for settlement or a top-up now."
    return "Covered."


def _asset_json(row: AssetRisk) -> Json:
    """Return one debt."""
    return {
        "asset": symbol_of(row.asset),
        "owed_by": _name(row.debtor),
        "quantity": _exact(row.quantity_wad),
        "price_usd": _exact(row.price_wad),
        "factor_percent": scaled_text(row.factor_wad, PERCENT_DECIMALS),
        "value_usd": _exact(row.value_wad),
        "up_usd": _exact(row.up_wad),
        "down_usd": _exact(row.down_wad),
    }


def _side_json(report: RiskReport, side: Side, collateral: Collateral | None) -> Json:
    """Return one side's totals."""
    total = report.of(side)
    result: Json = {
        "value_usd": _exact(total.value_wad),
        "up_usd": _exact(total.up_wad),
        "down_usd": _exact(total.down_wad),
        "required_usd": _exact(total.required_wad),
    }
    if collateral is not None:
        share = utilisation_of(total.required_wad, collateral.of(side))
        result["collateral_usd"] = _exact(collateral.of(side))
        result["utilisation_percent"] = (
            None if share is None else scaled_text(share, PERCENT_DECIMALS)
        )
    return result


def _name(side: Side) -> str:
    """Return the word for a side."""
    return side.name.lower()


def _exact(wad: int) -> str:
    """Return a WAD number in full."""
    return scaled_text(wad, WAD_DECIMALS)


def _grouped(wad: int) -> str:
    """Return a WAD number in full, thousands marked."""
    whole, point, part = _exact(wad).partition(".")
    return f"{int(whole):,}{point}{part}"


def _usd(wad: int) -> str:
    """Return USD to the nearest cent."""
    return rounded_text(wad, WAD_DECIMALS, 2)


def _usd_up(wad: int) -> str:
    """Return USD to the cent above."""
    return _usd(mul_div_up(wad, 1, CENT_WAD) * CENT_WAD)


def _usd_down(wad: int) -> str:
    """Return USD to the cent below."""
    return _usd(mul_div_down(wad, 1, CENT_WAD) * CENT_WAD)


def _percent(wad: int) -> str:
    """Return a share in percent, to the nearest thousandth."""
    return f"{rounded_text(wad, PERCENT_DECIMALS, 3)} %"


def _percent_up(wad: int) -> str:
    """Return a share in percent, to the hundredth above."""
    hundredth = CENT_WAD // 100
    return f"{rounded_text(mul_div_up(wad, 1, hundredth) * hundredth, PERCENT_DECIMALS, 2)} %"
