"""Figure 8: what the dark field brings, how many epochs it takes, and how long they are."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from ptychobasis.report.claims.drawn import DrawnClaims
from ptychobasis.report.figures.style import line_style, new_figure

_KINDS = ("none", "donut", "bins", "pixels")  # of masks in the dark field


def draw_claims(drawn: DrawnClaims) -> Figure:
    """Draw, with bars from the lowest to the highest seed, all that there is to compare.

    Args:
        drawn: from `ptychobasis.report.claims.drawn.drawn_claims`.
    """
    parts = ((drawn.masked, _draw_masks), (drawn.lengths, _draw_epochs),
             (drawn.timed, _draw_seconds))  # fmt: skip
    asked = [(rows, draw) for rows, draw in parts if len(rows)]
    figure = new_figure(3.0 * max(1, len(asked)), 2.8)
    panels = figure.subplots(1, len(asked), squeeze=False)[0] if asked else []
    for letter, axes, (part, draw) in zip("abc", panels, asked, strict=False):
        draw(axes, part)
        axes.set_title(letter, loc="left", fontweight="bold")
        axes.grid(alpha=0.25, lw=0.5)
    return figure


def _bars(axes: Axes, x: float, values: pd.Series, index: int, label: str = "") -> None:
    """The mean of some values with a bar over their range."""
    mean = values.mean()
    # of equal values the mean may be rounded to beyond them
    spread = [[max(0.0, mean - values.min())], [max(0.0, values.max() - mean)]]
    axes.errorbar(x, mean, spread, lw=1, label=label or None, ms=4.5, **line_style(index))


def _draw_masks(axes: Axes, rows: pd.DataFrame) -> None:
    """Quality of the known probe with and without masks in the dark field."""
    common = [size for size, part in rows.groupby("size") if part["dark_field"].nunique() > 1]
    rows = rows[rows["size"].isin(common)]
    kinds = [kind for kind in _KINDS if kind in set(rows["dark_field"])]
    for index, kind in enumerate(kinds):
        _bars(axes, index, rows[rows["dark_field"] == kind]["mean_fsc"], index)
    axes.set_xticks(range(len(kinds)), kinds)
    axes.set_xlabel("dark field forced to zero")
    axes.set_ylabel("mean FSC, known probe")


def _draw_epochs(axes: Axes, rows: pd.DataFrame) -> None:
    """Quality after runs of several lengths."""
    counts = rows.groupby("size")["epochs"].nunique()
    for index, size in enumerate(sorted(counts[counts > 1].index, key=int)):
        part = rows[rows["size"] == size].groupby("epochs")["mean_fsc"].agg(["mean", "min", "max"])
        style = line_style(index)
        axes.plot(part.index, part["mean"], ms=4, label=f"{size} masks", **style)
        axes.fill_between(
            part.index, part["min"], part["max"], color=style["color"], alpha=0.2, lw=0
        )
    if axes.get_lines():
        axes.legend()
        axes.set_xscale("log")
        ticks = sorted(rows["epochs"].unique())
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
    axes.set_xlabel("epochs of the whole run")
    axes.set_ylabel("mean FSC")


def _draw_seconds(axes: Axes, rows: pd.DataFrame) -> None:
    """Time of an epoch against what is stored, by what is done with the dark field."""
    for index, kind in enumerate(_KINDS):
        chosen = rows[rows["dark_field"] == kind]
        chosen = chosen[chosen["basis"].isin(("zernike", "binning"))]
        for number, (stored, part) in enumerate(chosen.groupby("stored_values")):
            _bars(
                axes, float(str(stored)), part["processor_seconds_per_epoch"], index,
                f"dark field: {kind}" if number == 0 else "",
            )  # fmt: skip
    if len(rows):
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
        highest = float(np.nanmax(rows["processor_seconds_per_epoch"]))
        axes.set_ylim(0, 1.15 * highest if math.isfinite(highest) else None)
        axes.legend(fontsize=7)
    axes.set_xlabel("bright-field masks")
    axes.set_ylabel("processor seconds per epoch")
