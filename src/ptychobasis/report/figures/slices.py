"""Figure 3: one slice of several reconstructions, with sections of all slices beside."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from ptychobasis.core.volume import Volume
from ptychobasis.report.figures.style import bare, label_panel, new_figure, panel_letters, scale_bar


def draw_slices(
    pictures: Sequence[tuple[str, Volume]],
    depths: tuple[float, ...],
    index: int,
    absorptions: Sequence[tuple[str, Volume]] = (),
) -> Figure:
    """Draw slice `index` of each volume large, and a section of every slice beside it.

    Args:
        pictures: title and phase [rad] of each row.
        depths: of the slices [Å].
        index: of the large slice, from 0.
        absorptions: title and absorption of each row below these.
    """
    rows = [*pictures, *absorptions]
    count, section = len(depths), _section(pictures[0][1])
    aspect = _aspect(pictures[0][1])
    height = 1.55
    width = height / aspect + count * height + 1.6
    figure = new_figure(width, height * len(rows) + 0.6)
    figure.set_layout_engine("compressed")  # pictures of fixed aspect
    ratios = [1 / aspect] + [1.0] * count
    grid = figure.subplots(
        len(rows), count + 1, squeeze=False, gridspec_kw={"width_ratios": ratios}
    )
    tops = [_top(group, index) for group in (pictures, absorptions) for _ in group]
    letters = panel_letters()
    images = []
    for row, (title, picture), top in zip(grid, rows, tops, strict=True):
        images.append(_show(row[0], picture, index, top))
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
    for group, label in ((slice(len(pictures)), "phase [rad]"),
                         (slice(len(pictures), None), "absorption")):  # fmt: skip
        if images[group]:
            figure.colorbar(images[group][0], ax=grid[group], label=label, shrink=0.6, aspect=30,
                            extend="max")  # fmt: skip
    return figure


def _top(pictures: Sequence[tuple[str, Volume]], index: int) -> float:
    """Value of the brightest colour, but for a few pixels."""
    return max(float(np.percentile(picture.array[index], 99.7)) for _, picture in pictures)


def _show(axes: Axes, picture: Volume, index: int, top: float) -> AxesImage:
    bare(axes)
    return axes.imshow(
        picture.array[index], cmap="inferno", vmin=0, vmax=top, extent=picture.edges,
        interpolation="bicubic",
    )  # fmt: skip


def _aspect(picture: Volume) -> float:
    left, right, bottom, top = picture.edges
    return (bottom - top) / (right - left)


def _section(picture: Volume) -> tuple[float, float, float]:
    """Corner (y, x) and edge [Å] of a square in the middle: 10 Å, or 0.6 of the field."""
    left, right, bottom, top = picture.edges
    size = min(10.0, 0.6 * min(right - left, bottom - top))
    return (top + bottom - size) / 2, (left + right - size) / 2, size
