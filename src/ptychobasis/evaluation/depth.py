"""What slices resolve along the beam: which true slice is found in which reconstructed one.

The columns of a crystal run through all slices, so that a slice agrees with the truth of any
depth and its Fourier shell correlation says little about depth. What tells depths apart is what
slices do not share.
"""

from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ptychobasis.core.arrays import Pair
from ptychobasis.core.grid import Grid
from ptychobasis.data.dataset import Truth
from ptychobasis.evaluation.alignment import align, fitted_plane, resample
from ptychobasis.evaluation.compare import Measure
from ptychobasis.evaluation.field import scanned_phase, truth_on_grid
from ptychobasis.evaluation.fsc import (
    apodisation_window,
    band_mean,
    fourier_shell_correlation,
    windowed_spectrum,
)
from ptychobasis.reconstruction.result_file import Reconstruction

Float = NDArray[np.floating]
_NOTHING = 1e-8  # of the power: what rounding leaves where slices are the same


def in_band(phase: ArrayLike, sampling: Pair, measure: Measure) -> Float:
    """Slices as they are compared: without a plane, apodised, within the band alone.

    Each loses its own plane, not that of its difference from the truth as before a correlation
    of whole slices: so nothing of the truth of one depth comes into the slice beside it.

    Args:
        phase: ``(slices, y, x)`` [rad].
        sampling: pixel size along (y, x) [Å].
        measure: band [1/Å] and apodisation [Å].

    Returns:
        ``(slices, y, x)`` [rad].
    """
    values = np.asarray(phase, np.float64)
    grid = Grid((values.shape[1], values.shape[2]), sampling)
    values = values - fitted_plane(values, grid, measure.apodisation)[0]
    spectrum = windowed_spectrum(values, apodisation_window(grid, measure.apodisation))
    return np.fft.ifft2(spectrum * _band(grid, measure)).real


def _band(grid: Grid, measure: Measure) -> NDArray[np.bool_]:
    """Fourier pixels ``(y, x)`` in the band, the zero frequency first."""
    q = np.fft.ifftshift(np.hypot(*grid.frequencies()))
    return (q > measure.band[0]) & (q < measure.band[1])


def _samples(grid: Grid, measure: Measure) -> int:
    """Independent real numbers that `in_band` leaves of a slice: pixels of band and window."""
    window = apodisation_window(grid, measure.apodisation)
    return round(_band(grid, measure).sum() * (window**2).mean())


def own_part(slices: Float) -> Float:
    """What each slice does not share with the others: itself less its multiple of their mean.

    The multiple is the least-squares one, since the outer slices stand for half as much of the
    sample. Where slices are the same but for a factor, exactly nothing remains.

    Args:
        slices: ``(slices, y, x)``.
    """
    mean = slices.mean(axis=0)
    power = (mean**2).sum()
    shared = (slices * mean).sum((-2, -1)) / power if power > 0 else np.zeros(len(slices))
    rest = slices - shared[:, None, None] * mean
    same = (rest**2).sum((-2, -1)) <= _NOTHING * (slices**2).sum((-2, -1))
    rest[same] = 0
    return rest


def correlations(a: Float, b: Float) -> Float:
    """Correlation ``(slices, slices)`` of each slice of `a` with each of `b`; 0 where one is 0."""
    first, second = (x.reshape(len(x), -1) for x in (a, b))
    norm = np.outer(np.linalg.norm(first, axis=1), np.linalg.norm(second, axis=1))
    return np.divide(first @ second.T, norm, out=np.zeros_like(norm), where=norm > 0)


def shares(found: Float, true: Float, samples: int) -> tuple[Float, Float]:
    """Weights W with which true slices add up to each reconstructed one, by least squares.

    ``found[i] ≈ Σ_j W[i, j] true[j]``. By the theorem of Frisch and Waugh (Econometrica 1 (1933)
    387), W[i, j] is how much of what true slice j alone holds is in slice i; a perfect
    reconstruction has the unit matrix. Where true slices are the same but for a factor, the
    smallest such weights spread over them.

    Args:
        found: ``(slices, y, x)`` of a reconstruction.
        true: ``(slices, y, x)``.
        samples: independent numbers in a slice.

    Returns:
        W, and its standard errors if the rest is white noise, both ``(slices, slices)``.
    """
    columns, goals = (x.reshape(len(x), -1).T for x in (true, found))
    inverse = np.linalg.pinv(columns, rcond=np.sqrt(_NOTHING))
    weights = inverse @ goals
    noise = ((goals - columns @ weights) ** 2).sum(axis=0) / max(samples - len(true), 1)
    errors = np.sqrt(np.outer(noise, (inverse**2).sum(axis=1)))
    return weights.T, errors


def depth_table(
    recon: Reconstruction, label: tuple[str, str], positions: ArrayLike, truth: Truth,
    measure: Measure,
) -> pd.DataFrame:  # fmt: skip
    """Compare every slice of a reconstruction with the true potential of every depth.

    Args:
        recon: the reconstruction to judge.
        label: its sweep and size.
        positions: ``(..., 2)`` scan positions as (y, x) [Å].
        truth: the sample.
        measure: band, apodisation, largest shift.

    Returns:
        One row per pair of slices, numbered from 0: sweep, size, basis, stored_values, slice,
        true_slice, depth_angstrom and true_depth_angstrom of both, mean_fsc of the slices as
        they are, correlation of their `own_part`, perfect_correlation (the one that a perfect
        reconstruction has), share and share_error (see `shares`).

    Raises:
        StudyError: as `evaluation.evaluate`.
    """
    phase, grid, origin = scanned_phase(recon, label, positions)
    target = truth_on_grid(truth, recon.energy, recon.slice_depths, grid, origin)
    sampling, edge = recon.sampling, measure.apodisation
    aligned = align(phase, target, sampling, edge, measure.shift_limit)
    fsc = [
        band_mean(fourier_shell_correlation(a, b, sampling, edge), *measure.band)
        for a, b in product(aligned.array, target)
    ]
    y, x = aligned.shift_angstrom
    moved = resample(phase, sampling, (0, 0), grid, (-y, -x))
    found, true = (in_band(slices, sampling, measure) for slices in (moved, target))
    share, error = shares(found, true, _samples(grid, measure))
    index = np.arange(len(target))
    i, j = (x.ravel() for x in np.meshgrid(index, index, indexing="ij"))
    depths = np.asarray(recon.slice_depths)
    return pd.DataFrame(
        {
            "sweep": label[0],
            "size": label[1],
            "basis": recon.run.basis,
            "stored_values": recon.run.stored_values,
            "slice": i,
            "true_slice": j,
            "depth_angstrom": depths[i],
            "true_depth_angstrom": depths[j],
            "mean_fsc": fsc,
            "correlation": correlations(own_part(found), own_part(true)).ravel(),
            "perfect_correlation": correlations(own_part(true), own_part(true)).ravel(),
            "share": share.ravel(),
            "share_error": error.ravel(),
        }
    )
