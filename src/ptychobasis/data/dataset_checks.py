"""Checks of the intensities of a data set: every pattern is read once."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychobasis.core.arrays import Float
from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import Grid
from ptychobasis.data.dataset import Dataset
from ptychobasis.data.disc import Disc, fit_disc
from ptychobasis.data.flaws import Flaws, Tally, find_flaws

_MEAN_TOTAL = (0.05, 1.05)
_OFF_CENTRE = 0.5  # [pixels] from which on the disc's offset spoils a reconstruction
_OFF_RADIUS = 0.05  # share of the radius
_BETTER = 1.03  # times the contrast of the claimed edge: one that is no better says nothing


class Checked(NamedTuple):
    """Results of the checks of a data set.

    Attributes:
        mean: ``(ky, kx)``, mean of the good patterns.
        disc: The bright-field disc as the patterns show it; None where it has no edge.
        flaws: Frames and pixels to be left out, beside those that the file marks itself.
        totals: ``(n,)``, sum of each pattern.
    """

    mean: Float
    disc: Disc | None
    flaws: Flaws
    totals: Float


def check_patterns(dataset: Dataset, mask_flaws: bool = False) -> Checked:
    """Read every pattern once and refuse what cannot be a fraction of the incident beam.

    Args:
        dataset: Data set on disk.
        mask_flaws: Return bad frames and pixels, in place of refusing the data set for them.

    Raises:
        StudyError: NaN, infinite or negative intensities, another normalisation, bad frames or
            pixels, or a disc that contradicts the calibration.
    """
    tally = _tally(dataset)
    frames = dataset.bad_frames.ravel()
    known = (dataset.bad_pixels, frames)
    flaws = find_flaws(
        tally, dataset.optics, dataset.scan_shape[1], dataset.electrons_per_pattern, known
    )
    if not tally.saturated.any():  # such a pixel outshines all others
        _check_normalisation(dataset, float(np.median(tally.totals[~frames])))
        _check_bright_field(dataset.without(flaws), tally.mean)
    if not flaws:
        disc = fit_disc(tally.mean, dataset.optics)
        if disc is not None and disc.contrast > _BETTER * disc.claimed_contrast:
            _check_disc(dataset, disc)
        return Checked(tally.mean, disc, flaws, tally.totals)
    if not mask_flaws:
        raise StudyError(
            f"{dataset.path}: {flaws}; allowed: such frames and pixels marked in 'bad_frames' "
            "(scan_y, scan_x) and 'bad_pixels' (ky, kx), or dataset.mask_flaws: true, which "
            "leaves them out"
        )
    rest = check_patterns(dataset.without(flaws), mask_flaws)
    return rest._replace(flaws=flaws.and_(rest.flaws))


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


def _tally(dataset: Dataset) -> Tally:
    """Go through all patterns once."""
    shape, good = dataset.optics.detector.shape, ~dataset.bad_frames.ravel()
    tally = Tally(np.zeros(shape), np.zeros(dataset.size), np.zeros(dataset.size),
                  np.zeros(shape, np.int64))  # fmt: skip
    largest = dataset.largest_number()
    for points, block in dataset.blocks():
        _check_numbers(dataset, points, block)
        tally.totals[points] = block.sum(axis=(1, 2), dtype=np.float64)
        tally.brightest[points] = block.max(axis=(1, 2))
        tally.mean += block[good[points]].sum(axis=0, dtype=np.float64)
        if largest is not None:
            tally.saturated += (block >= largest * (1 - 1e-6)).sum(axis=0)
    return replace(tally, mean=tally.mean / int(good.sum()))


def _check_numbers(dataset: Dataset, points: slice, block: NDArray[np.float32]) -> None:
    """Refuse NaN, infinite and negative numbers, but in frames that are marked as bad."""
    good = ~dataset.bad_frames.ravel()[points]
    for bad, what in ((~np.isfinite(block), "NaN or infinite"), (block < 0, "negative")):
        found = bad.any(axis=(1, 2)) & good
        if found.any():
            i, j = divmod(points.start + int(np.argmax(found)), dataset.scan_shape[1])
            raise StudyError(
                f"{dataset.path}: the pattern ({i}, {j}) of 'patterns' holds {what} "
                "intensities; allowed: finite numbers that are not negative"
            )


def _check_normalisation(dataset: Dataset, total: float) -> None:
    low, high = _MEAN_TOTAL
    if not low <= total <= high:
        raise StudyError(
            f"{dataset.path}: the patterns of 'patterns' sum up to {total:.4g} in the median; "
            f"allowed: {low} to {high}, the fraction of the incident electrons (for counts, set "
            "the attribute 'incident_electrons' of 'patterns' to the electrons per pattern)"
        )


def _check_bright_field(dataset: Dataset, mean: Float) -> None:
    """Refuse patterns that are dark where the disc should be."""
    bright, good = dataset.optics.bright_field(), ~dataset.bad_pixels
    if mean[bright & good].mean() < 0.5 * mean[~bright & good].mean():
        raise StudyError(
            f"{dataset.path}: the bright-field disc of 'semi_angle_rad' around pixel (ky // 2, "
            "kx // 2) is darker than the rest of 'patterns'; allowed: patterns centred there"
        )


def _check_disc(dataset: Dataset, disc: Disc) -> None:
    """Refuse a calibration that the disc of the patterns contradicts."""
    optics, centre = dataset.optics, np.array(dataset.optics.detector.shape) // 2
    if max(map(abs, disc.offset)) > _OFF_CENTRE:
        y, x = centre + np.array(disc.offset)
        raise StudyError(
            f"{dataset.path}: the disc of 'patterns' is centred on pixel ({y:.2f}, {x:.2f}); "
            f"allowed: (ky // 2, kx // 2) = ({centre[0]}, {centre[1]}) within {_OFF_CENTRE} pixels"
        )
    pixels = optics.aperture / min(optics.detector.reciprocal_sampling)
    if abs(disc.radius - 1) > max(_OFF_RADIUS, _OFF_CENTRE / pixels):
        raise StudyError(
            f"{dataset.path}: the disc of 'patterns' has {disc.radius:.3f} times the radius that "
            "'semi_angle_rad' and 'detector/window_angstrom' give; allowed: within "
            f"{max(_OFF_RADIUS, _OFF_CENTRE / pixels):.1%}, so for instance a semi-angle of "
            f"{optics.semi_angle * disc.radius:.5g} rad, or a window of "
            f"{_lengths(optics.detector.extent, disc.radius)} Å"
        )


def _lengths(extent: tuple[float, float], factor: float) -> str:
    return " x ".join(f"{length * factor:.4g}" for length in extent)
