"""How large a cell the simulation of a study needs, from its keys alone."""

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ptychobasis.study.schema import Study

MARGIN = 4.0  # [Å], so that atoms beyond the window's edge still lend it their tails


def needed_size(study: Study) -> tuple[float, float]:
    """Size (y, x) of a crystal [Å] that holds the window around every scan position."""
    assert study.scan is not None
    assert study.detector is not None
    shift = np.abs(study.scan.centre_angstrom or (0.0, 0.0))
    extent = np.ptp(study.scan_positions().reshape(-1, 2), axis=0)
    size = extent + np.array(study.detector.window_angstrom) + 2 * (shift + MARGIN)
    return float(size[0]), float(size[1])


def scan_positions(study: Study, atoms: Atoms) -> NDArray[np.float64]:
    """Scan positions ``(scan_y, scan_x, 2)`` as (y, x) in the coordinates of the crystal [Å]."""
    centre = np.array([atoms.cell[1, 1], atoms.cell[0, 0]]) / 2
    if study.scan is not None and study.scan.centre_angstrom is not None:
        centre = centre + study.scan.centre_angstrom
    return study.scan_positions() + centre


def electrons_per_pattern(study: Study, dose: float | None) -> float | None:
    """Incident electrons of one pattern: dose [electrons/Å²] times the area of a scan step."""
    if dose is None or study.scan is None:
        return None
    return dose * float(np.prod(study.scan.step_angstrom))
