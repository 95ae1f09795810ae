"""Take away what the data cannot fix, before two reconstructions are compared.

Ptychography determines an object up to a constant phase and, when the probe is free, up to
a lateral shift and a linear phase ramp. None of the three is an error.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from ptychobasis.core.arrays import Float
from ptychobasis.core.grid import Grid
from ptychobasis.core.volume import Volume
from ptychobasis.evaluation.fsc import windowed_spectrum

LARGEST_SHIFT = 1.0  # [Å] along each axis; less than half a period of any crystal
_PASSES = 4


@dataclass(frozen=True)
class Aligned:
    """An object laid onto a reference.

    Attributes:
        volume: The moved object, without a plane in its difference from the reference.
        shift_angstrom: (y, x) shift that was applied, common to all slices [Å].
    """

    volume: Volume
    shift_angstrom: tuple[float, float]


def find_shift(
    moving: ArrayLike, reference: ArrayLike, grid: Grid, window: Float, limit: float
) -> Float:
    """Shift (y, x) [Å] of `moving` that correlates best with `reference`, within ± `limit`.

    The cross-correlation, summed over slices, is evaluated by matrix products on a grid of
    shifts that is refined three times (Guizar-Sicairos, Thurman and Fienup, Opt. Lett. 33
    (2008) 156). Only shifts within the limit are looked at, so that no period of a crystal can
    be jumped, which a search for the highest peak anywhere cannot promise.
    """
    cross = windowed_spectrum(reference, window) * windowed_spectrum(moving, window).conj()
    cross = cross.reshape(-1, *grid.shape).sum(0)
    ky, kx = (np.fft.ifftshift(k.ravel()) for k in grid.frequencies())
    best, reach = np.zeros(2), limit
    step = min(*grid.sampling, limit) / 2
    for _ in range(4):
        offsets = np.arange(-round(reach / step), round(reach / step) + 1) * step
        at_y, at_x = (np.clip(centre + offsets, -limit, limit) for centre in best)
        rows = np.exp(2j * np.pi * np.outer(at_y, ky))
        columns = np.exp(2j * np.pi * np.outer(kx, at_x))
        correlation = (rows @ cross @ columns).real
        i, j = np.unravel_index(correlation.argmax(), correlation.shape)
        best, reach, step = np.array([at_y[i], at_x[j]]), step, step / 10
    return best


def fitted_plane(values: Float, window: Float) -> Float:
    """Least-squares plane through each slice, ``(slices, y, x)``.

    Args:
        values: ``(slices, y, x)``.
        window: Weights ``(y, x)``.
    """
    y, x = (np.linspace(-1, 1, n) for n in window.shape)
    shapes = np.stack([np.ones(window.shape), y[:, None] + 0 * x, 0 * y[:, None] + x])
    flat = shapes.reshape(3, -1)
    weighted = flat * window.ravel()
    projections = values.reshape(len(values), -1) @ weighted.T
    factors = np.linalg.solve(weighted @ flat.T, projections.T)
    plane: Float = np.tensordot(factors.T, shapes, axes=1)
    return plane


def align(
    moving: Volume, reference: Volume, window: Float, limit: float = LARGEST_SHIFT
) -> Aligned:
    """Remove offset, linear ramp and lateral shift of an object relative to a reference.

    Offset and ramp are the least-squares plane through the difference, slice by slice. The
    shift is found on windowed fields, which draws it towards zero by a percent or so; finding
    it again for the moved object takes that away.

    Args:
        moving: Phase [rad].
        reference: Phase [rad] on the same pixels.
        window: Weights ``(y, x)``, see `ptychobasis.evaluation.window.scan_window`.
        limit: Largest shift along each axis [Å]; keep it below half a lattice period.

    Raises:
        ValueError: shapes differ.
    """
    if moving.array.shape != reference.array.shape:
        raise ValueError(f"cannot align shapes {moving.array.shape} and {reference.array.shape}")
    object_, target = (np.asarray(each.array, np.float64) for each in (moving, reference))
    flat = replace(moving, array=object_ - fitted_plane(object_ - target, window))

    shift: Float = np.zeros(2)
    moved = flat
    for _ in range(_PASSES):
        more = find_shift(moved.array, target, moving.grid, window, limit)
        shift = np.clip(shift + more, -limit, limit)
        moved = flat.shifted((float(shift[0]), float(shift[1])))

    rest = fitted_plane(moved.array - target, window)
    aligned = replace(moved, array=moved.array - rest)
    return Aligned(aligned, (float(shift[0]), float(shift[1])))
