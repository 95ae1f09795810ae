"""Where the probe stands and how large the sample has to be, from the keys of a study."""

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ptychobasis.core.arrays import Float, Pair
from ptychobasis.core.grid import Grid
from ptychobasis.core.optics import Optics
from ptychobasis.simulation.settings import WIDER, Detector, Microscope, Scan

MARGIN = 4.0  # [Å], so that atoms beyond the window's edge still lend it their tails


def simulated_optics(microscope: Microscope, detector: Detector) -> Optics:
    """Probe and detector of a simulated study."""
    (ny, nx), (ly, lx) = detector.pixels, detector.window_angstrom
    return Optics(
        energy=microscope.voltage_kv * 1e3,
        semi_angle=microscope.semi_angle_mrad * 1e-3,
        defocus=microscope.defocus_angstrom,
        detector=Grid((ny, nx), (ly / ny, lx / nx)),
    )


def scan_grid(scan: Scan) -> NDArray[np.float64]:
    """Scan positions ``(ny, nx, 2)`` as (y, x) [Å], relative to the centre of the scan."""
    y, x = (
        (np.arange(n) - (n - 1) / 2) * step
        for n, step in zip(scan.shape, scan.step_angstrom, strict=True)
    )
    return np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)


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
