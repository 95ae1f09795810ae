"""From the keys of a study to the arguments of the physics."""

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ptychobasis.cell import needed_size
from ptychobasis.config import Crystal, Study
from ptychobasis.crystal import from_file, substitute
from ptychobasis.dislocation import DislocationRecipe, dislocation
from ptychobasis.errors import StudyError


def build_crystal(study: Study) -> Atoms:
    """Build the sample, large enough for the scan and the window around each position."""
    if study.crystal is None or study.scan is None or study.detector is None:
        raise StudyError("a study that starts from dataset.file has no crystal to build")
    atoms = _ordered_crystal(study.crystal, needed_size(study))
    keys = study.crystal.substitution
    if keys is None:
        return atoms
    elements = (keys.replaces, keys.element)
    return substitute(atoms, elements, keys.share, keys.depth_angstrom, study.seeds[0])


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


def _ordered_crystal(crystal: Crystal, size: tuple[float, float]) -> Atoms:
    """The crystal before any substitution, `size` (y, x) [Å] unless the keys give one."""
    if crystal.file is not None:
        file = crystal.file
        return from_file(file.path, file.zone_axis, crystal.repeats, file.size_angstrom or size)
    keys = crystal.dislocation
    assert keys is not None  # the configuration holds exactly one of both
    recipe = DislocationRecipe(**keys.model_dump(exclude={"size_angstrom"}))
    return dislocation(keys.size_angstrom or size, crystal.repeats, recipe)
