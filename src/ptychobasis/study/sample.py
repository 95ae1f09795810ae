"""From the keys of a study to the arguments of the physics."""

from ase import Atoms

from ptychobasis.core.errors import StudyError
from ptychobasis.simulation.crystal import from_file, substitute
from ptychobasis.simulation.dislocation import DislocationRecipe, dislocation
from ptychobasis.simulation.settings import Crystal
from ptychobasis.study.geometry import needed_size
from ptychobasis.study.schema import Study


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


def _ordered_crystal(crystal: Crystal, size: tuple[float, float]) -> Atoms:
    """The crystal before any substitution, `size` (y, x) [Å] unless the keys give one."""
    if crystal.file is not None:
        file = crystal.file
        return from_file(file.path, file.zone_axis, crystal.repeats, file.size_angstrom or size)
    keys = crystal.dislocation
    assert keys is not None  # the configuration holds exactly one of both
    recipe = DislocationRecipe(**keys.model_dump(exclude={"size_angstrom"}))
    return dislocation(keys.size_angstrom or size, crystal.repeats, recipe)
