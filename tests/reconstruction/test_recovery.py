"""From abTEM's patterns back to the atoms: simulate, compress, reconstruct, compare with truth."""

from pathlib import Path

import numpy as np
import pytest
import shared
from ase.build import bulk

from ptychobasis.bases.basis import Request
from ptychobasis.bases.compress import compress
from ptychobasis.bases.compressed_file import read_compressed
from ptychobasis.bases.registry import build_basis
from ptychobasis.core.variant import Variant
from ptychobasis.core.volume import Volume
from ptychobasis.data.dataset import Dataset, Truth, read_dataset, write_dataset
from ptychobasis.evaluation.compare import evaluate
from ptychobasis.evaluation.settings import Evaluation
from ptychobasis.reconstruction.run import reconstruct
from ptychobasis.reconstruction.settings import ReconstructionSettings
from ptychobasis.simulation.abtem_scan import phonon_potential, projected_layers, scan
from ptychobasis.simulation.settings import FrozenPhonons, Simulation

OPTICS = shared.optics((48, 44), (14.4 / 48, 13.2 / 44), 20.0)
KEYS = Simulation(
    sampling_angstrom=0.2,
    slice_thickness_angstrom=1.36,
    frozen_phonons=FrozenPhonons(sigma_angstrom={"Si": 0.08}),
    device="cpu",
)
SETTINGS = ReconstructionSettings(
    left_out=0, slice_depths_angstrom=(2.7, 8.1), epochs=25, batch=16, step_rad=0.05, device="cpu"
)


@pytest.fixture(scope="module")
def silicon(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two cells of silicon along [001], with axes of different length."""
    atoms = bulk("Si", cubic=True).repeat((5, 5, 2))
    potential = phonon_potential(atoms, KEYS, seed=1)
    y, x = np.meshgrid(np.arange(11) * 0.7, np.arange(10) * 0.8, indexing="ij")
    positions = np.stack([y + 9.0, x + 9.5], axis=-1)
    truth = Truth(
        Volume(projected_layers(potential), (0.2, 0.2), (0.0, 0.0)),
        potential.thickness / len(potential),
    )
    patterns = scan(potential, OPTICS, positions.reshape(-1, 2), KEYS)
    path = tmp_path_factory.mktemp("silicon") / "dataset.h5"
    write_dataset(path, OPTICS, positions, patterns, truth)
    return read_dataset(path)


@pytest.mark.parametrize(
    ("basis", "size", "least"), [("pixels", 0, 0.8), ("zernike", 36, 0.8), ("binning", 3, 0.8)]
)
def test_silicon_is_recovered(
    silicon: Dataset, tmp_path: Path, basis: str, size: int, least: float
) -> None:
    path = tmp_path / "compressed.h5"
    compress(silicon, build_basis(basis, Request(OPTICS, size)), path)
    result = reconstruct(read_compressed(path), SETTINGS, seed=1)
    keys = Evaluation(reference="none/all", band_per_angstrom=(0.2, 1.0), apodisation_angstrom=1.5)
    variant, positions = Variant(basis, "all"), silicon.positions
    table = evaluate(result, variant, positions, keys, truth=silicon.truth)
    rows = table.summary[table.summary["slice"] == "volume"]
    volume = float(rows["mean_fsc"].iloc[0])
    print(f"{basis}: mean FSC with the truth {volume:.3f}")
    assert volume > least
