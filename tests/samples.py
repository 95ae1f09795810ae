"""Simulated data whose depths are known, for tests of several rooms."""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import mx2

from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.core.volume import Volume
from ptychobasis.data.dataset import Dataset, Truth, read_dataset, write_dataset
from ptychobasis.simulation.abtem_scan import phonon_potential, projected_layers, scan
from ptychobasis.simulation.crystal import from_file, write_atoms
from ptychobasis.simulation.settings import CrystalFile, FrozenPhonons, Simulation

STILL = Simulation(
    sampling_angstrom=0.2,
    frozen_phonons=FrozenPhonons(sigma_angstrom={"Mo": 0.0, "S": 0.0}),
    device="cpu",
)
OPTICS = Optics(60e3, 0.03, 0.0, Grid((60, 64), (0.4, 0.4)))  # a window of 24 x 25.6 Å


def monolayer(folder: Path, above: float, below: float) -> Atoms:
    """A layer of MoS2, 8 Å thick with its own space, between empty space [Å].

    Args:
        folder: Folder for its structure file.
        above: Empty space above the layer's 8 Å [Å].
        below: Empty space below them [Å].
    """
    unit = mx2("MoS2", vacuum=(8 - 3.19) / 2)
    unit.set_cell([*unit.cell.array[:2], [0, 0, 8.0]])
    unit.center(axis=2)
    unit.pbc = True
    path = folder / "MoS2.xyz"
    write_atoms(unit, path)
    return from_file(CrystalFile(path=path, vacuum_angstrom=(above, below)), 1, (36.0, 38.0))


def simulated(path: Path, atoms: Atoms, optics: Optics, shape: tuple[int, int]) -> Dataset:
    """A data set of `atoms` with its truth, simulated by abTEM with steps of 1 Å.

    Args:
        path: Path of the data set.
        atoms: Sample, the beam along z.
        optics: Probe and detector.
        shape: Scan positions along (y, x), around the middle of the sample.
    """
    potential = phonon_potential(atoms, STILL, seed=0)
    centre = np.array([atoms.cell[1, 1], atoms.cell[0, 0]]) / 2
    y, x = (np.arange(n) - (n - 1) / 2 for n in shape)
    positions = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1) + centre
    patterns = scan(potential, optics, positions.reshape(-1, 2), STILL)
    thickness = potential.thickness / len(potential)
    layers = Volume(projected_layers(potential), (0.2, 0.2), (0.0, 0.0))
    truth = Truth(layers, thickness)
    write_dataset(path, optics, positions, patterns, truth)
    return read_dataset(path)
