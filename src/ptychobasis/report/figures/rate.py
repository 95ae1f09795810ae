"""Figure 5: quality against stored bytes, with and without noise."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ptychobasis.core.arrays import Pair
from ptychobasis.core.variant import Variant
from ptychobasis.report.figures.style import new_figure, pretty
from ptychobasis.report.names import reference_name

_MARKERS = {"float32": "o", "float16": "s", "int8": "^"}
_COUNTS = {"lossless_bytes_per_pattern": ("P", "counts, lossless"),
           "raw_bytes_per_pattern": ("X", "counts, raw")}  # fmt: skip
_DOSE = "dose_electrons_per_angstrom2"


def draw_rate(summary: pd.DataFrame, reference: Variant, band: Pair) -> Figure:
    """Draw the mean FSC of the volume against bytes per pattern: a panel for each basis.

    Colours are doses, markers how numbers are stored; lines join the sizes of a sweep, bars reach
    from the lowest to the highest seed. Counted electrons are shown in every panel, at the quality
    of all pixels stored as they are.

    Args:
        summary: from `tables.gather`.
        reference: what is compared with where there is no truth.
        band: frequencies that the mean is taken over [1/Å].
    """
    volume = summary[summary["slice"] == "volume"]
    names = {"truth": "the true potential", "reference": reference_name(summary, reference)}
    against = next(name for name in names if (volume["against"] == name).any())
    points = _points(volume[volume["against"] == against])
    shades, bases = _shades(points[_DOSE]), list(dict.fromkeys(points["basis"]))
    figure = new_figure(2.5 * len(bases) + 1.7, 3.1)
    grid = figure.subplots(1, len(bases), sharex=True, sharey=True, squeeze=False)[0]
    for axes, basis, letter in zip(grid, bases, "abcdefghij", strict=False):
        _draw_counts(axes, points, shades)
        for _, sweep in points[points["basis"] == basis].groupby("sweep", sort=False):
            _draw_sweep(axes, sweep, shades)
        axes.set_xscale("log")
        axes.set_xlabel("bytes per pattern")
        axes.set_title(pretty(basis))
        axes.set_title(letter, loc="left", fontweight="bold")
        axes.grid(alpha=0.25, lw=0.5)
    grid[0].set_ylabel(f"mean FSC with {names[against]},\n{band[0]:g} to {band[1]:g} 1/Å")
    figure.legend(handles=_legend(points, shades), loc="outside right upper")
    return figure


def _points(volume: pd.DataFrame) -> pd.DataFrame:
    """One row for each variant: its bytes, and the mean and range of its FSC over the seeds."""
    return (
        volume.groupby(["sweep", "size"], sort=False)
        .agg(
            basis=("basis", "first"),
            stored_values=("stored_values", "first"),
            store=("store", "first"),
            **{name: (name, "mean") for name in (_DOSE, "bytes_per_pattern", *_COUNTS)},
            mean=("mean_fsc", "mean"),
            low=("mean_fsc", "min"),
            high=("mean_fsc", "max"),
        )
        .reset_index()
        .fillna({_DOSE: np.inf})  # without noise, as an endless dose would be
    )


def _shades(doses: pd.Series) -> dict[float, Any]:
    """Colours of the doses, ascending; black without noise."""
    counted = sorted({float(dose) for dose in doses if np.isfinite(dose)})
    colours = mpl.colormaps["viridis"](np.linspace(0.9, 0.15, max(len(counted), 2)))
    return dict(zip(counted, colours, strict=False)) | {np.inf: "black"}


def _draw_sweep(axes: Axes, sweep: pd.DataFrame, shades: dict[float, Any]) -> None:
    sweep = sweep.sort_values("stored_values")
    first = sweep.iloc[0]
    axes.plot(sweep["bytes_per_pattern"], sweep["mean"], color=shades[first[_DOSE]], lw=0.8,
              marker=_MARKERS[first["store"]], markersize=4.5, label=first["sweep"])  # fmt: skip
    axes.vlines(sweep["bytes_per_pattern"], sweep["low"], sweep["high"],
                color=shades[first[_DOSE]], lw=1)  # fmt: skip


def _draw_counts(axes: Axes, points: pd.DataFrame, shades: dict[float, Any]) -> None:
    """Bytes of the counts themselves, which are worth as much as all pixels."""
    exact = points[(points["basis"] == "pixels") & (points["store"] == "float32")]
    for row in exact.to_dict("records"):
        for column, (marker, _) in _COUNTS.items():
            if np.isfinite(row[column]):
                axes.plot(row[column], row["mean"], color=shades[row[_DOSE]], marker=marker,
                          markersize=6, markerfacecolor="white", ls="")  # fmt: skip


def _legend(points: pd.DataFrame, shades: dict[float, Any]) -> list[Line2D]:
    found = set(points[_DOSE])
    lines = [
        Line2D([], [], color=shade, lw=3, label=f"{dose:g} electrons/Å²" if np.isfinite(dose)
               else "no noise")
        for dose, shade in shades.items() if dose in found
    ]  # fmt: skip
    shapes = [(marker, name) for name, marker in _MARKERS.items() if name in set(points["store"])]
    if points[list(_COUNTS)].notna().any(axis=None):
        shapes += _COUNTS.values()
    return lines + [
        Line2D([], [], color="0.4", marker=marker, ls="", label=name,
               markerfacecolor="white" if name.startswith("counts") else "0.4")
        for marker, name in shapes
    ]  # fmt: skip
