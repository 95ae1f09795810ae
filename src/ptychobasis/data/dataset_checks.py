"""Checks of the intensities of a data set: every pattern is read once."""

import math

import numpy as np
from numpy.typing import NDArray

from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.data.dataset import Dataset

_MEAN_TOTAL = (0.05, 1.05)


def check_patterns(dataset: Dataset) -> NDArray[np.float64]:
    """Read every pattern once and refuse what cannot be a fraction of the incident beam.

    Returns:
        The mean pattern ``(ky, kx)``.

    Raises:
        StudyError: NaN, infinite or negative intensities, another normalisation, or
            patterns that are not centred.
    """
    mean = np.zeros(dataset.optics.detector.shape)
    for points, block in dataset.blocks():
        for bad, what in ((~np.isfinite(block), "NaN or infinite"), (block < 0, "negative")):
            if bad.any():
                first = points.start + int(np.argmax(bad.any(axis=(1, 2))))
                i, j = divmod(first, dataset.scan_shape[1])
                raise StudyError(
                    f"{dataset.path}: the pattern ({i}, {j}) of 'patterns' holds {what} "
                    "intensities; allowed: finite numbers that are not negative"
                )
        mean += block.sum(axis=0, dtype=np.float64) / dataset.size
    low, high = _MEAN_TOTAL
    if not low <= mean.sum() <= high:
        raise StudyError(
            f"{dataset.path}: the patterns of 'patterns' sum up to {mean.sum():.4g} on average; "
            f"allowed: {low} to {high}, the fraction of the incident electrons (for counts, set "
            "the attribute 'incident_electrons' of 'patterns' to the electrons per pattern)"
        )
    _check_centre(dataset, mean)
    return mean


def scattering(pattern: NDArray[np.floating], detector: Grid) -> NDArray[np.float64]:
    """How far a pattern ``(ky, kx)`` reaches.

    Returns:
        ``(2, n)``: radii in steps of a pixel up to the nearest edge of the detector [1/Å], and
        what of the incident electrons is within each.
    """
    ky, kx = detector.frequencies()
    radius = np.hypot(ky, kx)
    step = max(detector.reciprocal_sampling)
    edge = min(-ky.min(), -kx.min())
    radii = np.arange(1, round(edge / step) + 1) * step
    order = np.argsort(radius, axis=None)
    within = np.concatenate([[0.0], np.cumsum(pattern.ravel()[order], dtype=np.float64)])
    # a pixel whose centre lies on the radius counts, whatever rounding makes of it
    found = np.searchsorted(radius.ravel()[order], radii * (1 + 1e-9), side="right")
    return np.stack([radii, within[found]])


def _check_centre(dataset: Dataset, mean: NDArray[np.float64]) -> None:
    """Refuse patterns whose disc, the bright half of their mean, lies off the centre."""
    bright = dataset.optics.bright_field()
    if mean[bright].mean() < 0.5 * mean[~bright].mean():
        raise StudyError(
            f"{dataset.path}: the bright-field disc of 'semi_angle_rad' around pixel (ky // 2, "
            "kx // 2) is darker than the rest of 'patterns'; allowed: patterns centred there"
        )
    disc = mean > 0.5 * np.percentile(mean, 100 * (1 - bright.mean() / 2))
    centre = np.array(mean.shape) // 2
    found = np.argwhere(disc).mean(axis=0)
    allowed = max(1.5, 0.1 * math.sqrt(bright.sum() / math.pi))
    if np.abs(found - centre).max() > allowed:
        raise StudyError(
            f"{dataset.path}: the disc of 'patterns' is centred on pixel ({found[0]:.1f}, "
            f"{found[1]:.1f}); allowed: (ky // 2, kx // 2) = ({centre[0]}, {centre[1]}) within "
            f"{allowed:.1f} pixels"
        )
