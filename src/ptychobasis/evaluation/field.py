"""The field that is compared: the scanned part of a reconstruction, and the truth on its pixels."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ptychobasis.core.arrays import Pair
from ptychobasis.core.electrons import interaction_constant
from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.core.variant import Variant
from ptychobasis.core.volume import Volume
from ptychobasis.data.dataset import Truth
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


def true_phase(truth: Truth, energy: float, depths: ArrayLike, grid: Grid, origin: Pair) -> Volume:
    """The phase that a perfect reconstruction would hold.

    Args:
        truth: projected potential of the layers.
        energy: kinetic energy of the electrons [eV].
        depths: ``(slices,)`` depths of the slices [Å].
        grid: shape ``(y, x)`` and sampling [Å] wanted.
        origin: position (y, x) of the centre of its first pixel [Å].

    Returns:
        Phase σV [rad], band-limited to the Nyquist frequency of the grid.

    Raises:
        StudyError: the grid reaches beyond the known potential.
    """
    layers = truth.potential
    owner = layers_of_slices(len(layers.array), truth.slice_thickness, depths)
    summed = [layers.array[owner == i].sum(0, dtype=np.float64) for i in range(np.size(depths))]
    slices = Volume(np.stack(summed), layers.sampling, layers.origin)
    found = slices.on(grid, origin, "the true potential")
    return Volume(interaction_constant(energy) * found.array, grid.sampling, origin)


def scanned_phase(recon: Reconstruction, variant: Variant, positions: ArrayLike) -> Volume:
    """The phase [rad] inside the bounding box of the scan, in double precision.

    Raises:
        StudyError: the scan leaves the object or is too small, or the reconstruction diverged.
    """
    field = recon.phase.cropped(positions)
    if not np.isfinite(field.array).all():
        raise StudyError(
            f"evaluation: the phase of {variant} holds NaN or infinity, so the "
            "reconstruction diverged; lower reconstruction.step_rad"
        )
    return Volume(np.asarray(field.array, np.float64), field.sampling, field.origin)
