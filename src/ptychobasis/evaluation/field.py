"""The field that is compared: the scanned part of a reconstruction, and the truth on its pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ptychobasis.core.arrays import Float, Pair
from ptychobasis.core.electrons import interaction_constant
from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.data.dataset import Truth
from ptychobasis.evaluation.alignment import resample
from ptychobasis.reconstruction.result_file import Reconstruction


def layers_of_slices(layers: int, thickness: float, depths: ArrayLike) -> NDArray[np.intp]:
    """Index of the slice that stands for each layer: the one nearest to its middle.

    Args:
        layers: layers of the sample.
        thickness: of one layer [Å].
        depths: ``(slices,)`` depths of the slices [Å].

    Returns:
        ``(layers,)``; of two slices equally near, the upper one.
    """
    middle = (np.arange(layers) + 0.5) * thickness
    return np.abs(middle[:, None] - np.asarray(depths, float)).argmin(1)


def truth_on_grid(
    truth: Truth, energy: float, depths: ArrayLike, grid: Grid, origin: Pair
) -> Float:
    """The phase that a perfect reconstruction would hold.

    Args:
        truth: projected potential of the layers.
        energy: kinetic energy of the electrons [eV].
        depths: ``(slices,)`` depths of the slices [Å].
        grid: shape ``(y, x)`` and sampling [Å] wanted.
        origin: position (y, x) of the centre of its first pixel [Å].

    Returns:
        ``(slices, y, x)`` phase σV [rad], band-limited to the Nyquist frequency of the grid.

    Raises:
        StudyError: the grid reaches beyond the known potential.
    """
    _require_inside("the true potential", truth, grid, origin)
    owner = layers_of_slices(len(truth.potential), truth.slice_thickness, depths)
    slices = np.stack(
        [truth.potential[owner == i].sum(0, dtype=np.float64) for i in range(np.size(depths))]
    )
    phase = resample(slices, truth.sampling, truth.origin, grid, origin)
    return interaction_constant(energy) * phase


def _require_inside(what: str, source: Truth | Reconstruction, grid: Grid, origin: Pair) -> None:
    """Raise a StudyError unless the pixels of `grid` lie on those of `source`."""
    for axis, name in enumerate("yx"):
        step = source.sampling[axis]
        first = source.origin[axis] - step / 2
        last = first + source.grid.shape[axis] * step
        start = origin[axis]
        stop = start + (grid.shape[axis] - 1) * grid.sampling[axis]
        if start < first - 1e-6 or stop > last + 1e-6:
            raise StudyError(
                f"evaluation: {what} covers {name} = {first:.4g} … {last:.4g} Å, but the field "
                f"to compare is {start:.4g} … {stop:.4g} Å; keep the scan inside it"
            )


def scanned_field(
    shape: tuple[int, int], sampling: Pair, origin: Pair, positions: ArrayLike
) -> tuple[slice, slice]:
    """Pixels (y, x) whose centres lie in the bounding box of the scan positions.

    Args:
        shape: pixels (y, x) of the object.
        sampling: pixel size along (y, x) [Å].
        origin: position (y, x) of the centre of the first pixel [Å].
        positions: ``(..., 2)`` scan positions as (y, x) [Å].

    Raises:
        StudyError: the box leaves the object or is narrower than eight pixels.
    """
    points = np.asarray(positions, float).reshape(-1, 2)
    low = np.ceil((points.min(0) - origin) / sampling - 1e-6).astype(int)
    high = np.floor((points.max(0) - origin) / sampling + 1e-6).astype(int) + 1
    if np.any(low < 0) or np.any(high > shape):
        raise StudyError(
            f"evaluation: the scan covers pixels {low} … {high - 1} of an object of {shape} "
            "pixels; scan positions and object must share one coordinate system"
        )
    if np.any(high - low < 8):
        raise StudyError(
            f"evaluation: the scanned field is {high - low} pixels (y, x); a correlation needs at "
            "least 8 along each axis, so scan a larger area"
        )
    return slice(low[0], high[0]), slice(low[1], high[1])


def scanned_phase(
    recon: Reconstruction, label: tuple[str, str], positions: ArrayLike
) -> tuple[Float, Grid, Pair]:
    """The phase inside the scanned area ``(slices, y, x)``, its grid and its origin."""
    rows, columns = scanned_field(recon.phase.shape[-2:], recon.sampling, recon.origin, positions)
    phase = np.asarray(recon.phase, np.float64)[:, rows, columns]
    if not np.isfinite(phase).all():
        raise StudyError(
            f"evaluation: the phase of {'/'.join(label)} holds NaN or infinity, so the "
            "reconstruction diverged; lower reconstruction.step_rad"
        )
    grid = Grid((phase.shape[1], phase.shape[2]), recon.sampling)
    origin = (
        recon.origin[0] + rows.start * recon.sampling[0],
        recon.origin[1] + columns.start * recon.sampling[1],
    )
    return phase, grid, origin


@dataclass(frozen=True)
class Picture:
    """The scanned part of one object.

    Attributes:
        phase: ``(slices, y, x)`` [rad].
        origin: of the first pixel (y, x) [Å].
        sampling: along (y, x) [Å].
    """

    phase: Float
    origin: tuple[float, float]
    sampling: tuple[float, float]

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top edge [Å], y pointing down as rows do."""
        (dy, dx), (y, x) = self.sampling, self.origin
        _, ny, nx = self.phase.shape
        return x - dx / 2, x + (nx - 0.5) * dx, y + (ny - 0.5) * dy, y - dy / 2


def scanned_picture(recon: Reconstruction, positions: Float) -> Picture:
    """Cut the scanned area from a reconstruction."""
    rows, columns = scanned_field(recon.phase.shape[-2:], recon.sampling, recon.origin, positions)
    origin = (
        recon.origin[0] + rows.start * recon.sampling[0],
        recon.origin[1] + columns.start * recon.sampling[1],
    )
    return Picture(recon.phase[:, rows, columns], origin, recon.sampling)


def true_picture(truth: Truth, energy: float, depths: tuple[float, ...], like: Picture) -> Picture:
    """The true phase on the pixels of another picture."""
    grid = Grid((like.phase.shape[1], like.phase.shape[2]), like.sampling)
    phase = truth_on_grid(truth, energy, depths, grid, like.origin)
    return Picture(phase, like.origin, like.sampling)
