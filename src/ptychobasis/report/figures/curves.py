"""Figures 2 and 4: correlation curves, and quality against stored numbers."""

import math
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ptychobasis.report.figures.style import line_style, new_figure, panel_letters, pretty

Float = NDArray[np.floating]
_PER_ROW = 5  # panels side by side
_SHORT = {"reference": "uncompressed", "truth": "true potential"}
_AGAINST = {"reference": "the uncompressed reconstruction", "truth": "the true potential"}


def draw_fsc(curves: pd.DataFrame, reference: str, band: tuple[float, float]) -> Figure:
    """Draw FSC curves of the volume: a column for each sweep, a row for each comparison.

    Args:
        curves: from `tables.gather`; means over the seeds are drawn, and bands from the lowest
            to the highest.
        reference: sweep/size of the reference; it is not drawn against itself.
        band: frequencies that the mean is taken over, shaded [1/Å].
    """
    volume = curves[curves["slice"] == "volume"]
    rows = [name for name in _AGAINST if (volume["against"] == name).any()]
    panels = _sweep_panels(volume)
    blocks = [panels[i : i + _PER_ROW] for i in range(0, len(panels), _PER_ROW)]
    wide, high = len(blocks[0]), len(rows) * len(blocks)
    figure = new_figure(2.1 * wide + 0.8, 2.3 * high + 0.3)
    grid = figure.subplots(high, wide, sharex=True, sharey=True, squeeze=False)
    for block, rows_of_block in zip(blocks, np.split(grid, len(blocks)), strict=True):
        _draw_block(rows_of_block, block, volume, rows, reference)
    drawn = [axes for axes in grid.flat if axes.axison]
    for letter, axes in zip(panel_letters(), drawn, strict=False):
        axes.set_title(letter, loc="left", fontweight="bold")
        _frame(axes, band)
    return figure


def _draw_block(
    grid: Any,
    panels: list[list[str]],
    volume: pd.DataFrame,
    rows: list[str],
    reference: str,
) -> None:
    """Some of the columns, with the numbers that stand for their colours below."""
    for axes in grid[:, len(panels) :].flat:
        axes.set_axis_off()
    for axes_row, against in zip(grid, rows, strict=True):
        for axes, sweeps in zip(axes_row, panels, strict=False):
            part = volume[(volume["against"] == against) & volume["sweep"].isin(sweeps)]
            hidden = reference if against == "reference" else ""
            _draw_family(axes, part, hidden)
        axes_row[0].set_ylabel(f"FSC with the\n{_SHORT[against]}")
    for top, axes, sweeps in zip(grid[0], grid[-1], panels, strict=False):
        axes.set_xlabel("spatial frequency [1/Å]")
        axes.tick_params(labelbottom=True)
        axes.legend(
            title="stored numbers", loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=3,
            fontsize=7.5, title_fontsize=7.5, handlelength=1.2, columnspacing=1.0,
        )  # fmt: skip
        bases = volume.loc[volume["sweep"].isin(sweeps), "basis"]
        top.set_title(fill(", ".join(dict.fromkeys(map(pretty, bases))), 26))


def draw_quality(summary: pd.DataFrame, band: tuple[float, float]) -> Figure:
    """Draw the mean FSC of the volume against stored numbers per pattern, all bases.

    Args:
        summary: from `tables.gather`; means over the seeds are drawn, and bands from the lowest
            to the highest.
        band: frequencies that the mean is taken over [1/Å].
    """
    volume = summary[summary["slice"] == "volume"]
    columns = [name for name in _AGAINST if (volume["against"] == name).any()]
    sweeps = list(dict.fromkeys(volume["sweep"]))
    per_row = 2 * len(columns) + 1
    rows = math.ceil(len(sweeps) / per_row)
    figure = new_figure(3.5 * len(columns) + 0.2, 3.0 + 0.17 * rows)
    panels = figure.subplots(1, len(columns), squeeze=False)[0]
    for axes, against in zip(panels, columns, strict=True):
        for index, sweep in enumerate(sweeps):
            part = volume[(volume["against"] == against) & (volume["sweep"] == sweep)]
            sizes = part.groupby(["stored_values", "size"])["mean_fsc"].agg(["mean", "min", "max"])
            stored, style = sizes.index.get_level_values("stored_values"), line_style(index)
            axes.plot(stored, sizes["mean"], markersize=4.5, label=_sweep_label(part, sweep),
                      **style)  # fmt: skip
            axes.fill_between(stored, sizes["min"], sizes["max"], color=style["color"],
                              alpha=0.2, lw=0)  # fmt: skip
            # a band has no width where a sweep has one size
            axes.vlines(stored, sizes["min"], sizes["max"], color=style["color"], lw=1)
        axes.set_xscale("log")
        axes.set_xlabel("stored numbers per pattern")
        axes.set_title(f"against {_AGAINST[against]}")
        axes.grid(alpha=0.25, lw=0.5)
    panels[0].set_ylabel(f"mean FSC, {band[0]:g} to {band[1]:g} 1/Å")
    handles, labels = panels[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=per_row)
    for letter, axes in zip("ab", panels, strict=False):
        axes.set_title(letter, loc="left", fontweight="bold")
    return figure


def _sweep_panels(volume: pd.DataFrame) -> list[list[str]]:
    """A panel for each sweep of several sizes; sweeps of one size share the last panel."""
    sizes = volume.groupby("sweep", sort=False)["stored_values"].nunique()
    panels = [[str(name)] for name, count in sizes.items() if count > 1]
    single = [str(name) for name, count in sizes.items() if count == 1]
    return [*panels, single] if single else panels


def _draw_family(axes: Axes, part: pd.DataFrame, hidden: str) -> None:
    """One line for each size, in colours that do not depend on what is `hidden`."""
    families = list(part.groupby(["stored_values", "sweep", "size"], sort=True))
    shades = mpl.colormaps["viridis"](np.linspace(0, 0.88, max(len(families), 2)))
    for ((stored, sweep, size), curve), shade in zip(families, shades, strict=False):
        if f"{sweep}/{size}" != hidden:
            q, seeds = _on_shells_of_first(curve)
            axes.plot(q, seeds.mean(0), color=shade, label=f"{stored}")
            axes.fill_between(q, seeds.min(0), seeds.max(0), color=shade, alpha=0.25, lw=0)


def _on_shells_of_first(curve: pd.DataFrame) -> tuple[Float, Float]:
    """Frequencies ``(shells,)`` and correlation ``(seeds, shells)`` of one reconstruction.

    Its pixels, and with them the shells, may differ a little between seeds, for its model is as
    large as the patterns ask.
    """
    seeds = [part for _, part in curve.groupby("seed")]
    q = seeds[0]["q_per_angstrom"].to_numpy()
    return q, np.stack([np.interp(q, part["q_per_angstrom"], part["fsc"]) for part in seeds])


def _frame(axes: Axes, band: tuple[float, float]) -> None:
    axes.axvspan(*band, color="0.5", alpha=0.08, lw=0)
    for threshold in (0.5, 0.143):
        axes.axhline(threshold, color="0.5", lw=0.6, ls=":")
    axes.set_xlim(0, band[1] * 1.15)
    axes.set_ylim(-0.1, 1.03)


def _sweep_label(part: pd.DataFrame, sweep: str) -> str:
    basis = str(part["basis"].iloc[0])
    name = pretty(basis)
    return name if sweep in (basis, "uncompressed") else f"{sweep} ({name})"
