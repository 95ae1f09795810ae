"""Small sound inputs that mutations start from, and what reads each kind to its end.

Each reader takes a file and returns an array that tells what was understood, or raises a
`StudyError`.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import ase.io
import numpy as np
import torch
from numpy.typing import NDArray

from ptychobasis.bases.basis import Request
from ptychobasis.bases.compress import compress
from ptychobasis.bases.compressed_file import read_compressed
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.data.dataset import read_dataset, write_dataset
from ptychobasis.data.preparation import prepare_dataset
from ptychobasis.forward.waves import probe_spectrum
from ptychobasis.reconstruction import descent
from ptychobasis.reconstruction.result_file import Reconstruction
from ptychobasis.reconstruction.run import reconstruct
from ptychobasis.reconstruction.settings import ReconstructionSettings
from ptychobasis.simulation.crystal import from_file
from ptychobasis.simulation.settings import CrystalFile
from ptychobasis.study import parameters
from ptychobasis.study.layers import read_layers
from ptychobasis.study.load import load_study
from ptychobasis.study.paths import Paths
from ptychobasis.study.resources import Job, memory, minutes
from ptychobasis.study.schema import Study
from ptychobasis.study.yaml_source import plain

ROOT = Path(__file__).parents[2]
Float = NDArray[np.float64]

OPTICS = Optics(60e3, 0.025, 40.0, Grid((30, 28), (0.46, 0.5)))
ELECTRONS = 1e6  # of a pattern
SCAN, STEP = (7, 6), (0.92, 1.0)  # whole pixels, so that a turn carries pixels to pixels [Å]
# all positions in one batch, and no random start: nothing depends on the order of the scan
# and nothing looks to one side only, as the slope of the total variation does
SETTINGS = ReconstructionSettings(
    epochs=6,
    batch=64,
    smoothness_along_beam=0,
    total_variation=0,
    left_out=0,
    model_pixels=None,
    window_angstrom=None,
    device="cpu",
)
BLOCK = (12.0, 12.0)  # size (y, x) of the block that is cut from a structure [Å]


@cache
def patterns() -> tuple[Float, NDArray[np.uint16]]:
    """Scan positions ``(7, 6, 2)`` [Å] and counts ``(7, 6, 30, 28)`` behind some Gaussian atoms."""
    random = np.random.default_rng(3)
    grid = OPTICS.detector
    steps = [np.arange(n) * step for n, step in zip(SCAN, STEP, strict=True)]
    positions = np.stack(np.meshgrid(*steps, indexing="ij"), -1)
    atoms = random.uniform(-2, 8, (14, 2))
    y, x = ((np.arange(n) - n // 2) * d for n, d in zip(grid.shape, grid.sampling, strict=True))
    probe = np.fft.fftshift(np.fft.ifft2(probe_spectrum(grid, OPTICS), norm="ortho"))
    found = []
    for place in positions.reshape(-1, 2):
        away = [(y[:, None] + place[0] - a) ** 2 + (x + place[1] - b) ** 2 for a, b in atoms]
        phase = sum(0.5 * np.exp(-each / (2 * 0.5**2)) for each in away)
        wave = np.fft.fftshift(np.fft.fft2(probe * np.exp(1j * phase), norm="ortho"))
        found.append(random.poisson(ELECTRONS * np.abs(wave) ** 2 / (np.abs(wave) ** 2).sum()))
    return positions, np.array(found, np.uint16).reshape(*SCAN, *grid.shape)


def write_patterns(path: Path) -> None:
    """Write the data set as this project writes counts."""
    positions, counts = patterns()
    write_dataset(path, OPTICS, positions, [counts.reshape(-1, *counts.shape[2:])],
                  electrons=ELECTRONS)  # fmt: skip


def study_of_dataset(path: Path) -> Study:
    """A study of a ready data set, from all pixels and from 15 Zernike coefficients."""
    keys = {"epochs": 6, "left_out": 0, "smoothness_along_beam": 0}
    return load_study(
        {
            "study": "fuzz",
            "dataset": {"file": str(path)},
            "sweeps": {
                "zernike": {"basis": "zernike", "sizes": [15]},
                "uncompressed": {"basis": "pixels"},
            },
            "reconstruction": keys,
            "evaluation": {
                "reference": "uncompressed/all",
                "band_per_angstrom": [0.1, 0.9],
                "apodisation_angstrom": 1,
            },
            "claims": {"up_to_per_angstrom": 0.8},
            "figures": {"compare": ["zernike/15"]},
        }
    )


def read_patterns(path: Path) -> Float:
    """The phase ``(y, x)`` that a reconstruction from a data set finds [rad]."""
    study_of_dataset(path)
    prepared = prepare_dataset(read_dataset(path))
    small = path.with_name("compressed.h5")
    basis = build_basis("pixels", Request(prepared.dataset.optics))
    compress(prepared.dataset, basis.without(prepared.dataset.bad_pixels), small,
             scattering=prepared.scattering)  # fmt: skip
    with patch.object(descent, "_START_PHASE", 0.0):
        found: Reconstruction = reconstruct(read_compressed(small), SETTINGS, 1,
                                            torch.device("cpu"))  # fmt: skip
    assert np.isfinite(found.phase.array).all()
    return np.asarray(found.phase.array[0], np.float64)


@cache
def studies() -> dict[str, Mapping[str, Any]]:
    """Keys of some shipped studies, of different kinds."""
    names = ("demo", "test", "oxide", "bytes", "claims", "panel/gan", "regularisation")
    return {name: plain(read_layers([ROOT / f"config/{name}.yaml"])) for name in names}


def read_study(path: Path) -> Float:
    """Memory [MB] and time [min] that the jobs of a study ask for: what planning comes to."""
    study = load_study(path)
    Paths(study).figures()
    parameters.question(study)
    jobs = [Job(rule, *variant) for variant in study.variants()[:50]
            for rule in ("compress", "reconstruct")]  # fmt: skip
    asked = [(memory(study, job), minutes(study, job)) for job in [*jobs, Job("evaluate")]]
    assert np.isfinite(asked).all()
    assert np.min(asked) > 0
    return np.array(asked, float)


def read_crystal(path: Path) -> Float:
    """How many atoms of each element a block has per volume [1/Å³], by atomic number."""
    atoms = from_file(CrystalFile(path=path), 2, BLOCK)
    assert len(atoms)
    assert (atoms.positions > -1e-6).all()
    assert (atoms.positions < atoms.cell.lengths() + 1e-6).all()
    return np.bincount(atoms.numbers, minlength=110) / atoms.cell.volume


def density_in_file(path: Path) -> Float:
    """The same of the unit cell, as ASE reads it."""
    unit = ase.io.read(path, index=0)
    assert isinstance(unit, ase.Atoms)
    return np.bincount(unit.numbers, minlength=110) / unit.cell.volume


def masks() -> NDArray[np.float64]:
    """Some masks ``(7, y, x)`` on the detector, of the disc and beyond."""
    radius, angle = OPTICS.polar_frequencies()
    found = [radius < 1, (radius < 1) * radius, (radius < 0.5), (radius < 1) * np.cos(angle),
             (radius < 1) * np.sin(angle), (radius > 1) & (radius < 1.3), radius < 1.6]  # fmt: skip
    return np.array(found, float)


def read_masks(path: Path) -> Float:
    """What the masks span: the projector onto it, ``(pixels, pixels)``."""
    basis = build_basis("file", Request(OPTICS, masks_file=path))
    found = basis.masks().reshape(basis.size, -1).astype(float)
    assert np.isfinite(found).all()
    return found.T @ found
