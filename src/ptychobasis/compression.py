"""From a data set to few numbers per pattern, with flat memory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from ptychobasis.bases import Basis
from ptychobasis.compressed import write_compressed
from ptychobasis.dataset import BLOCK_BYTES, Dataset
from ptychobasis.errors import StudyError

_MOST_PIXELS = 2**14


def compress(
    dataset: Dataset,
    basis: Basis,
    path: str | Path,
    about: Mapping[str, Any] | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> None:
    """Write the inner products of every pattern with every mask to a compressed file.

    Args:
        dataset: the patterns.
        basis: the masks, on the detector of `dataset`.
        path: of the compressed file.
        about: what to keep in its attribute ``provenance`` beside the versions.
        block_bytes: the most that a block of patterns in memory may take.
    """
    _check_shape(dataset, basis.support)
    blocks = (basis.forward(patterns) for _, patterns in dataset.blocks(block_bytes))
    write_compressed(path, dataset.optics, dataset.positions, basis, blocks, about)


def leading_vectors(
    dataset: Dataset,
    support: NDArray[np.bool_],
    count: int,
    block_bytes: int = BLOCK_BYTES,
) -> NDArray[np.float64]:
    """Leading right singular vectors of the patterns, not centred, within `support`.

    They are eigenvectors of the Gram matrix XᵀX, which is summed up in double precision.
    The sign is such that the component of largest magnitude is positive.

    Args:
        dataset: the patterns.
        support: ``(ky, kx)``, pixels to look at.
        count: number of vectors.
        block_bytes: the most that a block of patterns in memory may take.

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
    gram = np.zeros((pixels, pixels))
    for _, patterns in dataset.blocks(block_bytes):
        seen = patterns[:, support].astype(np.float64)
        gram += seen.T @ seen
    _, columns = eigh(gram, subset_by_index=[pixels - count, pixels - 1])
    vectors = columns.T[::-1]
    largest = np.abs(vectors).argmax(axis=1)
    return vectors * np.sign(vectors[np.arange(count), largest])[:, None]


def reduction(stored: int, detector_pixels: int) -> float:
    """By how much `stored` numbers per pattern are less than `detector_pixels` [%]."""
    return 100 * (1 - stored / detector_pixels)


def _check_shape(dataset: Dataset, support: NDArray[np.bool_]) -> None:
    if support.shape != dataset.optics.detector.shape:
        raise StudyError(
            f"{dataset.path}: masks of {support.shape} pixels do not fit the patterns; allowed: "
            f"{dataset.optics.detector.shape}"
        )
