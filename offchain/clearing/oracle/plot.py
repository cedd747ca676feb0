"""Draw a replay: states as coloured bands; sources, bounds and the TWAP over them.

The one place with floats: a picture decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, Final, TypeVar

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from clearing.oracle.errors import PlotUnwritable
from clearing.oracle.replay import Moment
from clearing.risk.errors import quote_path
from clearing.spec.oracle_types import Grade, PriceState, Reading
from clearing.spec.units import DAY_S, WAD

__all__ = ["write_plot"]

T = TypeVar("T")

COLOURS: Final[Mapping[PriceState, str]] = {
    PriceState.NORMAL: "#d9f0d3",
    PriceState.PRIMARY_ONLY: "#d6e6f5",
    PriceState.SECONDARY_ONLY: "#fdf3c4",
    PriceState.TWAP_ONLY: "#fbdcb4",
    PriceState.DIVERGED: "#ead6f2",
    PriceState.TRIPPED: "#f7b6ae",
    PriceState.FROZEN: "#c9c9c9",
}
GATED: Final[Mapping[str, Any]] = {
    "facecolor": "none",
    "edgecolor": "#8a8a8a",
    "hatch": "///",
    "linewidth": 0,
}
SIZE_INCHES: Final = (14.0, 7.0)
DOTS_PER_INCH: Final = 100


def write_plot(path: Path, title: str, moments: Sequence[Moment]) -> None:
    """Write the picture as PNG. Raises PlotUnwritable; an existing file is replaced."""
    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw_bands(axes, moments)
    _draw_prices(axes, moments)
    axes.set_title(title)
    axes.set_ylabel("USD")
    locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]  # the library's
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=UTC)  # type: ignore[no-untyped-call]  # the same
    axes.xaxis.set_major_formatter(formatter)
    axes.margins(x=0)
    axes.grid(visible=True, linewidth=0.3)
    figure.legend(handles=_legend(axes, moments), loc="outside lower center", ncols=6)
    try:
        # Without its writer's name the file depends on what is drawn alone.
        figure.savefig(path, format="png", metadata={"Software": None})
    except OSError as error:
        problem = (error.strerror or "cannot be written").lower()
        raise PlotUnwritable(quote_path(path), problem, "give a path that can be written") from None


def _draw_bands(axes: Axes, moments: Sequence[Moment]) -> None:
    """Colour the states; hatch the stretches in which a gate is up."""
    for state, first, last in _spans(moments, lambda reading: reading.state):
        axes.axvspan(first, last, color=COLOURS[state], linewidth=0)
    for gates, first, last in _spans(moments, lambda reading: bool(reading.gates)):
        if gates:
            axes.axvspan(first, last, **GATED)


def _spans(
    moments: Sequence[Moment], of: Callable[[Reading], T]
) -> Iterator[tuple[T, float, float]]:
    """Yield each stretch in which something stays, with its ends; it lasts until the next row."""
    steps = [(of(moment.reading), moment.time, after.time) for moment, after in pairwise(moments)]
    steps.append((of(moments[-1].reading), moments[-1].time, moments[-1].time + 1))
    for value, stretch in groupby(steps, key=lambda step: step[0]):
        ends = list(stretch)
        yield value, _date(ends[0][1]), _date(ends[-1][2])


def _draw_prices(axes: Axes, moments: Sequence[Moment]) -> None:
    times = [_date(moment.time) for moment in moments]

    def line(of: Callable[[Moment], int | None]) -> list[float]:
        return [_usd(of(moment)) for moment in moments]

    axes.fill_between(
        times,
        line(lambda moment: moment.reading.lo or None),
        line(lambda moment: moment.reading.hi or None),
        step="post",
        color="#555555",
        alpha=0.25,
        linewidth=0,
        label="lo to hi",
    )
    for label, colour, width, of in (
        ("Chainlink", "#1f5fbf", 0.9, _chainlink),
        ("Pyth", "#d1731a", 0.7, _pyth),
        ("TWAP", "#7a1fa2", 1.0, lambda moment: moment.reading.twap or None),
        ("mid", "#000000", 0.8, lambda moment: moment.reading.mid or None),
    ):
        axes.step(times, line(of), where="post", color=colour, linewidth=width, label=label)


def _chainlink(moment: Moment) -> int | None:
    """Return Chainlink's price while it can be used."""
    return moment.reading.c if moment.reading.cl_grade is Grade.OK else None


def _pyth(moment: Moment) -> int | None:
    """Return Pyth's price while it can be used."""
    return moment.reading.p if moment.reading.py_grade is Grade.OK else None


def _legend(axes: Axes, moments: Sequence[Moment]) -> list[object]:
    """Return the lines, and a patch for each state that occurs."""
    seen = {moment.reading.state for moment in moments}
    patches = [
        Patch(color=COLOURS[state], label=state.name) for state in PriceState if state in seen
    ]
    return [*axes.get_legend_handles_labels()[0], *patches]


def _date(time: int) -> float:
    """Return a time in the library's days since 1970."""
    return time / DAY_S


def _usd(price_wad: int | None) -> float:
    return float("nan") if price_wad is None else price_wad / WAD
