"""From a data set to few numbers per pattern, with flat memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from ptychobasis.bases.basis import Basis
from ptychobasis.bases.compressed_file import Found, write_compressed
from ptychobasis.bases.quantise import Store, encode
from ptychobasis.compute.dask_workers import mapped
from ptychobasis.core.errors import StudyError
from ptychobasis.data.blocks import Cut
from ptychobasis.data.dataset import BLOCK_BYTES, Dataset

_MOST_PIXELS = 2**14
_TOGETHER = 16  # blocks that a worker is given at once: a second of work, or more


@dataclass(frozen=True)
class PatternReader:
    """How the patterns of a data set are read: block by block, here or by workers.

    Attributes:
        most_bytes: the most that a block of patterns in memory may take.
        scheduler: address of the dask scheduler whose workers read blocks and compress them; they
            are the same blocks. None: this process does.
    """

    most_bytes: int = BLOCK_BYTES
    scheduler: str | None = None

    def coefficients(self, dataset: Dataset, basis: Basis) -> Iterator[NDArray[np.float32]]:
        """The inner products ``(n, masks)`` of the patterns of each block, in order."""
        rows = _rows(basis.support)
        seen = replace(basis, support=basis.support[rows])
        if self.scheduler is None:
            return (seen.forward(patterns) for _, patterns in dataset.blocks(self.most_bytes, rows))
        there = replace(dataset, path=dataset.path.resolve())  # workers have folders of their own
        cuts = dataset.cuts(self.most_bytes, rows)
        groups = (cuts[i : i + _TOGETHER] for i in range(0, len(cuts), _TOGETHER))
        work = partial(_coefficients, there, seen, rows)
        found = chain.from_iterable(mapped(self.scheduler, work, groups))
        # as they are sent, numpy sums them up in another order
        return (np.require(block, requirements="A") for block in found)


_HERE = PatternReader()


def compress(
    dataset: Dataset,
    basis: Basis,
    path: str | Path,
    about: Mapping[str, Any] | None = None,
    scattering: NDArray[np.floating] | None = None,
    store: Store = "float32",
    reader: PatternReader = _HERE,
) -> None:
    """Write the inner products of every pattern with every mask to a compressed file.

    Args:
        dataset: the patterns.
        basis: the masks, on the detector of `dataset`.
        path: of the compressed file.
        about: what to keep in its attribute ``provenance`` beside the versions.
        scattering: ``(2, n)``, how far the mean pattern reaches, which tells a reconstruction
            how small its model may be; see `ptychobasis.data.dataset_checks.scattering`.
        store: how the inner products are stored, see `ptychobasis.bases.quantise`.
        reader: how the patterns are read.
    """
    _check_shape(dataset, basis.support)
    stored = encode(lambda: reader.coefficients(dataset, basis), store)
    found = Found(
        scattering, dataset.marked_pixels, dataset.marked_frames, dataset.electrons_per_pattern
    )
    write_compressed(path, dataset.optics, dataset.positions, basis, stored, about, found)


def leading_vectors(
    dataset: Dataset,
    support: NDArray[np.bool_],
    count: int,
    reader: PatternReader = _HERE,
) -> NDArray[np.float64]:
    """Leading right singular vectors of the patterns, not centred, within `support`.

    They are eigenvectors of the Gram matrix XᵀX.
    The sign is such that the component of largest magnitude is positive.

    Args:
        dataset: the patterns.
        support: ``(ky, kx)``, pixels to look at.
        count: number of vectors.
        reader: how the patterns are read.

    Returns:
        ``(count, pixels of the support)``, orthonormal, largest singular value first.

    Raises:
        StudyError: more vectors than patterns or pixels, or too many pixels.
    """
    _check_shape(dataset, support)
    pixels = int(support.sum())
    most = min(pixels, dataset.size)
    if not 1 <= count <= most:
        raise StudyError(
            f"{dataset.path}: {count} singular vectors of {dataset.size} patterns with {pixels} "
            f"pixels do not exist; allowed: 1 to {most}"
        )
    if pixels > _MOST_PIXELS:
        raise StudyError(
            f"{dataset.path}: singular vectors of {pixels} bright-field pixels take too much "
            f"memory; allowed: up to {_MOST_PIXELS}, for instance after binning the detector"
        )
    gram = _gram(dataset, support, reader)
    _, columns = eigh(gram, subset_by_index=[pixels - count, pixels - 1])
    vectors = columns.T[::-1]
    largest = np.abs(vectors).argmax(axis=1)
    return vectors * np.sign(vectors[np.arange(count), largest])[:, None]


def reduction(stored: int, detector_pixels: int) -> float:
    """By how much `stored` numbers per pattern are less than `detector_pixels` [%]."""
    return 100 * (1 - stored / detector_pixels)


def _gram(
    dataset: Dataset, support: NDArray[np.bool_], reader: PatternReader
) -> NDArray[np.float64]:
    """XᵀX of the patterns X within `support`.

    With any pattern r, D = X - r and d the sum of D over the n patterns, it is
    DᵀD + drᵀ + rdᵀ + n rrᵀ. Patterns are much alike, so D is small: its products are right
    in single precision, which takes half the time, where those of X would hide what differs.
    """
    common = dataset.pattern(0, 0)[support]
    gram, drift = np.zeros((common.size, common.size)), np.zeros(common.size)
    # workers send pixels, which are far fewer numbers than their products
    for pixels in reader.coefficients(dataset, Basis("pixels", support)):
        seen = np.subtract(pixels, common, out=pixels)
        gram += seen.T @ seen
        drift += seen.sum(axis=0, dtype=np.float64)
    shared = common.astype(np.float64)
    mixed = np.outer(drift + dataset.size / 2 * shared, shared)
    gram += mixed
    gram += mixed.T
    return gram


def _coefficients(
    dataset: Dataset, basis: Basis, rows: slice, cuts: list[Cut]
) -> list[NDArray[np.float32]]:
    """The inner products ``(n, masks)`` of some blocks with masks on these rows of the detector."""
    return [basis.forward(patterns) for _, patterns in dataset.read(cuts, rows)]


def _rows(support: NDArray[np.bool_]) -> slice:
    """The detector rows that a support reaches: the others need not be looked at."""
    found = np.flatnonzero(support.any(axis=1))
    return slice(int(found[0]), int(found[-1]) + 1)


def _check_shape(dataset: Dataset, support: NDArray[np.bool_]) -> None:
    if support.shape != dataset.optics.detector.shape:
        raise StudyError(
            f"{dataset.path}: masks of {support.shape} pixels do not fit the patterns; allowed: "
            f"{dataset.optics.detector.shape}"
        )
