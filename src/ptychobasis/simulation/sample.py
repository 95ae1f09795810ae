"""The sample that a study asks for."""

from ase import Atoms

from ptychobasis.core.arrays import Pair
from ptychobasis.simulation.crystal import from_file, substitute
from ptychobasis.simulation.dislocation import dislocation
from ptychobasis.simulation.settings import Crystal


def build_crystal(crystal: Crystal, size: Pair, seed: int) -> Atoms:
    """Build the sample.

    Args:
        crystal: Keys of the sample.
        size: Size (y, x) [Å] of the block, unless the keys give one.
        seed: Seed of the sites that are substituted.

    Raises:
        StudyError: The sample cannot be built.
    """
    atoms = _ordered_crystal(crystal, size)
    keys = crystal.substitution
    if keys is None:
        return atoms
    elements = (keys.replaces, keys.element)
    return substitute(atoms, elements, keys.share, keys.depth_angstrom, seed)


def _ordered_crystal(crystal: Crystal, size: Pair) -> Atoms:
    """The crystal before any substitution."""
    if crystal.file is not None:
        return from_file(crystal.file, crystal.repeats, crystal.file.size_angstrom or size)
    keys = crystal.dislocation
    assert keys is not None  # the configuration holds exactly one of both
    return dislocation(keys.size_angstrom or size, crystal.repeats, keys)
