"""Bases that a detector could have: pixels, bins, rings, segments, moments."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ptychobasis.bases.basis import Basis, Request
from ptychobasis.bases.partitions import bin_labels, indicator_masks
from ptychobasis.core.errors import StudyError
from ptychobasis.core.optics import Optics


def pixels(request: Request) -> Basis:
    """Every pixel of the detector: nothing is compressed."""
    return Basis("pixels", np.ones(request.optics.detector.shape, bool))


def bright_field(request: Request) -> Basis:
    """Every pixel of the bright-field disc."""
    return Basis("bright-field", request.optics.bright_field())


def binning(request: Request) -> Basis:
    """Square bins of `size` x `size` pixels, one centred on the axis, that touch the disc.

    A bin touches the disc if the centre of one of its pixels lies in it; the bin is stored
    whole. Masks have unit norm: a coefficient is the mean of its pixels times `size`.
    """
    edge = request.size
    labels = bin_labels(request.optics.detector.shape, edge)
    kept = np.unique(labels[request.optics.bright_field()])
    if kept.size and kept[0] < 0:
        raise StudyError(
            f"bins of {edge} pixels around the bright-field disc reach beyond the detector; "
            "allowed are smaller bins or a detector with more pixels"
        )
    support, masks = indicator_masks(labels, kept)
    return Basis("binning", support, masks.toarray())


def annular(request: Request) -> Basis:
    """`size` rings of equal width, the innermost a disc, that divide the bright-field disc.

    Unit norm: a coefficient is the sum over the ring by the root of its number of pixels.
    """
    return _partition("annular", _rings(request.optics, request.size), request.size)


def segmented(request: Request) -> Basis:
    """The four quadrants of `size` / 4 rings, ring by ring from the inside.

    16 segments in four rings is the detector of Shibata et al., J. Electron Microsc. 59, 473
    (2010). Rings have equal width, as those of abTEM's SegmentedDetector: fine in the middle,
    where rings of equal area would be coarse. Quadrants are bounded by the axes; that of
    positive y and x comes first, the others follow from x to y. A pixel on a boundary belongs
    to the quadrant that begins there, so that all four are alike but for the central pixel.
    """
    size = request.size
    if size < 4 or size % 4:
        fit = [count for count in (size // 4 * 4, size // 4 * 4 + 4) if count >= 4]
        raise StudyError(
            f"a segmented detector of {size} segments does not exist; allowed: 4 in each ring, so "
            f"4, 8, 12, ... (nearest: {', '.join(map(str, fit))})"
        )
    rings = _rings(request.optics, size // 4)
    azimuth = request.optics.polar_frequencies()[1]
    quadrants = np.floor(azimuth / (np.pi / 2)).astype(int) % 4
    return _partition("segmented", np.where(rings < 0, -1, 4 * rings + quadrants), size)


def moments(request: Request) -> Basis:
    """The first moments of the bright-field disc along y and x, then `size` - 2 rings.

    Three numbers (the centre of mass times the dose, and the dose) are what a detector for
    differential phase contrast gives; the moments are about the optical axis, in unit norm.
    The disc is symmetric, so all masks are orthogonal.
    """
    if request.size < 3:
        raise StudyError(
            f"{request.size} masks do not hold the two moments and a ring; allowed: 3 or more"
        )
    count = request.size - 2
    rings = _partition("moments", _rings(request.optics, count), count)
    shape = rings.support.shape
    axes = (np.broadcast_to(k, shape) for k in request.optics.detector.frequencies())
    first = np.stack([k[rings.support] for k in axes])
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    masks = np.vstack([first, rings.masks()[:, rings.support]], dtype=np.float32)
    return replace(rings, matrix=masks)


def count_pixels(request: Request) -> float:
    """Pixels of the detector."""
    return math.prod(request.optics.detector.shape)


def count_bright_field(request: Request) -> float:
    """Pixels of the bright-field disc."""
    return int(request.optics.bright_field().sum())


def count_bins(request: Request) -> float:
    """Bins that fill the bright-field disc, about."""
    return count_bright_field(request) / request.size**2


def _rings(optics: Optics, count: int) -> NDArray[np.int64]:
    """Number the rings of equal width that divide the bright-field disc; -1 outside of it."""
    radius = optics.polar_frequencies()[0]
    ring = np.minimum((radius * count).astype(np.int64), count - 1)  # the rim belongs to the last
    return np.where(optics.bright_field(), ring, -1)


def _partition(name: str, labels: NDArray[np.int64], count: int) -> Basis:
    """One mask of unit norm for each of `count` labels of the disc's pixels; -1 is outside."""
    kept = np.unique(labels[labels >= 0])
    if kept.size < count:
        raise StudyError(
            f"{count} parts are too many for the basis '{name}' on a bright-field disc of "
            f"{(labels >= 0).sum()} pixels: {count - kept.size} would hold no pixel; allowed are "
            "fewer masks, or a detector with a longer window"
        )
    support, masks = indicator_masks(labels, kept)
    return Basis(name, support, masks.toarray())
