"""The average over frozen-phonon configurations, each a data set of its own."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychobasis.data.dataset import Dataset, Truth, read_dataset, write_dataset
from ptychobasis.simulation.noise import counted


def average_configurations(
    paths: Sequence[str | Path],
    output: str | Path,
    electrons: float | None = None,
    seed: int = 0,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Average patterns incoherently, and potentials, over configurations; add noise if asked.

    With noise the patterns are stored as counts, so that the data set tells its dose.

    Args:
        paths: one data set for each configuration, of the same scan.
        output: the data set to write.
        electrons: incident electrons per pattern of Poisson noise; None adds none.
        seed: of the noise.
        about: configuration to keep with the data.
    """
    members = [read_dataset(path) for path in paths]
    first = members[0]
    truth = _mean_truth(members)
    patterns = _mean_blocks(members, electrons, np.random.default_rng(seed))
    write_dataset(output, first.optics, first.positions, patterns, truth, about, electrons)


def _mean_blocks(
    members: Sequence[Dataset], electrons: float | None, generator: np.random.Generator
) -> Iterator[NDArray[np.floating]]:
    # twice the electrons that came in are more than noise ever puts into one pixel
    kind = np.result_type(np.uint16, np.min_scalar_type(math.ceil(2 * (electrons or 0) + 100)))
    for blocks in zip(*(member.blocks() for member in members), strict=True):
        mean = sum(block.astype(np.float64) for _, block in blocks) / len(members)
        if electrons is None:
            yield mean
        else:
            yield counted(mean, electrons, generator).astype(kind)


def _mean_truth(members: Sequence[Dataset]) -> Truth | None:
    first = members[0].truth
    if first is None:
        return None
    total = np.zeros(first.potential.array.shape)
    for member in members:
        if member.truth is not None:
            total += member.truth.potential.array
    mean = (total / len(members)).astype(np.float32)
    return Truth(replace(first.potential, array=mean), first.slice_thickness)
