"""How large the work of a study is, from its keys alone: what memory and time grow with."""

import math
from functools import cache
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from ptychobasis.bases.basis import Basis, Request
from ptychobasis.bases.compressed_file import Compressed
from ptychobasis.bases.registry import BASES
from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.forward.layout import lay_out_scan
from ptychobasis.forward.steps import propagation_steps
from ptychobasis.reconstruction.grids import forward_grids
from ptychobasis.reconstruction.settings import ReconstructionSettings
from ptychobasis.simulation.settings import WIDER
from ptychobasis.study.geometry import geometry
from ptychobasis.study.schema import Study

# frequencies and fractions, as `Compressed` has them
Scattering = tuple[tuple[float, ...], tuple[float, ...]]


class Sizes(NamedTuple):
    """Sizes of the data, and of the sample if they are simulated.

    Attributes:
        optics: probe and detector.
        positions: ``(n, 2)``, scan positions as (y, x) [Å].
        layers: of the true potential; 0 where there is none.
        voxels: of all its layers.
        waves: pixels of a wave of the simulation.
    """

    optics: Optics
    positions: NDArray[np.float64]
    layers: int = 0
    voxels: float = 0.0
    waves: float = 0.0

    @property
    def pixels(self) -> int:
        """Pixels of a pattern."""
        return math.prod(self.optics.detector.shape)

    @property
    def disc(self) -> int:
        """Pixels of the bright-field disc."""
        return int(self.optics.bright_field().sum())


class Model(NamedTuple):
    """Sizes of a reconstruction.

    Attributes:
        steps: of a wave through the object.
        window: pixels (y, x) of a wave.
        pixels: of a pattern.
        voxels: of all slices of the object.
    """

    steps: int
    window: tuple[int, int]
    pixels: int
    voxels: int


def sizes(study: Study) -> Sizes:
    """Those of a study, simulated or with a ready data set."""
    found = geometry(study)
    layers, voxels = (found.truth or (0,))[0], math.prod(found.truth or (0,))
    data = Sizes(found.optics, found.positions.reshape(-1, 2), layers, voxels)
    if study.simulation is None or study.detector is None:
        return data
    sampling, window = study.simulation.sampling_angstrom, study.detector.window_angstrom
    return data._replace(waves=math.prod(WIDER * x / sampling for x in window))


def model_sizes(
    data: Sizes, settings: ReconstructionSettings, scattering: Scattering | None
) -> Model:
    """Those of the forward model, which is as large as the detector while `scattering` is None."""
    detector, window = _grids(data.optics, settings, scattering)
    depths = settings.slice_depths_angstrom
    steps = propagation_steps(depths, data.optics, settings.propagation_step_angstrom)
    voxels = len(depths) * math.prod(lay_out_scan(window, data.positions).shape)
    return Model(len(steps.depths), window.shape, math.prod(detector.shape), voxels)


def numbers(study: Study, data: Sizes, sweep: str, size: str) -> float:
    """How many numbers a sweep stores of a pattern, about."""
    keys = study.sweeps[sweep]
    asked = Request(data.optics, 0 if size == "all" else int(size), masks_file=keys.masks_file)
    return BASES[keys.basis].count(asked)


def read_scattering(compressed: str | Path) -> Scattering | None:
    """That of a compressed file, for `model_sizes`; None while the file is not there."""
    if not Path(compressed).exists():
        return None
    with h5py.File(compressed) as file:
        if "scattering" not in file:
            return None
        frequencies, fractions = file["scattering"][()].tolist()
    return tuple(frequencies), tuple(fractions)


@cache  # jobs of one kind share them, and Snakemake asks several times
def _grids(
    optics: Optics, settings: ReconstructionSettings, scattering: Scattering | None
) -> tuple[Grid, Grid]:
    """`forward_grids` of data of which only this is known."""
    nothing, basis = np.empty((0, 0), np.float32), Basis("", np.zeros((1, 1), bool))
    reach = None if scattering is None else np.array(scattering)
    data = Compressed(nothing, np.empty((0, 2)), basis, optics, reach)
    return forward_grids(data, settings)
