"""Resolution along the beam: which true slice is found in which reconstructed one.

The columns of a crystal run through all slices, so that a slice agrees with the truth of any
depth and its Fourier shell correlation says little about depth. What tells depths apart is what
slices do not share.
"""

from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ptychobasis.core.arrays import Float, Pair
from ptychobasis.core.grid import Grid
from ptychobasis.core.variant import Variant
from ptychobasis.core.volume import Volume
from ptychobasis.data.dataset import Truth
from ptychobasis.evaluation.alignment import align, fitted_plane
from ptychobasis.evaluation.field import scanned_phase, true_phase
from ptychobasis.evaluation.fsc import band_mean, fourier_shell_correlation, windowed_spectrum
from ptychobasis.evaluation.settings import Evaluation
from ptychobasis.evaluation.window import scan_window
from ptychobasis.reconstruction.result_file import Reconstruction

_NOTHING = 1e-8  # of the power: what rounding leaves where slices are the same


def in_band(phase: Volume, window: Float, band: Pair) -> Float:
    """Slices as they are compared: without a plane, windowed, within the band alone.

    Each loses its own plane, not that of its difference from the truth as before a correlation
    of whole slices: so nothing of the truth of one depth comes into the slice beside it.

    Args:
        phase: Phase [rad].
        window: Weights ``(y, x)``.
        band: Frequencies from, to [1/Å].

    Returns:
        ``(slices, y, x)`` [rad].
    """
    values = np.asarray(phase.array, np.float64)
    spectrum = windowed_spectrum(values - fitted_plane(values, window), window)
    return np.fft.ifft2(spectrum * _pixels_in(phase.grid, band)).real


def _pixels_in(grid: Grid, band: Pair) -> NDArray[np.bool_]:
    """Fourier pixels ``(y, x)`` in the band, the zero frequency first."""
    q = np.fft.ifftshift(np.hypot(*grid.frequencies()))
    return (q > band[0]) & (q < band[1])


def _samples(grid: Grid, window: Float, band: Pair) -> int:
    """Independent real numbers that `in_band` leaves of a slice: pixels of band and window."""
    return round(_pixels_in(grid, band).sum() * (window**2).mean())


def unshared(slices: Float) -> Float:
    """The part of each slice that the others lack: itself less its multiple of their mean.

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
    recon: Reconstruction, variant: Variant, positions: ArrayLike, truth: Truth,
    settings: Evaluation,
) -> pd.DataFrame:  # fmt: skip
    """Compare every slice of a reconstruction with the true potential of every depth.

    Args:
        recon: the reconstruction to judge.
        variant: its sweep and size.
        positions: ``(..., 2)`` scan positions as (y, x) [Å].
        truth: the sample.
        settings: band and apodisation.

    Returns:
        One row per pair of slices, numbered from 0: sweep, size, basis, stored_values, slice,
        true_slice, depth_angstrom and true_depth_angstrom of both, mean_fsc of the slices as
        they are, correlation of what is `unshared`, perfect_correlation (the one that a perfect
        reconstruction has), share and share_error (see `shares`).

    Raises:
        StudyError: as `ptychobasis.evaluation.compare.evaluate`.
    """
    phase, band = scanned_phase(recon, variant, positions), settings.band_per_angstrom
    target = true_phase(truth, recon.energy, recon.slice_depths, phase.grid, phase.origin)
    window = scan_window(phase, positions, settings.apodisation_angstrom)
    aligned = align(phase, target, window)
    fsc = [
        band_mean(fourier_shell_correlation(a, b, target.sampling, window), *band)
        for a, b in product(aligned.volume.array, target.array)
    ]
    moved = phase.shifted(aligned.shift_angstrom)
    found, true = (in_band(volume, window, band) for volume in (moved, target))
    share, error = shares(found, true, _samples(phase.grid, window, band))
    index = np.arange(len(target.array))
    i, j = (x.ravel() for x in np.meshgrid(index, index, indexing="ij"))
    depths = np.asarray(recon.slice_depths)
    return pd.DataFrame(
        {
            "sweep": variant.sweep,
            "size": variant.size,
            "basis": recon.run.basis,
            "stored_values": recon.run.stored_values,
            "slice": i,
            "true_slice": j,
            "depth_angstrom": depths[i],
            "true_depth_angstrom": depths[j],
            "mean_fsc": fsc,
            "correlation": correlations(unshared(found), unshared(true)).ravel(),
            "perfect_correlation": correlations(unshared(true), unshared(true)).ravel(),
            "share": share.ravel(),
            "share_error": error.ravel(),
        }
    )
