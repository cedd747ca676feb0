"""Draw a market's funding: the rate of each charge, drawn back to the one before, and the index.

The one place with floats: a picture decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from clearing.oracle.errors import PlotUnwritable
from clearing.perp.answers import MarketNow
from clearing.perp.errors import HistoryError
from clearing.perp.funding_history import Charge
from clearing.risk.errors import quote_path
from clearing.spec.perp_units import PICO
from clearing.spec.units import DAY_S

__all__ = ["write_plot"]

SIZE_INCHES: Final = (12.0, 6.0)
DOTS_PER_INCH: Final = 100
RATE_COLOUR: Final = "#1f5fbf"
INDEX_COLOUR: Final = "#d1731a"


def write_plot(path: Path, market: MarketNow, charges: Sequence[Charge]) -> None:
    """Write the picture as PNG; an existing file is replaced.

    Raises HistoryError if there is nothing to draw, PlotUnwritable.
    """
    if not charges:
        problem = "nothing was charged in these blocks"
        raise HistoryError("--plot", problem, "read more: give --days or --from-block")
    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, sharex=True)
    days = [charge.time / DAY_S for charge in charges]
    rates = [100 * charge.rate / PICO for charge in charges]
    indices = [charge.f_long / PICO for charge in charges]
    _draw(upper, days, rates, RATE_COLOUR, f"% per {market.limit.interval:,} s")
    _draw(lower, days, indices, INDEX_COLOUR, f"index of longs, USD per {market.unit}")
    upper.set_title(f"{market.name}: funding; longs pay where it is above zero")
    locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]  # the library's
    lower.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=UTC)  # type: ignore[no-untyped-call]  # the same
    lower.xaxis.set_major_formatter(formatter)
    try:
        # Without its writer's name the file depends on what is drawn alone.
        figure.savefig(path, format="png", metadata={"Software": None})
    except OSError as error:
        problem = (error.strerror or "cannot be written").lower()
        raise PlotUnwritable(quote_path(path), problem, "give a path that can be written") from None


def _draw(axes: Axes, days: list[float], values: list[float], colour: str, label: str) -> None:
    axes.step(days, values, where="pre", color=colour, marker="o", markersize=3, linewidth=1)
    axes.axhline(0, color="#888888", linewidth=0.5)
    axes.set_ylabel(label)
    axes.grid(visible=True, linewidth=0.3)
