"""Take away what the data cannot fix, before two reconstructions are compared.

Ptychography determines an object up to a constant phase and, when the probe is free, up to
a lateral shift and a linear phase ramp. None of the three is an error.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ptychobasis.core.grid import Grid
from ptychobasis.evaluation.fsc import apodisation_window, windowed_spectrum

Float = NDArray[np.floating]
_PASSES = 4


@dataclass(frozen=True)
class Aligned:
    """An object laid onto a reference, and what it took.

    Attributes:
        array: ``(slices, y, x)``, the moved object.
        shift_angstrom: (y, x) shift that was applied, common to all slices [Å].
        ramp: ``(slices, 2)`` slope along (y, x) that was subtracted [rad/Å].
        offset: ``(slices,)`` value at the centre of the field that was subtracted [rad].
    """

    array: Float
    shift_angstrom: tuple[float, float]
    ramp: Float
    offset: Float


def _mirror_matrix(pixels: int, step: float, at: Float, target_step: float) -> Float:
    """Matrix ``(len(at), pixels)`` that evaluates samples at the positions `at` [Å].

    The samples, continued beyond the borders by their mirror image, are a sum of cosines
    (DCT-II); those up to the Nyquist frequency of `target_step` are evaluated.
    """
    order = np.arange(pixels)
    order = order[order / (pixels * step) <= (1 + 1e-9) / target_step]
    analysis = np.cos(np.pi * np.outer(order, np.arange(pixels) + 0.5) / pixels)
    analysis *= np.where(order == 0, 1, 2)[:, None] / pixels
    return np.cos(np.pi * np.outer(at / step + 0.5, order) / pixels) @ analysis


def resample(
    array: ArrayLike,
    sampling: tuple[float, float],
    origin: tuple[float, float],
    grid: Grid,
    target_origin: tuple[float, float],
) -> Float:
    """Evaluate ``(..., y, x)`` on another grid, band-limited to the coarser of the two.

    Exact for what is band-limited, at any distance between the two origins; two small matrix
    products, no interpolation kernel. The array is continued by its mirror image, so values
    are meaningful inside its borders only; a constant stays the constant it is.

    Args:
        array: ``(..., y, x)``, real.
        sampling: its pixel size along (y, x) [Å].
        origin: position (y, x) of the centre of its first pixel [Å].
        grid: shape and sampling wanted.
        target_origin: position (y, x) of the centre of the first pixel wanted [Å].
    """
    values = np.asarray(array, np.float64)
    along_y, along_x = (
        _mirror_matrix(
            values.shape[axis - 2],
            sampling[axis],
            target_origin[axis] - origin[axis] + np.arange(grid.shape[axis]) * grid.sampling[axis],
            grid.sampling[axis],
        )
        for axis in (0, 1)
    )
    return along_y @ values @ along_x.T


def find_shift(
    moving: ArrayLike, reference: ArrayLike, grid: Grid, edge: float, limit: float
) -> Float:
    """Shift (y, x) [Å] of `moving` that correlates best with `reference`, within ± `limit`.

    The cross-correlation, summed over slices, is evaluated by matrix products on a grid of
    shifts that is refined three times (Guizar-Sicairos, Thurman and Fienup, Opt. Lett. 33
    (2008) 156). Only shifts within the limit are looked at, so that no period of a crystal can
    be jumped, which a search for the highest peak anywhere cannot promise.
    """
    window = apodisation_window(grid, edge)
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


def fitted_plane(difference: Float, grid: Grid, edge: float) -> tuple[Float, Float, Float]:
    """Least-squares plane per slice: ``(slices, y, x)``, slopes ``(slices, 2)``, centres.

    Weighted with the apodisation window, under which 1, y and x are orthogonal.

    Args:
        difference: ``(slices, y, x)``.
        grid: of a slice.
        edge: width of the window's rise at each border [Å].
    """
    y, x = (
        (np.arange(n) - (n - 1) / 2) * d for n, d in zip(grid.shape, grid.sampling, strict=True)
    )
    weight = apodisation_window(grid, edge)

    def fit(pattern: Float) -> Float:
        """Coefficient of one of the three, ``(slices, 1, 1)``."""
        projection = (difference * pattern * weight).sum((-2, -1), keepdims=True)
        return np.asarray(projection / (pattern**2 * weight).sum())

    offset = fit(np.ones(grid.shape))
    along_y, along_x = fit(y[:, None] + 0 * x), fit(0 * y[:, None] + x)
    plane = offset + along_y * y[:, None] + along_x * x
    return plane, np.concatenate([along_y, along_x], -1)[:, 0], offset[:, 0, 0]


def align(
    moving: ArrayLike,
    reference: ArrayLike,
    sampling: tuple[float, float],
    edge: float = 2.0,
    limit: float = 1.0,
) -> Aligned:
    """Remove offset, linear ramp and lateral shift of an object relative to a reference.

    Offset and ramp are the least-squares plane through the difference, slice by slice. The
    shift is found on apodised fields, which draws it towards zero by a percent or so; finding
    it again for the moved object takes that away.

    Args:
        moving: ``(slices, y, x)`` phase [rad].
        reference: as `moving`.
        sampling: pixel size along (y, x) [Å].
        edge: apodisation of the fields that are aligned [Å].
        limit: largest shift along each axis [Å]; keep it below half a lattice period.

    Raises:
        ValueError: shapes differ or are not ``(slices, y, x)``.
    """
    object_, target = np.asarray(moving, np.float64), np.asarray(reference, np.float64)
    if object_.shape != target.shape or object_.ndim != 3:
        raise ValueError(f"cannot align shapes {object_.shape} and {target.shape}")
    grid = Grid((object_.shape[1], object_.shape[2]), sampling)
    plane, slope, offset = fitted_plane(object_ - target, grid, edge)
    flat = object_ - plane

    shift: Float = np.zeros(2)
    moved: Float = flat
    for _ in range(_PASSES):
        more = find_shift(moved, target, grid, edge, limit)
        shift = np.clip(shift + more, -limit, limit)
        moved = resample(flat, sampling, (0, 0), grid, (-shift[0], -shift[1]))

    rest, more_slope, more_offset = fitted_plane(moved - target, grid, edge)
    return Aligned(
        moved - rest, (float(shift[0]), float(shift[1])), slope + more_slope, offset + more_offset
    )
