"""Where the probe stands and how large the sample has to be, from the keys of a study."""

import math
from dataclasses import replace

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ptychobasis.core.arrays import Float, Pair
from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.simulation.settings import WIDER, Crystal, Detector, Microscope, Scan

MARGIN = 4.0  # [Å], so that atoms beyond the window's edge still lend it their tails


def thickness(crystal: Crystal) -> float:
    """Length of the sample along the beam [Å], with the empty space above and below it.

    Args:
        crystal: Keys of the sample.

    Raises:
        StudyError: The structure file holds no crystal with such a zone axis.
    """
    if crystal.dislocation is not None:
        return crystal.repeats * crystal.dislocation.lattice_constant_angstrom / math.sqrt(2)
    assert crystal.file is not None
    from ptychobasis.simulation.crystal import beam_period  # noqa: PLC0415  (slow)

    return crystal.repeats * beam_period(crystal.file) + sum(crystal.file.vacuum_angstrom)


def elements(crystal: Crystal) -> set[str]:
    """Elements of the sample before any substitution.

    Args:
        crystal: Keys of the sample.

    Raises:
        StudyError: The structure file holds no crystal.
    """
    if crystal.file is None:
        return {"Si"}
    from ptychobasis.simulation.structure_file import read_structure  # noqa: PLC0415  (slow)

    return set(read_structure(crystal.file.path, crystal.file.index).get_chemical_symbols())


def check_block(crystal: Crystal, size: Pair) -> None:
    """Find out whether a structure file makes a block, without building it.

    Args:
        crystal: Keys of the sample.
        size: Size (y, x) [Å] of the block, unless the keys give one.

    Raises:
        StudyError: It does not.
    """
    if crystal.file is not None:
        from ptychobasis.simulation.crystal import plan_block  # noqa: PLC0415  (slow)

        plan_block(crystal.file, crystal.repeats, crystal.file.size_angstrom or size)


def simulated_optics(microscope: Microscope, detector: Detector) -> Optics:
    """True probe, but for its aberrations, and detector of a simulated study."""
    (ny, nx), (ly, lx) = detector.pixels, detector.window_angstrom
    return Optics(
        energy=microscope.voltage_kv * 1e3,
        semi_angle=microscope.semi_angle_mrad * 1e-3,
        defocus=microscope.defocus_angstrom,
        detector=Grid((ny, nx), (ly / ny, lx / nx)),
    )


def claimed_optics(microscope: Microscope, detector: Detector) -> Optics:
    """Probe and detector that the data set of a simulated study claims."""
    true = simulated_optics(microscope, detector)
    claimed = microscope.claimed_defocus_angstrom
    return true if claimed is None else replace(true, defocus=claimed)


def scan_grid(scan: Scan) -> NDArray[np.float64]:
    """Scan positions ``(ny, nx, 2)`` as (y, x) [Å], relative to the centre of the scan.

    A turn by φ carries the offset (y, x) to (y cos φ + x sin φ, x cos φ - y sin φ): the x axis of
    the scan turns from +x towards +y.
    """
    y, x = (
        (np.arange(n) - (n - 1) / 2) * step
        for n, step in zip(scan.shape, scan.step_angstrom, strict=True)
    )
    grid = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)
    if scan.rotation_degrees == 0:
        return grid
    angle = math.radians(scan.rotation_degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    return grid @ np.array([[cos, -sin], [sin, cos]])


def scan_on_crystal(scan: Scan, atoms: Atoms) -> Float:
    """Scan positions ``(ny, nx, 2)`` as (y, x) in the coordinates of the crystal [Å]."""
    centre = np.array([atoms.cell[1, 1], atoms.cell[0, 0]]) / 2
    if scan.centre_angstrom is not None:
        centre = centre + scan.centre_angstrom
    return scan_grid(scan) + centre


def needed_size(scan: Scan, detector: Detector) -> Pair:
    """Size (y, x) of a crystal [Å] that holds the waves around every scan position."""
    shift = np.abs(scan.centre_angstrom or (0.0, 0.0))
    extent = np.ptp(scan_grid(scan).reshape(-1, 2), axis=0)
    window = np.array(detector.window_angstrom)
    size = extent + np.maximum(window + 2 * MARGIN, WIDER * window) + 2 * shift
    return float(size[0]), float(size[1])


def electrons_per_pattern(scan: Scan, dose: float) -> float:
    """Incident electrons of one pattern: dose [electrons/Å²] times the area of a scan step."""
    return dose * float(np.prod(scan.step_angstrom))
