"""Figure 7: probes that were optimised with the object, beside the true one."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.evaluation.probe_error import compare_probes, true_probe
from ptychobasis.reconstruction.result_file import Reconstruction
from ptychobasis.report.figures.style import bare, label_panel, new_figure, scale_bar

_SHOWN = 6.0  # at most, to either side [Å]
_RADII = 2.5  # at most, of the aperture to either side


def draw_probes(results: Sequence[tuple[str, Reconstruction]], optics: Optics) -> Figure:
    """Draw the modulus of each probe in real space, above, and of its spectrum, below.

    Args:
        results: title and reconstruction of each column.
        optics: of the true probe, which is the first column.
    """
    first = results[0][1]
    grid = Grid((first.probe.shape[0], first.probe.shape[1]), first.phase.sampling)
    columns = [("true", true_probe(grid, optics), grid.sampling, "")]
    for title, result in results:
        error = compare_probes(result.probe, result.phase.sampling, optics)
        text = f"{100 * error.outside:.1f} % outside\ndistance {error.distance:.2f}\n"
        text += f"focus {error.defocus:+.1f} Å"
        columns.append((title, result.probe, result.phase.sampling, text))
    figure = new_figure(1.35 * len(columns), 3.3)
    panels = figure.subplots(2, len(columns), squeeze=False)
    brightest = np.abs(columns[0][1]).max()
    grids = [Grid((wave.shape[0], wave.shape[1]), sampling) for _, wave, sampling, _ in columns]
    near = _shown(_SHOWN, ((grid.shape, grid.sampling) for grid in grids))
    far = _shown(
        _RADII * optics.aperture, ((grid.shape, grid.reciprocal_sampling) for grid in grids)
    )
    for (title, probe, sampling, text), (above, below) in zip(columns, panels.T, strict=True):
        above.set_title(title, fontsize=8)
        _draw_wave(above, np.abs(probe) / brightest, sampling)
        _draw_spectrum(below, probe, sampling, optics.aperture)
        for axes, half in ((above, near), (below, far)):
            axes.set_xlim(-half, half)
            axes.set_ylim(half, -half)
            bare(axes)
        below.set_xlabel(text, fontsize=7.5)
    scale_bar(panels[0, 0], 2, "2 Å")
    for letter, axes in zip("ab", panels[:, 0], strict=True):
        label_panel(axes, letter, "white")
    return figure


def _shown(most: float, pictures: Iterable[tuple[tuple[int, int], tuple[float, float]]]) -> float:
    """Half the width that is drawn: `most`, or what the smallest picture holds on all sides.

    Args:
        most: Half width where the pictures are large enough.
        pictures: Shape and pixel size (y, x) of each.
    """
    held = (((n - 1) // 2 + 0.5) * d for picture in pictures for n, d in zip(*picture, strict=True))
    return min(most, *held)


def _draw_wave(axes: Axes, modulus: NDArray[np.floating], sampling: tuple[float, float]) -> None:
    (ny, nx), (dy, dx) = modulus.shape, sampling
    top, left = (-(n // 2 + 0.5) * d for n, d in ((ny, dy), (nx, dx)))
    extent = (left, left + nx * dx, top + ny * dy, top)
    axes.imshow(modulus, cmap="magma", vmin=0, vmax=1, extent=extent)


def _draw_spectrum(
    axes: Axes, probe: NDArray[np.complexfloating], sampling: tuple[float, float], aperture: float
) -> None:
    """The modulus in units of its mean within the aperture, which is a circle."""
    grid = Grid((probe.shape[0], probe.shape[1]), sampling)
    spectrum = np.abs(np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(probe))))
    ky, kx = grid.frequencies()
    inside = np.hypot(ky, kx) <= aperture
    dy, dx = grid.reciprocal_sampling
    extent = (kx.min() - dx / 2, kx.max() + dx / 2, ky.max() + dy / 2, ky.min() - dy / 2)
    axes.imshow(spectrum / spectrum[inside].mean(), cmap="magma", vmin=0, vmax=1.5, extent=extent)
    axes.add_patch(Circle((0, 0), aperture, fill=False, ec="white", lw=0.6, ls=":"))
