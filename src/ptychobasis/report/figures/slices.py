"""Figure 3: one slice of several reconstructions, with sections of all slices beside."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from ptychobasis.evaluation.field import Picture
from ptychobasis.report.figures.style import bare, label_panel, new_figure, panel_letters, scale_bar


def draw_slices(pictures: Mapping[str, Picture], depths: tuple[float, ...], index: int) -> Figure:
    """Draw slice `index` of each picture large, and a section of every slice beside it.

    Args:
        pictures: by the title of their row.
        depths: of the slices [Å].
        index: of the large slice, from 0.
    """
    count, section = len(depths), _section(next(iter(pictures.values())))
    aspect = _aspect(next(iter(pictures.values())))
    height = 1.55
    width = height / aspect + count * height + 1.6
    figure = new_figure(width, height * len(pictures) + 0.6)
    figure.set_layout_engine("compressed")  # pictures of fixed aspect
    ratios = [1 / aspect] + [1.0] * count
    grid = figure.subplots(
        len(pictures), count + 1, squeeze=False, gridspec_kw={"width_ratios": ratios}
    )
    top = max(float(np.percentile(p.phase[index], 99.7)) for p in pictures.values())
    letters = panel_letters()
    image = None
    for row, (title, picture) in zip(grid, pictures.items(), strict=True):
        image = _show(row[0], picture, index, top)
        row[0].set_ylabel(title)
        y, x, size = section
        row[0].add_patch(Rectangle((x, y), size, size, fill=False, color="white", lw=0.8))
        label_panel(row[0], next(letters), "white")
        for s, axes in enumerate(row[1:]):
            _show(axes, picture, s, top)
            axes.set_xlim(x, x + size)
            axes.set_ylim(y + size, y)
            label_panel(axes, next(letters), "white")
    scale_bar(grid[0, 0], 5, "5 Å")
    scale_bar(grid[0, 1], 2, "2 Å")
    grid[0, 0].set_title(f"slice {index + 1}, depth {depths[index]:g} Å")
    for axes, depth in zip(grid[0, 1:], depths, strict=True):
        axes.set_title(f"{depth:g} Å")
    if image is not None:
        figure.colorbar(image, ax=grid, label="phase [rad]", shrink=0.6, aspect=30, extend="max")
    return figure


def _show(axes: Axes, picture: Picture, index: int, top: float) -> AxesImage:
    bare(axes)
    return axes.imshow(
        picture.phase[index], cmap="inferno", vmin=0, vmax=top, extent=picture.extent,
        interpolation="bicubic",
    )  # fmt: skip


def _aspect(picture: Picture) -> float:
    left, right, bottom, top = picture.extent
    return (bottom - top) / (right - left)


def _section(picture: Picture) -> tuple[float, float, float]:
    """Corner (y, x) and edge [Å] of a square in the middle: 10 Å, or 0.6 of the field."""
    left, right, bottom, top = picture.extent
    size = min(10.0, 0.6 * min(right - left, bottom - top))
    return (top + bottom - size) / 2, (left + right - size) / 2, size
