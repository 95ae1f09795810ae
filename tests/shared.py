"""Optics and data sets that several tests share: small, and square in no axis."""

from pathlib import Path

import numpy as np

from ptychobasis.bases.basis import Request
from ptychobasis.bases.compressed_file import Compressed, read_compressed, write_compressed
from ptychobasis.bases.quantise import Coefficients
from ptychobasis.bases.registry import build_basis
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


def positions(scan: tuple[int, int], step: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """Scan positions ``(ny, nx, 2)`` as (y, x) [Å].

    Args:
        scan: Scan points (y, x).
        step: Between them (y, x) [Å].
    """
    y, x = (np.arange(n) * d for n, d in zip(scan, step, strict=True))
    return np.stack(np.meshgrid(y, x, indexing="ij"), -1)


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
    write_dataset(path, probe, positions(scan), patterns)
    return read_dataset(path)


def discs(path: Path, probe: Optics) -> Compressed:
    """15 Zernike coefficients of 6 x 6 bare discs of unequal brightness, of no particular object.

    Args:
        path: Path of their file.
        probe: Probe and detector.
    """
    bright = probe.bright_field()
    patterns = bright / bright.sum() * np.random.default_rng(0).uniform(0.6, 1.0, (36, 1, 1))
    basis = build_basis("zernike", Request(probe, 15))
    coefficients = Coefficients([basis.forward(patterns)])
    write_compressed(path, probe, positions((6, 6)), basis, coefficients)
    return read_compressed(path)
