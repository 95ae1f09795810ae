"""Optics and data sets that several tests share: small, and square in no axis."""

from pathlib import Path

import numpy as np

from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.data.dataset import Dataset, read_dataset, write_dataset


def optics(
    pixels: tuple[int, int] = (30, 26),
    sampling: tuple[float, float] = (0.3, 0.35),
    defocus: float = 0.0,
) -> Optics:
    """The paper's probe, 60 keV and 30 mrad, in front of any detector.

    Args:
        pixels: Pixels of the detector (y, x).
        sampling: Pixel size of the probe's window (y, x) [Å].
        defocus: Underfocus of the probe [Å].
    """
    return Optics(60e3, 0.03, defocus, Grid(pixels, sampling))


def paper_optics() -> Optics:
    """The paper's probe and its 500 x 500 pixels of a window of 35 Å."""
    return optics((500, 500), (0.07, 0.07))


def random_dataset(path: Path, probe: Optics, scan: tuple[int, int], seed: int = 8) -> Dataset:
    """A data set of random patterns that sum up to 1, brighter in the disc, in steps of 1 Å.

    Args:
        path: Path of its file.
        probe: Probe and detector.
        scan: Scan points (y, x).
        seed: Seed of the random numbers.
    """
    values = np.random.default_rng(seed).random((*scan, *probe.detector.shape))
    values *= 0.1 + probe.bright_field()
    patterns = (values / values.sum(axis=(2, 3), keepdims=True)).astype(np.float32)
    steps = np.meshgrid(*map(np.arange, scan), indexing="ij")
    write_dataset(path, probe, np.stack(steps, -1).astype(float), patterns)
    return read_dataset(path)
