"""Figure 1: the masks, and the decomposition of one pattern into coefficients."""

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

from ptychobasis.bases.basis import Basis
from ptychobasis.core.optics import Optics
from ptychobasis.core.variant import Variant
from ptychobasis.report.figures.style import (
    COLOURS,
    bare,
    label_panel,
    new_figure,
    pretty,
    scale_bar,
)
from ptychobasis.report.names import titles

Float = NDArray[np.floating]
_MOST_MASKS = 36
_FIELD = 1.35  # half-width of the pictures in radii of the disc


def draw_masks(pattern: Float, optics: Optics, bases: Mapping[Variant, Basis]) -> Figure:
    """Draw a pattern, the masks of the first basis, its coefficients, and what all keep.

    Args:
        pattern: ``(y, x)``, fractions of the beam.
        optics: geometry of the detector.
        bases: the bases to show.
    """
    figure = new_figure(7.2, 4.9)
    rows = figure.add_gridspec(2, 1, height_ratios=[1.25, 1])
    top, bottom = figure.add_subfigure(rows[0]), figure.add_subfigure(rows[1])
    left, middle, right = top.subplots(1, 3, width_ratios=[1, 1, 1.05])
    first = next(iter(bases.values())).as_given()
    field = _field(optics)
    _draw_pattern(left, pattern, optics)
    _draw_mosaic(middle, first, field)
    _draw_coefficients(right, first, pattern)
    kept = bottom.subplots(1, len(bases) + 1)
    peak = float(pattern[field].max())
    _draw_kept(kept[0], pattern[field], peak, f"recorded\n{pattern.size} numbers")
    names = titles({variant: (basis.name, basis.size) for variant, basis in bases.items()})
    for axes, (variant, basis) in zip(kept[1:], bases.items(), strict=True):
        _draw_kept(axes, _projection(basis, pattern)[field], peak, names[variant])
    for letter, axes in zip("abc", (left, middle, right), strict=True):
        title = axes.get_title()
        axes.set_title("")
        axes.set_title(f"$\\bf{{{letter}}}$  {title}", loc="left")
    for letter, axes in zip("defghijk", kept, strict=False):
        label_panel(axes, letter, "white")
    return figure


def _field(optics: Optics) -> tuple[slice, slice]:
    """The part of the detector around the disc."""
    cuts = []
    for count, step in zip(optics.detector.shape, optics.detector.reciprocal_sampling, strict=True):
        half = min(math.ceil(_FIELD * optics.aperture / step), count // 2)
        cuts.append(slice(count // 2 - half, min(count, count // 2 + half + 1)))
    return cuts[0], cuts[1]


def _projection(basis: Basis, pattern: Float) -> Float:
    """A pattern as its coefficients keep it; bad pixels leave masks not quite orthonormal."""
    coefficients = basis.forward(pattern)
    if basis.matrix is not None:
        coefficients = np.linalg.solve(basis.matrix @ basis.matrix.T, coefficients)
    return basis.adjoint(coefficients)


def _draw_pattern(axes: Axes, pattern: Float, optics: Optics) -> None:
    ky, kx = (f.ravel() * optics.wavelength * 1e3 for f in optics.detector.frequencies())
    extent = (kx[0], kx[-1], ky[-1], ky[0])
    peak = float(pattern.max())
    axes.imshow(pattern, norm=LogNorm(peak * 1e-4, peak, clip=True), extent=extent, cmap="magma")
    radius = optics.semi_angle * 1e3
    axes.add_patch(Circle((0, 0), radius, fill=False, color="white", lw=0.8, ls="--"))
    bare(axes)
    scale_bar(axes, radius, f"{radius:g} mrad")
    axes.set_title("pattern $P$ (log)")


def _draw_mosaic(axes: Axes, basis: Basis, field: tuple[slice, slice]) -> None:
    """Tile the masks; the disc keeps its shape, NaN separates the tiles."""
    some = np.eye(min(basis.size, _MOST_MASKS), basis.size, dtype=np.float32)
    masks = basis.adjoint(some)[(slice(None), *field)]
    seen = basis.support[field]
    columns = math.ceil(math.sqrt(len(masks)))
    rows = math.ceil(len(masks) / columns)
    height, width = seen.shape
    canvas = np.full((rows * height, columns * width), np.nan)
    for index, mask in enumerate(masks):
        y, x = divmod(index, columns)
        peak = np.abs(mask).max() or 1  # a mask may lie outside the field
        tile = np.where(seen, mask / peak, np.nan)
        canvas[y * height : (y + 1) * height, x * width : (x + 1) * width] = tile
    axes.imshow(canvas, cmap="RdBu_r", vmin=-1, vmax=1)
    bare(axes)
    shown = "" if len(masks) == basis.size else f"{len(masks)} of "
    axes.set_title(f"{shown}{basis.size} masks $M^n$,\n{pretty(basis.name)}")


def _draw_coefficients(axes: Axes, basis: Basis, pattern: Float) -> None:
    coefficients = basis.forward(pattern)[: 4 * _MOST_MASKS]
    axes.bar(np.arange(len(coefficients)), coefficients, color=COLOURS[0], width=0.8)
    peak = float(np.abs(coefficients).max()) or 1
    # a power of ten, or the labels of smaller ones crowd around zero
    axes.set_yscale("symlog", linthresh=10.0 ** math.ceil(math.log10(peak) - 2))
    axes.axhline(0, color="black", lw=0.6)
    axes.set_xlabel("mask $n$")
    axes.set_title("$c_n = \\sum_{ij} P_{ij} M^n_{ij}$")


def _draw_kept(axes: Axes, picture: Float, peak: float, title: str) -> None:
    axes.imshow(picture, cmap="magma", vmin=0, vmax=peak)
    bare(axes)
    axes.set_title(title)
