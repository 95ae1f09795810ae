"""Probe, scan and sample of a study: from its keys, or from a ready data set."""

import math
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from ptychobasis.core.optics import Optics
from ptychobasis.data.dataset import read_dataset
from ptychobasis.simulation.geometry import needed_size, thickness
from ptychobasis.study.schema import Study


class Geometry(NamedTuple):
    """Geometry of a study: its patterns, and the sample that they are of.

    Attributes:
        optics: probe and detector.
        positions: ``(scan_y, scan_x, 2)``, scan positions as (y, x) [Å].
        thickness: of the sample along the beam [Å]; None where it is not known.
        truth: shape ``(layers, y, x)`` of the true potential; None where there is none.
        truth_sampling: pixel (y, x) of it [Å].
    """

    optics: Optics
    positions: NDArray[np.float64]
    thickness: float | None = None
    truth: tuple[int, int, int] | None = None
    truth_sampling: tuple[float, float] = (0.0, 0.0)

    @property
    def field(self) -> tuple[float, float]:
        """Size (y, x) of the box around all scan positions [Å]."""
        y, x = np.ptp(self.positions.reshape(-1, 2), axis=0)
        return float(y), float(x)


def geometry(study: Study) -> Geometry:
    """The geometry of a study.

    Raises:
        StudyError: the ready data set, or the structure file, cannot be read.
    """
    if study.dataset.file is not None:
        return _of_dataset(study.dataset.file)
    assert study.simulation is not None
    assert study.crystal is not None
    keys, thick = study.simulation, thickness(study.crystal)
    layers = math.ceil(thick / keys.slice_thickness_angstrom)
    y, x = (round(side / keys.sampling_angstrom) for side in cell_size(study))
    sampling = (keys.sampling_angstrom, keys.sampling_angstrom)
    return Geometry(study.optics(), study.scan_positions(), thick, (layers, y, x), sampling)


def cell_size(study: Study) -> tuple[float, float]:
    """Size (y, x) of the crystal [Å]: that of the keys, or what scan and window need."""
    assert study.crystal is not None
    own = study.crystal.dislocation or study.crystal.file
    given = own.size_angstrom if own else None
    assert study.scan is not None
    assert study.detector is not None
    return given or needed_size(study.scan, study.detector)


def _of_dataset(path: Path) -> Geometry:
    found = read_dataset(path)
    with h5py.File(path) as file:
        if "truth" not in file:
            return Geometry(found.optics, found.positions)
        item = file["truth/potential"]
        layers, y, x = item.shape
        thick = layers * float(item.attrs["slice_thickness_angstrom"])
        dy, dx = map(float, item.attrs["sampling_angstrom"])
    return Geometry(found.optics, found.positions, thick, (layers, y, x), (dy, dx))
