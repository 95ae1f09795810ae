"""Figure 6: which true slices each reconstructed slice holds, and what slices do not share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike, NDArray

from ptychobasis.core.variant import Variant
from ptychobasis.core.volume import Volume
from ptychobasis.evaluation.depth import in_band, unshared
from ptychobasis.evaluation.settings import Evaluation
from ptychobasis.evaluation.window import scan_window
from ptychobasis.report.figures.style import bare, new_figure, scale_bar

_COLOURS = "RdBu_r"


def unshared_volume(field: Volume, positions: ArrayLike, settings: Evaluation) -> Volume:
    """The part of each slice of a field that the others lack, as it is compared.

    Args:
        field: Phase inside the bounding box of the scan [rad].
        positions: ``(..., 2)`` scan positions as (y, x) [Å].
        settings: Band and apodisation.
    """
    window = scan_window(field, positions, settings.apodisation_angstrom)
    return replace(field, array=unshared(in_band(field, window, settings.band_per_angstrom)))


def draw_depth(
    table: pd.DataFrame,
    pictures: Mapping[Variant, tuple[str, Volume]],
    true: Volume,
    depths: Sequence[float],
) -> Figure:
    """Draw a row for each reconstruction, and the truth below.

    Args:
        table: from `depth.depth_table`.
        pictures: title and `unshared_volume` of each row.
        true: the `unshared_volume` of the true potential.
        depths: of the slices [Å].
    """
    left, right, bottom, top = true.edges
    height, aspect = 1.3, (bottom - top) / (right - left)
    figure = new_figure(
        height * (1 + len(depths) / aspect) + 1.6, height * (len(pictures) + 1) + 0.6
    )
    figure.set_layout_engine("compressed")  # pictures of fixed aspect
    grid = figure.subplots(
        len(pictures) + 1, len(depths) + 1, squeeze=False,
        gridspec_kw={"width_ratios": [1.0] + [1 / aspect] * len(depths)},
    )  # fmt: skip
    limit = float(np.percentile(np.abs(true.array), 99.7))
    for row, (variant, (title, picture)) in zip(grid, pictures.items(), strict=False):
        rows = table[(table["sweep"] == variant.sweep) & (table["size"] == variant.size)]
        _draw_matrix(row[0], _matrix(rows, len(depths)))
        row[0].set_xlabel(f"true slice (± {rows['share_error'].max():.2f})")
        row[0].set_ylabel(f"{title}\n\nslice")
        _draw_slices(row[1:], picture, limit)
    image = _draw_slices(grid[-1, 1:], true, limit)
    grid[-1, 0].set_axis_off()
    grid[-1, 1].set_ylabel("true\npotential")
    grid[0, 0].set_title("share")
    for axes, depth in zip(grid[0, 1:], depths, strict=True):
        axes.set_title(f"not shared, {depth:g} Å")
    scale_bar(grid[0, 1], 5, "5 Å", "black")
    figure.colorbar(image, ax=grid, label="phase [rad]", shrink=0.6, aspect=30, extend="both")
    return figure


def _matrix(rows: pd.DataFrame, slices: int) -> NDArray[np.float64]:
    """Shares ``(slice, true slice)`` of one reconstruction."""
    matrix = np.zeros((slices, slices))
    matrix[rows["slice"], rows["true_slice"]] = rows["share"]
    return matrix


def _draw_matrix(axes: Axes, matrix: NDArray[np.float64]) -> None:
    axes.imshow(matrix, cmap=_COLOURS, vmin=-1, vmax=1)
    for (i, j), value in np.ndenumerate(matrix):
        shade = "white" if abs(value) > 0.6 else "black"
        size = min(8, 24 / len(matrix) + 1)
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", color=shade, fontsize=size)
    ticks = range(len(matrix))
    axes.set_xticks(ticks, [str(i + 1) for i in ticks])
    axes.set_yticks(ticks, [str(i + 1) for i in ticks])


def _draw_slices(row: Iterable[Axes], picture: Volume, limit: float) -> AxesImage:
    for axes, phase in zip(row, picture.array, strict=True):
        bare(axes)
        image = axes.imshow(
            phase, cmap=_COLOURS, vmin=-limit, vmax=limit, extent=picture.edges,
            interpolation="bicubic",
        )  # fmt: skip
    return image
