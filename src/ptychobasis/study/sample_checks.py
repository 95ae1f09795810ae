"""Whether the sample of a study can be built and simulated: its block, elements, thermal motion."""

import math
from collections.abc import Iterator

from ase.data import chemical_symbols

from ptychobasis.core.errors import StudyError, nearest
from ptychobasis.simulation.geometry import check_block, elements, needed_size, thickness
from ptychobasis.simulation.settings import Crystal, Simulation, Substitution
from ptychobasis.study.schema import Study


def crystal(study: Study) -> Iterator[str]:
    """A block can be cut that the line's period or the structure file allows."""
    if study.crystal is None:
        return
    line, file, repeats = study.crystal.dislocation, study.crystal.file, study.crystal.repeats
    if line and repeats % line.line_period:
        yield (
            f"crystal.repeats is {repeats}; allowed: multiples of "
            f"crystal.dislocation.line_period = {line.line_period}"
        )
    if file and study.scan and study.detector:
        try:
            check_block(study.crystal, needed_size(study.scan, study.detector))
        except StudyError as error:
            yield f"crystal.file: {error}"


def atoms(study: Study) -> Iterator[str]:
    """Elements are there, and each has its thermal motion."""
    if study.simulation is None or study.crystal is None:
        return
    key = "simulation.frozen_phonons.sigma_angstrom"
    given = study.simulation.frozen_phonons.sigma_angstrom
    for symbol in given:
        yield from _symbol(symbol, f"{key}.{symbol} is no element")
    try:
        there = elements(study.crystal)
        if study.crystal.substitution:
            yield from _substitution(study.crystal, study.crystal.substitution, there)
            there = there | {study.crystal.substitution.element}
    except StudyError:
        return  # told by `crystal`
    yield from _parametrized(study.simulation, there)
    missing = sorted(there - set(given))
    if missing:
        yield (
            f"{key} lacks {', '.join(missing)}; allowed: a displacement [Å] for each element of "
            "the crystal, 0 for one at rest"
        )


def _parametrized(keys: Simulation, there: set[str]) -> Iterator[str]:
    """The atomic potential of every element is known."""
    last = 98 if keys.parametrization == "peng" else 103
    heavy = sorted(there & set(chemical_symbols[last + 1 :]))
    if heavy:
        yield (
            f"crystal holds {', '.join(heavy)}; allowed: elements up to {chemical_symbols[last]}, "
            f"whose potentials '{keys.parametrization}' knows"
        )


def _symbol(symbol: str, what: str) -> Iterator[str]:
    symbols = chemical_symbols[1:]
    if symbol not in symbols:
        yield f"{what}; allowed: chemical symbols such as Si{nearest(symbol.title(), symbols)}"


def _substitution(crystal: Crystal, chosen: Substitution, there: set[str]) -> Iterator[str]:
    key = "crystal.substitution"
    yield from _symbol(chosen.element, f"{key}.element is '{chosen.element}', which is no element")
    if chosen.replaces not in there:
        yield (
            f"{key}.replaces is '{chosen.replaces}'; allowed: an element of the crystal, "
            f"{', '.join(sorted(there))}{nearest(chosen.replaces.title(), there)}"
        )
    if chosen.element == chosen.replaces:
        yield f"{key}.element is what it replaces, '{chosen.element}'; allowed: another element"
    low, high = chosen.depth_angstrom or (0.0, math.inf)
    if low >= high:
        yield f"{key}.depth_angstrom is {[low, high]}; allowed: ascending depths"
    elif low >= (thick := thickness(crystal)):
        yield (
            f"{key}.depth_angstrom starts at {low:g} Å; allowed: less than the crystal's "
            f"thickness, {thick:.2f} Å"
        )
