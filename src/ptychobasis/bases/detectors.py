"""Bases that a detector could have: pixels, bins, rings, segments, moments; and dark fields."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ptychobasis.bases.basis import Basis, Bool, Request
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
    labels = _bin_labels(request.optics.detector.shape, edge)
    kept = np.unique(labels[request.optics.bright_field()])
    if kept.size and kept[0] < 0:
        raise StudyError(
            f"bins of {edge} pixels around the bright-field disc reach beyond the detector; "
            "allowed are smaller bins or a detector with more pixels"
        )
    support, masks = _indicator_masks(labels, kept)
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


def dark_field(kind: str, bright: Bool, edge: int = 7) -> Basis:
    """Masks of the pixels outside `bright`, whose coefficients are to be zero.

    Args:
        kind: ``donut`` (one mask), ``bins`` (of `edge` x `edge` pixels) or ``pixels``.
        bright: ``(y, x)``, what the basis of the bright field sees.
        edge: of the bins [pixels].
    """
    if kind == "pixels":
        return Basis("dark-field pixels", ~bright)
    if kind == "donut":
        one = (~bright).sum()
        return Basis("dark-field donut", ~bright, np.full((1, one), one**-0.5, np.float32))
    if kind == "bins":
        labels = np.where(bright, -1, _bin_labels(bright.shape, edge))
        kept = np.unique(labels[labels >= 0])
        return Basis("dark-field bins", *_indicator_masks(labels, kept))
    kinds = ("donut", "bins", "pixels")
    raise StudyError(f"no dark field '{kind}'; allowed: none, {', '.join(kinds)}")


def _bin_labels(shape: tuple[int, int], edge: int) -> NDArray[np.int64]:
    """Number the `edge` x `edge` bins, one centred on the axis; -1 where one is cut off."""
    rows, columns = ((np.arange(n) - n // 2 + edge // 2) // edge for n in shape)
    whole = [
        np.isin(axis, np.flatnonzero(np.bincount(axis - axis.min()) == edge) + axis.min())
        for axis in (rows, columns)
    ]
    rows, columns = rows - rows.min(), columns - columns.min()
    labels = rows[:, None] * (columns.max() + 1) + columns[None, :]
    return np.where(whole[0][:, None] & whole[1][None, :], labels, -1)


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
    support, masks = _indicator_masks(labels, kept)
    return Basis(name, support, masks.toarray())


def _indicator_masks(labels: NDArray[np.int64], kept: NDArray[np.int64]) -> tuple[Bool, csr_array]:
    """Support and unit-norm masks of the pixels that carry each label of `kept`, ascending."""
    support = np.isin(labels, kept)
    rows = np.searchsorted(kept, labels[support])
    weights = 1 / np.sqrt(np.bincount(rows))[rows]
    entries = weights.astype(np.float32), (rows, np.arange(rows.size))
    return support, csr_array(entries, shape=(kept.size, rows.size))
