"""Draw what bench/updates.py measured into docs/clearport."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

__all__ = ["draw_lone", "draw_updates"]

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "clearport"
SIZE_IN = (6.4, 3.6)
LONGEST_MS = 30.0
BINS = 60
BAR_PER_S = 1_000
BAR_MS = 10
INK, MARK = "#1f4e79", "#b03030"


def draw_updates(channels: Sequence[int], updates_per_s: Sequence[int]) -> None:
    """Draw updates a second against the number of channels."""
    figure = Figure(figsize=SIZE_IN, layout="constrained")
    axes = figure.subplots()
    axes.plot(channels, updates_per_s, marker="o", color=INK)
    for x, y in zip(channels, updates_per_s, strict=True):
        axes.annotate(f"{y:,}", (x, y), textcoords="offset points", xytext=(0, 7), ha="center")
    axes.axhline(BAR_PER_S, color=MARK, linestyle="--", linewidth=1, label=f"bar: {BAR_PER_S:,}")
    axes.set_xticks(channels)
    axes.set_ylim(bottom=0, top=1.2 * max(BAR_PER_S, *updates_per_s))
    axes.set_xlabel("channels, one proposal under way in each")
    axes.set_ylabel("co-signed durable updates a second")
    axes.legend(loc="lower right")
    _save(figure, "updates.svg")


def draw_lone(agreed_ms: Sequence[float], called_ms: Sequence[float]) -> None:
    """Draw how long lone updates took."""
    figure = Figure(figsize=SIZE_IN, layout="constrained")
    axes = figure.subplots()
    bounds = (0.0, LONGEST_MS)
    for values, color, label in (
        (agreed_ms, INK, "from the decision to sign to co-signed"),
        (called_ms, "#9a9a9a", "from the operator's call to co-signed by both"),
    ):
        shown = [min(each, LONGEST_MS) for each in values]
        axes.hist(shown, bins=BINS, range=bounds, color=color, alpha=0.7, label=label)
    axes.axvline(
        BAR_MS, color=MARK, linestyle="--", linewidth=1, label=f"bar: {BAR_MS} ms (median)"
    )
    axes.set_xlim(bounds)
    axes.set_xlabel(f"milliseconds (the last bin: {LONGEST_MS:g} and more)")
    axes.set_ylabel(f"of {len(agreed_ms)} lone updates")
    axes.legend()
    _save(figure, "lone.svg")


def _save(figure: Figure, name: str) -> None:
    """Write the same bytes for the same numbers: no date, ids from a fixed salt."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(FOLDER / name, metadata={"Date": None})
