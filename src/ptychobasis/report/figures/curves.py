"""Figures 2 and 4: correlation curves, and quality against stored numbers."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ptychobasis.core.arrays import Float, Pair
from ptychobasis.core.variant import Variant
from ptychobasis.report.figures.style import line_style, new_figure, panel_letters, pretty
from ptychobasis.report.names import reference_name, sweep_names

_PER_ROW = 5  # panels side by side
_TRUTH = "the true potential"


def draw_fsc(curves: pd.DataFrame, sweeps: Sequence[str], reference: Variant, band: Pair) -> Figure:
    """Draw FSC curves of the volume: a column for each sweep, a row for each comparison.

    Args:
        curves: from `tables.gather`; means over the seeds are drawn, and bands from the lowest
            to the highest.
        sweeps: to draw.
        reference: what others are compared with; it is not drawn against itself.
        band: frequencies that the mean is taken over, shaded [1/Å].
    """
    volume = curves[(curves["slice"] == "volume") & curves["sweep"].isin(sweeps)]
    rows = _comparisons(volume, reference_name(curves, reference))
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
    rows: dict[str, str],
    reference: Variant,
) -> None:
    """Some of the columns, with the numbers that stand for their colours below."""
    for axes in grid[:, len(panels) :].flat:
        axes.set_axis_off()
    for axes_row, (against, name) in zip(grid, rows.items(), strict=True):
        for axes, sweeps in zip(axes_row, panels, strict=False):
            part = volume[(volume["against"] == against) & volume["sweep"].isin(sweeps)]
            _draw_family(axes, part, reference if against == "reference" else None)
        axes_row[0].set_ylabel(f"FSC with\n{fill(name, 22)}")
    for top, axes, sweeps in zip(grid[0], grid[-1], panels, strict=False):
        axes.set_xlabel("spatial frequency [1/Å]")
        axes.tick_params(labelbottom=True)
        axes.legend(
            title="stored numbers", loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=3,
            fontsize=7.5, title_fontsize=7.5, handlelength=1.2, columnspacing=1.0,
        )  # fmt: skip
        bases = volume.loc[volume["sweep"].isin(sweeps), "basis"]
        top.set_title(fill(", ".join(dict.fromkeys(map(pretty, bases))), 26))


def _comparisons(volume: pd.DataFrame, reference: str) -> dict[str, str]:
    """Target of a comparison: its name in the table, and its name for people."""
    names = {"reference": reference, "truth": _TRUTH}
    return {key: name for key, name in names.items() if (volume["against"] == key).any()}


def draw_quality(
    summary: pd.DataFrame, shown: Sequence[str], reference: Variant, band: Pair
) -> Figure:
    """Draw the mean FSC of the volume against stored numbers per pattern, all bases.

    Args:
        summary: from `tables.gather`; means over the seeds are drawn, and bands from the lowest
            to the highest.
        shown: sweeps to draw.
        reference: what others are compared with.
        band: frequencies that the mean is taken over [1/Å].
    """
    volume = summary[(summary["slice"] == "volume") & summary["sweep"].isin(shown)]
    columns = _comparisons(volume, reference_name(summary, reference))
    sweeps, labels = list(dict.fromkeys(volume["sweep"])), sweep_names(volume)
    per_row = 2 * len(columns) + 1
    rows = math.ceil(len(sweeps) / per_row)
    figure = new_figure(3.5 * len(columns) + 0.2, 3.0 + 0.17 * rows)
    panels = figure.subplots(1, len(columns), squeeze=False)[0]
    for axes, (against, name) in zip(panels, columns.items(), strict=True):
        for index, sweep in enumerate(sweeps):
            part = volume[(volume["against"] == against) & (volume["sweep"] == sweep)]
            sizes = part.groupby(["stored_values", "size"])["mean_fsc"].agg(["mean", "min", "max"])
            stored, style = sizes.index.get_level_values("stored_values"), line_style(index)
            axes.plot(stored, sizes["mean"], markersize=4.5, label=labels[sweep],
                      **style)  # fmt: skip
            axes.fill_between(stored, sizes["min"], sizes["max"], color=style["color"],
                              alpha=0.2, lw=0)  # fmt: skip
            # a band has no width where a sweep has one size
            axes.vlines(stored, sizes["min"], sizes["max"], color=style["color"], lw=1)
        axes.set_xscale("log")
        axes.set_xlabel("stored numbers per pattern")
        axes.set_title(f"against {name}")
        axes.grid(alpha=0.25, lw=0.5)
    panels[0].set_ylabel(f"mean FSC, {band[0]:g} to {band[1]:g} 1/Å")
    handles, texts = panels[-1].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside lower center", ncols=per_row)
    for letter, axes in zip("ab", panels, strict=False):
        axes.set_title(letter, loc="left", fontweight="bold")
    return figure


def _sweep_panels(volume: pd.DataFrame) -> list[list[str]]:
    """A panel for each sweep of several sizes; sweeps of one size share the last panel."""
    sizes = volume.groupby("sweep", sort=False)["stored_values"].nunique()
    panels = [[str(name)] for name, count in sizes.items() if count > 1]
    single = [str(name) for name, count in sizes.items() if count == 1]
    return [*panels, single] if single else panels


def _draw_family(axes: Axes, part: pd.DataFrame, hidden: Variant | None) -> None:
    """One line for each size, in colours that do not depend on what is `hidden`."""
    families = {
        Variant(str(sweep), str(size)): (int(str(stored)), curve)
        for (stored, sweep, size), curve in part.groupby(["stored_values", "sweep", "size"])
    }
    labels = _labels({variant: stored for variant, (stored, _) in families.items()})
    shades = mpl.colormaps["viridis"](np.linspace(0, 0.88, max(len(families), 2)))
    for (variant, (_, curve)), shade in zip(families.items(), shades, strict=False):
        if variant != hidden:
            q, seeds = _on_shells_of_first(curve)
            axes.plot(q, seeds.mean(0), color=shade, label=labels[variant])
            axes.fill_between(q, seeds.min(0), seeds.max(0), color=shade, alpha=0.25, lw=0)


def _labels(stored: Mapping[Variant, int]) -> dict[Variant, str]:
    """Stored numbers, and what tells variants with equally many apart."""
    counts = Counter(stored.values())
    one_sweep = len({variant.sweep for variant in stored}) == 1
    return {
        variant: str(count)
        if counts[count] == 1
        else f"{count} ({variant.size if one_sweep else variant})"
        for variant, count in stored.items()
    }


def _on_shells_of_first(curve: pd.DataFrame) -> tuple[Float, Float]:
    """Frequencies ``(shells,)`` and correlation ``(seeds, shells)`` of one reconstruction.

    Its pixels, and with them the shells, may differ a little between seeds, for its model is as
    large as the patterns ask.
    """
    seeds = [part for _, part in curve.groupby("seed")]
    q = seeds[0]["q_per_angstrom"].to_numpy()
    return q, np.stack([np.interp(q, part["q_per_angstrom"], part["fsc"]) for part in seeds])


def _frame(axes: Axes, band: Pair) -> None:
    axes.axvspan(*band, color="0.5", alpha=0.08, lw=0)
    for threshold in (0.5, 0.143):
        axes.axhline(threshold, color="0.5", lw=0.6, ls=":")
    axes.set_xlim(0, band[1] * 1.15)
    axes.set_ylim(-0.1, 1.03)
