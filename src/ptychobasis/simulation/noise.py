"""Counted electrons: a data set without noise, recorded with a dose."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from ptychobasis.core.errors import StudyError
from ptychobasis.data.blocks import stored_bytes
from ptychobasis.data.dataset import Dataset, write_dataset
from ptychobasis.simulation.abtem_scan import Float

_MOST = np.iinfo(np.uint16).max


class CountBytes(NamedTuple):
    """Bytes of the counts of one pattern.

    Attributes:
        raw: as they come, two bytes each.
        lossless: on disk, with a lossless filter.
    """

    raw: float
    lossless: float


def counted(patterns: Float, electrons: float, generator: np.random.Generator) -> NDArray[np.int64]:
    """Electrons counted in each pixel, Poisson distributed.

    Args:
        patterns: fractions of the incident electrons.
        electrons: incident per pattern.
        generator: of the random numbers.
    """
    return generator.poisson(np.maximum(patterns, 0) * electrons)


def count_electrons(dataset: Dataset, path: str | Path, electrons: float, seed: int) -> None:
    """Write Poisson counts of every pattern as a data set of 16-bit integers.

    All that is compressed from that file has the same noise, whatever pixels it looks at.

    Args:
        dataset: patterns without noise, as fractions of the incident electrons.
        path: of the data set to write; it holds no truth.
        electrons: incident per pattern.
        seed: of the noise.

    Raises:
        StudyError: a pixel counts more electrons than 16 bits hold.
    """
    generator = np.random.default_rng(seed)
    counts = (counted(block, electrons, generator) for _, block in dataset.blocks())
    blocks = _in_16_bits(counts, electrons)
    write_dataset(path, dataset.optics, dataset.positions, blocks, electrons=electrons)


def bytes_of_counts(path: str | Path) -> CountBytes:
    """Bytes of each pattern that `count_electrons` wrote."""
    with h5py.File(path, "r") as file:
        patterns = file["patterns"]
        points = patterns.shape[0] * patterns.shape[1]
        raw = patterns.size * patterns.dtype.itemsize / points
    return CountBytes(raw, stored_bytes(path, "patterns") / points)


def _in_16_bits(
    blocks: Iterable[NDArray[np.integer]], electrons: float
) -> Iterator[NDArray[np.uint16]]:
    for block in blocks:
        if block.max() > _MOST:
            raise StudyError(
                f"{electrons:g} electrons per pattern put {block.max()} of them into one pixel; "
                f"allowed: a dose that leaves no more than {_MOST}, what 16 bits hold"
            )
        yield block.astype(np.uint16)
